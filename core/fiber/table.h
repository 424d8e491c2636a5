/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/table.h - the records of a runtime's fibers: by place, never moved, never given back
 * before the runtime ends.
 *
 * Workers keep a few spare ones each, so that the lock is taken once for many fibers.
 */
#ifndef NETPARK_CORE_FIBER_TABLE_H
#define NETPARK_CORE_FIBER_TABLE_H

#include <pthread.h>
#include <stdatomic.h>
#include <stddef.h>

struct fiber;

enum { FIBER_PLACE_BITS = 24 }; /* 16 million at a time */
enum { FIBER_SLAB_FIRST_BITS = 6 };
enum { FIBER_SLABS = FIBER_PLACE_BITS - FIBER_SLAB_FIRST_BITS };

struct fiber_table {
	pthread_mutex_t lock;
	_Atomic(struct fiber *) slabs[FIBER_SLABS];
	_Atomic size_t used; /* written under lock: places ever given out */
	size_t size;         /* places that the slabs have */
	struct fiber *free;
};

void np__fiber_table_init(struct fiber_table *table);
void np__fiber_table_fini(struct fiber_table *table);

/* Take up to @count records, linked; NULL for want of memory. Their state is as it was left. */
struct fiber *np__fiber_table_take(struct fiber_table *table, unsigned count, unsigned *ret_taken);

/* Give back a list of records. */
void np__fiber_table_put(struct fiber_table *table, struct fiber *list);

/* The record at a place, or NULL if that was never given out. */
struct fiber *np__fiber_table_at(struct fiber_table *table, size_t place);

#endif /* NETPARK_CORE_FIBER_TABLE_H */
