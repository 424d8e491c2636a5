/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_lead.c - the parker of threads: who waits alone leads, of several one leads and
 * hands the others their reports, and whoever is made ready from outside leaves.
 */
#include "core/poller.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <unistd.h>

enum { WAITERS = 8 };

struct waiter {
	int fds[2];
	struct np_poll_desc *desc;
	pthread_t thread;
	atomic_int waits; /* that have ended by a report */
};

static struct waiter waiters[WAITERS];

static void begin(void)
{
	fixture_begin();
	for (int i = 0; i < WAITERS; i++) {
		fixture_pipe(waiters[i].fds);
		cr_assert_eq(np_poll_open(test_poller, waiters[i].fds[0], &waiters[i].desc), 0);
		atomic_store(&waiters[i].waits, 0);
	}
}

static void end(void)
{
	for (int i = 0; i < WAITERS; i++) {
		np_poll_close(waiters[i].desc);
		close(waiters[i].fds[0]);
		close(waiters[i].fds[1]);
	}
	fixture_end();
}

TestSuite(lead, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* Reads until there is an error, and returns it. */
static void *wait_and_read(void *arg)
{
	struct waiter *waiter = arg;
	int error;
	char byte;

	for (;;) {
		error = np_poll_reset(waiter->desc, NP_READ);
		if (!error && read(waiter->fds[0], &byte, 1) == 1) {
			atomic_fetch_add(&waiter->waits, 1);
			continue;
		}
		if (!error)
			error = np_poll_wait(waiter->desc, NP_READ);
		if (error)
			return (void *)(intptr_t)error;
	}
}

static void start(int count)
{
	for (int i = 0; i < count; i++)
		waiters[i].thread = fixture_start_thread(wait_and_read, &waiters[i]);
	FIXTURE_UNTIL(fixture_parked() == (size_t)count);
	FIXTURE_UNTIL(atomic_load(&test_poller->led));
}

static void stop(int first, int count)
{
	for (int i = first; i < first + count; i++)
		np_poll_unblock(waiters[i].desc);
	for (int i = first; i < first + count; i++) {
		void *result;

		pthread_join(waiters[i].thread, &result);
		cr_assert_eq((intptr_t)result, NP_ECLOSED);
	}
}

static void unblock_rest(int first)
{
	for (int i = first; i < WAITERS; i++)
		np_poll_unblock(waiters[i].desc);
}

static void poke(int i)
{
	int before = atomic_load(&waiters[i].waits);

	cr_assert_eq(write(waiters[i].fds[1], "x", 1), 1);
	FIXTURE_UNTIL(atomic_load(&waiters[i].waits) > before);
}

Test(lead, a_thread_that_waits_alone_leads)
{
	start(1);
	cr_assert_eq(atomic_load(&test_poller->follower_count), 0);
	cr_assert_eq(np_poller_turn(test_poller, 0), -EBUSY, "so nobody else can turn");
	poke(0);
	stop(0, 1);
	cr_assert_not(atomic_load(&test_poller->led));
	cr_assert_eq(np_poller_turn(test_poller, 0), 0);
	unblock_rest(1);
}

Test(lead, of_several_one_leads_and_everybody_gets_what_is_theirs)
{
	start(WAITERS);
	FIXTURE_UNTIL(atomic_load(&test_poller->follower_count) == WAITERS - 1);
	for (int round = 0; round < 20; round++)
		for (int i = 0; i < WAITERS; i++)
			poke(i);
	for (int i = WAITERS - 1; i >= 0; i--)
		poke(i);
	stop(0, WAITERS);
	cr_assert_eq(atomic_load(&test_poller->follower_count), 0);
	cr_assert_not(atomic_load(&test_poller->led));
}

Test(lead, is_handed_on_when_the_leader_is_closed)
{
	/* Closing one after the other, each was the leader at some time, or a follower. */
	start(WAITERS);
	for (int i = 0; i < WAITERS; i++) {
		stop(i, 1);
		for (int k = i + 1; k < WAITERS; k++)
			poke(k);
	}
	cr_assert_not(atomic_load(&test_poller->led));
}

Test(lead, reports_for_all_at_once_wake_all)
{
	start(WAITERS);
	for (int round = 0; round < 100; round++) {
		int before[WAITERS];

		for (int i = 0; i < WAITERS; i++) {
			before[i] = atomic_load(&waiters[i].waits);
			cr_assert_eq(write(waiters[i].fds[1], "x", 1), 1);
		}
		for (int i = 0; i < WAITERS; i++)
			FIXTURE_UNTIL(atomic_load(&waiters[i].waits) > before[i]);
	}
	stop(0, WAITERS);
}

Test(lead, followers_have_deadlines_too)
{
	start(WAITERS);
	FIXTURE_UNTIL(atomic_load(&test_poller->follower_count) == WAITERS - 1);
	for (int i = 0; i < WAITERS; i++)
		np_poll_set_deadline(waiters[i].desc, np_deadline((i + 1) * 1000000), NP_READ);
	for (int i = 0; i < WAITERS; i++) {
		void *result;

		pthread_join(waiters[i].thread, &result);
		cr_assert_eq((intptr_t)result, NP_EDEADLINE);
	}
	unblock_rest(0);
}

Test(lead, a_host_that_turns_in_between_gets_and_gives_it)
{
	for (int round = 0; round < 200; round++)
		cr_assert_eq(np_poller_turn(test_poller, 0), 0);
	start(2);
	poke(0);
	poke(1);
	stop(0, 2);
	cr_assert_eq(np_poller_turn(test_poller, 1), 0);
	unblock_rest(2);
}
