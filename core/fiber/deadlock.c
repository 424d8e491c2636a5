/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/deadlock.c - noticing that no fiber can ever run again.
 *
 * A worker with nothing to do sleeps for ever as long as it knows of a descriptor that somebody
 * waits for, or of a timer: that costs it a look at a word or two. The last worker that knows of
 * neither sleeps for a while only, and then suspects.
 *
 * The proof is by two votes. In each every worker says, outside of its poller's turn, that it has
 * nothing: no task, no message, no newborn, no timer, nobody parked on its descriptors. Between the
 * votes it is made sure that no blocking call is under way and that no other thread exists. In the
 * second each worker also says that nothing ran on it, and that it made nobody ready, since the
 * first. So at the moment between the votes nothing ran anywhere; and whatever was on its way then
 * has arrived before the second vote of whom it was for, who would have run.
 */
#include "core/detach.h"
#include "core/fiber/fiber.h"
#include "core/misuse.h"
#include "core/spin.h"
#include "core/text.h"

enum { FEW_PLACES = 16 };
enum { FEW_FIBERS = 8 };

static const int64_t MILLISECOND = 1000000;
static const int64_t VOTE_TIME = 1000000000; /* then it has failed */

/* ---- what may still come ------------------------------------------------------------------ */

/* Remember a descriptor that somebody waits for: of at most @most places, and go on there. */
static bool find_hope(struct worker *worker, size_t most)
{
	struct desc_table *table = &worker->poller->table;
	bool found = false;

	np__spin_lock(&table->lock);
	for (size_t i = FIRST_PLACE; i < table->used && i < FIRST_PLACE + most && !found; i++) {
		worker->hope_place++;
		if (worker->hope_place < FIRST_PLACE || worker->hope_place >= table->used)
			worker->hope_place = FIRST_PLACE;
		worker->hope = np__desc_at(table, worker->hope_place);
		found = np__poll_is_waited_for(worker->hope);
	}
	np__spin_unlock(&table->lock);
	return found;
}

static bool is_anybody_parked(struct np_poller *poller)
{
	struct desc_table *table = &poller->table;
	bool found = false;

	np__spin_lock(&table->lock);
	for (size_t place = FIRST_PLACE; place < table->used && !found; place++)
		found = np__poll_is_waited_for(np__desc_at(table, place));
	np__spin_unlock(&table->lock);
	return found;
}

static bool has_prospects(struct worker *worker)
{
	return atomic_load(&worker->poller->timers.next) || is_anybody_parked(worker->poller);
}

static bool has_any_prospects(struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (has_prospects(&runtime->workers[i]))
			return true;
	return false;
}

static bool do_others_sleep(const struct worker *worker)
{
	const struct runtime *runtime = worker->runtime;

	for (unsigned i = 0; i < runtime->worker_count; i++)
		if (i != worker->index && atomic_load(&runtime->workers[i].sleep) != ASLEEP)
			return false;
	return true;
}

/* Can nobody but fibers wake a fiber? Under the runtime's lock. */
static bool is_alone(struct runtime *runtime)
{
	unsigned stragglers = np__stragglers();
	unsigned threads = runtime->worker_count + np__dump_threads() + stragglers;

	if (runtime->attendants || !np__blocking_is_idle(runtime->blocking, &threads) ||
	    !np__hogs_is_idle(runtime, &threads))
		return false;
	if (runtime->options.flags & NP_RUN_ALONE)
		return true;
	/* One of them that has ended since could hide another thread. */
	return np__sys_threads() == threads && np__stragglers() == stragglers;
}

/* ---- telling ------------------------------------------------------------------------------ */

static void put_fiber(struct text *text, const struct fiber *fiber)
{
	np__text_print(text, " %llu", (unsigned long long)np__fiber_id(fiber));
	if (fiber->name)
		np__text_print(text, " (\"%.40s\")", fiber->name);
	np__text_print(text, " in %s", fiber->wait ? fiber->wait->what : "?");
}

