/* SPDX-License-Identifier: MIT */
/*
 * test_ports_emulation.c - is tests/support/ports an event port?
 *
 * What port_create(3C), port_associate(3C) and port_getn(3C) promise and the ports backend builds
 * on, on real pipes and sockets. Nothing here is about the library. Looks do not wait at all: what
 * a test expects has been caused by the same thread before.
 */
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static const struct timespec NO_TIME = { 0, 0 };
static const struct timespec PATIENCE = { 20, 0 };

static int descriptors_before;
static int port;
static int mine, others; /* words of a user */

/* --- fixture --- */

static void make_port(void)
{
	descriptors_before = fixture_count_descriptors();
	port = port_create();
	cr_assert(port >= 0, "%s", strerror(errno));
}

static void close_port(void)
{
	FIXTURE_DEMAND(close(port) == 0, "the port was not open");
	FIXTURE_DEMAND(fixture_count_descriptors() == descriptors_before,
		       "a test or the port left some open");
}

TestSuite(ports_emulation, .init = make_port, .fini = close_port, .timeout = 120);

/* Return 0 or errno. */
static int associate(int fd, int events, void *user)
{
	return port_associate(port, PORT_SOURCE_FD, (uintptr_t)fd, events, user) < 0 ? errno : 0;
}

static int dissociate(int fd)
{
	return port_dissociate(port, PORT_SOURCE_FD, (uintptr_t)fd) < 0 ? errno : 0;
}

/* How many events a look finds, up to @max. */
static uint_t look(port_event_t *events, uint_t max)
{
	uint_t count = 1;

	cr_assert_eq(port_getn(port, events, max, &count, &NO_TIME), 0);
	return count;
}

static void expect_none(void)
{
	port_event_t events[8];

	cr_assert_eq(look(events, 8), 0, "there is one");
}

static void expect_event(int fd, int poll_events, void *user)
{
	port_event_t events[8];

	cr_assert_eq(look(events, 8), 1);
	cr_assert_eq(events[0].portev_source, PORT_SOURCE_FD);
	cr_assert_eq(events[0].portev_object, (uintptr_t)fd);
	cr_assert_eq(events[0].portev_events, poll_events, "%x", events[0].portev_events);
	cr_assert_eq(events[0].portev_user, user);
}

static bool is_port_readable(void)
{
	struct pollfd entry = { .fd = port, .events = POLLIN };

	return poll(&entry, 1, 0) == 1;
}

static void put(int fd)
{
	cr_assert_eq(write(fd, "x", 1), 1);
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* --- associations --- */

Test(ports_emulation, a_port_with_nothing_in_it_tells_nothing)
{
	expect_none();
	cr_assert_not(is_port_readable());
	cr_assert_eq(fcntl(port, F_GETFD), 0, "close-on-exec is up to the caller");
}

Test(ports_emulation, what_is_there_already_is_told_at_once)
{
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	cr_assert(is_port_readable());
	expect_event(fds[0], POLLIN, &mine);
	close_both(fds);
}

Test(ports_emulation, what_comes_later_is_told_when_it_comes)
{
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	expect_none();
	put(fds[1]);
	expect_event(fds[0], POLLIN, &mine);
	close_both(fds);
}

Test(ports_emulation, an_event_ends_its_association)
{
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	expect_event(fds[0], POLLIN, &mine);
	cr_assert_not(is_port_readable(), "the byte is still there, and nobody asks");
	put(fds[1]);
	expect_none();
	cr_assert_eq(dissociate(fds[0]), ENOENT);
	cr_assert_eq(associate(fds[0], POLLIN, &others), 0);
	expect_event(fds[0], POLLIN, &others);
	close(fds[1]);
	expect_none();
	close(fds[0]);
}

Test(ports_emulation, associating_again_replaces_events_and_word)
{
	int fds[2];

	fixture_socketpair(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	cr_assert_eq(associate(fds[0], POLLOUT, &others), 0);
	expect_event(fds[0], POLLOUT, &others);
	expect_none();
	cr_assert_eq(associate(fds[0], POLLIN | POLLOUT, &mine), 0);
	expect_event(fds[0], POLLIN | POLLOUT, &mine);
	close_both(fds);
}

Test(ports_emulation, only_what_was_asked_for_is_told)
{
	int fds[2];

	fixture_socketpair(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	expect_none();
	cr_assert_eq(associate(fds[0], 0, &mine), 0);
	put(fds[1]);
	expect_none();
	close_both(fds);
}

Test(ports_emulation, hang_up_is_told_unasked_and_once)
{
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], 0, &mine), 0);
	close(fds[1]);
	expect_event(fds[0], POLLHUP, &mine);
	expect_none();
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	expect_event(fds[0], POLLHUP, &mine);
	close(fds[0]);
}

