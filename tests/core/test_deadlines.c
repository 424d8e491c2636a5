/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_deadlines.c - deadlines of poll descriptors and the timers under them: on a fake
 * backend where order is what matters, on the real ones where time is.
 */
#include "core/poll_desc.h"
#include "core/poller.h"
#include "tests/support/fake_backend.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

static const int64_t HOUR = INT64_C(3600000000000);
static const int64_t MILLISECOND = 1000000;

enum { FD = 5 };

static struct np_poller *poller;
static struct np_poll_desc *desc;

static void begin(void)
{
	poller = fake_begin(&fake_edge);
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
}

static void end(void)
{
	np_poll_unblock(desc);
	FIXTURE_DEMAND(np_poll_close(desc) == 0, "the descriptor was not closed");
	fake_end(poller);
}

TestSuite(deadline, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static size_t timers(void)
{
	struct np_poller_stats stats;

	np_poller_get_stats(poller, &stats);
	return stats.timers;
}

Test(deadline, a_past_one_fails_resets_and_waits_until_it_is_cleared)
{
	cr_assert_eq(np_poll_set_deadline(desc, 1, NP_READ), 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_EDEADLINE);
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_EDEADLINE, "it stays");
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
	cr_assert_eq(np_poll_reset(desc, NP_WRITE), 0, "the other side has its own");
	cr_assert_eq(np_poll_set_deadline(desc, 0, NP_READ), 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
}

Test(deadline, now_is_past_and_the_end_of_time_is_not)
{
	np_poll_set_deadline(desc, np_time(), NP_WRITE);
	cr_assert_eq(np_poll_reset(desc, NP_WRITE), NP_EDEADLINE);
	np_poll_set_deadline(desc, INT64_MAX, NP_READ_WRITE);
	cr_assert_eq(np_poll_reset(desc, NP_WRITE), 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
	np_poll_set_deadline(desc, INT64_MIN, NP_READ);
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_EDEADLINE);
}

Test(deadline, both_sides_share_one_timer)
{
	int64_t early = np_deadline(HOUR), late = np_deadline(2 * HOUR);

	np_poll_set_deadline(desc, late, NP_READ);
	cr_assert_eq(np_poller_next_deadline(poller), late);
	np_poll_set_deadline(desc, early, NP_WRITE);
	cr_assert_eq(np_poller_next_deadline(poller), early);
	cr_assert_eq(timers(), 1);
}

Test(deadline, moving_one_to_later_or_clearing_it_leaves_the_timer_alone)
{
	int64_t first = np_deadline(HOUR);

	np_poll_set_deadline(desc, first, NP_READ);
	np_poll_set_deadline(desc, first + HOUR, NP_READ);
	cr_assert_eq(np_poller_next_deadline(poller), first);
	np_poll_set_deadline(desc, 0, NP_READ);
	cr_assert_eq(np_poller_next_deadline(poller), first);
	cr_assert_eq(atomic_load(&desc->timer.when), first);
	np_poll_set_deadline(desc, first - 1, NP_READ);
	cr_assert_eq(np_poller_next_deadline(poller), first - 1, "moving to earlier moves it");
}

/* Until the clock has passed @when; a look at the timers is a turn. */
static void turn_past(int64_t when)
{
	while (np_time() <= when)
		;
	np_poller_turn(poller, 0);
}

Test(deadline, an_early_timer_asks_for_the_truth_and_goes_back)
{
	int64_t first = np_deadline(MILLISECOND), later = np_deadline(HOUR);

	np_poll_set_deadline(desc, first, NP_READ);
	np_poll_set_deadline(desc, later, NP_READ);
	turn_past(first);
	cr_assert_eq(np_poller_next_deadline(poller), later);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0, "not expired");
}

Test(deadline, an_early_timer_without_a_deadline_is_gone)
{
	int64_t first = np_deadline(MILLISECOND);

	np_poll_set_deadline(desc, first, NP_READ);
	np_poll_set_deadline(desc, 0, NP_READ);
	turn_past(first);
	cr_assert_eq(timers(), 0);
	cr_assert_eq(np_poller_next_deadline(poller), 0);
}

Test(deadline, of_two_sides_the_later_stays_when_the_earlier_has_expired)
{
	int64_t early = np_deadline(MILLISECOND), late = np_deadline(HOUR);

	np_poll_set_deadline(desc, early, NP_WRITE);
	np_poll_set_deadline(desc, late, NP_READ);
	turn_past(early);
	cr_assert_eq(np_poll_wait(desc, NP_WRITE), NP_EDEADLINE);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
	cr_assert_eq(np_poller_next_deadline(poller), late);
}

