/* SPDX-License-Identifier: MIT */
/*
 * test_break.c - break_wait ends the wait under way, or else the next that blocks.
 *
 * Waits without limit are used where a lost break is to show: then the test hangs, and its timeout
 * fails it.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TestSuite(break_wait, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

static int break_wait(void)
{
	return tested->backend->break_wait(tested->state);
}

/* In a thread of its own, so without assertions. The result of the wait, as a pointer. */
static void *wait_without_limit(void *started)
{
	struct runtime_poll_event events[4];
	int n;

	atomic_store((atomic_bool *)started, true);
	n = tested->backend->wait(tested->state, -1, events, 4);
	return (void *)(intptr_t)n;
}

Test(break_wait, before_the_wait_is_not_lost)
{
	cr_assert_eq(break_wait(), 0);
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
}

Test(break_wait, before_a_limited_wait_is_not_lost)
{
	cr_assert_eq(break_wait(), 0);
	harness_expect_broken(tested);
}

Test(break_wait, ends_a_wait_under_way)
{
	for (int i = 0; i < 100; i++) {
		atomic_bool started = false;
		pthread_t thread;
		void *result;

		cr_assert_eq(pthread_create(&thread, NULL, wait_without_limit, &started), 0);
		FIXTURE_UNTIL(atomic_load(&started));
		if (i % 2) /* now before it, now after it has blocked */
			sched_yield();
		cr_assert_eq(break_wait(), 0);
		cr_assert_eq(pthread_join(thread, &result), 0);
		cr_assert_eq((intptr_t)result, 0);
	}
}

Test(break_wait, a_hundred_breaks_end_one_wait)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(break_wait(), 0);
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
	harness_expect_silence(tested, 20 * MILLISECOND);
}

/*
 * The end of the wake-up that is read: an own descriptor, not the one that waits, open for reading.
 */
static int find_wakeup(void)
{
	for (int fd = 0; fd < 1024; fd++) {
		int flags = fcntl(fd, F_GETFL);

		if (flags >= 0 && (flags & O_ACCMODE) != O_WRONLY &&
		    tested->backend->is_poll_descriptor(tested->state, fd) &&
		    fd != tested->backend->descriptor(tested->state))
			return fd;
	}
	return -1;
}

/*
 * An eventfd adds up what was written, a pipe keeps the bytes: either way one write shows as this.
 */
Test(break_wait, a_hundred_breaks_cost_one_write)
{
	uint64_t written[16];
	int wakeup = find_wakeup();

	cr_assert_geq(wakeup, 0);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(break_wait(), 0);
	cr_assert_eq(read(wakeup, written, sizeof(written)), sizeof(written[0]));
	cr_assert_eq(written[0], 1);
}

Test(break_wait, works_again_after_each_wait)
{
	for (int i = 0; i < 1000; i++) {
		cr_assert_eq(break_wait(), 0);
		cr_assert_eq(harness_collect(tested, -1, 1), 0);
	}
	harness_expect_silence(tested, 5 * MILLISECOND);
}

Test(break_wait, is_left_by_a_look_for_the_wait_that_blocks)
{
	cr_assert_eq(break_wait(), 0);
	for (int i = 0; i < 10; i++)
		cr_assert_eq(harness_collect(tested, 0, 1 + i), 0);
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
	harness_expect_silence(tested, 5 * MILLISECOND);
}