Test(ports_emulation, an_error_is_told_unasked)
{
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[1], 0, &mine), 0);
	close(fds[0]);
	expect_event(fds[1], POLLERR, &mine);
	close(fds[1]);
}

Test(ports_emulation, dissociated_is_silent_also_about_what_was_waiting)
{
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	put(fds[1]);
	cr_assert_eq(dissociate(fds[0]), 0);
	cr_assert_eq(dissociate(fds[0]), ENOENT);
	expect_none();
	cr_assert_not(is_port_readable());
	close_both(fds);
}

Test(ports_emulation, ports_do_not_share_associations)
{
	int first = port;
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	port = port_create();
	expect_none();
	cr_assert_eq(dissociate(fds[0]), ENOENT);
	cr_assert_eq(associate(fds[0], POLLIN, &others), 0);
	expect_event(fds[0], POLLIN, &others);
	close(port);
	port = first;
	expect_event(fds[0], POLLIN, &mine);
	close_both(fds);
}

Test(ports_emulation, a_number_that_comes_back_as_another_port_starts_empty)
{
	int number = port;
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	close(port);
	port = port_create();
	cr_assert_eq(port, number);
	expect_none();
	cr_assert_eq(dissociate(fds[0]), ENOENT);
	close_both(fds);
}

/* --- what makes no sense --- */

