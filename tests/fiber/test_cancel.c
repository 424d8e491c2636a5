/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_cancel.c - asking fibers to end, alone and in groups. */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>

TestSuite(cancel, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t HOUR = INT64_C(3600) * 1000000000;

static atomic_int counter;
static _Atomic np_fiber_id sleeper;

static int sleep_long(void *arg)
{
	(void)arg;
	atomic_store(&sleeper, np_self());
	return np_sleep(HOUR);
}

FIBER_TEST(cancel, ends_a_sleep)
{
	struct np_group group = { 0 };

	atomic_store(&sleeper, 0);
	cr_assert_eq(np_group_go(&group, sleep_long, NULL), 0);
	FIBER_UNTIL(atomic_load(&sleeper) != 0);
	cr_assert_eq(np_cancel(sleeper), 0);
	cr_assert_eq(np_cancel(sleeper), 0, "once is enough, twice does no harm");
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
	cr_assert_eq(np_cancel(sleeper), 0, "it has ended");
}

static void *cancel_from_thread(void *arg)
{
	(void)arg;
	np_cancel(atomic_load(&sleeper));
	return NULL;
}

FIBER_TEST(cancel, may_come_from_a_thread)
{
	struct np_group group = { 0 };
	pthread_t thread;

	atomic_store(&sleeper, 0);
	cr_assert_eq(np_group_go(&group, sleep_long, NULL), 0);
	FIBER_UNTIL(atomic_load(&sleeper) != 0);
	pthread_create(&thread, NULL, cancel_from_thread, NULL);
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
	pthread_join(thread, NULL);
}

static int see_cancelled(void *arg)
{
	(void)arg;
	return np_is_canceled() && np_sleep(HOUR) == NP_ECANCELED ? -ENOTDIR : -EISDIR;
}

FIBER_TEST(cancel, reaches_who_has_not_begun)
{
	struct np_group group = { 0 };

	np_group_cancel(&group);
	cr_assert_eq(np_group_go(&group, see_cancelled, NULL), 0);
	cr_assert_eq(np_group_join(&group), -ENOTDIR);
}

static int cancel_oneself(void *arg)
{
	(void)arg;
	cr_assert_not(np_is_canceled());
	np_cancel(np_self());
	cr_assert(np_is_canceled());
	return np_sleep(HOUR);
}

FIBER_TEST(cancel, may_be_of_oneself)
{
	struct np_group group = { 0 };

	cr_assert_eq(np_group_go(&group, cancel_oneself, NULL), 0);
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
}

static int clean_up(void *arg)
{
	int error = np_sleep(HOUR);

	(void)arg;
	if (error != NP_ECANCELED)
		return -EISDIR;
	np_shield(true);
	np_shield(true);
	np_shield(false);
	if (np_sleep(1000) != 0)
		return -EISDIR;
	np_shield(false);
	return np_sleep(1000);
}

static int read_pipe(void *arg)
{
	char byte;

	atomic_fetch_add(&counter, 1);
	return (int)np_read(arg, &byte, 1);
}

static int write_pipe(void *arg)
{
	atomic_fetch_add(&counter, 1);
	return (int)np_write(arg, "x", 1);
}

/* The second write waits for its turn. */
FIBER_TEST(cancel, ends_calls_of_a_pair_in_memory)
{
	int (*const calls[])(void *arg) = { read_pipe, write_pipe, write_pipe };
	struct np_group groups[3] = { { 0 }, { 0 }, { 0 } };
	struct np_fd *ends[2];
	char byte;

	atomic_store(&counter, 0);
	cr_assert_eq(np_pipe_pair(ends), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(np_group_go(&groups[i], calls[i], ends[0]), 0);
		FIBER_UNTIL(atomic_load(&counter) == i + 1);
	}
	for (int i = 0; i < 3; i++) {
		np_group_cancel(&groups[i]);
		cr_assert_eq(np_group_join(&groups[i]), NP_ECANCELED);
	}
	/* Nobody is left in the way. */
	cr_assert_eq(np_set_deadline(ends[1], -1), 0);
	cr_assert_eq(np_read(ends[1], &byte, 1), NP_EDEADLINE);
	np_close(ends[0]);
	np_close(ends[1]);
}

FIBER_TEST(cancel, waits_for_who_is_shielded)
{
	struct np_group group = { 0 };

	cr_assert_eq(np_group_go(&group, clean_up, NULL), 0);
	np_group_cancel(&group);
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
}

static void sleep_and_count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&counter, np_sleep(HOUR) == NP_ECANCELED);
}

static void leave_sleepers(void)
{
	for (int i = 0; i < 500; i++)
		cr_assert_eq(np_go(sleep_and_count, NULL), 0);
	np_yield();
}

Test(cancel, is_how_the_runtime_ends)
{
	atomic_store(&counter, 0);
	fiber_run(leave_sleepers);
	cr_assert_eq(counter, 1500);
}

