/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/hold.c - all workers stand still, so that others may look at their fibers.
 *
 * Who wants that takes a lock and calls the workers; each says that it is held and waits for the
 * lock. It says the opposite only with the lock, so while one has it, who is held stays held, also
 * from one hold to the next. A fiber that holds is its worker's: nothing else runs there.
 *
 * The lock is given in the order in which it was asked for. A mutex would go to whoever is awake,
 * and that is who holds again and again: workers would stand still from then on.
 */
#include "core/fiber/fiber.h"

#include <sched.h>
#include <time.h>

enum { HASTE = 200 }; /* times to ask before one sleeps in between */

/* ---- the lock ----------------------------------------------------------------------------- */

void np__hold_init(struct hold *hold)
{
	pthread_mutex_init(&hold->mutex, NULL);
	pthread_cond_init(&hold->given, NULL);
	hold->next = hold->serving = 0;
}

void np__hold_fini(struct hold *hold)
{
	pthread_cond_destroy(&hold->given);
	pthread_mutex_destroy(&hold->mutex);
}

static void take(struct hold *hold)
{
	uint64_t number;

	pthread_mutex_lock(&hold->mutex);
	number = hold->next++;
	while (hold->serving != number)
		pthread_cond_wait(&hold->given, &hold->mutex);
	pthread_mutex_unlock(&hold->mutex);
}

static void give(struct hold *hold)
{
	pthread_mutex_lock(&hold->mutex);
	hold->serving++;
	pthread_cond_broadcast(&hold->given);
	pthread_mutex_unlock(&hold->mutex);
}

/* ---- the workers -------------------------------------------------------------------------- */

static bool are_held(const struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (!atomic_load(&runtime->workers[i].is_held))
			return false;
	return true;
}

static void call_workers(struct runtime *runtime)
{
	atomic_fetch_or(&runtime->calls, CALL_HOLD);
	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (!atomic_load(&runtime->workers[i].is_held))
			np_poller_break(runtime->workers[i].poller);
}

/* They have nothing to wake the caller with: that would be one more thing for them to look at. */
static void wait_for_workers(const struct runtime *runtime, int64_t until_ns)
{
	const struct timespec pause = { 0, 50 * 1000 };

	for (int i = 0; !are_held(runtime); i++) {
		if (np_time() >= until_ns || atomic_load(&runtime->calls) & CALL_FINISH)
			return;
		if (i < HASTE)
			sched_yield();
		else
			nanosleep(&pause, NULL);
	}
}

void np__hold_begin(struct runtime *runtime, int64_t until_ns)
{
	if (np__worker)
		atomic_store(&np__worker->is_held, true);
	take(&runtime->hold);
	call_workers(runtime);
	wait_for_workers(runtime, until_ns);
}

void np__hold_end(struct runtime *runtime)
{
	atomic_fetch_and(&runtime->calls, ~(unsigned)CALL_HOLD);
	if (np__worker)
		atomic_store(&np__worker->is_held, false);
	give(&runtime->hold);
}

bool np__hold_stay(struct worker *worker)
{
	struct runtime *runtime = worker->runtime;

	if (atomic_load(&runtime->calls) & CALL_FINISH)
		return false;
	atomic_store(&worker->is_held, true);
	take(&runtime->hold);
	atomic_store(&worker->is_held, false);
	give(&runtime->hold);
	return true;
}
