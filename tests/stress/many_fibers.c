/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/many_fibers.c - two hundred thousand fibers that wait, all at once, on a system that
 * allows a process its usual 65,530 memory maps.
 *
 * Where the kernel has no guard regions each stack costs two maps, and who starts one too many is
 * told; those that have begun then end as usual, and others may begin.
 */
#include "core/fiber/stack.h"
#include "tests/stress/stress.h"

#include <netpark/fiber.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct np_semaphore go_on;
static atomic_int waiting, ended;
static int wanted;

static void wait_for_all(void *arg)
{
	(void)arg;
	atomic_fetch_add(&waiting, 1);
	STRESS_CHECK(np_semaphore_acquire(&go_on, 1) == 0, "a wait failed");
	atomic_fetch_add(&ended, 1);
}

static int start_many(void *arg)
{
	bool *all_fit = arg;
	int started = 0, error = 0;

	while (started < wanted && (error = np_go(wait_for_all, NULL)) == 0)
		started++;
	STRESS_CHECK(error == 0 || error == -ENOMEM, "np_go: %s", np_strerror(error));
	STRESS_CHECK(error == 0 || !*all_fit, "no more than %d fibers", started);
	STRESS_UNTIL(atomic_load(&waiting) == started);
	np_semaphore_release(&go_on, (uint64_t)started);
	STRESS_UNTIL(atomic_load(&ended) == started);
	np_semaphore_release(&go_on, 1);
	error = np_go(wait_for_all, NULL);
	STRESS_CHECK(error == 0, "np_go, with all ended: %s", np_strerror(error));
	STRESS_UNTIL(atomic_load(&ended) == started + 1);
	return 0;
}

static bool has_guard_regions(void)
{
	struct stack_depot *depot;
	struct stack_stats stats;
	struct stack stack;

	STRESS_CHECK(np__stack_depot_create(0, &depot) == 0, "no depot");
	STRESS_CHECK(np__stack_take_shared(depot, &stack) == 0, "no stack");
	np__stack_depot_get_stats(depot, &stats);
	np__stack_put_shared(depot, stack);
	np__stack_depot_destroy(depot);
	return stats.has_guard_regions;
}

/* It has records of its own for each stack, and looks them up one by one. */
static bool is_on_valgrind(void)
{
	const char *preloaded = getenv("LD_PRELOAD");

	return preloaded && strstr(preloaded, "vgpreload");
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .workers = 2 };
	bool all_fit;
	int result;

	stress_begin(argc, argv, 200000);
	wanted = is_on_valgrind() ? 1000 : stress_rounds;
	all_fit = has_guard_regions();
	stress_phase("starting many");
	options.backend = stress_backend;
	result = np_run(start_many, &all_fit, &options);
	STRESS_CHECK(result == 0, "np_run: %s", np_strerror(result));
	return stress_end();
}
