/* SPDX-License-Identifier: MIT */
/* core/net/read_full.c - reads that end with what was asked for, and a look at what comes next. */
#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/sys_calls.h"

#include <limits.h>

/* *ret_read is right in every case. */
static ssize_t read_full(struct np_fd *fd, void *buf, size_t size, size_t *ret_read)
{
	size_t done = 0;
	ssize_t n;

	*ret_read = 0;
	if (!fd || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_read_full: no handle, no buffer, or a size above SSIZE_MAX");
	np__fd_keep(fd);
	do {
		n = np_read(fd, (char *)buf + done, size - done);
		if (n > 0)
			done += (size_t)n;
	} while (n > 0 && done < size);
	*ret_read = done;
	if (n == 0 && done > 0)
		n = np__fd_fail_outside(fd, NP_EEOF, "read", NULL);
	np__fd_drop(fd);
	return n < 0 ? n : (ssize_t)done;
}

ssize_t np_read_full(struct np_fd *fd, void *buf, size_t size)
{
	size_t done;

	return read_full(fd, buf, size, &done);
}

ssize_t np_read_full_counted(struct np_fd *fd, void *buf, size_t size, size_t *ret_read)
{
	size_t done;
	ssize_t n = read_full(fd, buf, size, &done);

	if (ret_read)
		*ret_read = done;
	return n;
}

struct buffer {
	void *data;
	size_t size;
};

static ssize_t peek_once(struct np_fd *fd, void *arg)
{
	const struct buffer *buffer = arg;

	return np__call_recv(fd->sysfd, buffer->data, buffer->size, MSG_PEEK);
}

ssize_t np_peek(struct np_fd *fd, void *buf, size_t size)
{
	struct buffer buffer = { buf, size };

	if (!fd || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_peek: no handle, no buffer, or a size above SSIZE_MAX");
	if (size == 0)
		return np_read(fd, buf, 0);
	return np__fd_run(fd, SIDE_READ, "read", "recv", peek_once, &buffer);
}
