/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/deadline.c - what deadlines cost when many are pending.
 *
 *	deadline [DESCRIPTORS]
 *
 * One line for each measure: nanoseconds for each call, the median of several rounds. No descriptor
 * is polled: a backend that does nothing stands below the poller.
 */
#include <netpark.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

enum { ROUNDS = 7 };

static const int64_t SECOND = 1000000000;

static int idle_init(void **ret_state)
{
	*ret_state = NULL;
	return 0;
}

static void idle_fini(void *state)
{
	(void)state;
}

static int idle_open(void *state, int fd, uint64_t tag)
{
	(void)state, (void)fd, (void)tag;
	return 0;
}

static int idle_close(void *state, int fd)
{
	(void)state, (void)fd;
	return 0;
}

static int idle_wait(void *state, int64_t delta_ns, struct runtime_poll_event *events, int capacity)
{
	(void)state, (void)delta_ns, (void)events, (void)capacity;
	return 0;
}

static int idle_break_wait(void *state)
{
	(void)state;
	return 0;
}

static bool idle_is_poll_descriptor(const void *state, int fd)
{
	(void)state, (void)fd;
	return false;
}

static int idle_descriptor(const void *state)
{
	(void)state;
	return -EOPNOTSUPP;
}

static const struct runtime_poll idle = {
	.name = "idle",
	.tag_bits = 64,
	.init = idle_init,
	.fini = idle_fini,
	.open = idle_open,
	.close = idle_close,
	.wait = idle_wait,
	.break_wait = idle_break_wait,
	.is_poll_descriptor = idle_is_poll_descriptor,
	.descriptor = idle_descriptor,
};

struct bench {
	struct np_poll_desc **descs;
	size_t count;
	int64_t base;
	uint64_t random;
};

/* A time of its own for each descriptor, within an hour of @base, in no order. */
static int64_t random_time(struct bench *bench)
{
	bench->random ^= bench->random << 13;
	bench->random ^= bench->random >> 7;
	bench->random ^= bench->random << 17;
	return bench->base + (int64_t)(bench->random % (uint64_t)(3600 * SECOND));
}

static void arm(struct bench *bench, size_t i)
{
	np_poll_set_deadline(bench->descs[i], random_time(bench), NP_READ);
}

static void move_later(struct bench *bench, size_t i)
{
	np_poll_set_deadline(bench->descs[i], bench->base + 4 * 3600 * SECOND, NP_READ);
}

static void move_later_from_now(struct bench *bench, size_t i)
{
	np_poll_set_deadline(bench->descs[i], np_deadline(4 * 3600 * SECOND), NP_READ);
}

static void clear(struct bench *bench, size_t i)
{
	np_poll_set_deadline(bench->descs[i], 0, NP_READ);
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void open_all(struct bench *bench, struct np_poller *poller)
{
	for (size_t i = 0; i < bench->count; i++)
		if (np_poll_open(poller, (int)i, &bench->descs[i]) != 0)
			abort();
}

static void close_all(struct bench *bench)
{
	for (size_t i = 0; i < bench->count; i++) {
		np_poll_unblock(bench->descs[i]);
		np_poll_close(bench->descs[i]);
	}
}

static double time_calls(struct bench *bench, void (*call)(struct bench *bench, size_t i))
{
	int64_t start = np_time();

	for (size_t i = 0; i < bench->count; i++)
		call(bench, i);
	return (double)(np_time() - start) / (double)bench->count;
}

int main(int argc, char **argv)
{
	static const char *const names[] = { "arm at a random time", "move to later, time given",
					     "move to later, clock read", "clear", "close" };
	const struct np_poller_options options = { .backend = &idle };
	double ns[5][ROUNDS];
	struct np_poller *poller;
	struct bench bench = { .count = 100000, .random = 88172645463325252u };

	if (argc > 1)
		bench.count = strtoul(argv[1], NULL, 10);
	bench.descs = calloc(bench.count, sizeof(struct np_poll_desc *));
	if (bench.count == 0 || !bench.descs || np_poller_create(&options, &poller) != 0)
		return 1;
	for (int round = 0; round < ROUNDS; round++) {
		int64_t start;

		bench.base = np_deadline(3600 * SECOND);
		open_all(&bench, poller);
		ns[0][round] = time_calls(&bench, arm);
		ns[1][round] = time_calls(&bench, move_later);
		ns[2][round] = time_calls(&bench, move_later_from_now);
		ns[3][round] = time_calls(&bench, clear);
		start = np_time();
		close_all(&bench);
		ns[4][round] = (double)(np_time() - start) / (double)bench.count;
	}
	for (int i = 0; i < 5; i++) {
		qsort(ns[i], ROUNDS, sizeof(double), compare);
		printf("%-28s %8.1f ns  (%.1f to %.1f) with %zu pending\n", names[i],
		       ns[i][ROUNDS / 2], ns[i][0], ns[i][ROUNDS - 1], bench.count);
	}
	free(bench.descs);
	return np_poller_destroy(poller);
}
