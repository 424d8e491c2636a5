/* SPDX-License-Identifier: MIT */
/* core/timers.c - the heap. Four children a node: half as deep as two, in one cache line. */
#include "core/timers.h"

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

/* Doubling, for those who are admitted one by one. */
static int grow(struct timers *timers, size_t needed)
{
	size_t capacity = 2 * timers->capacity > needed ? 2 * timers->capacity : needed;
	struct timer_entry *grown = realloc(timers->heap, capacity * sizeof(*grown));

	if (!grown)
		return -ENOMEM;
	timers->heap = grown;
	timers->capacity = capacity;
	return 0;
}

int np__timers_admit(struct timers *timers, size_t count)
{
	int error = 0;

	pthread_mutex_lock(&timers->lock);
	if (timers->promised + count > timers->capacity)
		error = grow(timers, timers->promised + count);
	if (!error)
		timers->promised += count;
	pthread_mutex_unlock(&timers->lock);
	return error;
}

void np__timers_dismiss(struct timers *timers, size_t count)
{
	pthread_mutex_lock(&timers->lock);
	timers->promised -= count;
	pthread_mutex_unlock(&timers->lock);
}

static void place(struct timers *timers, size_t index, struct timer_entry entry)
{
	timers->heap[index] = entry;
	entry.timer->index = (uint32_t)index;
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

int np__timers_arm(struct timers *timers, struct timer *timer, int64_t when)
{
	int64_t before = atomic_load(&timer->when);

	if (before && before <= when)
		return 0;
	atomic_store(&timer->when, when);
	sift_up(timers, before ? timer->index : timers->count++,
		(struct timer_entry){ when, timer });
	publish_next(timers);
	return timer->index == 0;
}

void np__timers_disarm(struct timers *timers, struct timer *timer)
{
	size_t hole = timer->index;
	struct timer_entry last;

	if (!atomic_load(&timer->when))
		return;
	atomic_store(&timer->when, 0);
	last = timers->heap[--timers->count];
	if (hole < timers->count) {
		if (last.when < timers->heap[hole].when)
			sift_up(timers, hole, last);
		else
			sift_down(timers, hole, last);
	}
	publish_next(timers);
}

struct timer *np__timers_due(const struct timers *timers, int64_t now)
{
	return timers->count && timers->heap[0].when <= now ? timers->heap[0].timer : NULL;
}
