/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_pin.c - NP_RUN_PIN, and that nothing of it is left; and how many workers there
 * are if nobody says.
 */
#include "core/fiber/fiber.h"
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <sched.h>

TestSuite(pin, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static cpu_set_t all;

static int count_processors(void *arg)
{
	cpu_set_t set;

	(void)arg;
	CPU_ZERO(&set);
	sched_getaffinity(0, sizeof(set), &set);
	return CPU_COUNT(&set);
}

static void look(void *arg)
{
	*(int *)arg = count_processors(NULL);
}

static int look_around(void *arg)
{
	int elsewhere = 0;

	(void)arg;
	cr_assert_eq(count_processors(NULL), 1, "the calling thread is a worker, too");
	cr_assert_eq(np_blocking(count_processors, NULL), CPU_COUNT(&all));
	cr_assert_eq(np_go(look, &elsewhere), 0);
	FIBER_UNTIL(__atomic_load_n(&elsewhere, __ATOMIC_SEQ_CST));
	cr_assert_eq(elsewhere, 1);
	return 0;
}

Test(pin, binds_workers_and_nothing_else)
{
	static const unsigned counts[] = { 1, 2, 8 };
	cpu_set_t after;

	fixture_needs("sched_getaffinity");
	sched_getaffinity(0, sizeof(all), &all);
	for (int i = 0; i < 3; i++) {
		const struct np_run_options options = {
			.workers = counts[i],
			.flags = NP_RUN_PIN,
			.backend = np_poller_backend(test_poller),
		};

		cr_assert_eq(np_run(look_around, NULL, &options), 0);
		sched_getaffinity(0, sizeof(after), &after);
		cr_assert(CPU_EQUAL(&all, &after), "the calling thread is as it was");
	}
}

static int count_workers(void *arg)
{
	(void)arg;
	return (int)np__worker->runtime->worker_count;
}

Test(pin, there_is_a_worker_for_each_processor_that_the_process_may_use)
{
	cpu_set_t one;
	size_t first = 0;

	fixture_needs("sched_getaffinity");
	sched_getaffinity(0, sizeof(all), &all);
	cr_assert_eq(fiber_run_with(count_workers, NULL, 0), CPU_COUNT(&all));
	while (!CPU_ISSET(first, &all))
		first++;
	CPU_ZERO(&one);
	CPU_SET(first, &one);
	cr_assert_eq(sched_setaffinity(0, sizeof(one), &one), 0);
	cr_assert_eq(fiber_run_with(count_workers, NULL, 0), 1);
}
