/* SPDX-License-Identifier: MIT */
/*
 * core/ticket.h - one wait of one task, for anything but a descriptor.
 *
 * The waiter draws a ticket, leaves it with whatever may end the wait (a queue, several queues, a
 * timer) and parks. Whoever has something for it takes the ticket; only one can. The deadline and
 * the task's cancellation are takers like any other.
 *
 *	lock the queue; look; put a node with the ticket in; unlock
 *	result = np__ticket_wait(&ticket, &kind, deadline)
 *	lock the queue; take the node out if it is still there; unlock
 *
 * Ticket and node are on the waiter's stack. A taker touches them under the lock of the queue where
 * it found them and makes the task ready when it is done, so a waiter that was parked and was taken
 * from there may go; in any other case it passes through the lock of each queue first.
 */
#ifndef NETPARK_CORE_TICKET_H
#define NETPARK_CORE_TICKET_H

#include "core/task.h"
#include "core/timers.h"

#include <limits.h>

/* Values of state; any other is the result that its taker gave. */
enum { TICKET_OPEN = INT_MAX, TICKET_PARKED = INT_MAX - 1 };

struct ticket {
	struct np_task *task;
	_Atomic int state;
	bool was_parked; /* the waiter's own note */
	struct timer timer;
};

/* For the calling task. 0, or -EDEADLK if its parker cannot park. */
int np__ticket_draw(struct ticket *ticket);

/*
 * Park until the ticket is taken, or @deadline_ns (0: none; expired ones fail at once), or the task
 * is cancelled. @wait says what for; its functions are np__ticket_commit and np__ticket_retract, or
 * NULL for the latter if the wait must not be cut short.
 *
 * Returns what the taker gave; NP_EDEADLINE, NP_ECANCELED; -ENOMEM for want of room for a timer.
 */
int np__ticket_wait(struct ticket *ticket, const struct np_wait *wait, int64_t deadline_ns);

/*
 * After the wait: has the taker, found in a queue, done all that it does with ticket and node?
 * Otherwise the waiter passes through the lock of each queue.
 */
static inline bool np__ticket_is_settled(const struct ticket *ticket, int result)
{
	return ticket->was_parked && result != NP_EDEADLINE && result != NP_ECANCELED;
}

/* For struct np_wait. */
bool np__ticket_commit(struct np_task *task, void *ticket);
bool np__ticket_retract(struct np_task *task, void *ticket);

/*
 * End the wait with @result, 0 or a number that is not one of the above. False: somebody else has.
 * Appends the task to @ready if it is parked, to be made ready after the queue has been unlocked.
 */
bool np__ticket_take(struct ticket *ticket, int result, struct task_list *ready);

#endif /* NETPARK_CORE_TICKET_H */
