/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/fibers_st.c - State Threads; the measures are those of fibers_netpark.c.
 *
 * It has no yield: the cheapest way to let others run is that each of a ring wakes the next one and
 * waits for its own turn, on conditions. It has no channels. Its conditions have no mutex, since
 * nobody runs meanwhile, and its mutex goes to whoever waits as soon as it is unlocked, so there is
 * one switch for each pass.
 */
#include "../die.h"
#include "../measure.h"

#include <st.h>
#include <stdbool.h>

enum { STACK_ROOM = 64 * 1024 };

static void start(void *(*fn)(void *arg), void *arg)
{
	if (!st_thread_create(fn, arg, 0, STACK_ROOM))
		die("st_thread_create");
}

/* ---- yield -------------------------------------------------------------------------------- */

struct seat {
	st_cond_t turn;
	struct seat *next;
	bool *is_over;
};

static void pass(struct seat *seat)
{
	st_cond_signal(seat->next->turn);
	st_cond_wait(seat->turn);
}

static void *pass_until_over(void *arg)
{
	struct seat *seat = arg;

	st_cond_wait(seat->turn);
	while (!*seat->is_over)
		pass(seat);
	st_cond_signal(seat->next->turn);
	return NULL;
}

static int64_t yield_among(unsigned threads, unsigned long count)
{
	struct seat *seats = calloc(threads, sizeof(*seats));
	bool is_over = false;
	int64_t begin;

	if (!seats)
		die("out of memory");
	for (unsigned i = 0; i < threads; i++)
		seats[i] = (struct seat){ st_cond_new(), &seats[(i + 1) % threads], &is_over };
	for (unsigned i = 1; i < threads; i++)
		start(pass_until_over, &seats[i]);
	st_usleep(0); /* all begin */
	pass(&seats[0]);
	begin = measure_time_ns();
	for (unsigned long i = 0; i < count; i += threads)
		pass(&seats[0]);
	begin = measure_time_ns() - begin;
	is_over = true;
	pass(&seats[0]);
	for (unsigned i = 0; i < threads; i++)
		st_cond_destroy(seats[i].turn);
	free(seats);
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

struct burst {
	st_cond_t over;
	unsigned long left;
};

static void *end(void *arg)
{
	struct burst *burst = arg;

	if (--burst->left == 0)
		st_cond_signal(burst->over);
	return NULL;
}

static int64_t spawn_at_once(unsigned long threads, unsigned long count)
{
	struct burst burst = { .over = st_cond_new() };
	int64_t begin = measure_time_ns();

	for (unsigned long i = 0; i < count; i += threads) {
		burst.left = threads;
		for (unsigned long started = 0; started < threads; started++)
			start(end, &burst);
		st_cond_wait(burst.over);
	}
	begin = measure_time_ns() - begin;
	st_cond_destroy(burst.over);
	return begin;
}

static int64_t spawn(unsigned long count)
{
	return spawn_at_once(1, count);
}

static int64_t spawn1000(unsigned long count)
{
	return spawn_at_once(1000, count);
}

/* ---- mutex -------------------------------------------------------------------------------- */

struct contest {
	st_mutex_t mutex;
	st_cond_t over;
	unsigned long left;
};

static void *contend(void *arg)
{
	struct contest *contest = arg;

	st_mutex_lock(contest->mutex);
	while (contest->left) {
		contest->left--;
		st_mutex_unlock(contest->mutex);
		st_mutex_lock(contest->mutex);
	}
	st_mutex_unlock(contest->mutex);
	st_cond_signal(contest->over);
	return NULL;
}

static int64_t mutex(unsigned long count)
{
	struct contest contest = { st_mutex_new(), st_cond_new(), count };
	int64_t begin;

	st_mutex_lock(contest.mutex);
	start(contend, &contest);
	start(contend, &contest);
	st_usleep(0); /* both wait for it */
	begin = measure_time_ns();
	st_mutex_unlock(contest.mutex);
	st_cond_wait(contest.over);
	begin = measure_time_ns() - begin;
	st_mutex_lock(contest.mutex); /* after the second one, too */
	st_mutex_unlock(contest.mutex);
	st_usleep(0);
	st_mutex_destroy(contest.mutex);
	st_cond_destroy(contest.over);
	return begin;
}

static int64_t cond(unsigned long count)
{
	return yield_among(2, count);
}

int main(int argc, char **argv)
{
	static const struct measure measures[] = {
		{ "yield2", 100000, yield2 }, { "yield1000", 100000, yield1000 },
		{ "spawn", 10000, spawn },    { "spawn1000", 10000, spawn1000 },
		{ "mutex", 20000, mutex },    { "cond", 20000, cond },
	};

	measure_parse(argc, argv);
	if (st_init() != 0)
		die_errno("st_init");
	measure_all(measures, sizeof(measures) / sizeof(measures[0]));
	return 0;
}
