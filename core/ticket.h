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
 *	if that is an error: lock the queue; take the node out if it is still there; unlock
 *
 * Ticket and node are on the waiter's stack, and the queue may be in memory that either side gives
 * back when it has what it came for. So a taker that found the ticket in a queue claims it under
 * the queue's lock, takes the node out, unlocks, and only then lets the waiter go (struct wakeups):
 * from there on it touches neither, and the waiter no longer touches the queue.
 *
 * The lock of a single queue can be left to the ticket (np__ticket_keep()): then it is given as the
 * task parks, so that takers find it open or parked but never in between, and without a deadline
 * they need no compare-and-swap on the waiter's own thread.
 */
#ifndef NETPARK_CORE_TICKET_H
#define NETPARK_CORE_TICKET_H

#include "core/task.h"
#include "core/timers.h"

#include <errno.h>
#include <limits.h>

/* Values of state; any other is the result that its taker gave. */
enum {
	TICKET_OPEN = INT_MAX,
	TICKET_PARKED = INT_MAX - 1,
	TICKET_CLAIMED = INT_MAX - 2,        /* the result is known and will be told: see wakeups */
	TICKET_CLAIMED_PARKED = INT_MAX - 3, /* and the task has parked until then */
};

struct ticket {
	struct np_task *task;
	_Atomic int state;
	int result;                  /* while claimed: the taker's */
	struct ticket *next_claimed; /* the same */

	uint32_t *lock;   /* of the one queue, kept until the task parks; or NULL */
	uint32_t given;   /* what is stored there to give it */
	const void *home; /* names the thread, if takers are under that lock or on this thread */
	struct timer timer;
};

/* What was claimed under a lock, until that has been released. */
struct wakeups {
	struct np_task *ready;
	struct np_task *last_ready; /* if there is one */
	struct ticket *claimed;
};

static inline void np__wakeups_init(struct wakeups *wakeups)
{
	wakeups->ready = NULL;
	wakeups->claimed = NULL;
}

static inline void np__wakeups_append(struct wakeups *wakeups, struct np_task *task)
{
	task->next = NULL;
	if (wakeups->ready)
		wakeups->last_ready->next = task;
	else
		wakeups->ready = task;
	wakeups->last_ready = task;
}

/* For the calling task. 0, or -EDEADLK if its parker cannot park. */
static inline int np__ticket_draw(struct ticket *ticket)
{
	struct np_task *self = np__task_self();

	if (!self->parker->park)
		return -EDEADLK;
	ticket->task = self;
	atomic_init(&ticket->state, TICKET_OPEN);
	ticket->lock = NULL;
	ticket->home = NULL;
	return 0;
}

/*
 * The caller has the lock of the one queue that knows of the ticket; np__ticket_wait() gives it, by
 * storing @given.
 */
static inline void np__ticket_keep(struct ticket *ticket, uint32_t *lock, uint32_t given)
{
	ticket->lock = lock;
	ticket->given = given;
}

/*
 * With the lock of the queue, which nobody can have had since: the ticket is open. @home is NULL
 * unless the task stays on this thread.
 */
static inline void np__ticket_publish(struct ticket *ticket, const void *home)
{
	ticket->home = home;
	atomic_store_explicit(&ticket->state, TICKET_PARKED, memory_order_relaxed);
	__atomic_store_n(ticket->lock, ticket->given, __ATOMIC_RELEASE);
}

/* np__ticket_wait() when there is more to it than to park. */
int np__ticket_wait_slowly(struct ticket *ticket, const struct np_wait *wait, int64_t deadline_ns);

/*
 * Park until the ticket is taken, or @deadline_ns (0: none; expired ones fail at once), or the task
 * is cancelled. @wait says what for; its functions are np__ticket_commit and np__ticket_retract, or
 * NULL for the latter if the wait must not be cut short.
 *
 * Returns what the taker gave; NP_EDEADLINE, NP_ECANCELED; -ENOMEM for want of room for a timer, or
 * why there is no default poller. Whatever it is, the ticket is taken then.
 */
static inline int np__ticket_wait(struct ticket *ticket, const struct np_wait *wait,
				  int64_t deadline_ns)
{
	struct np_task *self = ticket->task;

	if (deadline_ns != 0 || np__task_is_canceled(self))
		return np__ticket_wait_slowly(ticket, wait, deadline_ns);
	if (ticket->lock && self->parker->stop) {
		np__ticket_publish(ticket, np__this_thread());
		self->parker->stop(self, wait, ticket);
	} else {
		self->parker->park(self, wait, ticket, NULL);
	}
	return atomic_load(&ticket->state);
}

/* For struct np_wait. */
bool np__ticket_commit(struct np_task *task, void *ticket);
bool np__ticket_retract(struct np_task *task, void *ticket);
int np__ticket_describe(const struct np_wait *wait, void *ticket, char *buf, size_t size);

/* The same for a wait whose object is not told by the lock that its ticket keeps. */
int np__ticket_describe_object(const struct np_wait *wait, const void *object, char *buf,
			       size_t size);

/*
 * End the wait with @result, a number that is not one of the above. False: somebody else has.
 * Appends the task to @ready if it is parked; if it is not it may go at once.
 */
bool np__ticket_take(struct ticket *ticket, int result, struct task_list *ready);

/* What parked tasks were given stays in their tickets; the others shall ask for it. */
static inline void np__ticket_note(struct ticket *ticket, int before, int result,
				   struct wakeups *wakeups)
{
	if (before == TICKET_PARKED) {
		np__wakeups_append(wakeups, ticket->task);
		return;
	}
	ticket->result = result;
	ticket->next_claimed = wakeups->claimed;
	wakeups->claimed = ticket;
}

/*
 * On the thread that parked, where the cancellation would come from, too; all other takers are kept
 * out by the lock of the queue.
 */
static inline bool np__ticket_claim_at_home(struct ticket *ticket, int result,
					    struct wakeups *wakeups)
{
	if (atomic_load_explicit(&ticket->state, memory_order_relaxed) != TICKET_PARKED)
		return false;
	atomic_store_explicit(&ticket->state, result, memory_order_relaxed);
	np__wakeups_append(wakeups, ticket->task);
	return true;
}

/*
 * Under the lock of the queue where it was found, the same in two steps: the wait ends with
 * @result, not below 0, when np__wakeups_send() is called. The waiter stays where it is until then.
 */
static inline bool np__ticket_claim(struct ticket *ticket, int result, struct wakeups *wakeups)
{
	int state, next;

	if (ticket->home == np__this_thread())
		return np__ticket_claim_at_home(ticket, result, wakeups);
	state = atomic_load(&ticket->state);
	do {
		if (state != TICKET_OPEN && state != TICKET_PARKED)
			return false;
		next = state == TICKET_PARKED ? result : TICKET_CLAIMED;
	} while (!atomic_compare_exchange_weak(&ticket->state, &state, next));
	np__ticket_note(ticket, state, result, wakeups);
	return true;
}

/* Let those go who were not yet parked when they were claimed. */
void np__wakeups_settle(struct wakeups *wakeups);

/* Let all go. With no lock held. */
static inline void np__wakeups_send(struct wakeups *wakeups)
{
	if (wakeups->claimed)
		np__wakeups_settle(wakeups);
	if (!wakeups->ready)
		return;
	if (wakeups->ready->next)
		np_ready(wakeups->ready);
	else
		wakeups->ready->parker->ready(wakeups->ready);
}

#endif /* NETPARK_CORE_TICKET_H */
