/* SPDX-License-Identifier: MIT */
/*
 * core/timers.h - which poll descriptor's deadline comes next: a heap, one for each poller.
 *
 * A descriptor has one entry for both directions, at a time that is never after its earliest
 * deadline and often before it: moving a deadline to later, or clearing it, leaves the entry where
 * it is. When the entry's time comes, its descriptor is asked for the truth and goes back to where
 * that says, so a deadline that moves with every read costs the heap one visit in a whole timeout.
 *
 * Go keeps two timers with sequence numbers, so that a callback which lost a race against a new
 * deadline can tell that it is stale. Here there is nothing to be stale: a visit expires what the
 * clock says has passed, whenever it comes.
 */
#ifndef NETPARK_CORE_TIMERS_H
#define NETPARK_CORE_TIMERS_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

struct np_poll_desc;

struct timer_entry {
	int64_t when;
	struct np_poll_desc *desc;
};

struct timers {
	pthread_mutex_t lock;
	struct timer_entry *heap; /* under lock: a 4-ary heap, the earliest first */
	size_t count;
	size_t capacity;      /* at least the number of descriptors: inserting never fails */
	_Atomic int64_t next; /* time of the first entry, 0 if none; written under lock */
};

void np__timers_init(struct timers *timers);
void np__timers_fini(struct timers *timers);

/* Room for @capacity entries. 0 or -ENOMEM. */
int np__timers_reserve(struct timers *timers, size_t capacity);

/*
 * Under lock. Insert, or move to earlier: @desc has an entry at @when or before afterwards.
 * Returns 1 if that made it the earliest of all, else 0.
 */
int np__timers_arm(struct timers *timers, struct np_poll_desc *desc, int64_t when);

/* Under lock. Remove the entry of @desc, if it has one. */
void np__timers_disarm(struct timers *timers, struct np_poll_desc *desc);

/* Under lock. The descriptor whose entry is first, if its time is @now or earlier; else NULL. */
struct np_poll_desc *np__timers_due(const struct timers *timers, int64_t now);

#endif /* NETPARK_CORE_TIMERS_H */
