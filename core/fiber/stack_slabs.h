/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/stack_slabs.h - where stacks come from: one map for many, each twice the one before.
 *
 * A stack is carved, that is given its guard, when it is needed first: the address space of a slab
 * costs nothing, the guards do. Slabs are append-only, so that a signal handler can look an address
 * up while another thread adds one.
 */
#ifndef NETPARK_CORE_FIBER_STACK_SLABS_H
#define NETPARK_CORE_FIBER_STACK_SLABS_H

#include "core/fiber/stack.h"
#include "core/fiber/stack_map.h"

#include <stdatomic.h>

enum { STACK_SLABS_MOST = 4096 };

struct stack_slab {
	char *base;
	size_t count; /* of stacks */
};

/* All but count and what it publishes is the carver's, under the depot's lock. */
struct stack_slabs {
	size_t size;  /* of a stack, with its guard; constant */
	size_t guard; /* constant */
	enum stack_guard how;
	size_t carved; /* of the last slab */
	size_t next;   /* count of the next slab */
	_Atomic size_t count;
	struct stack_slab slabs[STACK_SLABS_MOST];
};

/* As np__stack_depot_create() says of @size. @slabs is zero. 0 or -EINVAL. */
int np__stack_slabs_init(struct stack_slabs *slabs, size_t size);
void np__stack_slabs_fini(struct stack_slabs *slabs);

/* A stack that never was. 0 or -ENOMEM, which leaves everything as it was. */
int np__stack_slabs_carve(struct stack_slabs *slabs, struct stack *ret_stack);

/* See np__stack_guards(). */
bool np__stack_slabs_find_guard(const struct stack_slabs *slabs, const void *address,
				struct stack *ret_stack);

#endif /* NETPARK_CORE_FIBER_STACK_SLABS_H */
