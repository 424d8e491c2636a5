/* SPDX-License-Identifier: MIT */
/* core/net/sendfile_linux.c - sendfile(2) of Linux. */
#include "core/net/sendfile.h"

#include <errno.h>
#include <sys/sendfile.h>
#include <sys/uio.h>

ssize_t np__call_sendfile(int to, int file, int64_t offset, size_t size)
{
	off_t position = (off_t)offset;
	ssize_t n = sendfile(to, file, &position, size);

	return n < 0 ? -errno : n;
}

/* One byte, from memory or not at all. The end of the file is in memory. */
static bool is_in_memory(int file, int64_t offset)
{
	char byte;
	struct iovec iov = { &byte, 1 };

	return preadv2(file, &iov, 1, (off_t)offset, RWF_NOWAIT) >= 0;
}

/*
 * The first and the last page stand for those between them: what the kernel reads ahead or drops,
 * it reads or drops in runs.
 */
bool np__sendfile_may_block(int file, int64_t offset, size_t size)
{
	return !is_in_memory(file, offset) || !is_in_memory(file, offset + (int64_t)size - 1);
}
