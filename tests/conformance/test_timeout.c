/* SPDX-License-Identifier: MIT */
/*
 * test_timeout.c - a wait with a limit is never early, one without a limit outlives signals.
 *
 * There are no upper bounds of time here: how late a wait may be is the machine's business.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <poll.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/time.h>
#include <unistd.h>

TestSuite(timeout, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

/*
 * Several times each: a wait may be late by chance, so one that is early must not hide behind it.
 */
static void expect_never_early(int64_t delta_ns, int times)
{
	for (int i = 0; i < times; i++)
		harness_expect_silence(tested, delta_ns);
}

Test(timeout, of_a_nanosecond_passes)
{
	expect_never_early(1, 200);
}

Test(timeout, of_a_microsecond_is_not_early)
{
	expect_never_early(1000, 200);
}

/* Below a millisecond: rounding down would make it none. */
Test(timeout, of_a_part_of_a_millisecond_is_not_early)
{
	expect_never_early(300000, 50);
	expect_never_early(999999, 10);
}

/* Rounding down would make it one. */
Test(timeout, between_milliseconds_is_not_early)
{
	expect_never_early(1500000, 30);
	expect_never_early(1000001, 30);
	expect_never_early(1999999, 30);
}

Test(timeout, of_many_milliseconds_is_not_early)
{
	expect_never_early(20 * MILLISECOND, 3);
}

/* The part above whole seconds travels in a field of its own. */
Test(timeout, above_a_second_is_not_early)
{
	expect_never_early(SECOND + 20 * MILLISECOND, 1);
}

Test(timeout, of_zero_does_not_block)
{
	for (int i = 0; i < 100; i++)
		cr_assert_eq(harness_collect(tested, 0, 1), 0);
}

Test(timeout, does_not_keep_reports_back)
{
	int fds[2];

	fixture_pipe(fds);
	harness_write(fds[1], "x");
	harness_watch(tested, fds[0], 1, READ);
	harness_await(tested, 1, READ);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* ---- limits that do not fit what the kernel takes ----------------------------------------- */

/* The break is there already: what can fail is only how the limit was translated. */
Test(timeout, may_be_as_large_as_there_is)
{
	const int64_t large[] = {
		INT64_MAX,
		INT64_MAX - 1,
		INT64_MAX - 999999, /* rounding up to milliseconds overflows above this */
		INT64_MAX / 2,
		INT64_C(2147483647) * MILLISECOND, /* the most milliseconds that are an int */
		INT64_C(2147483647) * MILLISECOND + 1,
		INT64_C(4294967296) * MILLISECOND, /* 0 milliseconds, cut to 32 bits */
		INT64_C(2147483648) * SECOND,      /* above a 32-bit time */
		INT64_C(1000000) * SECOND,
		INT64_C(999999) * SECOND, /* on both sides of where backends cut */
		INT64_C(4000) * SECOND,   /* above 32 bits of microseconds */
	};

	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		cr_assert_eq(tested->backend->break_wait(tested->state), 0);
		cr_assert_eq(harness_collect(tested, large[i], 1), 0);
	}
}

Test(timeout, below_zero_is_none_whatever_the_number)
{
	const int64_t negative[] = { -1, -2, -1000000, -INT64_C(4294967296) * 1000000, INT64_MIN };

	for (size_t i = 0; i < sizeof(negative) / sizeof(negative[0]); i++) {
		cr_assert_eq(tested->backend->break_wait(tested->state), 0);
		cr_assert_eq(harness_collect(tested, negative[i], 1), 0);
	}
}

/* And none of them is taken for a short one. */
static void *wait_once(void *delta_ns)
{
	struct runtime_poll_event event;
	int n = tested->backend->wait(tested->state, *(const int64_t *)delta_ns, &event, 1);

	return (void *)(intptr_t)(n == 1 && event.tag == 1 ? 0 : 1);
}

