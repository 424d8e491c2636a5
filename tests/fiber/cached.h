/* SPDX-License-Identifier: MIT */
/* tests/fiber/cached.h - code that may find thread-local variables once and for all. */
#ifndef NETPARK_TESTS_FIBER_CACHED_H
#define NETPARK_TESTS_FIBER_CACHED_H

#include <stdbool.h>

struct cached_truth {
	int *own; /* where thread-local variables are now, found anew each time */
	int *error;
};

/* Call @park @times times. True if all along errno was @number, and where @look says it is. */
bool cached_stays(void (*park)(void *arg), void *arg, int times, int number,
		  struct cached_truth (*look)(void));

extern _Thread_local int cached_own;

#endif /* NETPARK_TESTS_FIBER_CACHED_H */
