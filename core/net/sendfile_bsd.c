/* SPDX-License-Identifier: MIT */
/* core/net/sendfile_bsd.c - sendfile(2) of FreeBSD and DragonFly. */
#include "core/net/sendfile.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/uio.h>

/* With an error there may be a count, which is what counts. 0 as a size would be the whole file. */
ssize_t np__call_sendfile(int to, int file, int64_t offset, size_t size)
{
	off_t sent = 0;

	if (size == 0 || sendfile(file, to, (off_t)offset, size, NULL, &sent, 0) == 0 || sent > 0)
		return (ssize_t)sent;
	return -errno;
}

/*
 * FreeBSD's goes on in the background; DragonFly's waits for the disk, and none can be asked
 * whether it will.
 */
bool np__sendfile_may_block(int file, int64_t offset, size_t size)
{
	(void)file;
	(void)offset;
	(void)size;
#ifdef __FreeBSD__
	return false;
#else
	return true;
#endif
}
