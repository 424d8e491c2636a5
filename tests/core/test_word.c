/* SPDX-License-Identifier: MIT */
/* tests/core/test_word.c - the mutex of a handle: closed, two locks, references and sleepers. */
#include "core/fd_mutex.h"
#include "core/spin.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>

static struct fd_mutex mutex;

TestSuite(fd_mutex, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static uint64_t sleeping(int side)
{
	return atomic_load(&mutex.word) >> (23 + 20 * side) & 0xfffff;
}

Test(fd_mutex, whoever_leaves_last_after_close_destroys_and_nobody_else)
{
	cr_assert(np__fd_mutex_incref(&mutex));
	cr_assert_not(np__fd_mutex_decref(&mutex), "not closed");
	cr_assert(np__fd_mutex_incref(&mutex));
	cr_assert(np__fd_mutex_incref_and_close(&mutex));
	cr_assert_not(np__fd_mutex_incref_and_close(&mutex), "once");
	cr_assert_not(np__fd_mutex_incref(&mutex));
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_CLOSED);
	cr_assert_not(np__fd_mutex_decref(&mutex));
	cr_assert(np__fd_mutex_decref(&mutex));
}

Test(fd_mutex, the_two_locks_are_independent)
{
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_LOCKED);
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_WRITE), FD_MUTEX_LOCKED);
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_BUSY);
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_WRITE), FD_MUTEX_BUSY);
	cr_assert(np__fd_mutex_incref(&mutex), "references go on");
	cr_assert_not(np__fd_mutex_decref(&mutex));
	cr_assert_not(np__fd_mutex_unlock(&mutex, SIDE_READ));
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_LOCKED);
	cr_assert(np__fd_mutex_incref_and_close(&mutex));
	cr_assert_not(np__fd_mutex_decref(&mutex));
	cr_assert_not(np__fd_mutex_unlock(&mutex, SIDE_READ));
	cr_assert(np__fd_mutex_unlock(&mutex, SIDE_WRITE), "a lock is a reference");
}

static atomic_int inside, entered;

static void *lock_once(void *arg)
{
	int side = (int)(intptr_t)arg;
	bool locked = np__fd_mutex_lock(&mutex, side) == FD_MUTEX_LOCKED;
	bool alone = true;

	if (locked) {
		alone = atomic_fetch_add(&inside, 1) == 0;
		atomic_fetch_add(&entered, 1);
		sched_yield();
		atomic_fetch_sub(&inside, 1);
		np__fd_mutex_unlock(&mutex, side);
	}
	return (void *)(intptr_t)(!alone ? -1 : locked);
}

Test(fd_mutex, sleepers_get_the_lock_one_at_a_time)
{
	pthread_t threads[10];

	for (int side = SIDE_READ; side < SIDES; side++) {
		cr_assert_eq(np__fd_mutex_try_lock(&mutex, side), FD_MUTEX_LOCKED);
		for (int i = 0; i < 10; i++)
			threads[i] = fixture_start_thread(lock_once, (void *)(intptr_t)side);
		FIXTURE_UNTIL(sleeping(side) == 10);
		cr_assert_eq(sleeping(!side), 0);
		atomic_store(&entered, 0);
		np__fd_mutex_unlock(&mutex, side);
		for (int i = 0; i < 10; i++) {
			void *result;

			pthread_join(threads[i], &result);
			cr_assert_eq((intptr_t)result, 1);
		}
		cr_assert_eq(atomic_load(&entered), 10);
		cr_assert_eq(atomic_load(&mutex.word), 0);
	}
}

Test(fd_mutex, close_wakes_all_sleepers_with_nothing)
{
	pthread_t threads[10];

	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_LOCKED);
	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_WRITE), FD_MUTEX_LOCKED);
	for (int i = 0; i < 10; i++)
		threads[i] = fixture_start_thread(lock_once, (void *)(intptr_t)(i % 2));
	FIXTURE_UNTIL(sleeping(SIDE_READ) == 5 && sleeping(SIDE_WRITE) == 5);
	cr_assert(np__fd_mutex_incref_and_close(&mutex));
	for (int i = 0; i < 10; i++) {
		void *result;

		pthread_join(threads[i], &result);
		cr_assert_eq((intptr_t)result, 0);
	}
	cr_assert_not(np__fd_mutex_unlock(&mutex, SIDE_READ));
	cr_assert_not(np__fd_mutex_unlock(&mutex, SIDE_WRITE));
	cr_assert(np__fd_mutex_decref(&mutex));
}

static void *unlock_read(void *arg)
{
	(void)arg;
	return (void *)(intptr_t)np__fd_mutex_unlock(&mutex, SIDE_READ);
}

