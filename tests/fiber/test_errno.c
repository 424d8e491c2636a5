/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_errno.c - errno is each fiber's own, thread-local variables stay in place. */
#include "tests/fiber/cached.h"
#include "tests/fiber/fiber_fixture.h"
#include "tests/support/call.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>

TestSuite(fiber_errno, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

enum { FIBERS = 24, TIMES = 20 };

/* Those of the fibers; what is below it, a system call has left. */
enum { FIRST_NUMBER = 1000 };

static struct cached_truth look(void)
{
	return (struct cached_truth){ &cached_own, &errno };
}

static atomic_int done, numbers;

struct stay {
	void (*park)(void *arg);
	void *arg;
	int others;
};

/* Each with a number of its own. */
static void stay(void *arg)
{
	const struct stay *stay = arg;
	int number = FIRST_NUMBER + atomic_fetch_add(&numbers, 1);

	cr_assert(cached_stays(stay->park, stay->arg, TIMES, number, stay->others, look));
	atomic_fetch_add(&done, 1);
}

/* Many at once, who park each in their turn. */
static void park_all(const struct stay *how)
{
	atomic_store(&done, 0);
	for (int i = 0; i < FIBERS; i++)
		cr_assert_eq(np_go(stay, (void *)(uintptr_t)how), 0);
	FIBER_UNTIL(atomic_load(&done) == FIBERS);
}

static void expect_stays(void (*park)(void *arg), void *arg)
{
	struct stay how = { park, arg, 0 };

	park_all(&how);
}

/* Of calls that make system calls: errno may be theirs, but no other fiber's. */
static void expect_own_number(void (*park)(void *arg), void *arg)
{
	struct stay how = { park, arg, FIRST_NUMBER };

	park_all(&how);
}

static void yield(void *arg)
{
	(void)arg;
	np_yield();
}

FIBER_TEST(fiber_errno, is_kept_by_yield)
{
	expect_stays(yield, NULL);
}

static void nap(void *arg)
{
	(void)arg;
	np_sleep(1000);
}

FIBER_TEST(fiber_errno, is_kept_by_sleep)
{
	expect_stays(nap, NULL);
}

static void lock_and_yield(void *arg)
{
	np_mutex_lock(arg);
	np_yield();
	np_mutex_unlock(arg);
}

FIBER_TEST(fiber_errno, is_kept_by_mutexes)
{
	struct np_mutex mutex = { 0 };

	expect_stays(lock_and_yield, &mutex);
}

struct channels {
	struct np_channel *there, *back;
};

static void ask(void *arg)
{
	struct channels *channels = arg;
	int value = 1;

	np_channel_send(channels->there, &value);
	np_channel_receive(channels->back, &value);
}

static void answer(void *arg)
{
	struct channels *channels = arg;
	int value;

	while (np_channel_receive(channels->there, &value) == 0) {
		errno = 4000;
		np_channel_send(channels->back, &value);
	}
	atomic_fetch_add(&done, 1);
}

FIBER_TEST(fiber_errno, is_kept_by_channels)
{
	struct channels channels;

	cr_assert_eq(np_channel_create(sizeof(int), 0, &channels.there), 0);
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channels.back), 0);
	np_go(answer, &channels);
	expect_stays(ask, &channels);
	np_channel_close(channels.there);
	FIBER_UNTIL(atomic_load(&done) == FIBERS + 1);
	np_channel_destroy(channels.there);
	np_channel_destroy(channels.back);
}

/* The same with one select that sends, and one that receives. */
static void ask_by_select(void *arg)
{
	struct channels *channels = arg;
	int value = 1;
	struct np_select_case one = {
		.channel = channels->there,
		.element = &value,
		.operation = NP_SELECT_SEND,
	};

	np_select(&one, 1, 0);
	one.channel = channels->back;
	one.operation = NP_SELECT_RECEIVE;
	np_select(&one, 1, 0);
}

FIBER_TEST(fiber_errno, is_kept_by_select)
{
	struct channels channels;

	cr_assert_eq(np_channel_create(sizeof(int), 0, &channels.there), 0);
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channels.back), 0);
	np_go(answer, &channels);
	expect_stays(ask_by_select, &channels);
	np_channel_close(channels.there);
	FIBER_UNTIL(atomic_load(&done) == FIBERS + 1);
	np_channel_destroy(channels.there);
	np_channel_destroy(channels.back);
}

/* What waits for each other, on the stack of who waits; who ends the wait has not begun before. */
struct change {
	struct np_mutex mutex;
	struct np_cond cond;
	bool has_come;
};

