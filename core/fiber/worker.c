/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/worker.c - a thread that runs fibers: its queue, its switches, its sleep.
 *
 * Fibers switch to each other directly; the worker's own stack is for what comes in between: the
 * poller, messages from other threads, newborn fibers, sleep. A fiber that parks is committed while
 * it still runs: nobody can resume it anywhere else, so there is nothing to hide from.
 */
#include "core/clock.h"
#include "core/fiber/fiber.h"

#include <errno.h>
#include <sched.h>
#include <time.h>

/*
 * Calls that did not park before a fiber lets others run: one more than a request and its answer,
 * so that only who has the next request at hand is stopped.
 */
enum { BUDGET = 3 };

enum { SHARES = 2 };  /* budgets that are worth a look: it costs as much as a short call */
enum { TURNS = 256 }; /* switches before the worker looks at the world */
enum { ROUNDS = 64 }; /* times that it may find something else to run before it looks */

NP_TLS struct worker *np__worker;

/* ---- switching ---------------------------------------------------------------------------- */

/* One of the two in switch.h. */
typedef void *context_switch(struct context *from, struct context *to, void *arg);

static inline void leave_for(struct context *from, struct switch_note *note, struct context *to,
			     struct switch_note *to_note, void *arg, context_switch *how)
{
	np__note_leave(note, to_note, note == &np__worker->grave_note);
	how(from, to, arg);
	np__note_arrive(note);
	np__note_bury(&np__worker->grave_note);
}

static inline void set_current(struct worker *worker, struct fiber *fiber)
{
	__atomic_store_n(&worker->current, fiber, __ATOMIC_RELAXED);
}

/* Go on with @fiber. Returns when somebody switches to @from. */
static inline void resume(struct worker *worker, struct fiber *fiber, struct context *from,
			  struct switch_note *note, context_switch *how)
{
	set_current(worker, fiber);
	np__task_current = &fiber->task;
	fiber->task.budget = BUDGET;
	fiber->wait = NULL;
	*worker->error = fiber->error;
	leave_for(from, note, &fiber->context, &fiber->note, fiber, how);
}

static void resume_worker(struct worker *worker, struct context *from, struct switch_note *note)
{
	set_current(worker, NULL);
	np__task_current = NULL;
	leave_for(from, note, &worker->context, &worker->note, NULL, np__context_switch);
}

/* hogs.c looks at it, and at who runs. */
static inline void set_turns(struct worker *worker, uint32_t turns)
{
	__atomic_store_n(&worker->turns, turns, __ATOMIC_RELAXED);
}

static inline void leave(struct worker *worker, struct context *from, struct switch_note *note,
			 context_switch *how)
{
	struct np_task *next = worker->turns > 0 ? run_queue_take(&worker->ready) : NULL;

	if (!next) {
		resume_worker(worker, from, note);
		return;
	}
	set_turns(worker, worker->turns - 1);
	resume(worker, np__fiber_of(next), from, note, how);
}

void np__worker_leave(struct worker *worker, struct context *from, struct switch_note *note)
{
	leave(worker, from, note, np__context_switch);
}

/*
 * Until somebody resumes it. errno is the thread's, and fibers share that. Its address comes from
 * the worker: what a compiler knows of a thread-local variable's address must not matter here.
 */
static inline void suspend(struct fiber *fiber, context_switch *how)
{
	struct worker *worker = fiber->worker;

	fiber->error = *worker->error;
	leave(worker, &fiber->context, &fiber->note, how);
}

/* ---- the parker --------------------------------------------------------------------------- */

/* For people, so it need not be exact: reading the clock costs more than a switch. */
static inline void note_wait(struct fiber *fiber, const struct np_wait *wait, void *arg)
{
	fiber->wait_arg = arg;
	fiber->wait = wait;
	fiber->since = atomic_load_explicit(&fiber->worker->looked, memory_order_relaxed);
}

static void fiber_park(struct np_task *self, const struct np_wait *wait, void *arg,
		       struct np_poller *poller)
{
	struct fiber *fiber = np__fiber_of(self);

	(void)poller;
	note_wait(fiber, wait, arg);
	if (wait->commit(self, arg))
		suspend(fiber, np__context_switch_alike);
	else
		fiber->wait = NULL;
}

/* Who makes it ready before it has stopped only queues it, here or for when this worker looks. */
static void fiber_stop(struct np_task *self, const struct np_wait *wait, void *arg)
{
	struct fiber *fiber = np__fiber_of(self);

	note_wait(fiber, wait, arg);
	suspend(fiber, np__context_switch_alike);
}