Test(timeout, that_is_large_is_not_cut_to_a_short_one)
{
	const int64_t large[] = { INT64_MAX, INT64_C(4294967296) * MILLISECOND,
				  INT64_C(4294967296) * SECOND, -1, INT64_MIN };
	int fds[2];

	fixture_pipe(fds);
	harness_watch(tested, fds[0], 1, READ);
	for (size_t i = 0; i < sizeof(large) / sizeof(large[0]); i++) {
		int64_t delta_ns = large[i];
		pthread_t thread;
		void *failed;

		cr_assert_eq(pthread_create(&thread, NULL, wait_once, &delta_ns), 0);
		/* Time for a wait that is cut short to end; one that is not has no hurry. */
		cr_assert_eq(poll(NULL, 0, 5), 0);
		harness_write(fds[1], "x");
		cr_assert_eq(pthread_join(thread, &failed), 0);
		cr_assert_null(failed, "the wait for %lld ns ended without a report",
			       (long long)delta_ns);
		cr_assert_eq(harness_drain(fds[0]), 1);
		harness_arm(tested, fds[0], READ);
		harness_settle(tested);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* ---- signals ------------------------------------------------------------------------------ */

static atomic_int interruptions;
static pthread_t interrupted; /* the thread that is to get the signals */

static void count_interruption(int number)
{
	(void)number;
	if (pthread_equal(pthread_self(), interrupted))
		atomic_fetch_add(&interruptions, 1);
}

/* SIGALRM each millisecond, and no SA_RESTART. */
static void begin_storm(void)
{
	const struct itimerval often = { { 0, 1000 }, { 0, 1000 } };
	struct sigaction action = { .sa_handler = count_interruption };

	interrupted = pthread_self();
	sigemptyset(&action.sa_mask);
	cr_assert_eq(sigaction(SIGALRM, &action, NULL), 0);
	cr_assert_eq(setitimer(ITIMER_REAL, &often, NULL), 0);
}

static void end_storm(void)
{
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };

	cr_assert_eq(setitimer(ITIMER_REAL, &never, NULL), 0);
}

/* A thread that gets none of the signals, so that all go to the one that waits. */
static pthread_t start_unsignalled(void *(*run)(void *arg), void *arg)
{
	sigset_t alarm_only;
	sigset_t before;
	pthread_t thread;

	sigemptyset(&alarm_only);
	sigaddset(&alarm_only, SIGALRM);
	cr_assert_eq(pthread_sigmask(SIG_BLOCK, &alarm_only, &before), 0);
	cr_assert_eq(pthread_create(&thread, NULL, run, arg), 0);
	cr_assert_eq(pthread_sigmask(SIG_SETMASK, &before, NULL), 0);
	return thread;
}

static void *write_after_interruptions(void *fd)
{
	const struct timespec pause = { 0, 200000 };
	ssize_t n;

	while (atomic_load(&interruptions) < 20)
		nanosleep(&pause, NULL);
	n = write(*(const int *)fd, "x", 1);
	return (void *)(intptr_t)(n == 1 ? 0 : 1);
}

Test(timeout, without_limit_outlives_a_storm_of_signals)
{
	pthread_t thread;
	void *failed;
	int fds[2];
	int n;

	fixture_pipe(fds);
	harness_watch(tested, fds[0], 1, READ);
	begin_storm();
	thread = start_unsignalled(write_after_interruptions, &fds[1]);
	n = harness_collect(tested, -1, 1);
	end_storm();
	cr_assert_eq(n, 1, "the wait returned %d after %d signals", n, atomic_load(&interruptions));
	cr_assert_geq(atomic_load(&interruptions), 20);
	cr_assert_eq(pthread_join(thread, &failed), 0);
	cr_assert_null(failed);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* It may be shortened, so the caller goes on; harness_collect() asserts that it is no error. */
Test(timeout, that_is_interrupted_is_no_error)
{
	int waits = 0;

	begin_storm();
	while (atomic_load(&interruptions) < 50) {
		cr_assert_eq(harness_collect(tested, 20 * MILLISECOND, 1), 0);
		waits++;
	}
	end_storm();
	cr_assert_leq(waits, 100 + atomic_load(&interruptions), "it ends without a signal as well");
}

Test(timeout, of_zero_is_not_disturbed_by_signals)
{
	int fds[2];

	fixture_pipe(fds);
	harness_write(fds[1], "x");
	harness_watch(tested, fds[0], 1, READ);
	begin_storm();
	harness_await(tested, 1, READ);
	while (atomic_load(&interruptions) < 20)
		cr_assert_eq(harness_collect(tested, 0, 1), 0);
	end_storm();
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}
