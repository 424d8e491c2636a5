/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_deadlock.c - deadlocks are told, and what only looks like one is not. Criterion
 * has a thread in the process, so NP_RUN_ALONE says that it does not count; what is told without
 * that is for tests/stress/deadlocks.c.
 */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

TestSuite(deadlock, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static atomic_int told;
static char first_text[512];

static void note(const char *what)
{
	if (atomic_fetch_add(&told, 1) == 0)
		snprintf(first_text, sizeof(first_text), "%s", what);
}

/* On 1, 2 and 8 workers; the first text has @expected in it, and there are @times of them. */
static void expect_deadlock(int (*body)(void *arg), int times, const char *expected)
{
	static const unsigned counts[] = { 1, 2, 8 };

	np_set_misuse_hook(note);
	for (int i = 0; i < 3; i++) {
		const struct np_run_options options = {
			.workers = counts[i],
			.flags = NP_RUN_ALONE,
			.backend = np_poller_backend(test_poller),
		};

		atomic_store(&told, 0);
		fiber_workers = counts[i];
		cr_assert_eq(np_run(body, NULL, &options), NP_EDEADLOCK);
		cr_assert_eq(told, times, "told %d times", told);
		cr_assert(strstr(first_text, expected), "\"%s\" is in \"%s\"", expected,
			  first_text);
	}
}

static struct np_channel *channel;

/* What the other end would have to send comes never. */
static int receive(void *arg)
{
	int value;

	(void)arg;
	return np_channel_receive(channel, &value);
}

static int wait_for_channel(void *arg)
{
	(void)arg;
	np_set_name("listener");
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	cr_assert_eq(receive(NULL), NP_ECANCELED);
	cr_assert_eq(np_channel_destroy(channel), 0);
	return 5;
}

Test(deadlock, of_one_fiber_and_a_channel)
{
	expect_deadlock(wait_for_channel, 1, "(\"listener\") in channel receive");
}

static int wait_for_group(void *arg)
{
	struct np_wait_group group = { 0 };

	(void)arg;
	np_wait_group_add(&group, 1);
	cr_assert_eq(np_wait_group_wait(&group), NP_ECANCELED);
	return 0;
}

Test(deadlock, of_a_wait_group)
{
	expect_deadlock(wait_for_group, 1, "in wait group");
}

static int join_stuck(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(np_group_go(&group, receive, NULL), 0);
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
	cr_assert_eq(np_channel_destroy(channel), 0);
	return 0;
}

Test(deadlock, of_a_group_that_is_stuck)
{
	expect_deadlock(join_stuck, 1, "all 21 fibers are asleep");
	cr_assert(strstr(first_text, ", and others"));
}

static struct np_mutex mutexes[2];
static atomic_int locked;

static int lock_both(struct np_mutex *first, struct np_mutex *second)
{
	np_mutex_lock(first);
	atomic_fetch_add(&locked, 1);
	FIBER_UNTIL(atomic_load(&locked) == 2);
	np_mutex_lock(second);
	cr_assert_fail("the mutex is the other fiber's");
	return 0;
}

static int lock_backward(void *arg)
{
	(void)arg;
	return lock_both(&mutexes[1], &mutexes[0]);
}

/* A lock without a deadline is not cancelled: the fibers are left behind. */
static int lock_crosswise(void *arg)
{
	static struct np_group group;

	(void)arg;
	memset(mutexes, 0, sizeof(mutexes));
	memset(&group, 0, sizeof(group));
	atomic_store(&locked, 0);
	cr_assert_eq(np_group_go(&group, lock_backward, NULL), 0);
	return lock_both(&mutexes[0], &mutexes[1]);
}

Test(deadlock, of_two_mutexes_is_told_twice)
{
	expect_deadlock(lock_crosswise, 2, "in mutex lock");
}

Test(deadlock, aborts, .signal = SIGABRT)
{
	const struct np_run_options options = { .workers = 2, .flags = NP_RUN_ALONE };

	np_set_misuse_hook(NULL);
	np_run(wait_for_channel, NULL, &options);
}

/* ---- what is none ------------------------------------------------------------------------- */

static const struct timespec WHILE = { 0, 60 * 1000 * 1000 };

static void expect_none(int (*body)(void *arg), unsigned flags)
{
	static const unsigned counts[] = { 1, 2, 8 };

	np_set_misuse_hook(note);
	for (int i = 0; i < 3; i++) {
		const struct np_run_options options = {
			.workers = counts[i],
			.flags = flags,
			.backend = np_poller_backend(test_poller),
		};

		cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
		cr_assert_eq(np_run(body, NULL, &options), 0);
		cr_assert_eq(told, 0, "\"%s\"", first_text);
		cr_assert_eq(np_channel_destroy(channel), 0);
	}
}

static int send_later(void *arg)
{
	int value = 1;

	(void)arg;
	nanosleep(&WHILE, NULL);
	return np_channel_send(channel, &value);
}

static void *send_from_thread(void *arg)
{
	send_later(arg);
	return NULL;
}

static int wait_for_thread(void *arg)
{
	pthread_t thread;
	int result;

	(void)arg;
	pthread_create(&thread, NULL, send_from_thread, NULL);
	result = receive(NULL);
	pthread_join(thread, NULL);
	return result;
}

Test(deadlock, is_none_while_there_is_a_thread)
{
	expect_none(wait_for_thread, 0);
}

static int wait_for_call(void *arg)
{
	struct np_group group = { 0 };

	np_group_go(&group, receive, NULL);
	cr_assert_eq(np_blocking(send_later, arg), 0);
	return np_group_join(&group);
}

Test(deadlock, is_none_while_a_blocking_call_runs)
{
	expect_none(wait_for_call, NP_RUN_ALONE);
}

static int sleep_and_send(void *arg)
{
	int value = 1;

	(void)arg;
	cr_assert_eq(np_sleep(WHILE.tv_nsec), 0);
	return np_channel_send(channel, &value);
}

static int wait_for_sleeper(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	np_group_go(&group, sleep_and_send, NULL);
	cr_assert_eq(receive(NULL), 0);
	return np_group_join(&group);
}

Test(deadlock, is_none_while_a_fiber_sleeps)
{
	expect_none(wait_for_sleeper, NP_RUN_ALONE);
}

static int alarm_pipe;

static void write_to_pipe(int number)
{
	ssize_t written = write(alarm_pipe, "x", 1);

	(void)number, (void)written;
}

static int read_and_send(void *arg)
{
	char byte;
	int value = 1;

	cr_assert_eq(np_read(arg, &byte, 1), 1);
	return np_channel_send(channel, &value);
}

static int wait_for_signal(void *arg)
{
	const struct itimerval timer = { .it_value = { 0, WHILE.tv_nsec / 1000 } };
	struct np_group group = { 0 };
	struct np_fd *fd;
	int ends[2];

	(void)arg;
	fixture_pipe(ends);
	alarm_pipe = ends[1];
	cr_assert_eq(np_fd_open(ends[0], 0, &fd), 0);
	np_group_go(&group, read_and_send, fd);
	setitimer(ITIMER_REAL, &timer, NULL);
	cr_assert_eq(receive(NULL), 0);
	cr_assert_eq(np_group_join(&group), 0);
	np_close(fd);
	close(ends[1]);
	return 0;
}

Test(deadlock, is_none_while_a_fiber_waits_for_a_descriptor)
{
	signal(SIGALRM, write_to_pipe);
	expect_none(wait_for_signal, NP_RUN_ALONE);
}

/* Between workers, with nothing but each other to wait for. */
static int play(void *arg)
{
	struct np_channel **ends = arg;
	int value = 0;

	for (int i = 0; i < 300; i++) {
		cr_assert_eq(np_channel_send(ends[0], &value), 0);
		cr_assert_eq(np_channel_receive(ends[1], &value), 0);
	}
	return 0;
}

static int return_balls(void *arg)
{
	struct np_channel **ends = arg;
	int value;

	while (np_channel_receive(ends[0], &value) == 0)
		cr_assert_eq(np_channel_send(ends[1], &value), 0);
	return 0;
}

static int play_together(void *arg)
{
	struct np_group group = { 0 };
	struct np_channel *ends[2];

	(void)arg;
	np_channel_create(sizeof(int), 0, &ends[0]);
	np_channel_create(sizeof(int), 0, &ends[1]);
	np_group_go(&group, return_balls, ends);
	play(ends);
	np_channel_close(ends[0]);
	cr_assert_eq(np_group_join(&group), 0);
	np_channel_destroy(ends[0]);
	np_channel_destroy(ends[1]);
	return 0;
}

Test(deadlock, is_none_while_fibers_wake_each_other)
{
	expect_none(play_together, NP_RUN_ALONE);
}
