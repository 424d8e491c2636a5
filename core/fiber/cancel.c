/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/cancel.c - asking fibers to end.
 *
 * Any thread may ask, once; only the worker of the fiber acts on it, since what a parked fiber
 * waits for is on its stack and safe to look at only where the fiber would run. So a request goes
 * to the worker's list, through the record itself: it can be there only once.
 */
#include "core/fiber/fiber.h"
#include "core/misuse.h"

#include <errno.h>

void np__cancel_settle(struct fiber *fiber)
{
	uint32_t canceled = fiber->has_been_told && fiber->shields == 0;

	__atomic_store_n(&fiber->task.canceled, canceled, __ATOMIC_SEQ_CST);
	/* Parked, and nobody is about to make it ready: it goes on with its wait undone. */
	if (canceled && fiber->wait && fiber->wait->retract &&
	    fiber->wait->retract(&fiber->task, fiber->wait_arg))
		np__worker_queue(fiber->worker, &fiber->task);
}

static void tell(struct fiber *fiber)
{
	if (fiber->has_been_told)
		return;
	fiber->has_been_told = true;
	if (fiber != np__worker->current)
		np__cancel_settle(fiber);
	else
		__atomic_store_n(&fiber->task.canceled, fiber->shields == 0, __ATOMIC_SEQ_CST);
}

/* To the worker, which may be this one. */
static void post(struct fiber *fiber)
{
	struct worker *worker = fiber->worker;
	struct fiber *old;

	if (worker == np__worker) {
		tell(fiber);
		return;
	}
	old = atomic_load(&worker->cancels);
	do
		fiber->link = old;
	while (!atomic_compare_exchange_weak(&worker->cancels, &old, fiber));
	if (!old && atomic_load(&worker->sleep) == ASLEEP)
		np_poller_break(worker->poller);
}

void np__cancel_deliver(struct worker *worker)
{
	struct fiber *list = atomic_exchange(&worker->cancels, NULL);

	while (list) {
		struct fiber *fiber = list;

		list = fiber->link;
		if (!(atomic_load(&fiber->state) & FIBER_ENDED)) {
			tell(fiber);
			continue;
		}
		np__fiber_put(worker, fiber);
	}
}

/* Whoever sets ASKED first posts it, if the fiber has begun; else np__fiber_begin() sees it. */
void np__cancel_fiber(struct fiber *fiber, uint64_t generation)
{
	uint64_t state = atomic_load(&fiber->state);

	do {
		if (state >> FIBER_STATE_BITS != generation || !(state & FIBER_LIVE) ||
		    state & (FIBER_ASKED | FIBER_ENDED))
			return;
	} while (!atomic_compare_exchange_weak(&fiber->state, &state, state | FIBER_ASKED));
	if (state & FIBER_BEGUN)
		post(fiber);
}

int np_cancel(np_fiber_id id)
{
	const uint64_t places = (UINT64_C(1) << FIBER_PLACE_BITS) - 1;
	struct runtime *runtime = np__runtime_hold();
	struct fiber *fiber;

	if (!runtime)
		return 0;
	fiber = id ? np__fiber_table_at(&runtime->table, id & places) : NULL;
	if (fiber)
		np__cancel_fiber(fiber, (id >> FIBER_PLACE_BITS) - 1);
	np__runtime_release();
	return 0;
}

void np__cancel_all(struct runtime *runtime)
{
	struct fiber *fiber;

	for (size_t place = 0; (fiber = np__fiber_table_at(&runtime->table, place)); place++)
		np__cancel_fiber(fiber, atomic_load(&fiber->state) >> FIBER_STATE_BITS);
}

bool np_is_canceled(void)
{
	const struct fiber *self = np__fiber_self();

	return self && self->has_been_told;
}

void np_shield(bool on)
{
	struct fiber *self = np__fiber_self();

	if (!self)
		return;
	if (!on && self->shields == 0) {
		np__misuse("a shield is taken down that was not put up");
		return;
	}
	self->shields = (uint16_t)(self->shields + (on ? 1 : -1));
	np__cancel_settle(self);
}