/* ---- groups ------------------------------------------------------------------------------- */

static int return_number(void *arg)
{
	return (int)(intptr_t)arg;
}

static int return_after_yield(void *arg)
{
	np_sleep(1000);
	return (int)(intptr_t)arg;
}

FIBER_TEST(cancel, a_group_keeps_the_first_error)
{
	struct np_group group = { 0 };

	cr_assert_eq(np_group_join(&group), 0, "nobody is in it");
	cr_assert_eq(np_group_go(&group, return_number, (void *)(intptr_t)7), 0);
	cr_assert_eq(np_group_go(&group, return_number, (void *)(intptr_t)-3), 0);
	cr_assert_eq(np_group_join(&group), -3, "what is above 0 is no error");
	cr_assert_eq(np_group_go(&group, return_number, NULL), 0);
	cr_assert_eq(np_group_join(&group), 0, "used again");
	cr_assert_eq(np_group_go(NULL, return_number, NULL), -EINVAL);
	cr_assert_eq(np_group_go(&group, NULL, NULL), -EINVAL);
}

FIBER_TEST(cancel, a_group_is_joined_when_all_have_ended)
{
	for (int round = 0; round < 100; round++) {
		struct np_group group = { 0 };

		for (intptr_t i = 0; i < 20; i++)
			cr_assert_eq(np_group_go(&group, return_after_yield, (void *)-i), 0);
		cr_assert_lt(np_group_join(&group), 0);
	}
}

static struct np_group outer_group;
static atomic_int inner_ended;

static int end_last(void *arg)
{
	int error = np_sleep(HOUR);

	(void)arg;
	atomic_fetch_add(&inner_ended, 1);
	return error;
}

static int join_inner(void *arg)
{
	struct np_group inner = { 0 };

	(void)arg;
	for (int i = 0; i < 5; i++)
		if (np_group_go(&inner, end_last, NULL))
			return -EISDIR;
	atomic_fetch_add(&counter, 1);
	return np_group_join(&inner);
}

FIBER_TEST(cancel, who_joins_cancels_the_group_when_it_is_cancelled)
{
	atomic_store(&counter, 0);
	atomic_store(&inner_ended, 0);
	cr_assert_eq(np_group_go(&outer_group, join_inner, NULL), 0);
	FIBER_UNTIL(atomic_load(&counter) == 1);
	np_group_cancel(&outer_group);
	cr_assert_eq(np_group_join(&outer_group), NP_ECANCELED);
	cr_assert_eq(inner_ended, 5, "nobody is left behind");
}

static void *join_from_thread(void *arg)
{
	return (void *)(intptr_t)np_group_join(arg);
}

FIBER_TEST(cancel, a_thread_may_join)
{
	struct np_group group = { 0 };
	pthread_t thread;
	void *result;

	cr_assert_eq(np_group_go(&group, return_after_yield, (void *)(intptr_t)-9), 0);
	pthread_create(&thread, NULL, join_from_thread, &group);
	FIBER_UNTIL(__atomic_load_n(&group.members, __ATOMIC_SEQ_CST) == 0);
	pthread_join(thread, &result);
	cr_assert_eq((intptr_t)result, -9);
}

/* ---- blocking calls ----------------------------------------------------------------------- */

static pthread_t ran_on;

static int note_thread(void *arg)
{
	ran_on = pthread_self();
	return *(int *)arg;
}

FIBER_TEST(cancel, a_blocking_call_runs_elsewhere)
{
	int value = 17;

	cr_assert_eq(np_blocking(note_thread, &value), 17);
	cr_assert_not(pthread_equal(ran_on, pthread_self()));
	cr_assert_eq(np_blocking(NULL, NULL), -EINVAL);
}

Test(cancel, a_blocking_call_of_a_thread_is_a_plain_call)
{
	int value = 17;

	cr_assert_eq(np_blocking(note_thread, &value), 17);
	cr_assert(pthread_equal(ran_on, pthread_self()));
}

static atomic_bool may_return;

static int wait_for_leave(void *arg)
{
	(void)arg;
	atomic_fetch_add(&counter, 1);
	while (!atomic_load(&may_return))
		np_yield(); /* a thread: sched_yield(2) */
	return -ENOTDIR;
}

static int call_blocking(void *arg)
{
	(void)arg;
	return np_blocking(wait_for_leave, NULL);
}

FIBER_TEST(cancel, does_not_cut_a_blocking_call_short)
{
	struct np_group group = { 0 };

	atomic_store(&counter, 0);
	atomic_store(&may_return, false);
	cr_assert_eq(np_group_go(&group, call_blocking, NULL), 0);
	FIBER_UNTIL(atomic_load(&counter) == 1);
	np_group_cancel(&group);
	np_yield();
	cr_assert_eq(__atomic_load_n(&group.members, __ATOMIC_SEQ_CST), 1);
	atomic_store(&may_return, true);
	cr_assert_eq(np_group_join(&group), -ENOTDIR);
}
