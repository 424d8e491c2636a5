/* SPDX-License-Identifier: MIT */
/* core/net/zero_copy_none.c - no way to lend the kernel memory: it is copied. */
#include <netpark/stream.h>

ssize_t np_write_zero_copy(struct np_fd *fd, const void *buf, size_t size)
{
	return np_write(fd, buf, size);
}
