/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/stack.h - stacks: address space in slabs, a guard below each, reuse, trimming.
 *
 * A depot is one for a runtime and locked; a pool is a worker's own, takes from the depot in
 * batches and gives back in batches, so that a stack taken and put by one worker costs neither a
 * lock nor an atomic operation.
 *
 * The guard of a stack is its lowest pages. Where the kernel has MADV_GUARD_INSTALL (Linux 6.13)
 * a guard costs no memory map, else mprotect(2) makes each stack two of them. Memory comes with
 * touching. Of the stacks that lie free in the depot, those beyond 1,024 and a quarter of how many
 * are out are trimmed, the longest free first: their memory goes back to the kernel, their address
 * space is kept. What a pool keeps, 96 stacks at most, is never trimmed.
 */
#ifndef NETPARK_CORE_FIBER_STACK_H
#define NETPARK_CORE_FIBER_STACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { STACK_BATCH = 32, STACK_POOL_MOST = 96 };

/* A stack as a value: @low is its lowest usable address, @top where it begins, aligned to 16. */
struct stack {
	char *low;
	char *top; /* coloured: not at the same offset in the page for all */
};

struct stack_depot;

struct stack_pool {
	struct stack_depot *depot;
	size_t count;
	struct stack stacks[STACK_POOL_MOST]; /* the longest free first */
};

/*
 * Stacks of @size bytes of address space each, guard included; 0 is 256 KiB. Rounded up to pages,
 * and to what a guard, a signal frame and one page need. 0, -EINVAL (absurd size), -ENOMEM.
 */
int np__stack_depot_create(size_t size, struct stack_depot **ret_depot);

/* Every stack has been put back, and every pool destroyed. */
void np__stack_depot_destroy(struct stack_depot *depot);

/* For tests: guards as on a kernel without guard regions. Before the first stack is taken. */
void np__stack_depot_use_mprotect(struct stack_depot *depot);

struct stack_stats {
	size_t out;     /* in use, or free in a pool */
	size_t free;    /* in the depot */
	size_t trimmed; /* of the free ones */
	size_t slabs;
	bool has_guard_regions; /* known once a stack was taken */
};

void np__stack_depot_get_stats(struct stack_depot *depot, struct stack_stats *ret_stats);

int np__stack_pool_create(struct stack_depot *depot, struct stack_pool **ret_pool);
void np__stack_pool_destroy(struct stack_pool *pool);

/* np__stack_take() from a pool that is empty, np__stack_put() to one that is full. */
int np__stack_pool_refill(struct stack_pool *pool, struct stack *ret_stack);
void np__stack_pool_overfill(struct stack_pool *pool, struct stack stack);

/* By the pool's owner. 0, or -ENOMEM when address space, maps or memory have run out. */
static inline int np__stack_take(struct stack_pool *pool, struct stack *ret_stack)
{
	if (pool->count == 0)
		return np__stack_pool_refill(pool, ret_stack);
	*ret_stack = pool->stacks[--pool->count];
	return 0;
}

/*
 * By the pool's owner. The caller may still be running on it: it is not touched, trimmed or handed
 * to another thread before the next call on this pool.
 */
static inline void np__stack_put(struct stack_pool *pool, struct stack stack)
{
	if (pool->count == STACK_POOL_MOST)
		np__stack_pool_overfill(pool, stack);
	else
		pool->stacks[pool->count++] = stack;
}

/* The same from a thread without a pool: locked. Nobody runs on the stack that is put. */
int np__stack_take_shared(struct stack_depot *depot, struct stack *ret_stack);
void np__stack_put_shared(struct stack_depot *depot, struct stack stack);

/*
 * The most bytes of @stack that were ever in use, judged by what was written: from its top to the
 * lowest word that is not zero. Of a reused stack this includes its former users', since it was
 * last trimmed. By its user, or while the user is stopped.
 */
size_t np__stack_high_water(const struct stack *stack);

/*
 * Is @address in the guard of one of the depot's stacks? Async-signal-safe, lock-free. If so, the
 * stack whose guard it is.
 */
bool np__stack_guards(const struct stack_depot *depot, const void *address,
		      struct stack *ret_stack);

#endif /* NETPARK_CORE_FIBER_STACK_H */
