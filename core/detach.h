/* SPDX-License-Identifier: MIT */
/*
 * core/detach.h - calls that block and are not waited for to the end (struct np_detached), for
 * tasks whose parker has no threads for them; and who is left behind by such calls.
 */
#ifndef NETPARK_CORE_DETACH_H
#define NETPARK_CORE_DETACH_H

#include <netpark/park.h>

#include <stdbool.h>

/*
 * Have @call made, with @task's parker or on a thread of its own. 0, or an error: -EAGAIN if no
 * thread can be had, or too many are under way.
 */
int np__detach(struct np_task *task, struct np_detached *call);

/* Nobody waits for it any more. By who did; the call may be done already. */
static inline void np__detached_abandon(struct np_detached *call)
{
	__atomic_store_n(&call->abandoned, 1, __ATOMIC_SEQ_CST);
}

static inline bool np__detached_is_abandoned(const struct np_detached *call)
{
	return __atomic_load_n(&call->abandoned, __ATOMIC_SEQ_CST) != 0;
}

/*
 * Threads that exist, besides those of a runtime, and will wake no fiber: each has a call that was
 * abandoned, or one of a thread that waits for it. Each takes itself off when it ends.
 */
unsigned np__stragglers(void);
void np__stragglers_add(unsigned count); /* which exist already */
void np__straggler_ends(void);

#endif /* NETPARK_CORE_DETACH_H */