/* A sleeper that wakes of itself keeps the memory for nobody. */
Test(fd_mutex, who_unlocks_is_inside_until_the_next_is_woken)
{
	pthread_t sleeper, unlocker;
	void *result;

	cr_assert_eq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_LOCKED);
	sleeper = fixture_start_thread(lock_once, (void *)(intptr_t)SIDE_READ);
	FIXTURE_UNTIL(sleeping(SIDE_READ) == 1);
	np__spin_lock(&mutex.lock); /* so that the unlocker comes no further */
	unlocker = fixture_start_thread(unlock_read, NULL);
	FIXTURE_UNTIL(sleeping(SIDE_READ) == 0);
	cr_assert(np__fd_mutex_incref_and_close(&mutex));
	cr_assert_not(np__fd_mutex_decref(&mutex));
	np__spin_unlock(&mutex.lock);
	pthread_join(unlocker, &result);
	cr_assert_eq((intptr_t)result, 1);
	pthread_join(sleeper, &result);
	cr_assert_eq((intptr_t)result, 0);
}

static atomic_int destroyers;

static void *use_until_closed(void *arg)
{
	int side = (int)(intptr_t)arg;

	for (;;) {
		if (np__fd_mutex_lock(&mutex, side) != FD_MUTEX_LOCKED)
			return NULL;
		if (np__fd_mutex_unlock(&mutex, side))
			atomic_fetch_add(&destroyers, 1);
		if (!np__fd_mutex_incref(&mutex))
			return NULL;
		if (np__fd_mutex_decref(&mutex))
			atomic_fetch_add(&destroyers, 1);
	}
}

Test(fd_mutex, exactly_one_destroys_under_contention)
{
	for (int round = 0; round < 50; round++) {
		pthread_t threads[4];

		memset(&mutex, 0, sizeof(mutex));
		atomic_store(&destroyers, 0);
		for (int i = 0; i < 4; i++)
			threads[i] =
				fixture_start_thread(use_until_closed, (void *)(intptr_t)(i % 2));
		sched_yield();
		cr_assert(np__fd_mutex_incref_and_close(&mutex));
		if (np__fd_mutex_decref(&mutex))
			atomic_fetch_add(&destroyers, 1);
		for (int i = 0; i < 4; i++)
			pthread_join(threads[i], NULL);
		cr_assert_eq(atomic_load(&destroyers), 1);
	}
}

static const char *told;

static void note(const char *what)
{
	told = what;
}

Test(fd_mutex, limits_are_told_and_not_passed)
{
	const uint64_t all = 0xfffff;

	np_set_misuse_hook(note);
	atomic_store(&mutex.word, all << 3);
	cr_assert_not(np__fd_mutex_incref(&mutex));
	cr_assert(told && strstr(told, "1048575"));
	told = NULL;
	cr_assert_neq(np__fd_mutex_try_lock(&mutex, SIDE_READ), FD_MUTEX_LOCKED);
	cr_assert_not_null(told);
	told = NULL;
	cr_assert_not(np__fd_mutex_incref_and_close(&mutex));
	cr_assert_not_null(told);
	cr_assert_eq(atomic_load(&mutex.word), all << 3, "nothing has spilled over");
	told = NULL;
	atomic_store(&mutex.word, 0);
	np__fd_mutex_unlock(&mutex, SIDE_READ);
	cr_assert(told && strstr(told, "does not hold"));
	cr_assert_eq(atomic_load(&mutex.word), 0);
	np_set_misuse_hook(NULL);
}

/* In place only where nobody would have to be woken: a sleeper, a close, or another's reference. */
Test(fd_mutex, one_step_does_only_where_nothing_else_is)
{
	for (int side = SIDE_READ; side < SIDES; side++) {
		struct fd_mutex fresh = { 0 };
		uint64_t before;

		cr_assert(np__fd_mutex_try_lock_free(&fresh, side, &before));
		cr_assert_not(np__fd_mutex_try_unlock(&fresh, side, FD_MUTEX_UNKNOWN));
		cr_assert(np__fd_mutex_incref(&fresh));
		cr_assert_not(np__fd_mutex_try_unlock(&fresh, side, before), "something changed");
		cr_assert_not(np__fd_mutex_decref(&fresh));
		cr_assert(np__fd_mutex_try_unlock(&fresh, side, before));
		cr_assert_eq(atomic_load(&fresh.word), 0);
		atomic_store(&fresh.word, FD_MUTEX_SLEEPER(side));
		cr_assert_not(np__fd_mutex_try_lock_free(&fresh, side, &before), "who sleeps?");
		atomic_store(&fresh.word, FD_MUTEX_CLOSED_BIT);
		cr_assert_not(np__fd_mutex_try_lock_free(&fresh, side, &before));
	}
}
