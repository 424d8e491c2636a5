/* SPDX-License-Identifier: MIT */
/* core/sys.c - the part that is the same on every system. */
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

int np__sys_set_nonblock(int fd, bool nonblock)
{
	int flags = fcntl(fd, F_GETFL);
	int was_set;

	if (flags < 0)
		return -errno;
	was_set = (flags & O_NONBLOCK) != 0;
	if (was_set == nonblock)
		return was_set;
	flags = nonblock ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
	return fcntl(fd, F_SETFL, flags) < 0 ? -errno : was_set;
}

int np__sys_close(int fd)
{
	NP_UNCANCELLED;
	/* Linux and most others have freed the number even when they say EINTR. */
	return close(fd) < 0 && errno != EINTR ? -errno : 0;
}
