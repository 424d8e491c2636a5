/* SPDX-License-Identifier: MIT */
/* tests/fiber/cached.h - code that may find thread-local variables once and for all. */
#ifndef NETPARK_TESTS_FIBER_CACHED_H
#define NETPARK_TESTS_FIBER_CACHED_H

#include <stdbool.h>

struct cached_truth {
	int *own; /* where thread-local variables are now, found anew each time */
	int *error;
};

/*
 * Call @park @times times, each with @number in errno. True if all along both variables were where
 * @look says, and errno was @number afterwards or below @others: 0, or more where system calls may
 * leave what they please.
 */
bool cached_stays(void (*park)(void *arg), void *arg, int times, int number, int others,
		  struct cached_truth (*look)(void));

extern _Thread_local int cached_own;

#endif /* NETPARK_TESTS_FIBER_CACHED_H */