/* The list in the opposite order. Returns its first, once the last. */
static struct np_task *reverse(struct np_task *list)
{
	struct np_task *reversed = NULL;

	while (list) {
		struct np_task *next = list->next;

		list->next = reversed;
		reversed = list;
		list = next;
	}
	return reversed;
}

/*
 * Into the inbox of another worker, the last that comes first. It takes all of it at once, so who
 * finds it empty is the one who has to wake the worker; who does not has been preceded by somebody
 * who did.
 */
static void send_tasks(struct worker *worker, struct np_task *first, struct np_task *last)
{
	struct np_task *old = atomic_load(&worker->inbox);
	struct np_task *top;

	last->next = NULL;
	top = reverse(first);
	do
		first->next = old;
	while (!atomic_compare_exchange_weak(&worker->inbox, &old, top));
	if (!old && atomic_load(&worker->sleep) == ASLEEP)
		np_poller_break(worker->poller);
}

/*
 * By a thread that is no worker, which nobody joins: the fibers may run, and all may end, before it
 * has looked whether their worker sleeps. Until it is sent, a fiber keeps the runtime from ending.
 */
static void send_from_outside(struct worker *worker, struct np_task *first, struct np_task *last)
{
	atomic_uint *visitors = &worker->runtime->visitors;

	atomic_fetch_add(visitors, 1);
	send_tasks(worker, first, last);
	atomic_fetch_sub(visitors, 1);
}

/* Tasks of @worker. */
static inline void hand_over(struct worker *worker, struct np_task *first, struct np_task *last)
{
	if (worker == np__worker)
		run_queue_append(&worker->ready, first, last);
	else if (np__worker)
		send_tasks(worker, first, last);
	else
		send_from_outside(worker, first, last);
}

static NP_APART void ready_many(struct np_task *list)
{
	while (list) {
		struct worker *worker = np__fiber_of(list)->worker;
		struct np_task *first = list;
		struct np_task *last = first;

		while (last->next && np__fiber_of(last->next)->worker == worker)
			last = last->next;
		list = last->next;
		hand_over(worker, first, last);
	}
}

static void fiber_ready(struct np_task *list)
{
	if (!list)
		return;
	if (list->next) {
		ready_many(list);
		return;
	}
	hand_over(np__fiber_of(list)->worker, list, list);
}

/* What it will touch first when it goes on: after a while asleep that is in no cache. */
static inline void warm_up(const struct fiber *fiber)
{
	const char *stack = fiber->context.sp;

	__builtin_prefetch(&fiber->wait, 1);
	for (size_t line = 0; line < 4; line++)
		__builtin_prefetch(stack + 64 * line, 1);
}

/* The records of all first: they come from memory side by side. */
static void fiber_ready_at_home(struct np_task *first, struct np_task *last)
{
	for (struct np_task *task = first; task != last; task = task->next)
		warm_up(np__fiber_of(task));
	warm_up(np__fiber_of(last));
	run_queue_append(&np__fiber_of(first)->worker->ready, first, last);
}

static void yield(struct fiber *fiber)
{
	struct worker *worker = fiber->worker;

	if (!worker->ready.first) {
		/* Those that have not begun are the worker's to find. */
		if (atomic_load_explicit(&worker->newborns.count, memory_order_relaxed) > 0)
			set_turns(worker, 0);
		/* Alone: nobody to yield to, but for what comes from outside now and then. */
		if (worker->turns > 0) {
			set_turns(worker, worker->turns - 1);
			fiber->task.budget = BUDGET;
			return;
		}
	}
	np__worker_queue(worker, &fiber->task);
	suspend(fiber, np__context_switch);
}

/*
 * Its calls took time, and found their data without the poller: who waits for that gets a chance
 * first. So who has had its share goes on after the next look.
 */
static void fiber_yield(struct np_task *self)
{
	struct fiber *fiber = np__fiber_of(self);

	run_queue_append(&fiber->worker->sated, self, self);
	fiber->worker->shares++;
	suspend(fiber, np__context_switch);
}

static int fiber_attend(struct np_task *self, struct np_poller *poller)
{
	return np__attend(np__fiber_of(self)->worker->runtime, poller);
}

static int fiber_blocking(struct np_task *self, int (*fn)(void *arg), void *arg)
{
	(void)self;
	return np_blocking(fn, arg);
}

static int fiber_detach(struct np_task *self, struct np_detached *call)
{
	return np__blocking_detach(np__fiber_of(self)->worker->runtime->blocking, call);
}

