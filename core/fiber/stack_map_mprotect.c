/* SPDX-License-Identifier: MIT */
/* core/fiber/stack_map_mprotect.c - guards where only mprotect(2) makes them: BSDs and macOS. */
#include "core/fiber/stack_map.h"

#include <errno.h>
#include <sys/mman.h>

/*
 * OpenBSD kills a process whose stack pointer is in other memory. Elsewhere the flag is missing or,
 * on FreeBSD and DragonFly, asks for one stack that grows downwards.
 */
#if defined(__OpenBSD__)
#define FLAGS (MAP_PRIVATE | MAP_ANON | MAP_STACK)
#elif defined(MAP_NORESERVE)
#define FLAGS (MAP_PRIVATE | MAP_ANON | MAP_NORESERVE)
#else
#define FLAGS (MAP_PRIVATE | MAP_ANON)
#endif

int np__stack_map(size_t size, char **ret_base)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE, FLAGS, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	*ret_base = base;
	return 0;
}

int np__stack_protect(char *low, size_t size, enum stack_guard *how)
{
	*how = STACK_GUARD_MPROTECT;
	return mprotect(low, size, PROT_NONE) < 0 ? -errno : 0;
}

/* MADV_DONTNEED keeps the contents here, so it frees nothing. */
void np__stack_release(char *low, size_t size)
{
	madvise(low, size, MADV_FREE);
}