Test(ports_emulation, what_makes_no_sense_is_refused)
{
	port_event_t event;
	uint_t count = 1;
	uint_t too_many = 2;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(port_associate(port, PORT_SOURCE_FD + 1, (uintptr_t)fds[0], POLLIN, NULL), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(port_associate(fds[1], PORT_SOURCE_FD, (uintptr_t)fds[0], POLLIN, NULL), -1);
	cr_assert_eq(errno, EBADFD, "that is no port");
	cr_assert_eq(port_associate(-1, PORT_SOURCE_FD, (uintptr_t)fds[0], POLLIN, NULL), -1);
	cr_assert_eq(errno, EBADF);
	cr_assert_eq(dissociate(fds[0]), ENOENT);
	cr_assert_eq(port_getn(port, NULL, 1, &count, &NO_TIME), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(port_getn(port, &event, 1, NULL, &NO_TIME), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(port_getn(port, &event, 1, &too_many, &NO_TIME), -1);
	cr_assert_eq(errno, EINVAL);
	cr_assert_eq(port_getn(-1, &event, 1, &count, &NO_TIME), -1);
	cr_assert_eq(errno, EBADF);
	close_both(fds);
	cr_assert_eq(associate(fds[0], POLLIN, NULL), EBADFD);
	cr_assert_eq(dissociate(fds[0]), EBADFD);
	cr_assert_eq(port_associate(port, PORT_SOURCE_FD, (uintptr_t)-1, POLLIN, NULL), -1);
	cr_assert_eq(errno, EBADFD);
}

Test(ports_emulation, no_descriptor_left_is_emfile)
{
	struct rlimit limit;
	struct rlimit none;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){ .rlim_cur = 0, .rlim_max = limit.rlim_max };
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
	cr_assert_eq(port_create(), -1);
	cr_assert_eq(errno, EMFILE);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

/* --- closed descriptors --- */

Test(ports_emulation, a_closed_descriptor_has_no_association)
{
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	close_both(fds);
	expect_none();
}

Test(ports_emulation, nor_has_one_whose_duplicate_lives)
{
	int fds[2];
	int copy;

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	copy = dup(fds[0]);
	close(fds[0]);
	put(fds[1]);
	expect_none();
	cr_assert_not(is_port_readable());
	close(copy);
	close(fds[1]);
}

Test(ports_emulation, a_reused_number_is_another_descriptor)
{
	int copy;
	int old[2];
	int fresh[2];

	fixture_pipe(old);
	fixture_pipe(fresh);
	cr_assert_eq(associate(old[0], POLLIN, &mine), 0);
	copy = dup(old[0]);
	cr_assert_eq(dup2(fresh[0], old[0]), old[0]);
	put(old[1]);
	expect_none();
	cr_assert_eq(dissociate(old[0]), ENOENT);
	cr_assert_eq(associate(old[0], POLLIN, &others), 0);
	put(old[1]);
	expect_none();
	put(fresh[1]);
	expect_event(old[0], POLLIN, &others);
	close(copy);
	close_both(old);
	close_both(fresh);
}

/* --- many events --- */

static void collect(uint_t max, int calls)
{
	enum { PIPES = 150 };
	static int pipes[PIPES][2];
	static int seen[PIPES];
	port_event_t events[PIPES];
	uint_t n;

	for (int i = 0; i < PIPES; i++) {
		fixture_pipe(pipes[i]);
		put(pipes[i][1]);
		cr_assert_eq(associate(pipes[i][0], POLLIN, &seen[i]), 0);
	}
	for (; (n = look(events, max)) > 0; calls--)
		while (n > 0)
			++*(int *)events[--n].portev_user;
	cr_assert_eq(calls, 0);
	for (int i = 0; i < PIPES; i++) {
		cr_assert_eq(seen[i], 1);
		close_both(pipes[i]);
	}
}

Test(ports_emulation, many_events_come_one_by_one_and_once_each)
{
	collect(1, 150);
}

Test(ports_emulation, many_events_come_all_at_once)
{
	collect(150, 1);
}

/* --- time and signals --- */

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

Test(ports_emulation, a_limited_wait_ends_with_etime_and_not_early)
{
	const struct timespec brief = { 0, 20500000 };
	int64_t before = now_ns();
	port_event_t event;
	uint_t count = 1;

	cr_assert_eq(port_getn(port, &event, 1, &count, &brief), -1);
	cr_assert_eq(errno, ETIME);
	cr_assert_eq(count, 0);
	cr_assert_geq(now_ns() - before, brief.tv_nsec);
}

Test(ports_emulation, absurd_timeouts_are_refused_and_long_ones_are_not)
{
	const struct timespec refused[] = { { -1, 0 }, { 0, -1 }, { 0, 1000000000 } };
	const struct timespec long_time = { (time_t)(sizeof(time_t) < 8 ? INT32_MAX : INT64_MAX),
					    999999999 };
	port_event_t event;
	uint_t count = 1;
	int fds[2];

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(port_getn(port, &event, 1, &count, &refused[i]), -1);
		cr_assert_eq(errno, EINVAL);
	}
	fixture_pipe(fds);
	put(fds[1]);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	cr_assert_eq(port_getn(port, &event, 1, &count, &long_time), 0);
	cr_assert_eq(count, 1);
	close_both(fds);
}

struct sleeper {
	pthread_t thread;
	const struct timespec *timeout;
	atomic_bool is_done;
	int result;
	int error;
	uint_t count;
	port_event_t event;
};

static void *sleep_in_getn(void *opaque)
{
	struct sleeper *sleeper = opaque;

	sleeper->count = 1;
	sleeper->result = port_getn(port, &sleeper->event, 1, &sleeper->count, sleeper->timeout);
	sleeper->error = errno;
	atomic_store(&sleeper->is_done, true);
	return NULL;
}

/* Given time to fall asleep; no test depends on its being so, but for those that try again. */
static void start_sleeper(struct sleeper *sleeper, const struct timespec *timeout)
{
	*sleeper = (struct sleeper){ .timeout = timeout };
	cr_assert_eq(pthread_create(&sleeper->thread, NULL, sleep_in_getn, sleeper), 0);
	poll(NULL, 0, 5);
}

static void join_sleeper(struct sleeper *sleeper)
{
	cr_assert_eq(pthread_join(sleeper->thread, NULL), 0); /* the suite's timeout bounds it */
}

Test(ports_emulation, a_sleeper_is_woken_by_what_happens)
{
	struct sleeper sleeper;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	start_sleeper(&sleeper, NULL);
	put(fds[1]);
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, 0);
	cr_assert_eq(sleeper.event.portev_user, &mine);
	close_both(fds);
}

Test(ports_emulation, a_sleeper_is_woken_by_what_another_thread_associates)
{
	struct sleeper sleeper;
	int fds[2];

	fixture_pipe(fds);
	put(fds[1]);
	start_sleeper(&sleeper, NULL);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, 0);
	cr_assert_eq(sleeper.event.portev_user, &mine);
	close_both(fds);
}

