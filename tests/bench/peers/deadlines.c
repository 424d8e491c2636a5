/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/deadlines.c - which deadlines, in which order. */
#include "deadlines.h"

#include "../die.h"
#include "../measure.h"

#include <stdint.h>
#include <unistd.h>

enum { AT_A_TIME = 100 };

bool deadlines_read_clock;

static size_t pending = 1;
static size_t *order; /* all: first those that are armed, then AT_A_TIME others */
static uint64_t state = 88172645463325252u;

static size_t below(size_t bound)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % bound;
}

static void swap(size_t i, size_t j)
{
	size_t index = order[i];

	order[i] = order[j];
	order[j] = index;
}

/* So that AT_A_TIME of the first @among, each as likely as the others, are the last of them. */
static const size_t *choose(size_t among)
{
	for (size_t i = 0; i < AT_A_TIME; i++)
		swap(among - 1 - i, below(among - i));
	return order + among - AT_A_TIME;
}

static void arm_rest(void)
{
	for (size_t i = 0; i < AT_A_TIME; i++)
		deadlines_arm(order[pending + i]);
}

static void cancel_some(void)
{
	const size_t *chosen = choose(pending + AT_A_TIME);

	for (size_t i = 0; i < AT_A_TIME; i++)
		deadlines_cancel(chosen[i]);
}

static int64_t arm(unsigned long count)
{
	int64_t begin;

	(void)count;
	deadlines_turn();
	begin = measure_time_ns();
	arm_rest();
	begin = measure_time_ns() - begin;
	cancel_some();
	return begin;
}

static int64_t cancel(unsigned long count)
{
	const size_t *chosen;
	int64_t begin;

	(void)count;
	deadlines_turn();
	arm_rest();
	chosen = choose(pending + AT_A_TIME);
	begin = measure_time_ns();
	for (size_t i = 0; i < AT_A_TIME; i++)
		deadlines_cancel(chosen[i]);
	return measure_time_ns() - begin;
}

/* Of those that are pending; the first one again and again if there are too few. */
static void choose_armed(size_t chosen[AT_A_TIME])
{
	const size_t *some = pending >= AT_A_TIME ? choose(pending) : NULL;

	for (size_t i = 0; i < AT_A_TIME; i++)
		chosen[i] = some ? some[i] : order[0];
}

static int64_t move(unsigned long count)
{
	size_t chosen[AT_A_TIME];
	int64_t begin;

	(void)count;
	choose_armed(chosen);
	deadlines_turn();
	begin = measure_time_ns();
	for (size_t i = 0; i < AT_A_TIME; i++)
		deadlines_move(chosen[i]);
	return measure_time_ns() - begin;
}

static int64_t any(unsigned long count)
{
	size_t chosen[AT_A_TIME];
	double seconds[AT_A_TIME];
	int64_t begin;

	(void)count;
	choose_armed(chosen);
	for (size_t i = 0; i < AT_A_TIME; i++)
		seconds[i] = 1000 + (double)below(1000000) * (DEADLINES_SECONDS - 1000) / 1000000;
	deadlines_turn();
	begin = measure_time_ns();
	for (size_t i = 0; i < AT_A_TIME; i++)
		deadlines_move_to(chosen[i], seconds[i]);
	return measure_time_ns() - begin;
}

void deadlines_measure(void)
{
	static const struct measure measures[] = {
		{ "arm", AT_A_TIME, arm },
		{ "move", AT_A_TIME, move },
		{ "cancel", AT_A_TIME, cancel },
		{ "any", AT_A_TIME, any },
	};

	deadlines_turn();
	for (size_t i = 0; i < pending; i++)
		deadlines_arm(order[i]);
	measure_all(measures, sizeof(measures) / sizeof(measures[0]));
}

int main(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "cn:t:")) != -1) {
		if (option == 'c')
			deadlines_read_clock = true;
		else if (option == 'n')
			pending = strtoul(optarg, NULL, 10);
		else if (option == 't')
			measure_set_seconds(optarg);
		else
			return 2;
	}
	if (pending == 0 || optind != argc)
		die("usage: NAME [-c] [-n PENDING] [-t SECONDS]");
	order = calloc(pending + AT_A_TIME, sizeof(*order));
	if (!order)
		die("out of memory");
	for (size_t i = 0; i < pending + AT_A_TIME; i++)
		order[i] = i;
	deadlines_main(pending + AT_A_TIME);
	free(order);
	return 0;
}
