/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/hogs.c - a thread that looks for fibers which keep their worker to themselves.
 *
 * It sees from outside what a worker counts anyway: rounds, and the switches left of a round. Who
 * runs now and ran at the last look, with both as they were, has not let go in between.
 */
#include "core/fiber/fiber.h"

#include <errno.h>
#include <stdlib.h>
#include <time.h>

/* Of one worker, when it was first seen like this. */
struct sight {
	const struct fiber *fiber; /* NULL: none runs */
	uint64_t rounds;
	uint32_t turns;
	int64_t since;
	bool is_told;
};

struct hog_watch {
	struct runtime *runtime;
	pthread_mutex_t lock;
	pthread_cond_t ended;
	bool is_ending;
	bool is_looking;
	pthread_t thread;
	struct sight sights[];
};

static struct sight look_at(const struct worker *worker)
{
	return (struct sight){
		.fiber = __atomic_load_n(&worker->current, __ATOMIC_RELAXED),
		.rounds = atomic_load_explicit(&worker->rounds, memory_order_relaxed),
		.turns = __atomic_load_n(&worker->turns, __ATOMIC_RELAXED),
		.since = np_time(),
	};
}

static bool is_same(const struct sight *a, const struct sight *b)
{
	return a->fiber == b->fiber && a->rounds == b->rounds && a->turns == b->turns;
}

/* The fiber may end meanwhile, and its record be another's: then what was copied is not told. */
static void tell(struct runtime *runtime, const struct worker *worker, struct sight *sight)
{
	const struct np_run_options *options = &runtime->options;
	np_fiber_id id = np__fiber_id(sight->fiber);
	char name[FIBER_LABEL];
	struct sight now;

	np__fiber_read_label(sight->fiber, name);
	now = look_at(worker);
	if (!is_same(sight, &now))
		return;
	sight->is_told = true;
	options->hog(id, name[0] ? name : NULL, now.since - sight->since, options->hog_arg);
}

static void look(struct hog_watch *watch)
{
	struct runtime *runtime = watch->runtime;

	for (unsigned i = 0; i < runtime->worker_count; i++) {
		const struct worker *worker = &runtime->workers[i];
		struct sight *sight = &watch->sights[i];
		struct sight now = look_at(worker);

		if (!is_same(sight, &now))
			*sight = now;
		else if (now.fiber && !sight->is_told &&
			 now.since - sight->since >= runtime->options.hog_limit_ns)
			tell(runtime, worker, sight);
	}
}

/* A capped wait only looks early; added to a time of 32 bits, more may lie in the past. */
static const int64_t LONGEST_WAIT_NS = INT64_C(1000000) * 1000000000;

/* Under the lock. The clock of pthread_cond_timedwait(3); what it is set to does little harm. */
static void wait_for_end(struct hog_watch *watch, int64_t duration_ns)
{
	struct timespec until;

	if (duration_ns > LONGEST_WAIT_NS)
		duration_ns = LONGEST_WAIT_NS;
	clock_gettime(CLOCK_REALTIME, &until);
	until.tv_sec += (time_t)(duration_ns / 1000000000);
	until.tv_nsec += (long)(duration_ns % 1000000000);
	if (until.tv_nsec >= 1000000000) {
		until.tv_sec++;
		until.tv_nsec -= 1000000000;
	}
	pthread_cond_timedwait(&watch->ended, &watch->lock, &until);
}

static void *run(void *arg)
{
	struct hog_watch *watch = arg;

	np__sys_processors_set(watch->runtime->processors);
	pthread_mutex_lock(&watch->lock);
	while (!watch->is_ending) {
		wait_for_end(watch, watch->runtime->options.hog_limit_ns / 2);
		watch->is_looking = true;
		pthread_mutex_unlock(&watch->lock);
		look(watch);
		pthread_mutex_lock(&watch->lock);
		watch->is_looking = false;
	}
	pthread_mutex_unlock(&watch->lock);
	return NULL;
}

int np__hogs_begin(struct runtime *runtime)
{
	struct hog_watch *watch;
	int error;

	if (runtime->options.hog_limit_ns == 0)
		return 0;
	watch = calloc(1, sizeof(*watch) + runtime->worker_count * sizeof(watch->sights[0]));
	if (!watch)
		return -ENOMEM;
	watch->runtime = runtime;
	pthread_mutex_init(&watch->lock, NULL);
	pthread_cond_init(&watch->ended, NULL);
	error = np__thread_start(&watch->thread, run, watch);
	if (error)
		free(watch);
	else
		runtime->hogs = watch;
	return error;
}

void np__hogs_end(struct runtime *runtime)
{
	struct hog_watch *watch = runtime->hogs;

	if (!watch)
		return;
	pthread_mutex_lock(&watch->lock);
	watch->is_ending = true;
	pthread_cond_signal(&watch->ended);
	pthread_mutex_unlock(&watch->lock);
	pthread_join(watch->thread, NULL);
	pthread_cond_destroy(&watch->ended);
	pthread_mutex_destroy(&watch->lock);
	free(watch);
	runtime->hogs = NULL;
}

bool np__hogs_is_idle(struct runtime *runtime, unsigned *threads)
{
	struct hog_watch *watch = runtime->hogs;
	bool is_idle;

	if (!watch)
		return true;
	pthread_mutex_lock(&watch->lock);
	is_idle = !watch->is_looking;
	pthread_mutex_unlock(&watch->lock);
	++*threads;
	return is_idle;
}
