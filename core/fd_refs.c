/* SPDX-License-Identifier: MIT */
/* core/fd_refs.c - the references that keep a handle's memory, see core/fd.h. */
#include "core/fd.h"

#include <stdlib.h>

void np__fd_free(struct np_fd *fd)
{
	np__fd_mutex_fini(&fd->mutex);
	free(fd);
}

void np__fd_drop(struct np_fd *fd)
{
	if (atomic_fetch_sub(&fd->refs, 1) == 1)
		np__fd_free(fd);
}

struct np_fd *np_ref(struct np_fd *fd)
{
	atomic_fetch_add(&fd->refs, 1);
	return fd;
}

/* With the last reference but that of the open descriptor, that has to go, too, and goes first. */
void np_unref(struct np_fd *fd)
{
	unsigned refs;

	if (!fd)
		return;
	refs = atomic_load(&fd->refs);
	do {
		if (refs == 2 && !np__fd_mutex_is_closed(&fd->mutex)) {
			np_cancel_io(fd);
			refs = atomic_load(&fd->refs);
		}
	} while (!atomic_compare_exchange_weak(&fd->refs, &refs, refs - 1));
	if (refs == 1)
		np__fd_free(fd);
}