static void make_change(void *arg)
{
	struct change *change = arg;

	np_mutex_lock(&change->mutex);
	change->has_come = true;
	errno = 4000;
	np_cond_signal(&change->cond);
	np_mutex_unlock(&change->mutex);
}

static void await_change(void *arg)
{
	struct change change = { .has_come = false };

	(void)arg;
	np_mutex_lock(&change.mutex);
	cr_assert_eq(np_go(make_change, &change), 0);
	while (!change.has_come)
		np_cond_wait(&change.cond, &change.mutex);
	np_mutex_unlock(&change.mutex);
}

FIBER_TEST(fiber_errno, is_kept_by_conditions)
{
	expect_stays(await_change, NULL);
}

static void give_permit(void *arg)
{
	errno = 4000;
	np_semaphore_release(arg, 1);
}

static void await_permit(void *arg)
{
	struct np_semaphore semaphore = { .count = 0 };

	(void)arg;
	cr_assert_eq(np_go(give_permit, &semaphore), 0);
	np_semaphore_acquire(&semaphore, 1);
}

FIBER_TEST(fiber_errno, is_kept_by_semaphores)
{
	expect_stays(await_permit, NULL);
}

static void be_done(void *arg)
{
	errno = 4000;
	np_wait_group_done(arg);
}

static void await_done(void *arg)
{
	struct np_wait_group group = { .count = 0 };

	(void)arg;
	np_wait_group_add(&group, 2);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_go(be_done, &group), 0);
	np_wait_group_wait(&group);
}

FIBER_TEST(fiber_errno, is_kept_by_wait_groups)
{
	expect_stays(await_done, NULL);
}

static int spoil(void *arg)
{
	(void)arg;
	errno = 5000;
	return 0;
}

static void block(void *arg)
{
	(void)arg;
	np_blocking(spoil, NULL);
}

FIBER_TEST(fiber_errno, is_kept_by_blocking_calls)
{
	expect_stays(block, NULL);
}

static void join(void *arg)
{
	struct np_group group = { 0 };

	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_group_go(&group, spoil, arg), 0);
	np_group_join(&group);
}

FIBER_TEST(fiber_errno, is_kept_by_joining_a_group)
{
	expect_stays(join, NULL);
}

/* ---- calls that make system calls --------------------------------------------------------- */

/* What is not a number of these tests, system calls made for this fiber have left. */
static void expect_own(int number)
{
	cr_assert(errno == number || errno < FIRST_NUMBER, "errno is %d", errno);
}

static void read_and_look(void *arg)
{
	struct np_fd *fd = arg;
	int number = FIRST_NUMBER + atomic_fetch_add(&numbers, 1);
	char byte;

	errno = number;
	while (np_read(fd, &byte, 1) == 1) {
		expect_own(number);
		errno = number;
	}
	np_close(fd);
	atomic_fetch_add(&done, 1);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_reads)
{
	enum { PAIRS = 6 };
	struct np_fd *fds[PAIRS][2];

	atomic_store(&done, 0);
	for (int i = 0; i < PAIRS; i++) {
		fixture_fd_pair(fds[i]);
		cr_assert_eq(np_go(read_and_look, fds[i][1]), 0);
	}
	for (int i = 0; i < PAIRS * TIMES; i++) {
		errno = 3000;
		cr_assert_eq(np_write(fds[i % PAIRS][0], "x", 1), 1);
		np_yield();
		expect_own(3000);
	}
	for (int i = 0; i < PAIRS; i++)
		np_close(fds[i][0]);
	FIBER_UNTIL(atomic_load(&done) == PAIRS);
}

/* A pair for each call; who does the other half of it has not begun before. */
struct other_half {
	struct np_fd *fd;
	atomic_bool is_done;
};

static void with_other_half(void (*other)(void *arg), ssize_t (*call)(struct np_fd *fd))
{
	struct other_half half = { .is_done = false };
	struct np_fd *fds[2];
	int number = errno;

	fixture_fd_pair(fds);
	half.fd = fds[1];
	cr_assert_eq(np_go(other, &half), 0);
	errno = number;
	cr_assert_gt(call(fds[0]), 0);
	expect_own(number);
	FIBER_UNTIL(atomic_load(&half.is_done));
	np_close(fds[0]);
	np_close(fds[1]);
}

static void write_one(void *arg)
{
	struct other_half *half = arg;

	errno = 4000;
	np_write(half->fd, "x", 1);
	errno = 4000;
	atomic_store(&half->is_done, true);
}

