/* SPDX-License-Identifier: MIT */
/*
 * core/poll_desc.h - the poll descriptor, its words and who may change them.
 *
 * A direction's slot tells who waits there. A waiter goes nil -> WAIT -> its task; the poller makes
 * any of these READY and hands out the task; deadlines and unblock make WAIT and the task nil
 * again and hand out the task; the waiter takes READY back to nil. Each is one compare-and-swap.
 *
 * Nothing here takes a lock. What closes a direction (the CLOSING bit, an expired deadline) is
 * written before its slot is looked at, while a waiter writes its slot before it looks at what may
 * have closed it; all of these are sequentially consistent, so one of the two sees the other. With
 * less (release and acquire) both may miss, and the waiter sleeps for ever.
 *
 * A report for a registration may be on its way while it is closed. So the memory of a descriptor
 * stays one for as long as its poller lives (core/desc_table.h), and a freed one is not given out
 * again before the turn under way has ended.
 */
#ifndef NETPARK_CORE_POLL_DESC_H
#define NETPARK_CORE_POLL_DESC_H

#include "core/hints.h"
#include "core/task.h"
#include "core/timers.h"

#include <netpark/poll.h>

#include <stdatomic.h>

struct sockaddr;

/* The values of a slot; any other is the struct np_task that is parked there. */
enum { SLOT_NIL = 0, SLOT_READY = 1, SLOT_WAIT = 2 };

/* Bits of info. Set, and cleared only when the descriptor is opened, but for EVENT_ERROR. */
enum {
	INFO_OPEN = 1,
	INFO_CLOSING = 2,        /* unblocked: every wait fails */
	INFO_REGISTERED = 4,     /* the backend knows it */
	INFO_EVENT_ERROR = 8,    /* the last report was an error and nothing else */
	INFO_HANGUP = 16,        /* end of file, hang-up or an error was reported, ever */
	INFO_PRIORITY = 32,      /* urgent data was reported, ever */
	INFO_NEEDS_ARM = 64,     /* the backend's trait */
	INFO_IS_VAGUE = 128,     /* the backend does not tell urgent data from other */
	INFO_JOINING = 256,      /* somebody tells the backend right now */
	INFO_READS_ONLY = 512,   /* and has not told it about writing */
	INFO_IS_ANSWERED = 1024, /* errors may be answers in its queue: see zero_copy_linux.c */

	/* After any of these a short read does not mean that nothing was left. */
	INFO_DOUBTS = INFO_HANGUP | INFO_PRIORITY | INFO_EVENT_ERROR | INFO_IS_VAGUE,
};

enum { DEADLINE_NONE = 0, DEADLINE_EXPIRED = -1 };

enum { SIDE_READ, SIDE_WRITE, SIDES };

struct np_poll_desc {
	/* constant for the life of the memory */
	struct np_poller *poller;

	/* constant from open to close */
	_Atomic uint64_t tag; /* place in the table, and a generation that close increments */
	int fd;
	const struct sockaddr *peer; /* of IP, for texts, where its owner knows; or NULL */

	/* atomic; any task, any time */
	_Atomic uint32_t info;
	_Atomic uintptr_t slot[SIDES];
	_Atomic int64_t deadline[SIDES]; /* of np_time(), or NONE or EXPIRED */

	struct timer timer; /* TIMER_OF_DESC, which is 0 */

	/* under the table's lock */
	struct np_poll_desc *next_free;
};

/* A descriptor that the backend has not been told of yet: the first wait does that. 0 or -ENOMEM.
 */
int np__poll_create(struct np_poller *poller, int fd, struct np_poll_desc **ret_desc);

/* Tell the backend that @side is waited for, if nobody has. 0 or the backend's error. */
int np__poll_register(struct np_poll_desc *desc, int side);

/*
 * May the descriptor be closed before np__poll_release(), instead of np_poll_close() before that?
 * Asked by who knows of no duplicate in this process.
 */
bool np__poll_leaves_by_itself(const struct np_poll_desc *desc);

/* Give back a descriptor, unblocked before, that the backend does not know any more. */
void np__poll_release(struct np_poll_desc *desc);

/*
 * The first half of np_poll_reset(): why @side must fail, or 0. Drops no report. The clock is asked
 * about a deadline, unless this thread turns the poller: then the turns have seen to it.
 */
NP_APART int np__poll_check_slowly(struct np_poll_desc *desc, int side);

/* The same, with the common case in place: nothing is known against the call. */
static inline int np__poll_check(struct np_poll_desc *desc, int side)
{
	if (!(atomic_load(&desc->info) & (INFO_CLOSING | INFO_EVENT_ERROR)) &&
	    atomic_load(&desc->deadline[side]) == DEADLINE_NONE)
		return 0;
	return np__poll_check_slowly(desc, side);
}

/* np_poll_reset() without its checks of the arguments. */
static inline int np__poll_reset(struct np_poll_desc *desc, int side)
{
	int error = np__poll_check(desc, side);

	/* Sequentially consistent: the system call after it must not be done before it. */
	if (!error && atomic_load_explicit(&desc->slot[side], memory_order_relaxed) == SLOT_READY)
		atomic_store(&desc->slot[side], SLOT_NIL); /* T13 */
	return error;
}

/*
 * np_poll_set_deadline() where that is no more than to store it: it is one, and the descriptor's
 * timer comes no later. False: it may be stored, but the rest is to be done.
 */