Test(deadline, no_timer_is_left_after_unblock_and_none_can_be_set)
{
	np_poll_set_deadline(desc, np_deadline(HOUR), NP_READ);
	np_poll_unblock(desc);
	cr_assert_eq(timers(), 0);
	cr_assert_eq(np_poll_set_deadline(desc, np_deadline(HOUR), NP_READ), 0);
	cr_assert_eq(timers(), 0);
	cr_assert_eq(np_poll_close(desc), 0);
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
}

Test(deadline, a_turn_sleeps_no_longer_than_until_the_next_timer)
{
	int64_t when = np_deadline(HOUR);

	np_poller_turn(poller, -1);
	cr_assert_eq(fake.last_delta, -1);
	np_poll_set_deadline(desc, when, NP_READ);
	np_poller_turn(poller, -1);
	cr_assert(fake.last_delta > 0 && fake.last_delta <= HOUR);
	np_poller_turn(poller, MILLISECOND);
	cr_assert_eq(fake.last_delta, MILLISECOND, "nor than it was told to");
	np_poller_turn(poller, 0);
	cr_assert_eq(fake.last_delta, 0);
}

static void set_earlier_in_wait(void)
{
	fake.in_wait = NULL;
	np_poll_set_deadline(desc, np_deadline(HOUR / 2), NP_READ);
	cr_assert_eq(fake.breaks, 1, "the turn would oversleep");
	np_poll_set_deadline(desc, np_deadline(HOUR), NP_WRITE);
	cr_assert_eq(fake.breaks, 1, "no need for a later one");
}

Test(deadline, an_earlier_one_breaks_the_turn_that_would_oversleep_it)
{
	struct np_poll_desc *other;

	cr_assert_eq(np_poll_open(poller, FD + 1, &other), 0);
	np_poll_set_deadline(other, np_deadline(HOUR), NP_READ);
	cr_assert_eq(fake.breaks, 0, "nobody was asleep");
	fake.in_wait = set_earlier_in_wait;
	np_poller_turn(poller, -1);
	np_poll_unblock(other);
	np_poll_close(other);
}

/* ---- the heap ---------------------------------------------------------------------------------
 */

enum { HEAP_TIMERS = 500 };

static int64_t earliest(const int64_t *when)
{
	int64_t result = 0;

	for (int i = 0; i < HEAP_TIMERS; i++)
		if (when[i] && (!result || when[i] < result))
			result = when[i];
	return result;
}

Test(timers, the_heap_is_right_about_the_earliest_whatever_is_done)
{
	static struct timer owners[HEAP_TIMERS];
	static int64_t when[HEAP_TIMERS];
	uint64_t random = fixture_seed();
	struct timers timers;

	np__timers_init(&timers);
	cr_assert_eq(np__timers_admit(&timers, HEAP_TIMERS), 0);
	for (int step = 0; step < 100000; step++) {
		int i = (int)(fixture_random(&random) % HEAP_TIMERS);
		int64_t time = 1 + (int64_t)(fixture_random(&random) % 1000);
		struct timer *due;

		if (fixture_random(&random) % 3) {
			int is_first = np__timers_arm(&timers, &owners[i], time);
			bool moved = !when[i] || time < when[i];

			if (moved)
				when[i] = time;
			cr_assert(!is_first || (moved && earliest(when) == time));
		} else {
			np__timers_disarm(&timers, &owners[i]);
			when[i] = 0;
		}
		cr_assert_eq(atomic_load(&timers.next), earliest(when));
		cr_assert_eq(atomic_load(&owners[i].when), when[i]);
		due = np__timers_due(&timers, time);
		cr_assert_eq(due != NULL, earliest(when) != 0 && earliest(when) <= time);
		cr_assert(!due || when[due - owners] == earliest(when));
	}
	np__timers_fini(&timers);
}

enum { MANY = 100000 };

Test(timers, a_hundred_thousand_deadlines_expire_in_order)
{
	struct np_poll_desc **descs = malloc(MANY * sizeof(*descs));
	const struct np_poller_options options = { .backend = &fake_edge };
	struct np_poller *many;
	struct np_poller_stats stats;
	uint64_t random = fixture_seed();
	int64_t start = np_time();
	int64_t last = 0;

	cr_assert_eq(np_poller_create(&options, &many), 0);
	for (int i = 0; i < MANY; i++) {
		int64_t when =
			start + (int64_t)(fixture_random(&random) % (uint64_t)(50 * MILLISECOND));

		cr_assert_eq(np_poll_open(many, 1, &descs[i]), 0);
		atomic_store(&descs[i]->deadline[SIDE_READ], when);
		pthread_mutex_lock(&many->timers.lock);
		np__timers_arm(&many->timers, &descs[i]->timer, when);
		pthread_mutex_unlock(&many->timers.lock);
	}
	while (np_poller_next_deadline(many)) {
		cr_assert_geq(np_poller_next_deadline(many), last);
		last = np_poller_next_deadline(many);
		np_poller_turn(many, 0);
	}
	np_poller_get_stats(many, &stats);
	cr_assert_eq(stats.timers, 0);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(np_poll_reset(descs[i], NP_READ), NP_EDEADLINE);
		np_poll_unblock(descs[i]);
		np_poll_close(descs[i]);
	}
	cr_assert_eq(np_poller_destroy(many), 0);
	free(descs);
}

