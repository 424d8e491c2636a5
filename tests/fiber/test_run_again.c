/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_run_again.c - one runtime after the other, and what outlives them: handles,
 * objects of sync, ids of fibers, threads that have nothing to do with any of them.
 */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>

TestSuite(run_again, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

enum { RUNS = 20 };

static atomic_int counter;

static void count(void *arg)
{
	np_yield();
	atomic_fetch_add((atomic_int *)arg, 1);
}

/* Returns how many runs there were before it. */
static int start_some(void *arg)
{
	int before = atomic_load(&counter) / 20;

	(void)arg;
	for (int i = 0; i < 20; i++)
		cr_assert_eq(np_go(count, &counter), 0);
	return before;
}

Test(run_again, each_is_as_good_as_the_first)
{
	int descriptors = fixture_count_descriptors();

	for (int run = 0; run < RUNS; run++) {
		cr_assert_eq(fiber_run_with(start_some, NULL, 1 + (unsigned)run % 4), run);
		cr_assert_eq(atomic_load(&counter), 20 * (run + 1));
		cr_assert_eq(fixture_count_descriptors(), descriptors);
	}
	cr_assert_eq(np_go(count, &counter), NP_ENORUNTIME, "after the last");
}

/* ---- refused while there is one ----------------------------------------------------------- */

static int never_called(void *arg)
{
	(void)arg;
	cr_assert_fail("there was one already");
	return 0;
}

static int try_inside(void *arg)
{
	cr_assert_eq(np_run(never_called, arg, NULL), -EBUSY);
	return start_some(arg);
}

Test(run_again, one_that_was_refused_does_the_running_one_no_harm)
{
	atomic_store(&counter, 0);
	for (int run = 0; run < 3; run++)
		cr_assert_eq(fiber_run_with(try_inside, NULL, 2), run);
	cr_assert_eq(atomic_load(&counter), 60);
}

enum { RIVALS = 4 };

static atomic_int refused;
static atomic_int running;
static atomic_int most_running;

/* Until all others have been refused. */
static int be_the_one(void *arg)
{
	int now = atomic_fetch_add(&running, 1) + 1;

	(void)arg;
	if (now > atomic_load(&most_running))
		atomic_store(&most_running, now);
	FIBER_UNTIL(atomic_load(&refused) == RIVALS - 1);
	atomic_fetch_sub(&running, 1);
	return 7;
}

static void *compete(void *arg)
{
	const struct np_run_options options = { .workers = 2, .backend = fixture_backend() };
	int *result = arg;

	*result = np_run(be_the_one, NULL, &options);
	if (*result == -EBUSY)
		atomic_fetch_add(&refused, 1);
	return NULL;
}

Test(run_again, of_several_threads_one_is_served)
{
	for (int round = 0; round < RUNS; round++) {
		int results[RIVALS], served = 0, busy = 0;
		pthread_t threads[RIVALS];

		atomic_store(&refused, 0);
		for (int i = 0; i < RIVALS; i++)
			threads[i] = fixture_start_thread(compete, &results[i]);
		for (int i = 0; i < RIVALS; i++) {
			pthread_join(threads[i], NULL);
			served += results[i] == 7;
			busy += results[i] == -EBUSY;
		}
		cr_assert_eq(served, 1);
		cr_assert_eq(busy, RIVALS - 1);
	}
	cr_assert_eq(most_running, 1);
}

/* ---- what outlives them ------------------------------------------------------------------- */

static struct np_fd *ends[2];

static void read_byte(struct np_fd *fd, char expected)
{
	char byte = 0;

	cr_assert_eq(np_set_read_deadline(fd, np_deadline(INT64_C(20) * 1000000000)), 0);
	cr_assert_eq(np_read(fd, &byte, 1), 1);
	cr_assert_eq(byte, expected);
}

static void write_soon(void *arg)
{
	np_sleep(1000 * 1000);
	cr_assert_eq(np_write(ends[1], arg, 1), 1);
}

/* The reader parks: so it is registered with this worker's poller, the first time. */
static int converse(void *arg)
{
	cr_assert_eq(np_go(write_soon, arg), 0);
	read_byte(ends[0], *(char *)arg);
	return 0;
}

static void *write_from_thread(void *arg)
{
	FIXTURE_UNTIL(atomic_load(&counter) == 1);
	cr_assert_eq(np_write(ends[1], arg, 1), 1);
	return NULL;
}

/* Threads wait, too, on whatever poller the handle was left with. */
static void converse_by_threads(char *text)
{
	pthread_t writer;

	atomic_store(&counter, 0);
	writer = fixture_start_thread(write_from_thread, text);
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_read(ends[0], &(char){ 0 }, 1), NP_EDEADLINE);
	atomic_store(&counter, 1);
	read_byte(ends[0], *text);
	pthread_join(writer, NULL);
}

Test(run_again, handles_are_for_the_next_one_and_for_threads)
{
	char text[] = "netpark";

	fixture_fd_pair(ends);
	for (size_t i = 0; i < strlen(text); i++) {
		cr_assert_eq(fiber_run_with(converse, &text[i], 1 + (unsigned)i % 3), 0);
		converse_by_threads(&text[i]);
	}
	np_close(ends[0]);
	np_close(ends[1]);
}

static np_fiber_id first_id;
static struct np_mutex mutex;
static struct np_semaphore semaphore;

static int leave_things(void *arg)
{
	(void)arg;
	first_id = np_self();
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	return np_semaphore_release(&semaphore, 1);
}

/* Whatever the id may mean now, it means nobody who was not asked for. */
static int take_things(void *arg)
{
	(void)arg;
	cr_assert_eq(np_mutex_lock_until(&mutex, -1), NP_EDEADLINE);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	return np_semaphore_acquire(&semaphore, 1);
}

Test(run_again, objects_of_sync_belong_to_no_runtime)
{
	cr_assert_eq(fiber_run_with(leave_things, NULL, 2), 0);
	cr_assert_neq(first_id, 0);
	cr_assert_eq(np_cancel(first_id), 0, "it has ended, and its runtime, too");
	cr_assert_eq(fiber_run_with(take_things, NULL, 3), 0);
	cr_assert_eq(np_mutex_try_lock(&mutex), 0);
	cr_assert_eq(np_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
}
