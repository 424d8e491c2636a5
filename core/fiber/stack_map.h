/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/stack_map.h - what stacks ask of the kernel. Defined by stack_map_linux.c, or by
 * stack_map_mprotect.c where a guard is always a map of its own.
 */
#ifndef NETPARK_CORE_FIBER_STACK_MAP_H
#define NETPARK_CORE_FIBER_STACK_MAP_H

#include <stddef.h>

/* How a guard is made: found out at the first one, and never better than it was before. */
enum stack_guard { STACK_GUARD_UNKNOWN, STACK_GUARD_REGION, STACK_GUARD_MPROTECT };

/* Readable and writable memory for stacks, of which nothing exists before it is touched. */
int np__stack_map(size_t size, char **ret_base);

/* No access to @size bytes at @low from now on, nor after np__stack_release(). 0 or -errno. */
int np__stack_protect(char *low, size_t size, enum stack_guard *how);

/* What was written is not needed any more: the kernel may have the memory, the addresses stay. */
void np__stack_release(char *low, size_t size);

#endif /* NETPARK_CORE_FIBER_STACK_MAP_H */