/* No fiber runs: all of their records can be read here. */
static void describe(struct runtime *runtime, struct text *text)
{
	char buf[512];
	struct text list;
	struct fiber *fiber;
	size_t count = 0;

	np__text_init(&list, buf, sizeof(buf));
	for (size_t place = 0; (fiber = np__fiber_table_at(&runtime->table, place)); place++) {
		uint64_t state = atomic_load(&fiber->state);

		if (!(state & FIBER_BEGUN) || state & FIBER_ENDED || ++count > FEW_FIBERS)
			continue;
		np__text_put(&list, count > 1 ? "," : "");
		put_fiber(&list, fiber);
	}
	np__text_print(text, "all %zu fibers are asleep, deadlock:%s%s", count, buf,
		       count > FEW_FIBERS ? ", and others" : "");
}

/* If the hook returns they are cancelled; those that even so cannot go on are left behind. */
static void tell_deadlock(struct runtime *runtime)
{
	bool is_first = !runtime->is_deadlocked;
	char buf[640];
	struct text text;

	runtime->is_deadlocked = true;
	np__text_init(&text, buf, sizeof(buf));
	describe(runtime, &text);
	np__misuse(buf);
	if (is_first) {
		np__runtime_stop(runtime);
		np__cancel_all(runtime);
	} else {
		np__runtime_finish(runtime);
	}
}

/* ---- the votes; under the runtime's lock --------------------------------------------------- */

static void begin_vote(struct runtime *runtime, bool is_second)
{
	runtime->votes = 0;
	runtime->is_second_vote = is_second;
	runtime->vote_began = np_time();
	atomic_store(&runtime->vote, ++runtime->last_vote);
	np__runtime_wake_all(runtime); /* this one, too: it looks around before it votes */
}

/* How long to sleep; 0: it is proven. */
static int64_t vote(struct worker *worker, uint64_t rounds)
{
	struct runtime *runtime = worker->runtime;
	unsigned number = atomic_load(&runtime->vote);

	/* Again what it saw before it took the lock: the vote may be one that has begun since. */
	if (worker->vote != number && !has_prospects(worker) && !np__worker_has_messages(worker) &&
	    !np__newborns_exist(runtime)) {
		if (runtime->is_second_vote && worker->vote_rounds != rounds) {
			atomic_store(&runtime->vote, 0);
			return 10 * MILLISECOND;
		}
		worker->vote = number;
		worker->vote_rounds = rounds;
		runtime->votes++;
	}
	if (runtime->votes < runtime->worker_count)
		return VOTE_TIME;
	atomic_store(&runtime->vote, 0);
	if (runtime->is_second_vote)
		return 0;
	if (is_alone(runtime))
		begin_vote(runtime, true);
	return VOTE_TIME;
}

/* A thread that others joined may still be on its way out: that is worth to ask again. */
static int64_t suspect(struct worker *worker)
{
	static const int64_t patience[] = { 10, 100, 1000 };
	unsigned looks = worker->looks++;

	if (looks > 0) {
		if (has_any_prospects(worker->runtime))
			return -1;
		if (is_alone(worker->runtime))
			begin_vote(worker->runtime, false);
	}
	return looks < 3 ? patience[looks] * MILLISECOND : -1;
}

/* A vote that took too long has met somebody who knows better. */
static bool is_vote_on(const struct runtime *runtime)
{
	return atomic_load(&runtime->vote) && np_time() - runtime->vote_began < VOTE_TIME;
}

static int64_t vote_or_suspect(struct worker *worker, uint64_t rounds)
{
	if (is_vote_on(worker->runtime))
		return vote(worker, rounds);
	return do_others_sleep(worker) ? suspect(worker) : -1;
}

int64_t np__deadlock_watch(struct worker *worker)
{
	struct runtime *runtime = worker->runtime;
	uint64_t rounds = atomic_load_explicit(&worker->rounds, memory_order_relaxed);
	int64_t delay_ns;

	if (atomic_load(&worker->poller->timers.next) || find_hope(worker, FEW_PLACES) ||
	    (!atomic_load(&runtime->vote) && !do_others_sleep(worker)))
		return -1;
	if (worker->quiet_rounds != rounds) {
		worker->quiet_rounds = rounds;
		worker->looks = 0;
	}
	pthread_mutex_lock(&runtime->lock);
	delay_ns = vote_or_suspect(worker, rounds);
	pthread_mutex_unlock(&runtime->lock);
	if (delay_ns == 0)
		tell_deadlock(runtime);
	return delay_ns;
}
