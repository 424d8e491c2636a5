/* SPDX-License-Identifier: MIT */
/*
 * core/desc_table.h - the memory of a poller's descriptors: never moved, never given back.
 *
 * The kernel carries a tag, not a pointer: place in the table and generation. A tag that the kernel
 * kept longer than it should therefore names memory that exists, and the generation tells that
 * it is somebody else's. A place takes the low bits, so that a backend which can only carry 32 bits
 * still has room for a few of the generation.
 *
 * Places begin at FIRST_PLACE, and the slab whose places have bit k as their highest begins at
 * place 2^k: so no tag is 0, and a descriptor is found without a search or a table of sizes.
 *
 * What is freed during a turn waits in limbo until the turn has ended: the batch of reports that is
 * being handled may name it, and the check of the tag and what follows are not one atomic step.
 */
#ifndef NETPARK_CORE_DESC_TABLE_H
#define NETPARK_CORE_DESC_TABLE_H

#include "core/poll_desc.h"

enum { TAG_PLACE_BITS = 24 }; /* 16 million descriptors */
enum { FIRST_PLACE = 64 };    /* and so many in the first slab; each next one has twice as many */
enum { LIMBO_ENOUGH = 64 };   /* so many in limbo are worth a break */

struct desc_table {
	uint32_t lock; /* for a few instructions, but when the table grows */
	_Atomic(struct np_poll_desc *) slabs[TAG_PLACE_BITS]; /* by the highest bit */
	size_t used; /* under lock: the first place that was never given out */
	size_t size; /* the first that no slab has */
	size_t open; /* given out now */
	struct np_poll_desc *free;
	struct np_poll_desc *limbo;
	_Atomic size_t limbo_count; /* written under lock */
};

void np__desc_table_init(struct desc_table *table);
void np__desc_table_fini(struct desc_table *table);

/* A descriptor of @poller, all but the tag as the last user left it. 0 or -ENOMEM. */
int np__desc_alloc(struct np_poller *poller, struct np_poll_desc **ret_desc);

/* Back to the table. True if it was the last of a retired poller, which the caller now ends. */
bool np__desc_free(struct np_poll_desc *desc);

/* No turn is under way: what is in limbo may be given out. */
void np__desc_end_limbo(struct desc_table *table);

/* The descriptor at a place that was given out once. */
static inline struct np_poll_desc *np__desc_at(const struct desc_table *table, size_t place)
{
	size_t slab = (size_t)__builtin_clzll((unsigned long long)place) ^ 63u;
	size_t offset = place ^ (size_t)1 << slab;

	return &atomic_load_explicit(&table->slabs[slab], memory_order_acquire)[offset];
}

/* The memory that @tag names, now perhaps another's. */
static inline struct np_poll_desc *np__desc_of_tag(const struct desc_table *table, uint64_t tag)
{
	return np__desc_at(table, (size_t)(tag & ((UINT64_C(1) << TAG_PLACE_BITS) - 1)));
}

#endif /* NETPARK_CORE_DESC_TABLE_H */
