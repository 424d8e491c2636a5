/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_many.c - more fibers than there are memory maps for, where each guard is one:
 * an error for who starts one too many, and everybody else ends as usual. The 200,000 that fit
 * where guards cost no map are in tests/stress/many_fibers.c.
 */
#include "core/fiber/fiber.h"
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VERY_MANY = 200000 };

TestSuite(many, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static size_t most_maps(void)
{
	FILE *file = fopen("/proc/sys/vm/max_map_count", "r");
	size_t number = 0;

	if (file && fscanf(file, "%zu", &number) != 1)
		number = 0;
	if (file)
		fclose(file);
	return number;
}

/* Between exhaustion and the end, nothing that might need memory of its own. */
struct outcome {
	int started;
	int error;
	int again; /* error of one more, at once */
	int later; /* and when all have ended */
};

static struct np_semaphore go_on;
static atomic_int waiting, ended;

static void wait_for_all(void *arg)
{
	(void)arg;
	atomic_fetch_add(&waiting, 1);
	if (np_semaphore_acquire(&go_on, 1) == 0)
		atomic_fetch_add(&ended, 1);
}

static int exhaust(void *arg)
{
	struct outcome *outcome = arg;

	/* As on a kernel without guard regions. */
	np__stack_depot_use_mprotect(np__worker->runtime->depot);
	while (outcome->started < VERY_MANY && (outcome->error = np_go(wait_for_all, NULL)) == 0)
		outcome->started++;
	outcome->again = np_go(wait_for_all, NULL);
	while (atomic_load(&waiting) < outcome->started)
		np_yield();
	np_semaphore_release(&go_on, (uint64_t)outcome->started);
	while (atomic_load(&ended) < outcome->started)
		np_yield();
	np_semaphore_release(&go_on, 1);
	outcome->later = np_go(wait_for_all, NULL);
	while (outcome->later == 0 && atomic_load(&ended) <= outcome->started)
		np_yield();
	return 0;
}

static void expect_exhaustion(unsigned workers)
{
	const char *preloaded = getenv("LD_PRELOAD");
	struct outcome outcome = { .started = 0 };

	if (most_maps() == 0 || most_maps() > VERY_MANY)
		cr_skip_test("maps do not run out here");
	if (preloaded && strstr(preloaded, "vgpreload"))
		cr_skip_test("more than Valgrind can bear");
	cr_assert_eq(fiber_run_with(exhaust, &outcome, workers), 0);
	cr_assert_eq(outcome.error, -ENOMEM);
	cr_assert_eq(outcome.again, -ENOMEM);
	cr_assert_eq(outcome.later, 0);
	cr_assert_gt(outcome.started, 1000);
	cr_assert_lt((size_t)outcome.started, most_maps());
}

Test(many, when_maps_run_out_is_an_error_on_one_worker)
{
	expect_exhaustion(1);
}

Test(many, when_maps_run_out_is_an_error_on_several)
{
	expect_exhaustion(3);
}
