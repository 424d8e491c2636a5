/* SPDX-License-Identifier: MIT */
/* core/desc_table.c - slabs, the free list and limbo. */
#include "core/desc_table.h"

#include "core/poller.h"
#include "core/spin.h"

#include <errno.h>
#include <stdlib.h>

static const uint64_t GENERATION = UINT64_C(1) << TAG_PLACE_BITS;

void np__desc_table_init(struct desc_table *table)
{
	*table = (struct desc_table){ .used = FIRST_PLACE, .size = FIRST_PLACE };
}

void np__desc_table_fini(struct desc_table *table)
{
	for (int i = 0; i < TAG_PLACE_BITS; i++)
		free(atomic_load(&table->slabs[i]));
}

/*
 * A new slab, as large as all before, and as much room in the timers: setting a deadline never
 * fails for want of memory.
 */
static int grow(struct desc_table *table, struct timers *timers)
{
	size_t count = table->size;
	unsigned slab = (unsigned)__builtin_ctzll((unsigned long long)count);
	struct np_poll_desc *descs;

	if (slab >= TAG_PLACE_BITS)
		return -ENOMEM;
	if (np__timers_admit(timers, count) < 0)
		return -ENOMEM;
	descs = calloc(count, sizeof(*descs));
	if (!descs) {
		np__timers_dismiss(timers, count);
		return -ENOMEM;
	}
	atomic_store_explicit(&table->slabs[slab], descs, memory_order_release);
	table->size += count;
	return 0;
}

/* The next place never given out, or NULL. */
static struct np_poll_desc *carve(struct np_poller *poller)
{
	struct desc_table *table = &poller->table;
	struct np_poll_desc *desc;

	if (table->used == table->size && grow(table, &poller->timers) < 0)
		return NULL;
	desc = np__desc_at(table, table->used);
	desc->poller = poller;
	atomic_store(&desc->tag, table->used);
	table->used++;
	return desc;
}

int np__desc_alloc(struct np_poller *poller, struct np_poll_desc **ret_desc)
{
	struct desc_table *table = &poller->table;
	struct np_poll_desc *desc;

	np__spin_lock(&table->lock);
	desc = table->free;
	if (desc)
		table->free = desc->next_free;
	else
		desc = carve(poller);
	if (desc)
		table->open++;
	np__spin_unlock(&table->lock);
	if (!desc)
		return -ENOMEM;
	*ret_desc = desc;
	return 0;
}

static void next_generation(struct np_poll_desc *desc)
{
	atomic_store(&desc->tag, atomic_load(&desc->tag) + GENERATION);
}

/*
 * The backend has forgotten the registration before in_turn is read here. If it reads false, a turn
 * that begins later cannot be told of it any more, so it may be given out at once.
 */
static void put(struct np_poller *poller, struct np_poll_desc *desc)
{
	struct desc_table *table = &poller->table;

	if (!atomic_load(&poller->in_turn)) {
		desc->next_free = table->free;
		table->free = desc;
		return;
	}
	desc->next_free = table->limbo;
	table->limbo = desc;
	/* End the turn that keeps so many. */
	if (atomic_fetch_add(&table->limbo_count, 1) + 1 == LIMBO_ENOUGH)
		np_poller_break(poller);
}

bool np__desc_free(struct np_poll_desc *desc)
{
	struct np_poller *poller = desc->poller;
	bool is_last;

	next_generation(desc);
	np__spin_lock(&poller->table.lock);
	put(poller, desc);
	is_last = --poller->table.open == 0 && poller->is_retired;
	np__spin_unlock(&poller->table.lock);
	return is_last;
}

void np__desc_end_limbo(struct desc_table *table)
{
	if (atomic_load(&table->limbo_count) == 0)
		return;
	np__spin_lock(&table->lock);
	while (table->limbo) {
		struct np_poll_desc *desc = table->limbo;

		table->limbo = desc->next_free;
		desc->next_free = table->free;
		table->free = desc;
	}
	atomic_store(&table->limbo_count, 0);
	np__spin_unlock(&table->lock);
}
