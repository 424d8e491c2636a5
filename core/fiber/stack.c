/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/stack.c - the depot and the pools.
 *
 * The depot's free stacks are one array, the longest free first and the last the next to be taken:
 *
 *	free:   trimmed ... | being trimmed ... | warm ...
 *	        0             cold                cold + busy       count
 *
 * Trimming moves the borders and no stack. Records of stacks are here, never in the stacks: one
 * that is free is not touched.
 */
#include "core/fiber/stack.h"

#include "core/fiber/stack_slabs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { WARM_LEAST = 1024, WARM_SHARE = 4 };

/* More at a time than a batch, so that what is warm grows fewer while batches still come. */
enum { TRIM_MOST = 2 * STACK_BATCH };

struct stack_depot {
	pthread_mutex_t lock; /* of all below */
	struct stack *free;   /* has room for every stack there is: putting never fails */
	size_t count;
	size_t capacity;
	size_t cold; /* trimmed */
	size_t busy; /* being trimmed, by one thread, without the lock */
	size_t out;  /* taken and not put back: in use or in a pool */
	struct stack_slabs slabs;
};

int np__stack_depot_create(size_t size, struct stack_depot **ret_depot)
{
	struct stack_depot *depot = calloc(1, sizeof(*depot));
	int error;

	if (!depot)
		return -ENOMEM;
	error = np__stack_slabs_init(&depot->slabs, size);
	if (error < 0) {
		free(depot);
		return error;
	}
	pthread_mutex_init(&depot->lock, NULL);
	*ret_depot = depot;
	return 0;
}

void np__stack_depot_destroy(struct stack_depot *depot)
{
	np__stack_slabs_fini(&depot->slabs);
	pthread_mutex_destroy(&depot->lock);
	free(depot->free);
	free(depot);
}

void np__stack_depot_use_mprotect(struct stack_depot *depot)
{
	depot->slabs.how = STACK_GUARD_MPROTECT;
}

void np__stack_depot_get_stats(struct stack_depot *depot, struct stack_stats *ret_stats)
{
	pthread_mutex_lock(&depot->lock);
	*ret_stats = (struct stack_stats){
		.out = depot->out,
		.free = depot->count,
		.trimmed = depot->cold,
		.slabs = atomic_load_explicit(&depot->slabs.count, memory_order_relaxed),
		.has_guard_regions = depot->slabs.how == STACK_GUARD_REGION,
	};
	pthread_mutex_unlock(&depot->lock);
}

/* ---- taking ------------------------------------------------------------------------------- */

