/* SPDX-License-Identifier: MIT */
/* tests/bench/die.h - a benchmark that cannot go on says why and ends. */
#ifndef NETPARK_TESTS_BENCH_DIE_H
#define NETPARK_TESTS_BENCH_DIE_H

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static inline _Noreturn void die(const char *what)
{
	fprintf(stderr, "bench: %s\n", what);
	exit(1);
}

/* The same with the reason that errno has. */
static inline _Noreturn void die_errno(const char *what)
{
	fprintf(stderr, "bench: %s: %s\n", what, strerror(errno));
	exit(1);
}

#endif /* NETPARK_TESTS_BENCH_DIE_H */
