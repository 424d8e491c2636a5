/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/measure.h - nanoseconds for each of many equal operations.
 *
 *	NAME [-t SECONDS] [...]
 *
 * Each measure is run until its time is over, once at least after a run that does not count. What
 * is printed is one line of KEY=NANOSECONDS, the median of the runs: a run that was disturbed does
 * not move it.
 */
#ifndef NETPARK_TESTS_BENCH_MEASURE_H
#define NETPARK_TESTS_BENCH_MEASURE_H

#include <stddef.h>
#include <stdint.h>

struct measure {
	const char *key;
	unsigned long count;                 /* operations of one run */
	int64_t (*run)(unsigned long count); /* the nanoseconds they took, without setting up */
};

int64_t measure_time_ns(void);

/* For each measure @text seconds; 0.1 if this is not called. */
void measure_set_seconds(const char *text);

/* The command line of programs that have no option but -t. */
void measure_parse(int argc, char **argv);

void measure_all(const struct measure *measures, size_t count);

#endif /* NETPARK_TESTS_BENCH_MEASURE_H */
