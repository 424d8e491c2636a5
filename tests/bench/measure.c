/* SPDX-License-Identifier: MIT */
/* tests/bench/measure.c - run, take the median, print. */
#include "measure.h"

#include "die.h"

#include <time.h>
#include <unistd.h>

enum { RUNS_MAX = 10000 };

static int64_t duration_ns = 100000000;

int64_t measure_time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

void measure_set_seconds(const char *text)
{
	duration_ns = (int64_t)(strtod(text, NULL) * 1e9);
}

void measure_parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "t:")) != -1) {
		if (option != 't')
			exit(2);
		measure_set_seconds(optarg);
	}
	if (optind != argc)
		die("usage: NAME [-t SECONDS]");
}

static int compare(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

	return (x > y) - (x < y);
}

static double median_ns(const struct measure *measure)
{
	static int64_t ns[RUNS_MAX];
	size_t runs = 0;
	int64_t end_ns;

	measure->run(measure->count);
	end_ns = measure_time_ns() + duration_ns;
	do
		ns[runs++] = measure->run(measure->count);
	while (runs < RUNS_MAX && measure_time_ns() < end_ns);
	qsort(ns, runs, sizeof(ns[0]), compare);
	return (double)ns[runs / 2] / (double)measure->count;
}

void measure_all(const struct measure *measures, size_t count)
{
	for (size_t i = 0; i < count; i++)
		printf("%s%s=%.2f", i ? " " : "", measures[i].key, median_ns(&measures[i]));
	printf("\n");
}
