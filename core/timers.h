/* SPDX-License-Identifier: MIT */
/*
 * core/timers.h - whose deadline comes next: a heap, one for each poller.
 *
 * What has deadlines, a poll descriptor or a task that waits for something else, embeds a timer.
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

/* Whose timer it is; core/poller.c knows what to do for each when the time has come. */
enum timer_owner { TIMER_OF_DESC, TIMER_OF_TICKET };

struct timer {
	_Atomic int64_t when; /* written under lock: time of its entry, 0 if there is none */
	uint32_t index;       /* under lock: the entry's place */
	uint32_t owner;       /* constant, of enum timer_owner */
};

struct timer_entry {
	int64_t when;
	struct timer *timer;
};

struct timers {
	pthread_mutex_t lock;
	struct timer_entry *heap; /* under lock: a 4-ary heap, the earliest first */
	size_t count;
	size_t capacity;
	size_t promised;      /* entries for which there is room: inserting never fails */
	_Atomic int64_t next; /* time of the first entry, 0 if none; written under lock */
};

void np__timers_init(struct timers *timers);
void np__timers_fini(struct timers *timers);

/* Promise room for @count more entries, for good (descriptors) or until dismissed. 0 or -ENOMEM. */
int np__timers_admit(struct timers *timers, size_t count);
void np__timers_dismiss(struct timers *timers, size_t count);

/*
 * Under lock. Insert, or move to earlier: @timer has an entry at @when or before afterwards.
 * Returns 1 if that made it the earliest of all, else 0.
 */
int np__timers_arm(struct timers *timers, struct timer *timer, int64_t when);

/* Under lock. Remove the entry of @timer, if it has one. */
void np__timers_disarm(struct timers *timers, struct timer *timer);

/* Under lock. The timer whose entry is first, if its time is @now or earlier; else NULL. */
struct timer *np__timers_due(const struct timers *timers, int64_t now);

#endif /* NETPARK_CORE_TIMERS_H */