/* ---- in real time -------------------------------------------------------------------------------
 */

static int pipe_fds[2];

static void begin_real(void)
{
	fixture_begin();
	fixture_pipe(pipe_fds);
	cr_assert_eq(np_poll_open(test_poller, pipe_fds[0], &desc), 0);
}

static void end_real(void)
{
	np_poll_unblock(desc);
	np_poll_close(desc);
	close(pipe_fds[0]);
	close(pipe_fds[1]);
	fixture_end();
}

TestSuite(real_deadline, .init = begin_real, .fini = end_real, .timeout = FIXTURE_TIMEOUT);

Test(real_deadline, is_never_early)
{
	static const int64_t timeouts[] = { 1, 1000, 300000, 1500000, 20000000 };

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++) {
		int64_t when = np_deadline(timeouts[i]);

		np_poll_set_deadline(desc, when, NP_READ);
		cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
		cr_assert_geq(np_time(), when);
	}
}

static void *wait_to_read(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)np_poll_wait(desc, NP_READ);
}

static intptr_t result_of(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return (intptr_t)result;
}

Test(real_deadline, set_under_a_blocked_wait_ends_it)
{
	pthread_t waiter = fixture_start_thread(wait_to_read, NULL);

	FIXTURE_UNTIL(fixture_parked() == 1);
	np_poll_set_deadline(desc, np_deadline(MILLISECOND), NP_READ);
	cr_assert_eq(result_of(waiter), NP_EDEADLINE);
}

Test(real_deadline, moved_to_earlier_under_a_blocked_wait_ends_it)
{
	pthread_t waiter;

	np_poll_set_deadline(desc, np_deadline(HOUR), NP_READ);
	waiter = fixture_start_thread(wait_to_read, NULL);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_poll_set_deadline(desc, np_deadline(MILLISECOND), NP_READ);
	cr_assert_eq(result_of(waiter), NP_EDEADLINE);
}

Test(real_deadline, moved_to_the_past_under_a_blocked_wait_ends_it_at_once)
{
	pthread_t waiter = fixture_start_thread(wait_to_read, NULL);

	FIXTURE_UNTIL(fixture_parked() == 1);
	np_poll_set_deadline(desc, -1, NP_READ);
	cr_assert_eq(result_of(waiter), NP_EDEADLINE);
}

/* Returns false if clearing came too late, so that the wait may have ended with its deadline. */
static bool clear_in_time(int64_t when, pthread_t *waiter)
{
	np_poll_set_deadline(desc, when, NP_READ);
	*waiter = fixture_start_thread(wait_to_read, NULL);
	np_poll_set_deadline(desc, 0, NP_READ);
	return np_time() < when;
}

static void end_wait(pthread_t waiter)
{
	char byte;

	cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	result_of(waiter);
	cr_assert_eq(read(pipe_fds[0], &byte, 1), 1);
	np_poll_reset(desc, NP_READ);
}

Test(real_deadline, cleared_under_a_blocked_wait_does_not_end_it)
{
	int64_t timeout = 20 * MILLISECOND;
	int64_t when = np_deadline(timeout);
	pthread_t waiter;

	while (!clear_in_time(when, &waiter)) {
		end_wait(waiter);
		timeout *= 2; /* for a slow machine */
		when = np_deadline(timeout);
	}
	FIXTURE_UNTIL(np_time() > when + 5 * MILLISECOND);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	cr_assert_eq(result_of(waiter), 0);
}

Test(real_deadline, of_the_other_side_does_not_end_a_wait)
{
	pthread_t waiter = fixture_start_thread(wait_to_read, NULL);

	np_poll_set_deadline(desc, -1, NP_WRITE);
	np_poll_set_deadline(desc, np_deadline(MILLISECOND), NP_WRITE);
	FIXTURE_UNTIL(np_poll_reset(desc, NP_WRITE) == NP_EDEADLINE);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(write(pipe_fds[1], "x", 1), 1);
	cr_assert_eq(result_of(waiter), 0);
}
