/* SPDX-License-Identifier: MIT */
/*
 * core/sync/wait_queue.h - who waits for one object, first come first. All under the object's lock.
 *
 * A waiter is on the stack of who waits; the queue never outlives it: who takes it from the queue
 * claims its ticket after that, and who has a ticket that was taken by other than the queue takes
 * itself out.
 */
#ifndef NETPARK_CORE_SYNC_WAIT_QUEUE_H
#define NETPARK_CORE_SYNC_WAIT_QUEUE_H

#include "core/ticket.h"

#include <netpark/sync.h>

static inline void wait_queue_push(struct np_wait_queue *queue, struct np_waiter *waiter)
{
	waiter->is_queued = true;
	waiter->next = NULL;
	waiter->previous = queue->last;
	if (queue->last)
		queue->last->next = waiter;
	else
		queue->first = waiter;
	queue->last = waiter;
}

/* In front of all others. */
static inline void wait_queue_push_front(struct np_wait_queue *queue, struct np_waiter *waiter)
{
	waiter->is_queued = true;
	waiter->previous = NULL;
	waiter->next = queue->first;
	if (queue->first)
		queue->first->previous = waiter;
	else
		queue->last = waiter;
	queue->first = waiter;
}

static inline void wait_queue_remove(struct np_wait_queue *queue, struct np_waiter *waiter)
{
	if (!waiter->is_queued)
		return;
	waiter->is_queued = false;
	if (waiter->previous)
		waiter->previous->next = waiter->next;
	else
		queue->first = waiter->next;
	if (waiter->next)
		waiter->next->previous = waiter->previous;
	else
		queue->last = waiter->previous;
}

/* Take out @first, which is the first. */
static inline void wait_queue_pop(struct np_wait_queue *queue, struct np_waiter *first)
{
	first->is_queued = false;
	queue->first = first->next;
	if (first->next)
		first->next->previous = NULL;
	else
		queue->last = NULL;
}

/*
 * Claim the first whose wait has not ended otherwise, with the result that it wishes, and take it
 * out. NULL if there is none. The claimed one is there until np__wakeups_send().
 */
static inline struct np_waiter *wait_queue_claim(struct np_wait_queue *queue,
						 struct wakeups *wakeups)
{
	struct np_waiter *waiter;

	while ((waiter = queue->first)) {
		wait_queue_pop(queue, waiter);
		if (np__ticket_claim(waiter->ticket, waiter->result, wakeups))
			return waiter;
	}
	return NULL;
}

#endif /* NETPARK_CORE_SYNC_WAIT_QUEUE_H */
