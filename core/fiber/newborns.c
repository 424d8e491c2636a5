/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/newborns.c - fibers that have not begun: of one worker, and for any that has time.
 *
 * A lock of a few instructions, taken for each fiber that is started and for each batch that is
 * taken. What was pushed is seen by who looks at the idle workers afterwards, or by an idle worker
 * who looks at the queues after it was counted: every access that this needs is sequentially
 * consistent.
 */
#include "core/fiber/fiber.h"

#include <sched.h>

void np__newborns_init(struct newborns *newborns)
{
	*newborns = (struct newborns){ .first = NULL };
	newborns->end = &newborns->first;
}

/* The holder may have been preempted: do not spin for its whole time slice. */
static void lock(struct newborns *newborns)
{
	for (unsigned tries = 0; atomic_exchange(&newborns->locked, true); tries++)
		if (tries % 64 == 63)
			sched_yield();
}

static void unlock(struct newborns *newborns)
{
	atomic_store_explicit(&newborns->locked, false, memory_order_release);
}

void np__newborns_push(struct newborns *newborns, struct fiber *fiber)
{
	fiber->link = NULL;
	lock(newborns);
	*newborns->end = fiber;
	newborns->end = &fiber->link;
	atomic_fetch_add(&newborns->count, 1);
	unlock(newborns);
}

struct fiber *np__newborns_take(struct newborns *newborns, size_t most)
{
	struct fiber *list;
	struct fiber **link;
	size_t taken = 0;

	if (atomic_load(&newborns->count) == 0)
		return NULL;
	lock(newborns);
	list = newborns->first;
	for (link = &newborns->first; *link && taken < most; link = &(*link)->link)
		taken++;
	newborns->first = *link;
	if (!newborns->first)
		newborns->end = &newborns->first;
	if (taken > 0)
		*link = NULL;
	atomic_fetch_sub(&newborns->count, taken);
	unlock(newborns);
	return taken > 0 ? list : NULL;
}
