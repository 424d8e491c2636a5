/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/sync_races.c - mutex, condition, semaphore, wait group under many hands of any kind.
 *
 * What a mutex guards is a plain variable, so that ThreadSanitizer sees two who are inside at once.
 * Deadlines as short as a hand-over end waits at the very moment at which they are served. Memory
 * goes with the last use, so that AddressSanitizer sees who comes too late.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <netpark/fiber.h>

#include <stdlib.h>

enum { TASKS = 4, CALLS = 200 };

static uint64_t next_seed(void)
{
	static unsigned index;

	return stress_seed(index++);
}

/* None, past, or soon. */
static int64_t some_deadline(uint64_t *random)
{
	switch (stress_below(random, 4)) {
	case 0:
		return -1;
	case 1:
		return np_deadline(stress_below(random, 100) * MICROSECOND);
	case 2:
		return np_deadline(HOUR);
	default:
		return 0;
	}
}

struct hand {
	void *ring;
	uint64_t random;
	long done;
	struct spawn task;
};

static void start_all(struct hand *hands, void (*fn)(void *), void *ring)
{
	for (int i = 0; i < TASKS; i++) {
		hands[i] = (struct hand){ .ring = ring, .random = next_seed() };
		spawn_start(&hands[i].task, fn, &hands[i]);
	}
}

static long join_all(struct hand *hands)
{
	long done = 0;

	for (int i = 0; i < TASKS; i++) {
		spawn_join(&hands[i].task);
		done += hands[i].done;
	}
	return done;
}

/* ---- mutex -------------------------------------------------------------------------------- */

struct guarded {
	struct np_mutex mutex;
	long count; /* under mutex */
	int users;  /* under mutex: the last one frees it */
};

static int lock_somehow(struct guarded *guarded, uint64_t *random)
{
	switch (stress_below(random, 4)) {
	case 0:
		return np_mutex_try_lock(&guarded->mutex);
	case 1:
		return np_mutex_lock_until(&guarded->mutex, some_deadline(random));
	default:
		return np_mutex_lock(&guarded->mutex);
	}
}

static void count_under_mutex(void *arg)
{
	struct hand *self = arg;
	struct guarded *guarded = self->ring;
	bool is_last;

	for (int i = 0; i < CALLS; i++) {
		if (lock_somehow(guarded, &self->random))
			continue;
		guarded->count++;
		self->done++;
		if (stress_below(&self->random, 8) == 0)
			stress_jitter(&self->random);
		STRESS_CHECK(np_mutex_unlock(&guarded->mutex) == 0, "it was not locked");
	}
	np_mutex_lock(&guarded->mutex);
	self->done -= guarded->users == 1 ? guarded->count : 0;
	is_last = --guarded->users == 0;
	np_mutex_unlock(&guarded->mutex);
	if (is_last)
		free(guarded);
}

static void mutex_storm(void)
{
	struct guarded *guarded = calloc(1, sizeof(*guarded));
	struct hand hands[TASKS];
	long done;

	stress_phase("the mutex storm");
	guarded->users = TASKS;
	start_all(hands, count_under_mutex, guarded);
	done = join_all(hands);
	STRESS_CHECK(done == 0, "%ld more were inside than were counted", done);
}

/* One who takes the mutex again as soon as it is given up must not keep another out for ever. */
static atomic_bool got_in;

static void get_in(void *arg)
{
	np_mutex_lock(arg);
	atomic_store(&got_in, true);
	np_mutex_unlock(arg);
}

static void greed(void)
{
	struct np_mutex mutex = { 0 };
	uint64_t random = next_seed();
	struct spawn task;

	stress_phase("greed");
	atomic_store(&got_in, false);
	np_mutex_lock(&mutex);
	spawn_start(&task, get_in, &mutex);
	STRESS_UNTIL(__atomic_load_n(&mutex.state, __ATOMIC_RELAXED) > 1); /* not merely locked */
	while (!atomic_load(&got_in)) {
		np_mutex_unlock(&mutex);
		np_mutex_lock(&mutex);
		/* Else Valgrind, which counts blocks, may stop it at the same place each time. */
		for (volatile unsigned i = stress_below(&random, 64); i > 0; i--)
			;
		if (np_self())
			np_yield(); /* it may be on this worker */
	}
	np_mutex_unlock(&mutex);
	spawn_join(&task);
}

