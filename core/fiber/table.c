/* SPDX-License-Identifier: MIT */
/* core/fiber/table.c - slabs that double, and a free list. */
#include "core/fiber/table.h"

#include "core/fiber/fiber.h"

#include <stdlib.h>

void np__fiber_table_init(struct fiber_table *table)
{
	*table = (struct fiber_table){ .free = NULL };
	pthread_mutex_init(&table->lock, NULL);
}

void np__fiber_table_fini(struct fiber_table *table)
{
	pthread_mutex_destroy(&table->lock);
	for (int i = 0; i < FIBER_SLABS; i++)
		free(atomic_load(&table->slabs[i]));
}

/* Slab k begins at place 2^(k+6) - 64. */
static unsigned slab_of(size_t place, size_t *ret_offset)
{
	unsigned long long shifted = (unsigned long long)place + (1u << FIBER_SLAB_FIRST_BITS);
	unsigned top = 63u - (unsigned)__builtin_clzll(shifted);

	*ret_offset = (size_t)(shifted - (1ull << top));
	return top - FIBER_SLAB_FIRST_BITS;
}

static struct fiber *record_at(struct fiber_table *table, size_t place)
{
	size_t offset;
	unsigned slab = slab_of(place, &offset);

	return &atomic_load_explicit(&table->slabs[slab], memory_order_acquire)[offset];
}

static bool grow(struct fiber_table *table)
{
	size_t offset;
	unsigned slab = slab_of(table->size, &offset);
	size_t count = (size_t)1 << (slab + FIBER_SLAB_FIRST_BITS);
	struct fiber *records;

	if (slab >= FIBER_SLABS)
		return false;
	records = aligned_alloc(_Alignof(struct fiber), count * sizeof(*records));
	if (!records)
		return false;
	atomic_store_explicit(&table->slabs[slab], records, memory_order_release);
	table->size += count;
	return true;
}

/* The next record never given out, or NULL. */
static struct fiber *carve(struct fiber_table *table)
{
	size_t place = atomic_load_explicit(&table->used, memory_order_relaxed);
	struct fiber *fiber;

	if (place == table->size && !grow(table))
		return NULL;
	fiber = record_at(table, place);
	*fiber = (struct fiber){ .place = (uint32_t)place };
	atomic_store(&table->used, place + 1); /* after the record is one */
	return fiber;
}

struct fiber *np__fiber_table_take(struct fiber_table *table, unsigned count, unsigned *ret_taken)
{
	struct fiber *list = NULL;

	*ret_taken = 0;
	pthread_mutex_lock(&table->lock);
	while (*ret_taken < count) {
		struct fiber *fiber = table->free;

		if (fiber)
			table->free = fiber->link;
		else
			fiber = carve(table);
		if (!fiber)
			break;
		fiber->link = list;
		list = fiber;
		++*ret_taken;
	}
	pthread_mutex_unlock(&table->lock);
	return list;
}

void np__fiber_table_put(struct fiber_table *table, struct fiber *list)
{
	pthread_mutex_lock(&table->lock);
	while (list) {
		struct fiber *fiber = list;

		list = fiber->link;
		fiber->link = table->free;
		table->free = fiber;
	}
	pthread_mutex_unlock(&table->lock);
}

struct fiber *np__fiber_table_at(struct fiber_table *table, size_t place)
{
	return place < atomic_load(&table->used) ? record_at(table, place) : NULL;
}
