/* SPDX-License-Identifier: MIT */
/* core/sync/wait.h - what all calls that may wait begin with and have in common. */
#ifndef NETPARK_CORE_SYNC_WAIT_H
#define NETPARK_CORE_SYNC_WAIT_H

#include "core/spin.h"
#include "core/sync/wait_queue.h"

/*
 * Wait, after @waiter was queued in @queue, whose lock is @lock, with a ticket of this task. Called
 * without the lock. Returns 0 or more if it was claimed from the queue, which may be gone then;
 * else an error, and it is not queued any more.
 */
static inline int np__sync_wait(struct np_wait_queue *queue, uint32_t *lock,
				struct np_waiter *waiter, const struct np_wait *kind,
				int64_t deadline_ns)
{
	int result = np__ticket_wait(waiter->ticket, kind, deadline_ns);

	if (result < 0) {
		np__spin_lock(lock);
		wait_queue_remove(queue, waiter);
		np__spin_unlock(lock);
	}
	return result;
}

#endif /* NETPARK_CORE_SYNC_WAIT_H */