static inline bool np__poll_move_deadline(struct np_poll_desc *desc, int64_t deadline_ns, int mode)
{
	int64_t timer;

	if (deadline_ns <= 0)
		return false;
	if (mode & NP_READ)
		atomic_store(&desc->deadline[SIDE_READ], deadline_ns);
	if (mode & NP_WRITE)
		atomic_store(&desc->deadline[SIDE_WRITE], deadline_ns);
	timer = atomic_load(&desc->timer.when); /* after the store: see np_poll_set_deadline() */
	return timer != 0 && timer <= deadline_ns;
}

/* Is somebody parked there, or about to be? */
static inline bool np__poll_is_waited_for(const struct np_poll_desc *desc)
{
	return atomic_load(&desc->slot[SIDE_READ]) >= SLOT_WAIT ||
	       atomic_load(&desc->slot[SIDE_WRITE]) >= SLOT_WAIT;
}

/* np_poll_wait() without its checks of the arguments, by @self. */
int np__poll_wait(struct np_poll_desc *desc, int side, struct np_task *self);

/* What tasks wait for in the slots of the two sides. */
extern const struct np_wait np__poll_waits[SIDES];

/* The same for np_poll_wait_canceled(). */
extern const struct np_wait np__poll_stubborn_waits[SIDES];

/* For these. */
int np__poll_describe(const struct np_wait *wait, void *slot, char *buf, size_t size);

/*
 * np__poll_wait() for a registered descriptor on the fiber's own worker, in place; the model is
 * tests/model/wait_home.pml. One step
 * publishes the task, since who makes it ready early only queues it; and a report is taken without
 * one, since only this thread brings reports. Close and deadlines come from any thread: they take
 * the task out of the slot, or are seen here once it is in.
 */
static NP_IN_PLACE int np__poll_wait_at_home(struct np_poll_desc *desc, int side,
					     struct np_task *self)
{
	_Atomic uintptr_t *slot = &desc->slot[side];
	uintptr_t expected = SLOT_NIL;

	if (!atomic_compare_exchange_strong(slot, &expected, (uintptr_t)self))
		return np__poll_wait(desc, side, self);
	expected = (uintptr_t)self;
	/* Who cannot be taken out again will be made ready, which only a stop answers. */
	if ((atomic_load(&desc->info) & (INFO_CLOSING | INFO_EVENT_ERROR) ||
	     atomic_load(&desc->deadline[side]) < 0 || np__task_is_canceled(self)) &&
	    atomic_compare_exchange_strong(slot, &expected, SLOT_NIL))
		return np__poll_wait(desc, side, self);
	self->parker->stop(self, &np__poll_waits[side], slot);
	if (atomic_load_explicit(slot, memory_order_relaxed) != SLOT_READY)
		return np__poll_wait(desc, side, self);
	atomic_store_explicit(slot, SLOT_NIL, memory_order_relaxed);
	return 0;
}

/* Has the backend been told of @side, need not be asked for each report, and is nothing of @but? */
static inline bool np__poll_is_registered(uint32_t info, int side, uint32_t but)
{
	but |= INFO_NEEDS_ARM | (side == SIDE_WRITE ? INFO_READS_ONLY : 0);
	return (info & (INFO_REGISTERED | but)) == INFO_REGISTERED;
}

/* np__poll_wait() with the common case in place. */
static inline int np__poll_wait_quickly(struct np_poll_desc *desc, int side, struct np_task *self)
{
	if (desc->poller == self->home && np__poll_is_registered(atomic_load(&desc->info), side, 0))
		return np__poll_wait_at_home(desc, side, self);
	return np__poll_wait(desc, side, self);
}

/*
 * A deadline may have passed with no turn to notice: threads only turn the poller while one of them
 * waits. So for them, before the system call, the clock decides.
 */
NP_RARE void np__poll_expire_by_clock(struct np_poll_desc *desc);

/* Returned by np__poll_wait_drained() where there is doubt. */
enum { POLL_ASK_KERNEL = 1 };

NP_APART int np__poll_wait_drained_slowly(struct np_poll_desc *desc, struct np_task *self);

/*
 * Wait for reading without having asked the kernel, by who got less from a stream than it wanted,
 * so that nothing was left. Keeps a report that is latched: no system call has seen what it told.
 * That is right only while no report told of anything but data, on a backend that would have;
 * otherwise it returns POLL_ASK_KERNEL and has done nothing.
 */
static inline int np__poll_wait_drained(struct np_poll_desc *desc, struct np_task *self)
{
	uint32_t info = atomic_load(&desc->info);

	if (desc->poller == self->home && np__poll_is_registered(info, SIDE_READ, INFO_DOUBTS))
		return np__poll_wait_at_home(desc, SIDE_READ, self);
	return np__poll_wait_drained_slowly(desc, self);
}

enum { EVENTS_PER_TURN = 128 };

/* Who is to be made ready after a turn: tasks whose home is its poller, and others. */
struct woken {
	struct np_task *first; /* at home; NULL if there is none */
	struct np_task *last;  /* if there is one */
	int count;             /* of them */
	struct task_list elsewhere;
};

/* The turn's reports, so many at most: T5, T7, T9. */
void np__poll_report(struct np_poller *poller, const struct runtime_poll_event *events, int count,
		     struct woken *ret_woken);

/*
 * Expire the deadlines that @now has reached. Returns the earliest of those that are left, or 0.
 */
int64_t np__poll_expire(struct np_poll_desc *desc, int64_t now, struct task_list *ready);

#endif /* NETPARK_CORE_POLL_DESC_H */