static ssize_t read_one(struct np_fd *fd)
{
	char byte;

	return np_read(fd, &byte, 1);
}

static void read_in_time(void *arg)
{
	(void)arg;
	with_other_half(write_one, read_one);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_reads_that_wait)
{
	expect_own_number(read_in_time, NULL);
}

static ssize_t wait_and_read(struct np_fd *fd)
{
	int error = np_wait(fd, NP_READ);

	return error ? error : read_one(fd);
}

static void wait_in_time(void *arg)
{
	(void)arg;
	with_other_half(write_one, wait_and_read);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_waits)
{
	expect_own_number(wait_in_time, NULL);
}

enum { MUCH = 64 << 10 };

static void read_much(void *arg)
{
	struct other_half *half = arg;
	char buf[4096];
	ssize_t n;

	for (size_t size = 0; size < MUCH; size += (size_t)n) {
		n = np_read(half->fd, buf, sizeof(buf));
		cr_assert_gt(n, 0);
		errno = 4000;
	}
	atomic_store(&half->is_done, true);
}

/* The system has a least size that is less than much. */
static int shrink(int sysfd, void *arg)
{
	const int least = 1;

	(void)arg;
	return setsockopt(sysfd, SOL_SOCKET, SO_SNDBUF, &least, sizeof(least));
}

static ssize_t write_much(struct np_fd *fd)
{
	static const char much[MUCH];

	cr_assert_eq(np_fd_control(fd, shrink, NULL), 0);
	return np_write(fd, much, sizeof(much));
}

static void write_in_time(void *arg)
{
	(void)arg;
	with_other_half(read_much, write_much);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_writes_that_wait)
{
	expect_own_number(write_in_time, NULL);
}

struct meeting {
	struct np_fd *listener;
	char address[NP_ADDR_TEXT_MAX];
	atomic_bool is_done;
};

static void dial_and_look(struct meeting *meeting)
{
	struct np_fd *conn;
	int number = errno;

	cr_assert_eq(np_dial("tcp", meeting->address, 0, &conn), 0);
	expect_own(number);
	np_close(conn);
}

static void dial_once(void *arg)
{
	struct meeting *meeting = arg;

	errno = 4000;
	dial_and_look(meeting);
	errno = 4000;
	atomic_store(&meeting->is_done, true);
}

static void accept_and_look(struct np_fd *listener)
{
	struct np_fd *conn;
	int number = errno;

	cr_assert_eq(np_accept(listener, &conn), 0);
	expect_own(number);
	np_close(conn);
}

static void accept_in_time(void *arg)
{
	struct meeting meeting = { .is_done = false };
	int number = errno;

	(void)arg;
	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &meeting.listener), 0);
	call_address(meeting.listener, meeting.address);
	cr_assert_eq(np_go(dial_once, &meeting), 0);
	errno = number;
	accept_and_look(meeting.listener);
	FIBER_UNTIL(atomic_load(&meeting.is_done));
	np_close(meeting.listener);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_accept)
{
	expect_own_number(accept_in_time, NULL);
}

/* All to one listener, which takes whoever comes. */
static int accept_all(void *arg)
{
	struct np_fd *conn;
	int error;

	while ((error = np_accept(arg, &conn)) == 0) {
		errno = 4000;
		np_close(conn);
	}
	return error == NP_ECLOSED ? 0 : error;
}

static void dial_in_time(void *arg)
{
	dial_and_look(arg);
}

FIBER_TEST(fiber_errno, of_others_does_not_show_after_dial)
{
	struct np_group group = { 0 };
	struct meeting meeting;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &meeting.listener), 0);
	call_address(meeting.listener, meeting.address);
	cr_assert_eq(np_group_go(&group, accept_all, meeting.listener), 0);
	expect_own_number(dial_in_time, &meeting);
	np_cancel_io(meeting.listener);
	cr_assert_eq(np_group_join(&group), 0);
	np_close(meeting.listener);
}

/* ---- the beginning ------------------------------------------------------------------------ */

static void look_at_beginning(void *arg)
{
	*(int *)arg = errno;
	atomic_fetch_add(&done, 1);
}

FIBER_TEST(fiber_errno, is_0_when_a_fiber_begins)
{
	int error = -1;

	atomic_store(&done, 0);
	errno = 6000;
	cr_assert_eq(np_go(look_at_beginning, &error), 0);
	FIBER_UNTIL(atomic_load(&done) == 1);
	cr_assert_eq(error, 0);
}
