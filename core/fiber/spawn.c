/* SPDX-License-Identifier: MIT */
/* core/fiber/spawn.c - the beginning and the end of a fiber. */
#include "core/fiber/fiber.h"

#include <errno.h>

enum { SPARE_BATCH = 32, SPARE_MOST = 96 };

/* ---- records ------------------------------------------------------------------------------ */

static struct fiber *take_record(struct worker *worker)
{
	struct fiber *fiber;

	if (!worker->spare)
		worker->spare = np__fiber_table_take(&worker->runtime->table, SPARE_BATCH,
						     &worker->spare_count);
	fiber = worker->spare;
	if (fiber) {
		worker->spare = fiber->link;
		worker->spare_count--;
	}
	return fiber;
}

/* The others of the list, after the first SPARE_BATCH, are for everybody. */
static void share_records(struct worker *worker)
{
	struct fiber *last = worker->spare;

	for (int i = 1; i < SPARE_BATCH; i++)
		last = last->link;
	np__fiber_table_put(&worker->runtime->table, last->link);
	last->link = NULL;
	worker->spare_count = SPARE_BATCH;
}

/* A new generation, so that no id and no late request means the next fiber of this record. */
void np__fiber_put(struct worker *worker, struct fiber *fiber)
{
	uint64_t state = atomic_load_explicit(&fiber->state, memory_order_relaxed);

	/* Nobody else writes the state of a fiber that has ended. */
	atomic_store_explicit(&fiber->state, ((state >> FIBER_STATE_BITS) + 1) << FIBER_STATE_BITS,
			      memory_order_release);
	fiber->link = worker->spare;
	worker->spare = fiber;
	if (++worker->spare_count > SPARE_MOST)
		share_records(worker);
}

np_fiber_id np__fiber_id(const struct fiber *fiber)
{
	uint64_t generation =
		atomic_load_explicit(&fiber->state, memory_order_relaxed) >> FIBER_STATE_BITS;

	return (generation + 1) << FIBER_PLACE_BITS | fiber->place;
}

np_fiber_id np_self(void)
{
	struct fiber *self = np__fiber_self();

	if (!self)
		return 0;
	self->is_known = true;
	return np__fiber_id(self);
}

/* ---- the beginning ------------------------------------------------------------------------ */

static void run_fiber(void *arg)
{
	struct fiber *fiber = arg;
	int result = 0;

	np__note_arrive(&fiber->note);
	np__note_bury(&fiber->worker->grave_note);
	if (fiber->group)
		result = fiber->member(fiber->arg);
	else
		fiber->fn(fiber->arg);
	if (fiber->locals)
		np__locals_destroy(fiber); /* who joins the group is told afterwards */
	if (!np__worker)
		np__runtime_end_child();
	if (fiber->group)
		np__group_leave(fiber->group, fiber, result);
	np__fiber_end(fiber);
}

/* A fiber with a stack, ready to begin; NULL for want of memory. @worker is NULL on a thread. */
static struct fiber *make(struct runtime *runtime, struct worker *worker)
{
	unsigned taken;
	struct fiber *fiber =
		worker ? take_record(worker) : np__fiber_table_take(&runtime->table, 1, &taken);
	int error;

	if (!fiber)
		return NULL;
	error = worker ? np__stack_take(worker->stacks, &fiber->stack)
		       : np__stack_take_shared(runtime->depot, &fiber->stack);
	if (!error)
		return fiber;
	if (worker) {
		np__fiber_put(worker, fiber);
	} else {
		fiber->link = NULL;
		np__fiber_table_put(&runtime->table, fiber);
	}
	return NULL;
}

static void prepare(struct fiber *fiber)
{
	uint64_t state = atomic_load_explicit(&fiber->state, memory_order_relaxed);

	fiber->task = (struct np_task){ .parker = &np_parker_fiber };
	fiber->worker = NULL;
	fiber->wait = NULL;
	fiber->shields = 0;
	fiber->has_been_told = false;
	fiber->is_known = false;
	fiber->error = 0;
	fiber->name = NULL;
	__atomic_store_n(&fiber->label[0], '\0', __ATOMIC_RELAXED);
	fiber->locals = NULL;
	np__context_init(&fiber->context, fiber->stack.top, run_fiber);
	np__note_stack(&fiber->note, fiber->stack.low, fiber->stack.top);
	atomic_store_explicit(&fiber->state, state | FIBER_LIVE, memory_order_release);
}

