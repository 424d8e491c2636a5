/* SPDX-License-Identifier: MIT */
/* tests/bench/histogram.c - the buckets. */
#include "histogram.h"

/* Values below one split have a bucket each; above, the leading bits choose. */
static unsigned bucket_of(uint64_t value)
{
	unsigned shift;

	if (value < HISTOGRAM_SPLIT)
		return (unsigned)value;
	shift = 63u - (unsigned)__builtin_clzll(value) - HISTOGRAM_SPLIT_BITS;
	return (shift + 1) * HISTOGRAM_SPLIT + (unsigned)(value >> shift) - HISTOGRAM_SPLIT;
}

static double middle_of(unsigned bucket)
{
	unsigned shift = bucket / HISTOGRAM_SPLIT;
	unsigned place = bucket % HISTOGRAM_SPLIT;
	double width;

	if (shift == 0)
		return place;
	width = (double)(UINT64_C(1) << (shift - 1));
	return ((double)HISTOGRAM_SPLIT + place + 0.5) * width;
}

void histogram_clear(struct histogram *histogram)
{
	*histogram = (struct histogram){ .count = 0 };
}

void histogram_add(struct histogram *histogram, uint64_t value)
{
	histogram->buckets[bucket_of(value)]++;
	histogram->count++;
}

double histogram_quantile(const struct histogram *histogram, double fraction)
{
	double below = fraction * (double)histogram->count;
	uint64_t seen = 0;

	for (unsigned i = 0; i < HISTOGRAM_BUCKETS; i++) {
		seen += histogram->buckets[i];
		if (seen && (double)seen >= below)
			return middle_of(i);
	}
	return 0;
}
