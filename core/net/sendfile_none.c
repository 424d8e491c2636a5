/* SPDX-License-Identifier: MIT */
/* core/net/sendfile_none.c - no sendfile(2), or none we know: files are read and written. */
#include "core/net/sendfile.h"

#include <errno.h>

ssize_t np__call_sendfile(int to, int file, int64_t offset, size_t size)
{
	(void)to;
	(void)file;
	(void)offset;
	(void)size;
	return -ENOSYS;
}

bool np__sendfile_may_block(int file, int64_t offset, size_t size)
{
	(void)file;
	(void)offset;
	(void)size;
	return true;
}