/*
 * Can nobody ask it to end but its own worker? Its id was never told, not as a hog's or in a dump
 * either, it is in no group, and the end of all would be begun here. Then its state needs no atomic
 * steps, which are a third of what a fiber costs that only begins and ends.
 */
static bool is_private(const struct fiber *fiber, const struct worker *worker)
{
	return worker->runtime->worker_count == 1 && !fiber->group && !fiber->is_known &&
	       !worker->runtime->hogs &&
	       !atomic_load_explicit(&np__task_times_are_wanted, memory_order_relaxed);
}

static uint64_t add_flags(struct fiber *fiber, struct worker *worker, uint64_t flags)
{
	uint64_t state;

	if (!is_private(fiber, worker))
		return atomic_fetch_or(&fiber->state, flags);
	state = atomic_load_explicit(&fiber->state, memory_order_relaxed);
	atomic_store_explicit(&fiber->state, state | flags, memory_order_release);
	return state;
}

/*
 * A lone worker's newborns are its own at once, and so is the first fiber, which the worker itself
 * starts; the others wait where they can be stolen.
 */
static void hand_over(struct worker *worker, struct fiber *fiber)
{
	uint64_t born = atomic_load_explicit(&worker->born, memory_order_relaxed);

	atomic_store_explicit(&worker->born, born + 1, memory_order_release);
	if (worker->runtime->worker_count == 1 || !worker->current) {
		np__fiber_begin(fiber, worker);
		return;
	}
	np__newborns_push(&worker->newborns, fiber);
	np__newborns_summon(worker->runtime);
}

int np__fiber_spawn(void (*fn)(void *arg), int (*member)(void *arg), void *arg,
		    struct np_group *group)
{
	struct worker *worker = np__worker;
	struct runtime *runtime = worker ? worker->runtime : np__runtime_hold();
	struct fiber *fiber;

	if (!runtime)
		return np__runtime_is_inherited() ? NP_EFORKED : NP_ENORUNTIME;
	fiber = make(runtime, worker);
	if (fiber) {
		fiber->fn = fn;
		fiber->member = member;
		fiber->arg = arg;
		fiber->group = group;
		prepare(fiber);
		if (group)
			np__group_enter(group, fiber);
		if (worker) {
			hand_over(worker, fiber);
		} else {
			atomic_fetch_add(&runtime->born_outside, 1);
			np__newborns_push(&runtime->outside, fiber);
			np__newborns_summon(runtime);
		}
	}
	if (!worker)
		np__runtime_release();
	return fiber ? 0 : -ENOMEM;
}

int np_go(void (*fn)(void *arg), void *arg)
{
	return fn ? np__fiber_spawn(fn, NULL, arg, NULL) : np__invalid("np_go: no function");
}

/*
 * Who asks it to end from now on sees BEGUN and tells the worker; who asked before did not, and
 * shows here. The same for the end of all: either that is seen here, or this fiber there.
 */
void np__fiber_begin(struct fiber *fiber, struct worker *worker)
{
	uint64_t flags = FIBER_BEGUN | (uint64_t)worker->index << FIBER_WORKER_SHIFT;

	fiber->worker = worker;
	fiber->task.poller = worker->poller;
	fiber->task.home = worker->poller;
	fiber->task.failure = &worker->failure;
	if (atomic_load_explicit(&worker->runtime->stopping, memory_order_relaxed))
		flags |= FIBER_ASKED;
	if ((add_flags(fiber, worker, flags) | flags) & FIBER_ASKED) {
		fiber->has_been_told = true;
		np__cancel_settle(fiber);
	}
	np__worker_queue(worker, &fiber->task);
}

/* ---- the end ------------------------------------------------------------------------------ */

/* Whether it was the last of all is asked before the worker sleeps. */
static void count_end(struct worker *worker)
{
	uint64_t ended = atomic_load_explicit(&worker->ended, memory_order_relaxed);

	atomic_store_explicit(&worker->ended, ended + 1, memory_order_release);
}

_Noreturn void np__fiber_end(struct fiber *fiber)
{
	struct worker *worker = fiber->worker;
	struct context grave;
	uint64_t state;

	count_end(worker);
	np__note_end(&fiber->note, &worker->grave_note);
	np__stack_put(worker->stacks, fiber->stack);
	state = add_flags(fiber, worker, FIBER_ENDED);
	/* A request that is on its way still names the record: then whoever delivers it puts it. */
	if (!(state & FIBER_ASKED) || fiber->has_been_told)
		np__fiber_put(worker, fiber);
	np__worker_leave(worker, &grave, &worker->grave_note);
	__builtin_unreachable();
}
