/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_errno.c - errno is each fiber's own, thread-local variables stay in place. */
#include "tests/fiber/cached.h"
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

TestSuite(fiber_errno, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

enum { FIBERS = 24, TIMES = 20 };

static struct cached_truth look(void)
{
	return (struct cached_truth){ &cached_own, &errno };
}

static atomic_int done, numbers;

struct stay {
	void (*park)(void *arg);
	void *arg;
};

/* Each with a number of its own. */
static void stay(void *arg)
{
	const struct stay *stay = arg;
	int number = 1000 + atomic_fetch_add(&numbers, 1);

	cr_assert(cached_stays(stay->park, stay->arg, TIMES, number, look));
	atomic_fetch_add(&done, 1);
}

/* Many at once, who park each in their turn. */
static void expect_stays(void (*park)(void *arg), void *arg)
{
	struct stay how = { park, arg };

	atomic_store(&done, 0);
	for (int i = 0; i < FIBERS; i++)
		cr_assert_eq(np_go(stay, &how), 0);
	FIBER_UNTIL(atomic_load(&done) == FIBERS);
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

/* What is not a number of these tests, system calls made for this fiber have left. */
static void expect_own(int number)
{
	cr_assert(errno == number || errno < 1000, "errno is %d", errno);
}

static void read_and_look(void *arg)
{
	struct np_fd *fd = arg;
	int number = 1000 + atomic_fetch_add(&numbers, 1);
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
