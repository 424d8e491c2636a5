/* SPDX-License-Identifier: MIT */
/* core/fiber/stack_slabs.c - slabs, guards and colours. */
#include "core/fiber/stack_slabs.h"

#include <errno.h>
#include <signal.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SIZE_DEFAULT = 256 << 10, FIRST_SLAB = 64, SLAB_BYTES_MOST = 1 << 30 };

/* A function whose frame is larger than the guard can step over it; address space is cheap. */
enum { GUARD_LEAST = 16 << 10 };

/*
 * At one offset in every page the tops of all stacks would fight for the same few sets of the
 * cache. 16 lines of 64 bytes cost a stack 1 KiB at most, so that its first page is still enough
 * for one that does little.
 */
enum { COLOURS = 16, COLOUR_BYTES = 64 };

static size_t round_up(size_t size, size_t unit)
{
	return (size + unit - 1) / unit * unit;
}

int np__stack_slabs_init(struct stack_slabs *slabs, size_t size)
{
	size_t page = (size_t)sysconf(_SC_PAGESIZE);
	size_t guard = round_up(GUARD_LEAST, page);
	size_t least = guard + round_up((size_t)MINSIGSTKSZ + COLOURS * COLOUR_BYTES, page) + page;

	if (size > SIZE_MAX / 256)
		return -EINVAL;
	size = round_up(size ? size : SIZE_DEFAULT, page);
	slabs->size = size < least ? least : size;
	slabs->guard = guard;
	slabs->next = FIRST_SLAB;
	return 0;
}

void np__stack_slabs_fini(struct stack_slabs *slabs)
{
	size_t count = atomic_load_explicit(&slabs->count, memory_order_relaxed);

	for (size_t i = 0; i < count; i++)
		munmap(slabs->slabs[i].base, slabs->slabs[i].count * slabs->size);
}

/* Fewer stacks if there is no room for so many, as in 32 bits or under RLIMIT_AS. */
static int add_slab(struct stack_slabs *slabs)
{
	size_t last = atomic_load_explicit(&slabs->count, memory_order_relaxed);
	size_t most = slabs->size < SLAB_BYTES_MOST ? SLAB_BYTES_MOST / slabs->size : 1;
	size_t count = slabs->next < most ? slabs->next : most;
	struct stack_slab *slab;

	if (last == STACK_SLABS_MOST)
		return -ENOMEM;
	slab = &slabs->slabs[last];
	while (np__stack_map(count * slabs->size, &slab->base) < 0) {
		if (count == 1)
			return -ENOMEM;
		count /= 2;
	}
	slab->count = count;
	slabs->next = 2 * count;
	slabs->carved = 0;
	atomic_store_explicit(&slabs->count, last + 1, memory_order_release);
	return 0;
}

static struct stack stack_at(const struct stack_slabs *slabs, const struct stack_slab *slab,
			     size_t index)
{
	char *base = slab->base + index * slabs->size;

	return (struct stack){
		.low = base + slabs->guard,
		.top = base + slabs->size - index % COLOURS * COLOUR_BYTES,
	};
}

int np__stack_slabs_carve(struct stack_slabs *slabs, struct stack *ret_stack)
{
	size_t count = atomic_load_explicit(&slabs->count, memory_order_relaxed);
	const struct stack_slab *slab;
	struct stack stack;

	if (count == 0 || slabs->carved == slabs->slabs[count - 1].count) {
		if (add_slab(slabs) < 0)
			return -ENOMEM;
		count++;
	}
	slab = &slabs->slabs[count - 1];
	stack = stack_at(slabs, slab, slabs->carved);
	if (np__stack_protect(stack.low - slabs->guard, slabs->guard, &slabs->how) < 0)
		return -ENOMEM;
	slabs->carved++;
	*ret_stack = stack;
	return 0;
}

/* Where nothing was carved yet a guard is found too; nobody has a stack there to run over. */
bool np__stack_slabs_find_guard(const struct stack_slabs *slabs, const void *address,
				struct stack *ret_stack)
{
	size_t count = atomic_load_explicit(&slabs->count, memory_order_acquire);

	for (size_t i = 0; i < count; i++) {
		const struct stack_slab *slab = &slabs->slabs[i];
		uintptr_t offset = (uintptr_t)address - (uintptr_t)slab->base;

		if (offset >= slab->count * slabs->size)
			continue;
		if (offset % slabs->size >= slabs->guard)
			return false;
		*ret_stack = stack_at(slabs, slab, offset / slabs->size);
		return true;
	}
	return false;
}