/* ---- condition ---------------------------------------------------------------------------- */

/* Tokens are put and taken; each put signals once. A signal that is lost leaves a taker asleep. */
struct store {
	struct np_mutex mutex;
	struct np_cond cond;
	long tokens; /* under mutex */
};

static void take_tokens(void *arg)
{
	struct hand *self = arg;
	struct store *store = self->ring;

	while (self->done < CALLS) {
		int error = 0;

		np_mutex_lock(&store->mutex);
		while (!store->tokens && !error)
			error = np_cond_wait_until(&store->cond, &store->mutex,
						   some_deadline(&self->random));
		if (store->tokens) {
			store->tokens--;
			self->done++;
		}
		np_mutex_unlock(&store->mutex);
	}
}

static void put_token(struct store *store, uint64_t *random)
{
	bool inside = stress_below(random, 2);

	np_mutex_lock(&store->mutex);
	store->tokens++;
	if (inside)
		np_cond_signal(&store->cond);
	np_mutex_unlock(&store->mutex);
	if (!inside)
		np_cond_signal(&store->cond);
}

static void signal_storm(void)
{
	struct store store = { .tokens = 0 };
	struct hand hands[TASKS];
	uint64_t random = next_seed();

	stress_phase("the signal storm");
	start_all(hands, take_tokens, &store);
	for (int i = 0; i < TASKS * CALLS; i++) {
		put_token(&store, &random);
		if (stress_below(&random, 4) == 0)
			stress_jitter(&random);
	}
	STRESS_CHECK(join_all(hands) == TASKS * CALLS && store.tokens == 0, "tokens are lost");
}

/* ---- semaphore ---------------------------------------------------------------------------- */

enum { PERMITS = 3 };

struct narrow {
	struct np_semaphore semaphore;
	atomic_int inside;
};

static void pass_narrow(void *arg)
{
	struct hand *self = arg;
	struct narrow *narrow = self->ring;

	for (int i = 0; i < CALLS; i++) {
		uint64_t permits = 1 + stress_below(&self->random, PERMITS);
		int64_t deadline = some_deadline(&self->random);
		int inside;

		if (np_semaphore_acquire_until(&narrow->semaphore, permits, deadline))
			continue;
		inside = atomic_fetch_add(&narrow->inside, (int)permits) + (int)permits;
		STRESS_CHECK(inside <= PERMITS, "%d are inside", inside);
		if (stress_below(&self->random, 4) == 0)
			stress_jitter(&self->random);
		atomic_fetch_sub(&narrow->inside, (int)permits);
		np_semaphore_release(&narrow->semaphore, permits);
	}
}

static void semaphore_storm(void)
{
	struct narrow narrow = { .semaphore = { .count = PERMITS } };
	struct hand hands[TASKS];

	stress_phase("the semaphore storm");
	start_all(hands, pass_narrow, &narrow);
	join_all(hands);
	STRESS_CHECK(narrow.semaphore.count == PERMITS, "permits are lost");
}

/* ---- wait group --------------------------------------------------------------------------- */

struct work {
	struct np_wait_group group;
	int result;
};

static void work(void *arg)
{
	struct hand *self = arg;
	struct work *all = self->ring;

	stress_jitter(&self->random);
	all->result = 1; /* not atomic: done() publishes it */
	np_wait_group_done(&all->group);
}

/* The results are read, and all is freed, as soon as the last is done. */
static void wait_and_free(void)
{
	uint64_t random = next_seed();
	struct hand hand;

	stress_phase("waiting and freeing");
	for (int i = 0; i < CALLS / 10; i++) {
		struct work *all = calloc(1, sizeof(*all));

		np_wait_group_add(&all->group, 1);
		hand = (struct hand){ .ring = all, .random = next_seed() };
		spawn_start(&hand.task, work, &hand);
		stress_jitter(&random);
		while (np_wait_group_wait_until(&all->group, some_deadline(&random)))
			;
		STRESS_CHECK(all->result == 1, "the result is not there");
		free(all);
		spawn_join(&hand.task);
	}
}

static void storms(void *arg)
{
	(void)arg;
	for (int round = 0; round < stress_rounds; round++) {
		mutex_storm();
		greed();
		signal_storm();
		semaphore_storm();
		wait_and_free();
	}
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 60);
	spawn_run(storms, NULL, stress_backend);
	return stress_end();
}
