/* SPDX-License-Identifier: MIT */
/* core/net/sendfile_darwin.c - sendfile(2) of macOS. */
#include "core/net/sendfile.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <sys/uio.h>

/*
 * The length goes in and comes out, with an error only of these two. 0 as a size would be the whole
 * file.
 */
ssize_t np__call_sendfile(int to, int file, int64_t offset, size_t size)
{
	off_t length = (off_t)size;

	if (size == 0)
		return 0;
	if (sendfile(file, to, (off_t)offset, &length, NULL, 0) == 0)
		return (ssize_t)length;
	return (errno == EAGAIN || errno == EINTR) && length > 0 ? (ssize_t)length : -errno;
}

bool np__sendfile_may_block(int file, int64_t offset, size_t size)
{
	(void)file;
	(void)offset;
	(void)size;
	return true;
}
