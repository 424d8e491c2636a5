/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_hogs.c - fibers that keep their worker to themselves are told, others are not.
 */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <time.h>

TestSuite(hogs, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000000;

static atomic_int told, wrong;
static _Atomic np_fiber_id hog_id;

static void note(np_fiber_id fiber, const char *name, int64_t ns, void *arg)
{
	if (!name || strcmp(name, "a name that is longer t") != 0 || arg != &told ||
	    ns < 10 * MILLISECOND || fiber != atomic_load(&hog_id))
		atomic_fetch_add(&wrong, 1);
	atomic_fetch_add(&told, 1);
}

static int run(int (*body)(void *arg), unsigned workers, int64_t limit)
{
	const struct np_run_options options = {
		.workers = workers,
		.backend = np_poller_backend(test_poller),
		.hog_limit_ns = limit,
		.hog = note,
		.hog_arg = &told,
	};

	atomic_store(&told, 0);
	atomic_store(&wrong, 0);
	return np_run(body, NULL, &options);
}

/* Spins until it is told of, then for a while longer: that is the same time. */
static void spin(int times)
{
	struct fixture_patience patience = { 0 };

	while (atomic_load(&told) < times)
		fixture_stay_patient(&patience, "the hog is told");
	for (int64_t end = np_deadline(30 * MILLISECOND); np_time() < end;)
		;
}

static int be_a_hog(void *arg)
{
	(void)arg;
	atomic_store(&hog_id, np_self());
	np_set_name("a name that is longer than what is told");
	for (int i = 1; i <= 3; i++) {
		spin(i);
		np_yield();
	}
	return 0;
}

/* A thread that is kept from running for 10 ms before or after is one time more: once more. */
static bool is_told_rightly(unsigned workers)
{
	for (int tries = 0; tries < 5; tries++) {
		cr_assert_eq(run(be_a_hog, workers, 10 * MILLISECOND), 0);
		if (told == 3 && wrong == 0)
			return true;
	}
	return false;
}

Test(hogs, are_told_once_each_time)
{
	cr_assert(is_told_rightly(1));
	cr_assert(is_told_rightly(2));
	cr_assert(is_told_rightly(8));
}

/* Alone on its worker, yielding to itself. */
static int yield_alone(void *arg)
{
	(void)arg;
	for (int64_t end = np_deadline(450 * MILLISECOND); np_time() < end;)
		np_yield();
	np_sleep(20 * MILLISECOND);
	return 0;
}

static void yield_in_group(void *arg)
{
	yield_alone(arg);
}

static int yield_together(void *arg)
{
	for (int i = 0; i < 3; i++)
		cr_assert_eq(np_go(yield_in_group, NULL), 0);
	return yield_alone(arg);
}

/* On a machine so busy that a thread does not run for a whole limit it looks like one: once more.
 */
static bool is_told(int (*body)(void *arg), unsigned workers)
{
	for (int tries = 0; tries < 5; tries++) {
		cr_assert_eq(run(body, workers, 250 * MILLISECOND), 0);
		if (told == 0)
			return false;
	}
	return true;
}

Test(hogs, are_not_who_yield_or_sleep)
{
	cr_assert_not(is_told(yield_alone, 1));
	cr_assert_not(is_told(yield_together, 2));
}

static int sleep_a_while(void *arg)
{
	(void)arg;
	return np_sleep(300 * MILLISECOND);
}

static int64_t processor_time(void)
{
	struct timespec used;

	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
	return (int64_t)used.tv_sec * 1000000000 + used.tv_nsec;
}

/* Half of it from now, where seconds have 32 bits, would lie in the past. */
Test(hogs, are_not_looked_for_without_end_by_a_limit_beyond_all_times)
{
	int64_t before = processor_time();

	cr_assert_eq(run(sleep_a_while, 1, INT64_C(4000000000) * 1000 * MILLISECOND), 0);
	cr_assert_lt(processor_time() - before, 200 * MILLISECOND);
	cr_assert_eq(told, 0);
}

Test(hogs, want_a_limit_and_a_hook)
{
	struct np_run_options options = { .hog_limit_ns = 1 };

	cr_assert_eq(np_run(yield_alone, NULL, &options), -EINVAL);
	options = (struct np_run_options){ .hog = note };
	cr_assert_eq(np_run(yield_alone, NULL, &options), -EINVAL);
	options = (struct np_run_options){ .hog = note, .hog_limit_ns = -1 };
	cr_assert_eq(np_run(yield_alone, NULL, &options), -EINVAL);
}
