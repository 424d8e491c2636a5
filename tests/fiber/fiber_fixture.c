/* SPDX-License-Identifier: MIT */
/* tests/fiber/fiber_fixture.c - see fiber_fixture.h. */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <stdint.h>

unsigned fiber_workers;

static int run_body(void *arg)
{
	void (**body)(void) = arg;

	(*body)();
	return 0;
}

int fiber_run_with(int (*body)(void *arg), void *arg, unsigned workers)
{
	const struct np_run_options options = {
		.workers = workers,
		.backend = np_poller_backend(test_poller),
	};

	fiber_workers = workers;
	return np_run(body, arg, &options);
}

void fiber_run(void (*body)(void))
{
	static const unsigned counts[] = { 1, 2, 8 };

	for (size_t i = 0; i < sizeof(counts) / sizeof(counts[0]); i++) {
		int result = fiber_run_with(run_body, &body, counts[i]);

		cr_assert_eq(result, 0, "np_run on %u workers: %s", counts[i], np_strerror(result));
	}
}