static int reserve(struct stack_depot *depot, size_t needed)
{
	size_t capacity = 2 * depot->capacity > needed ? 2 * depot->capacity : needed;
	struct stack *grown;

	if (needed <= depot->capacity)
		return 0;
	grown = realloc(depot->free, capacity * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	depot->free = grown;
	depot->capacity = capacity;
	return 0;
}

/* What the kernel refuses on the way to a stack, older ones some, is not to be the fiber's errno.
 */
static size_t carve(struct stack_depot *depot, struct stack *stacks, size_t most)
{
	int number = errno;
	size_t count = 0;

	if (reserve(depot, depot->out + depot->count + most) < 0)
		return 0;
	while (count < most && np__stack_slabs_carve(&depot->slabs, &stacks[count]) == 0)
		count++;
	errno = number;
	return count;
}

/* The last to become free first. What is being trimmed, and the cold below it, is out of reach. */
static size_t reuse(struct stack_depot *depot, struct stack *stacks, size_t most)
{
	size_t available = depot->count - (depot->busy ? depot->cold + depot->busy : 0);
	size_t count = available < most ? available : most;

	depot->count -= count;
	if (count > 0)
		memcpy(stacks, &depot->free[depot->count], count * sizeof(*stacks));
	if (depot->cold > depot->count)
		depot->cold = depot->count;
	return count;
}

/* From 1 to @most stacks; 0 if there is no memory for even one. */
static size_t take(struct stack_depot *depot, struct stack *stacks, size_t most)
{
	size_t count;

	pthread_mutex_lock(&depot->lock);
	count = reuse(depot, stacks, most);
	if (count == 0)
		count = carve(depot, stacks, most);
	depot->out += count;
	pthread_mutex_unlock(&depot->lock);
	return count;
}

/* ---- giving back -------------------------------------------------------------------------- */

/* How many may lie there warm: enough for the next burst, few beside those in use. */
static size_t warm_most(const struct stack_depot *depot)
{
	size_t share = depot->out / WARM_SHARE;

	return share > WARM_LEAST ? share : WARM_LEAST;
}

/* Choose what to trim; another thread that is at it will do for now. */
static size_t begin_trim(struct stack_depot *depot, struct stack *stacks)
{
	size_t warm = depot->count - depot->cold;
	size_t most = warm_most(depot);
	size_t count;

	if (depot->busy || warm <= most)
		return 0;
	count = warm - most < TRIM_MOST ? warm - most : TRIM_MOST;
	memcpy(stacks, &depot->free[depot->cold], count * sizeof(*stacks));
	depot->busy = count;
	return count;
}

static void end_trim(struct stack_depot *depot)
{
	pthread_mutex_lock(&depot->lock);
	depot->cold += depot->busy;
	depot->busy = 0;
	pthread_mutex_unlock(&depot->lock);
}

/* Without the lock: with many threads, taking memory from all of them is slow. */
static void trim(struct stack_depot *depot, const struct stack *stacks, size_t count)
{
	size_t usable = depot->slabs.size - depot->slabs.guard;

	for (size_t i = 0; i < count; i++)
		np__stack_release(stacks[i].low, usable);
	end_trim(depot);
}

static void put(struct stack_depot *depot, const struct stack *stacks, size_t count)
{
	struct stack excess[TRIM_MOST];
	size_t excess_count;

	pthread_mutex_lock(&depot->lock);
	memcpy(&depot->free[depot->count], stacks, count * sizeof(*stacks));
	depot->count += count;
	depot->out -= count;
	excess_count = begin_trim(depot, excess);
	pthread_mutex_unlock(&depot->lock);
	if (excess_count > 0)
		trim(depot, excess, excess_count);
}

int np__stack_take_shared(struct stack_depot *depot, struct stack *ret_stack)
{
	return take(depot, ret_stack, 1) == 1 ? 0 : -ENOMEM;
}

void np__stack_put_shared(struct stack_depot *depot, struct stack stack)
{
	put(depot, &stack, 1);
}

/* ---- pools -------------------------------------------------------------------------------- */

int np__stack_pool_create(struct stack_depot *depot, struct stack_pool **ret_pool)
{
	struct stack_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pool->depot = depot;
	*ret_pool = pool;
	return 0;
}

/* The oldest go: the one that was put last may still be somebody's, see np__stack_put(). */
static void give_oldest(struct stack_pool *pool)
{
	size_t count = pool->count < STACK_BATCH ? pool->count : STACK_BATCH;

	put(pool->depot, pool->stacks, count);
	pool->count -= count;
	memmove(pool->stacks, pool->stacks + count, pool->count * sizeof(*pool->stacks));
}

void np__stack_pool_destroy(struct stack_pool *pool)
{
	while (pool->count > 0)
		give_oldest(pool);
	free(pool);
}

int np__stack_pool_refill(struct stack_pool *pool, struct stack *ret_stack)
{
	pool->count = take(pool->depot, pool->stacks, STACK_BATCH);
	if (pool->count == 0)
		return -ENOMEM;
	*ret_stack = pool->stacks[--pool->count];
	return 0;
}

void np__stack_pool_overfill(struct stack_pool *pool, struct stack stack)
{
	give_oldest(pool);
	pool->stacks[pool->count++] = stack;
}

/* ---- questions ---------------------------------------------------------------------------- */

/* Below the stack pointer lies what AddressSanitizer would rather not have read. */
__attribute__((no_sanitize_address)) size_t np__stack_high_water(const struct stack *stack)
{
	const char *at = stack->low;

	while (at < stack->top && *(const uintptr_t *)(const void *)at == 0)
		at += sizeof(uintptr_t);
	return (size_t)(stack->top - at);
}

bool np__stack_guards(const struct stack_depot *depot, const void *address, struct stack *ret_stack)
{
	return np__stack_slabs_find_guard(&depot->slabs, address, ret_stack);
}