/* With room for one report the wake-up competes with the others for the place, and is not one. */
Test(break_wait, is_never_reported_and_hides_no_report)
{
	int fds[2];

	fixture_pipe(fds);
	harness_watch(tested, fds[0], 1, READ);
	for (int i = 0; i < 20; i++) {
		harness_write(fds[1], "x");
		cr_assert_eq(break_wait(), 0);
		for (int looks = 0; !(tested->flags[1] & READ); looks++) {
			cr_assert_lt(looks, 4);
			harness_collect(tested, looks % 2 ? 0 : -1, 1);
		}
		cr_assert_eq(harness_drain(fds[0]), 1);
		harness_arm(tested, fds[0], READ);
		harness_settle(tested);
		harness_forget(tested, 1);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

static void break_on_signal(int number)
{
	(void)number;
	tested->backend->break_wait(tested->state);
}

static void install(int number, void (*handler)(int))
{
	struct sigaction action = { .sa_handler = handler };

	sigemptyset(&action.sa_mask);
	cr_assert_eq(sigaction(number, &action, NULL), 0);
}

Test(break_wait, may_come_from_a_signal_handler_before_the_wait)
{
	install(SIGUSR1, break_on_signal);
	raise(SIGUSR1);
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
}

/* Whether the signal arrives before, in or after the system call: the wait has to end. */
Test(break_wait, may_come_from_a_signal_handler_during_the_wait)
{
	install(SIGUSR1, break_on_signal);
	for (int i = 0; i < 200; i++) {
		atomic_bool started = false;
		pthread_t thread;
		void *result;

		cr_assert_eq(pthread_create(&thread, NULL, wait_without_limit, &started), 0);
		while (!atomic_load(&started))
			sched_yield();
		for (int yields = i % 4; yields > 0; yields--)
			sched_yield();
		cr_assert_eq(pthread_kill(thread, SIGUSR1), 0);
		cr_assert_eq(pthread_join(thread, &result), 0);
		cr_assert_eq((intptr_t)result, 0);
	}
}

enum { SIGNALS = 5000 };

static atomic_int signals_handled;
static atomic_bool stop_signals;

static void break_and_count(int number)
{
	break_on_signal(number);
	atomic_fetch_add(&signals_handled, 1);
}

/* At intervals that change, from about as long as the handler takes to many times the wait. */
static void *send_signals(void *thread)
{
	for (unsigned i = 0; !atomic_load(&stop_signals); i++) {
		pthread_kill(*(const pthread_t *)thread, SIGUSR1);
		for (unsigned spins = i * 37 % 4096; spins > 0; spins--)
			atomic_load(&stop_signals);
	}
	return NULL;
}

/*
 * The handler runs between any two instructions of the wait, also those with which it puts the
 * wake-up back in order: after none of them may the next break go unheard.
 */
Test(break_wait, may_come_from_a_signal_handler_at_every_moment)
{
	pthread_t self = pthread_self();
	pthread_t thread;

	install(SIGUSR1, break_and_count);
	cr_assert_eq(pthread_create(&thread, NULL, send_signals, &self), 0);
	while (atomic_load(&signals_handled) < SIGNALS) {
		cr_assert_eq(break_wait(), 0);
		cr_assert_eq(harness_collect(tested, -1, 1), 0);
	}
	atomic_store(&stop_signals, true);
	cr_assert_eq(pthread_join(thread, NULL), 0);
}

enum { BREAKERS = 3, BREAKS = 2000 };

static atomic_int breaks_announced;

static void *break_often(void *arg)
{
	int failures = 0;

	(void)arg;
	for (int i = 0; i < BREAKS; i++) {
		atomic_fetch_add(&breaks_announced, 1);
		failures += break_wait() != 0;
		if (i % 16 == 0)
			sched_yield();
	}
	return (void *)(intptr_t)failures;
}

/*
 * Every break comes after its announcement, so while one is still to be announced a break is to
 * come, and the wait ends; one lost break, or a wake-up gone deaf, and the last wait does not.
 */
Test(break_wait, of_several_threads_against_the_wait_never_hangs)
{
	pthread_t threads[BREAKERS];

	for (int i = 0; i < BREAKERS; i++)
		cr_assert_eq(pthread_create(&threads[i], NULL, break_often, NULL), 0);
	while (atomic_load(&breaks_announced) < BREAKERS * BREAKS)
		cr_assert_eq(harness_collect(tested, -1, 1), 0);
	for (int i = 0; i < BREAKERS; i++) {
		void *failures;

		cr_assert_eq(pthread_join(threads[i], &failures), 0);
		cr_assert_eq((intptr_t)failures, 0);
	}
	cr_assert_eq(break_wait(), 0);
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
	harness_expect_silence(tested, 5 * MILLISECOND);
}

static atomic_int turn;

static void *answer_breaks(void *failed)
{
	int answered = 0;

	while (answered < BREAKS) {
		struct runtime_poll_event event;

		while (atomic_load(&turn) == answered)
			if (tested->backend->wait(tested->state, -1, &event, 1) != 0)
				return failed;
		atomic_store(&turn, -++answered);
		while (atomic_load(&turn) < 0)
			sched_yield();
	}
	return NULL;
}

/* One break for one wait, in turns: here no second break comes to the rescue of a lost one. */
Test(break_wait, each_one_counts)
{
	pthread_t thread;
	void *failed;

	cr_assert_eq(pthread_create(&thread, NULL, answer_breaks, &turn), 0);
	for (int i = 1; i <= BREAKS; i++) {
		atomic_store(&turn, i);
		cr_assert_eq(break_wait(), 0);
		while (atomic_load(&turn) != -i)
			sched_yield();
		atomic_store(&turn, i);
	}
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_assert_null(failed, "a wait ended with an event or an error");
}
