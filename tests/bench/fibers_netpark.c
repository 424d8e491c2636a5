/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/fibers_netpark.c - netpark's fibers on one worker: what it costs to go from one to
 * the next, in each of the ways.
 *
 *	yield2, yield1000	np_yield() among so many fibers, for each switch
 *	spawn, spawn1000	start a fiber and let it end, one at a time or so many
 *	channel, buffered	an element goes to another fiber, by a channel without and with room
 *	mutex			a mutex goes to another fiber that waits for it
 *	cond			a fiber is told of a change that it waits for
 */
#include <netpark.h>

#include "die.h"
#include "measure.h"

#include <stdbool.h>

static void start(void (*fn)(void *arg), void *arg)
{
	if (np_go(fn, arg) != 0)
		die("np_go");
}

/* ---- yield -------------------------------------------------------------------------------- */

struct crowd {
	unsigned running;
	bool is_over;
};

static void yield_until_over(void *arg)
{
	struct crowd *crowd = arg;

	crowd->running++;
	while (!crowd->is_over)
		np_yield();
	crowd->running--;
}

/* Everybody has a turn for each of the caller's. */
static int64_t yield_among(unsigned fibers, unsigned long count)
{
	struct crowd crowd = { .running = 1 };
	int64_t begin;

	for (unsigned i = 1; i < fibers; i++)
		start(yield_until_over, &crowd);
	while (crowd.running < fibers)
		np_yield();
	begin = measure_time_ns();
	for (unsigned long i = 0; i < count; i += fibers)
		np_yield();
	begin = measure_time_ns() - begin;
	crowd.is_over = true;
	while (crowd.running > 1)
		np_yield();
	return begin;
}

static int64_t yield2(unsigned long count)
{
	return yield_among(2, count);
}

static int64_t yield1000(unsigned long count)
{
	return yield_among(1000, count);
}

/* ---- spawn -------------------------------------------------------------------------------- */

static void end(void *arg)
{
	unsigned long *left = arg;

	--*left;
}

static int64_t spawn_at_once(unsigned long fibers, unsigned long count)
{
	int64_t begin = measure_time_ns();

	for (unsigned long i = 0; i < count; i += fibers) {
		unsigned long left = fibers;

		for (unsigned long started = 0; started < fibers; started++)
			start(end, &left);
		while (left)
			np_yield();
	}
	return measure_time_ns() - begin;
}

static int64_t spawn(unsigned long count)
{
	return spawn_at_once(1, count);
}

static int64_t spawn1000(unsigned long count)
{
	return spawn_at_once(1000, count);
}

/* ---- channel ------------------------------------------------------------------------------ */

struct channels {
	struct np_channel *there, *back;
};

static void send_back(void *arg)
{
	struct channels *channels = arg;
	int token;

	while (np_channel_receive(channels->there, &token) == 0)
		np_channel_send(channels->back, &token);
	np_channel_close(channels->back);
}

static int64_t channel_hops(size_t capacity, unsigned long count)
{
	struct channels channels;
	int token = 0;
	int64_t begin;

	if (np_channel_create(sizeof(token), capacity, &channels.there) != 0 ||
	    np_channel_create(sizeof(token), capacity, &channels.back) != 0)
		die("np_channel_create");
	start(send_back, &channels);
	np_yield();
	begin = measure_time_ns();
	for (unsigned long i = 0; i < count; i += 2) {
		np_channel_send(channels.there, &token);
		np_channel_receive(channels.back, &token);
	}
	begin = measure_time_ns() - begin;
	np_channel_close(channels.there);
	np_channel_receive(channels.back, &token);
	np_channel_destroy(channels.there);
	np_channel_destroy(channels.back);
	return begin;
}

static int64_t channel(unsigned long count)
{
	return channel_hops(0, count);
}

static int64_t buffered(unsigned long count)
{
	return channel_hops(1, count);
}

/* ---- mutex -------------------------------------------------------------------------------- */

struct contest {
	struct np_mutex mutex;
	unsigned long left;
	unsigned running;
};

/* Yields with the mutex, so that the other one waits for it, and without, so that it gets it. */
static void contend(void *arg)
{
	struct contest *contest = arg;

	while (contest->left) {
		np_mutex_lock(&contest->mutex);
		np_yield();
		if (contest->left)
			contest->left--;
		np_mutex_unlock(&contest->mutex);
		np_yield();
	}
	contest->running--;
}

static int64_t mutex(unsigned long count)
{
	struct contest contest = { .left = count, .running = 2 };
	int64_t begin = measure_time_ns();

	start(contend, &contest);
	contend(&contest);
	begin = measure_time_ns() - begin;
	while (contest.running)
		np_yield();
	return begin;
}

/* ---- condition ---------------------------------------------------------------------------- */

struct game {
	struct np_mutex mutex;
	struct np_cond changed;
	unsigned long left;
	bool is_mine; /* the caller's turn, not the other one's */
	bool is_over;
};

static void play(struct game *game, bool mine)
{
	np_mutex_lock(&game->mutex);
	for (;;) {
		while (game->left && game->is_mine != mine)
			np_cond_wait(&game->changed, &game->mutex);
		if (!game->left)
			break;
		game->left--;
		game->is_mine = !mine;
		np_cond_signal(&game->changed);
	}
	np_cond_signal(&game->changed);
	np_mutex_unlock(&game->mutex);
}

static void play_other(void *arg)
{
	struct game *game = arg;

	play(game, false);
	game->is_over = true;
}

static int64_t cond(unsigned long count)
{
	struct game game = { .left = count };
	int64_t begin = measure_time_ns();

	start(play_other, &game);
	play(&game, true);
	begin = measure_time_ns() - begin;
	while (!game.is_over)
		np_yield();
	return begin;
}

static int run(void *arg)
{
	static const struct measure measures[] = {
		{ "yield2", 100000, yield2 },  { "yield1000", 100000, yield1000 },
		{ "spawn", 10000, spawn },     { "spawn1000", 10000, spawn1000 },
		{ "channel", 20000, channel }, { "buffered", 20000, buffered },
		{ "mutex", 20000, mutex },     { "cond", 20000, cond },
	};

	(void)arg;
	measure_all(measures, sizeof(measures) / sizeof(measures[0]));
	return 0;
}

int main(int argc, char **argv)
{
	const struct np_run_options options = { .workers = 1 };

	measure_parse(argc, argv);
	return np_run(run, NULL, &options) == 0 ? 0 : 1;
}