/* The manual allows it, and a caller who takes ETIME for "nothing" loses the event for good. */
Test(ports_emulation, events_that_come_during_a_limited_wait_come_with_etime)
{
	bool was_late = false;

	for (int i = 0; i < 1000 && !was_late; i++) {
		struct sleeper sleeper;
		int fds[2];

		fixture_pipe(fds);
		cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
		start_sleeper(&sleeper, &PATIENCE);
		put(fds[1]);
		join_sleeper(&sleeper);
		cr_assert_eq(sleeper.count, 1);
		cr_assert_eq(sleeper.event.portev_object, (uintptr_t)fds[0]);
		was_late = sleeper.result == -1 && sleeper.error == ETIME;
		close_both(fds);
	}
	cr_assert(was_late);
}

static void ignore_signal(int number)
{
	(void)number;
}

/* As the C library there does: who trusts the count takes what was never written for an event. */
Test(ports_emulation, a_signal_ends_the_wait_and_leaves_the_count_as_it_was)
{
	struct sigaction action = { .sa_handler = ignore_signal, .sa_flags = SA_RESTART };
	struct sleeper sleeper;

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	start_sleeper(&sleeper, NULL);
	/* One that comes before the thread sleeps does nothing, hence many. */
	for (int i = 0; i < 2000 && !atomic_load(&sleeper.is_done); i++) {
		pthread_kill(sleeper.thread, SIGUSR1);
		poll(NULL, 0, 10);
	}
	cr_assert(atomic_load(&sleeper.is_done));
	join_sleeper(&sleeper);
	cr_assert_eq(sleeper.result, -1);
	cr_assert_eq(sleeper.error, EINTR);
	cr_assert_eq(sleeper.count, 1);
	cr_assert_eq(sleeper.event.portev_source, 0);
}

/* --- threads --- */

enum { TRAFFIC = 2000, COLLECTORS = 3 };

static atomic_int collected;

/* One byte for each event, then asked for again: a lost association would leave it short. */
static void *collect_bytes(void *unused)
{
	port_event_t event;
	char byte;

	(void)unused;
	for (;;) {
		uint_t count = 1;

		port_getn(port, &event, 1, &count, &PATIENCE);
		if (count == 0 || event.portev_user == &others)
			return NULL;
		if (read((int)event.portev_object, &byte, 1) == 1)
			atomic_fetch_add(&collected, 1);
		associate((int)event.portev_object, POLLIN, &mine);
	}
}

Test(ports_emulation, each_event_is_one_threads)
{
	pthread_t collectors[COLLECTORS];
	int stop[COLLECTORS][2];
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(associate(fds[0], POLLIN, &mine), 0);
	for (int i = 0; i < COLLECTORS; i++)
		pthread_create(&collectors[i], NULL, collect_bytes, NULL);
	for (int i = 0; i < TRAFFIC; i++)
		put(fds[1]);
	FIXTURE_UNTIL(atomic_load(&collected) == TRAFFIC);
	for (int i = 0; i < COLLECTORS; i++) {
		fixture_pipe(stop[i]);
		put(stop[i][1]);
		cr_assert_eq(associate(stop[i][0], POLLIN, &others), 0);
	}
	for (int i = 0; i < COLLECTORS; i++) {
		pthread_join(collectors[i], NULL);
		close_both(stop[i]);
	}
	close_both(fds);
}
