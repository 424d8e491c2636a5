/* SPDX-License-Identifier: MIT */
/* core/fiber/stack_map_linux.c - guard regions if the kernel has them. */
#include "core/fiber/stack_map.h"

#include "core/sys.h"

#include <errno.h>
#include <stdbool.h>
#include <sys/mman.h>

enum { GUARD_INSTALL = 102 }; /* MADV_GUARD_INSTALL of Linux 6.13, which older headers lack */

int np__stack_map(size_t size, char **ret_base)
{
	void *base = mmap(NULL, size, PROT_READ | PROT_WRITE,
			  MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);

	if (base == MAP_FAILED)
		return -errno;
	/* A huge page would make 2 MiB of what a stack touches first. Without them: EINVAL. */
	madvise(base, size, MADV_NOHUGEPAGE);
	*ret_base = base;
	return 0;
}

/*
 * An emulator's madvise(2) may do nothing and say that it has. So let a system call write there: a
 * guard makes it fail, and nothing is harmed otherwise.
 */
static bool is_guarded(char *low)
{
	return mincore(low, 1, (unsigned char *)low) < 0 && errno == EFAULT;
}

/* EINVAL: an older kernel, or memory locked by mlockall(2), which some kernels refuse to guard. Or
 * a sandbox that forbids madvise(2). */
static int install_region(char *low, size_t size, enum stack_guard *how)
{
	if (madvise(low, size, GUARD_INSTALL) < 0) {
		if (errno != EINVAL && !np__sys_is_refusal(-errno))
			return -errno;
		*how = STACK_GUARD_MPROTECT;
	} else if (*how == STACK_GUARD_UNKNOWN) {
		*how = is_guarded(low) ? STACK_GUARD_REGION : STACK_GUARD_MPROTECT;
	}
	return 0;
}

int np__stack_protect(char *low, size_t size, enum stack_guard *how)
{
	if (*how != STACK_GUARD_MPROTECT) {
		int error = install_region(low, size, how);

		if (error < 0 || *how == STACK_GUARD_REGION)
			return error;
	}
	return mprotect(low, size, PROT_NONE) < 0 ? -errno : 0;
}

void np__stack_release(char *low, size_t size)
{
	madvise(low, size, MADV_DONTNEED);
}
