/* SPDX-License-Identifier: MIT */
/* core/fd_refs.c - the references that keep a handle's memory, see core/fd.h. */
#include "core/fd.h"

#include <stdlib.h>

void np__fd_drop(struct np_fd *fd)
{
	if (atomic_fetch_sub(&fd->refs, 1) != 1)
		return;
	if (fd->is_memory)
		np__fd_memory(fd)->forget(fd);
	free(fd);
}

struct np_fd *np_ref(struct np_fd *fd)
{
	atomic_fetch_add(&fd->handles, 1);
	return fd;
}

void np_unref(struct np_fd *fd)
{
	if (!fd || atomic_fetch_sub(&fd->handles, 1) != 1)
		return;
	if (fd->is_memory)
		np__fd_memory(fd)->close(fd);
	else if (!np__fd_mutex_is_closed(&fd->mutex))
		np_cancel_io(fd);
	np__fd_drop(fd);
}
