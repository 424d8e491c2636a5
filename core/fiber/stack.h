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
 * touching; what a long-unused stack holds is given back (trimmed), its address space is kept.
 */
#ifndef NETPARK_CORE_FIBER_STACK_H
#define NETPARK_CORE_FIBER_STACK_H

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A stack as a value: @low is its lowest usable address, @top where it begins, aligned to 16. */
struct stack {
	char *low;
	char *top; /* coloured: not at the same offset in the page for all */
};

struct stack_depot;
struct stack_pool;

/*
 * Stacks of @size bytes of address space each, guard included; 0 is 256 KiB. Rounded up to pages,
 * and to what a guard, a signal frame and one page need. 0, -EINVAL (absurd size), -ENOMEM.
 */
int np__stack_depot_create(size_t size, struct stack_depot **ret_depot);

/* Every stack has been put back, and every pool destroyed. */
void np__stack_depot_destroy(struct stack_depot *depot);

int np__stack_pool_create(struct stack_depot *depot, struct stack_pool **ret_pool);
void np__stack_pool_destroy(struct stack_pool *pool);

/* By the pool's owner. 0, or -ENOMEM when address space, maps or memory have run out. */
int np__stack_take(struct stack_pool *pool, struct stack *ret_stack);

/*
 * By the pool's owner. The caller may still be running on it: it is not touched, trimmed or handed
 * to another thread before the next call on this pool.
 */
void np__stack_put(struct stack_pool *pool, struct stack stack);

/* The same from a thread without a pool: locked. */
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
