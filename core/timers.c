/* SPDX-License-Identifier: MIT */
/* core/timers.c - the heap. Four children a node: half as deep as two, and they share a cache line.
 */
#include "core/timers.h"

#include "core/poll_desc.h"

#include <errno.h>
#include <stdlib.h>

enum { CHILDREN = 4 };

void np__timers_init(struct timers *timers)
{
	*timers = (struct timers){ .heap = NULL };
	pthread_mutex_init(&timers->lock, NULL);
}

void np__timers_fini(struct timers *timers)
{
	pthread_mutex_destroy(&timers->lock);
	free(timers->heap);
}

int np__timers_reserve(struct timers *timers, size_t capacity)
{
	struct timer_entry *grown;
	int error = 0;

	pthread_mutex_lock(&timers->lock);
	if (capacity > timers->capacity) {
		grown = realloc(timers->heap, capacity * sizeof(*grown));
		if (grown) {
			timers->heap = grown;
			timers->capacity = capacity;
		} else {
			error = -ENOMEM;
		}
	}
	pthread_mutex_unlock(&timers->lock);
	return error;
}

static void place(struct timers *timers, size_t index, struct timer_entry entry)
{
	timers->heap[index] = entry;
	entry.desc->timer_index = index;
}

static void sift_up(struct timers *timers, size_t index, struct timer_entry entry)
{
	while (index > 0) {
		size_t parent = (index - 1) / CHILDREN;

		if (timers->heap[parent].when <= entry.when)
			break;
		place(timers, index, timers->heap[parent]);
		index = parent;
	}
	place(timers, index, entry);
}

/* The earliest child of @index, or count if it has none. */
static size_t earliest_child(const struct timers *timers, size_t index)
{
	size_t first = index * CHILDREN + 1;
	size_t earliest = first;

	if (first >= timers->count)
		return timers->count;
	for (size_t i = first + 1; i < first + CHILDREN && i < timers->count; i++)
		if (timers->heap[i].when < timers->heap[earliest].when)
			earliest = i;
	return earliest;
}

static void sift_down(struct timers *timers, size_t index, struct timer_entry entry)
{
	for (;;) {
		size_t child = earliest_child(timers, index);

		if (child == timers->count || entry.when <= timers->heap[child].when)
			break;
		place(timers, index, timers->heap[child]);
		index = child;
	}
	place(timers, index, entry);
}

static void publish_next(struct timers *timers)
{
	atomic_store(&timers->next, timers->count ? timers->heap[0].when : 0);
}

int np__timers_arm(struct timers *timers, struct np_poll_desc *desc, int64_t when)
{
	int64_t before = atomic_load(&desc->timer_when);

	if (before && before <= when)
		return 0;
	atomic_store(&desc->timer_when, when);
	sift_up(timers, before ? desc->timer_index : timers->count++,
		(struct timer_entry){ when, desc });
	publish_next(timers);
	return desc->timer_index == 0;
}

void np__timers_disarm(struct timers *timers, struct np_poll_desc *desc)
{
	size_t hole = desc->timer_index;
	struct timer_entry last;

	if (!atomic_load(&desc->timer_when))
		return;
	atomic_store(&desc->timer_when, 0);
	last = timers->heap[--timers->count];
	if (hole < timers->count) {
		if (last.when < timers->heap[hole].when)
			sift_up(timers, hole, last);
		else
			sift_down(timers, hole, last);
	}
	publish_next(timers);
}

struct np_poll_desc *np__timers_due(const struct timers *timers, int64_t now)
{
	return timers->count && timers->heap[0].when <= now ? timers->heap[0].desc : NULL;
}