const struct np_parker np_parker_fiber = {
	.name = "fiber",
	.park = fiber_park,
	.stop = fiber_stop,
	.ready = fiber_ready,
	.ready_at_home = fiber_ready_at_home,
	.attend = fiber_attend,
	.yield = fiber_yield,
	.blocking = fiber_blocking,
	.detach = fiber_detach,
};

void np_yield(void)
{
	struct fiber *self = np__fiber_self();

	if (self)
		yield(self);
	else
		sched_yield();
}

/* ---- the loop ----------------------------------------------------------------------------- */

/* Tasks that others made ready, in the order in which they did. */
static void empty_inbox(struct worker *worker)
{
	struct np_task *last;

	if (!atomic_load_explicit(&worker->inbox, memory_order_relaxed))
		return;
	last = atomic_exchange(&worker->inbox, NULL);
	run_queue_append(&worker->ready, reverse(last), last);
}

static void look_at_messages(struct worker *worker)
{
	empty_inbox(worker);
	if (atomic_load_explicit(&worker->cancels, memory_order_relaxed))
		np__cancel_deliver(worker);
}

/* The poller's wait failed for want of memory or the like: that passes. */
static int turn(struct worker *worker, int64_t delta_ns)
{
	const struct timespec pause = { 0, 1000 * 1000 };
	int n = np__poller_turn(worker->poller, delta_ns);

	if (n < 0)
		nanosleep(&pause, NULL);
	return n;
}

static inline void count_round(struct worker *worker)
{
	uint64_t rounds = atomic_load_explicit(&worker->rounds, memory_order_relaxed);

	atomic_store_explicit(&worker->rounds, rounds + 1, memory_order_relaxed);
}

bool np__worker_has_messages(struct worker *worker)
{
	return atomic_load(&worker->inbox) || atomic_load(&worker->cancels) ||
	       atomic_load(&worker->runtime->calls);
}

/* How long it may sleep. Newborns that were left to others it takes if these do not come. */
static int64_t patience(struct worker *worker)
{
	if (np__newborns_exist(worker->runtime))
		return NEWBORN_PATIENCE;
	return np__deadlock_patience(worker);
}

/*
 * Nothing to run. First say so, then look once more: who starts a fiber or sends a message does it
 * the other way round.
 */
static void wait_for_work(struct worker *worker)
{
	if (np__newborns_linger(worker))
		return;
	atomic_store(&worker->sleep, ASLEEP);
	np__runtime_finish_if_empty(worker);
	if (!np__worker_has_messages(worker) && !np__newborns_find(worker)) {
		worker->unseen = 0;
		if (turn(worker, patience(worker)) > 0)
			count_round(worker); /* also if it is others who can run now */
	}
	if (atomic_exchange(&worker->sleep, AWAKE) == SUMMONED)
		np__newborns_search(worker);
}

/* Run what is ready, until nothing is, or something must be looked at. False: nothing was. */
static bool run_ready(struct worker *worker)
{
	struct np_task *task = run_queue_take(&worker->ready);

	set_turns(worker, TURNS);
	if (!task)
		return false;
	count_round(worker);
	if (atomic_load_explicit(&np__task_times_are_wanted, memory_order_relaxed))
		atomic_store_explicit(&worker->looked, np__time_coarse(), memory_order_relaxed);
	resume(worker, np__fiber_of(task), &worker->context, &worker->note, np__context_switch);
	return true;
}

/*
 * With something to run at hand: see what else there is, and who has had a share goes last. Where
 * nothing is at hand a sleep will see it, unless newborns or messages come before that each time.
 */
static void look(struct worker *worker)
{
	if (worker->ready.first || worker->shares >= SHARES || ++worker->unseen >= ROUNDS) {
		worker->shares = 0;
		worker->unseen = 0;
		turn(worker, 0);
	}
	if (worker->sated.first)
		run_queue_append(&worker->ready, worker->sated.first, worker->sated.last);
	worker->sated.first = NULL;
}

void np__worker_run(struct worker *worker)
{
	np__worker = worker;
	worker->error = &errno;
	np__note_thread(&worker->note);
	while (!atomic_load_explicit(&worker->runtime->calls, memory_order_relaxed) ||
	       np__hold_stay(worker)) {
		look_at_messages(worker);
		np__newborns_adopt(worker);
		if (run_ready(worker))
			look(worker);
		else
			wait_for_work(worker);
	}
	np__worker = NULL;
}
