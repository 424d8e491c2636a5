/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/histogram.h - how long requests took, in logarithmic buckets.
 *
 * Each power of two is split into 32, so a percentile is at most 3 % off, at any scale, and
 * counting one costs a few instructions whatever has been counted before.
 */
#ifndef NETPARK_TESTS_BENCH_HISTOGRAM_H
#define NETPARK_TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

enum {
	HISTOGRAM_SPLIT_BITS = 5,
	HISTOGRAM_SPLIT = 1 << HISTOGRAM_SPLIT_BITS,
	HISTOGRAM_BUCKETS = (64 - HISTOGRAM_SPLIT_BITS + 1) * HISTOGRAM_SPLIT,
};

struct histogram {
	uint64_t count;
	uint64_t buckets[HISTOGRAM_BUCKETS];
};

void histogram_clear(struct histogram *histogram);
void histogram_add(struct histogram *histogram, uint64_t value);

/* The value that @fraction of all are not above: the middle of its bucket. 0 if there is none. */
double histogram_quantile(const struct histogram *histogram, double fraction);

#endif /* NETPARK_TESTS_BENCH_HISTOGRAM_H */
