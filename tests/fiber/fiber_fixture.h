/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/fiber_fixture.h - tests whose body is a fiber, on 1, 2 and 8 workers.
 *
 *	FIBER_TEST(suite, name) { ... on each number of workers ... }
 *
 * The backend is the one that the environment names, as for all suites.
 */
#ifndef NETPARK_TESTS_FIBER_FIBER_FIXTURE_H
#define NETPARK_TESTS_FIBER_FIBER_FIXTURE_H

#include "tests/support/fixture.h"

#include <netpark/fiber.h>

/* How many workers the body runs on now. */
extern unsigned fiber_workers;

/* Run @body as the first fiber, on 1, 2 and 8 workers one after the other. */
void fiber_run(void (*body)(void));

/* With these options; returns what np_run() does. */
int fiber_run_with(int (*body)(void *arg), void *arg, unsigned workers);

#define FIBER_TEST(suite, name)                                                                    \
	static void suite##_##name##_body(void);                                                   \
	Test(suite, name)                                                                          \
	{                                                                                          \
		fiber_run(suite##_##name##_body);                                                  \
	}                                                                                          \
	static void suite##_##name##_body(void)

/* Yield until @condition holds; fails when it never does. */
#define FIBER_UNTIL(condition)                                                                     \
	do {                                                                                       \
		int64_t fiber_give_up_ = np_deadline(INT64_C(60) * 1000000000);                    \
		while (!(condition)) {                                                             \
			cr_assert_lt(np_time(), fiber_give_up_, "still waiting for: %s",           \
				     #condition);                                                  \
			np_yield();                                                                \
		}                                                                                  \
	} while (0)

#endif /* NETPARK_TESTS_FIBER_FIBER_FIXTURE_H */
