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

#include "core/task.h"
#include "core/timers.h"

#include <netpark/poll.h>

#include <stdatomic.h>

/* The values of a slot; any other is the struct np_task that is parked there. */
enum { SLOT_NIL = 0, SLOT_READY = 1, SLOT_WAIT = 2 };

/* Bits of info. Set, and cleared only when the descriptor is opened, but for EVENT_ERROR. */
enum {
	INFO_OPEN = 1,
	INFO_CLOSING = 2,     /* unblocked: every wait fails */
	INFO_REGISTERED = 4,  /* the backend knows it */
	INFO_EVENT_ERROR = 8, /* the last report was an error and nothing else */
	INFO_HANGUP = 16,     /* end of file, hang-up or an error was reported, ever */
	INFO_PRIORITY = 32,   /* urgent data was reported, ever */
};

enum { DEADLINE_NONE = 0, DEADLINE_EXPIRED = -1 };

enum { SIDE_READ, SIDE_WRITE, SIDES };

struct np_poll_desc {
	/* constant for the life of the memory */
	struct np_poller *poller;

	/* constant from open to close */
	int fd;
	_Atomic uint64_t tag; /* place in the table, and a generation that close increments */

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

/* Tell the backend, if nobody has. 0 or the backend's error. */
int np__poll_register(struct np_poll_desc *desc);

/*
 * The first half of np_poll_reset(): why the side of @mode must fail, or 0. Drops no report.
 */
int np__poll_check(struct np_poll_desc *desc, int mode);

/*
 * May a stream's next read park without asking the kernel first, when the last one returned less
 * than it wanted? Only while no report told of anything but data, on a backend that would have.
 */
bool np__poll_may_skip_read(const struct np_poll_desc *desc);

/*
 * Park for reading without having asked the kernel, after np__poll_may_skip_read(): as
 * np_poll_wait(), by who knows that nothing was left to read. Keeps a report that is latched.
 */
int np__poll_wait_drained(struct np_poll_desc *desc);

/* np_poll_reset() without its checks of the arguments. */
int np__poll_reset(struct np_poll_desc *desc, int mode);

/* The poller's report: T5, T7, T9. Appends who is to be made ready. */
void np__poll_event(struct np_poll_desc *desc, uint32_t flags, struct task_list *ready);

/*
 * Expire the deadlines that @now has reached. Returns the earliest of those that are left, or 0.
 */
int64_t np__poll_expire(struct np_poll_desc *desc, int64_t now, struct task_list *ready);

#endif /* NETPARK_CORE_POLL_DESC_H */
