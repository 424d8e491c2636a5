/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/lookup_races.c - lookups that are given up as their answers come.
 *
 * Fibers and threads look up "localhost", which takes the system some microseconds, with
 * deadlines about as long; some fibers are cancelled, and the runtime ends while lookups are on.
 * Each lookup returns what was found or that it was too late, with nothing in between, and what it
 * had is freed once: that is for the sanitizers to see.
 */
#include "tests/stress/stress.h"

#include "core/fiber/fiber.h"

enum { FIBERS = 8, THREADS = 2, LOOKUPS = 12 };

static uint64_t seeds[FIBERS + THREADS];
static atomic_int found, late, canceled;

static void look_up(uint64_t *random)
{
	const int64_t limit = 10 + stress_below(random, 150);
	struct np_addr addrs[2] = { { .family = NP_ADDR_NONE } };
	bool has_limit = stress_below(random, 4) > 0;
	int64_t deadline = has_limit ? np_deadline(limit * MICROSECOND) : 0;
	int result = np_resolve("tcp", "localhost:7", deadline, addrs, 2);

	if (result == NP_EDEADLINE || result == NP_ECANCELED) {
		STRESS_CHECK(addrs[0].family == NP_ADDR_NONE, "an answer although it is late");
		STRESS_CHECK(result == NP_ECANCELED || has_limit, "late without a deadline");
		atomic_fetch_add(result == NP_ECANCELED ? &canceled : &late, 1);
		return;
	}
	STRESS_CHECK(result > 0, "localhost: %d", result);
	STRESS_CHECK(addrs[0].port == 7, "port %d", addrs[0].port);
	atomic_fetch_add(&found, 1);
}

static int look_up_in_fiber(void *arg)
{
	for (int i = 0; i < LOOKUPS && !np_is_canceled(); i++)
		look_up(arg);
	return 0;
}

static void *look_up_in_thread(void *arg)
{
	for (int i = 0; i < LOOKUPS; i++)
		look_up(arg);
	return arg;
}

static void look_up_left_behind(void *arg)
{
	look_up_in_fiber(arg);
}

static int cancel_some(void *arg)
{
	struct np_group groups[2] = { { 0 }, { 0 } };
	uint64_t *random = arg;

	for (int i = 0; i < FIBERS; i++) {
		int error = i % 3 == 2 ? np_go(look_up_left_behind, &seeds[i])
				       : np_group_go(&groups[i % 3], look_up_in_fiber, &seeds[i]);

		STRESS_CHECK(error == 0, "no fiber: %d", error);
	}
	np_sleep(stress_below(random, 1000) * MICROSECOND);
	np_group_cancel(&groups[0]);
	STRESS_CHECK(np_group_join(&groups[0]) == 0, "cancelled ones have failed");
	STRESS_CHECK(np_group_join(&groups[1]) == 0, "a fiber has failed");
	return 0;
}

/* The others, by a thread: with the first that is started come those that a sanitizer has of its
 * own. */
static void *count_other_threads(void *ret_count)
{
	*(unsigned *)ret_count = np__sys_threads() - 1;
	return NULL;
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .blocking_threads = 4 };
	unsigned threads_before;
	uint64_t random;

	stress_begin(argc, argv, 30);
	stress_join(stress_start(count_other_threads, &threads_before));
	options.backend = stress_backend;
	random = stress_seed(0);
	for (unsigned i = 0; i < FIBERS + THREADS; i++)
		seeds[i] = stress_seed(i + 1);
	for (int round = 0; round < stress_rounds; round++) {
		pthread_t threads[THREADS];

		options.workers = 1 + (unsigned)round % 3;
		for (int i = 0; i < THREADS; i++)
			threads[i] = stress_start(look_up_in_thread, &seeds[FIBERS + i]);
		STRESS_CHECK(np_run(cancel_some, &random, &options) == 0, "no runtime");
		for (int i = 0; i < THREADS; i++)
			stress_join(threads[i]);
	}
	/* Lookups that were given up may have files open until they are done. */
	STRESS_UNTIL(np__sys_threads() == threads_before);
	STRESS_CHECK(atomic_load(&found) > 0, "nothing was found");
	return stress_end();
}
