/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/last_fibers.c - two workers that end the last two fibers together: one of them sees
 * that all have ended, or np_run() never returns.
 *
 * Each round is a runtime of its own, since there are two last fibers only once in it. They meet,
 * spin for a short time at random, and end.
 */
#include "tests/stress/stress.h"

#include <netpark/fiber.h>

#include <sched.h>

enum { SPIN = 1 << 14 }; /* looks: longer than the other takes to come if it runs at all */

static uint64_t randoms[2];
static atomic_int begun, arrived;
static atomic_uint turns_of[2];

static void wait_for_arrivals(int count)
{
	for (unsigned i = 0; atomic_load_explicit(&arrived, memory_order_relaxed) < count; i++)
		if (i > SPIN)
			sched_yield();
}

/*
 * Both keep their workers to themselves, as each shall end on its own. They meet twice: who waited
 * long the first time comes out of a system call too late.
 */
static void meet(void)
{
	for (int count = 2; count <= 4; count += 2) {
		atomic_fetch_add(&arrived, 1);
		wait_for_arrivals(count);
	}
}

/*
 * A processor has its stores wait for a line that the other one writes to, and those that come
 * after it, too, as that which counts an end. Meanwhile it goes on to ask whether all have ended.
 */
static void spin(unsigned index, unsigned turns)
{
	for (volatile unsigned i = 0; i < turns; i++)
		;
	atomic_store_explicit(&turns_of[index], turns, memory_order_relaxed);
}

static void end_there(void *arg)
{
	unsigned turns = stress_below(&randoms[0], 64);

	(void)arg;
	atomic_store(&begun, 1);
	meet();
	spin(0, turns);
}

/* On the worker of main, which has ended when this is cancelled. */
static void end_here(void *arg)
{
	unsigned turns = stress_below(&randoms[1], 64);

	(void)arg;
	while (!np_is_canceled())
		np_yield();
	meet();
	spin(1, turns);
}

/* The other worker has to take the first: this one runs nothing else until it has. */
static int start_both(void *arg)
{
	(void)arg;
	atomic_store(&begun, 0);
	atomic_store(&arrived, 0);
	STRESS_CHECK(np_go(end_there, NULL) == 0, "np_go");
	while (!atomic_load(&begun))
		sched_yield();
	STRESS_CHECK(np_go(end_here, NULL) == 0, "np_go");
	np_yield();
	return 0;
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .workers = 2 };

	stress_begin(argc, argv, 2000);
	options.backend = stress_backend;
	stress_phase("the end of the last two fibers");
	for (unsigned i = 0; i < 2; i++)
		randoms[i] = stress_seed(i);
	for (int round = 0; round < stress_rounds; round++) {
		int result = np_run(start_both, NULL, &options);

		STRESS_CHECK(result == 0, "np_run: %s", np_strerror(result));
	}
	return stress_end();
}
