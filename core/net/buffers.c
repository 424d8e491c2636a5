/* SPDX-License-Identifier: MIT */
/* core/net/buffers.c - bytes in pieces, consumed from the front as they are written or copied. */
#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"

#include <limits.h>
#include <string.h>
#include <sys/uio.h>

/* Take @n bytes off the front, and every empty piece behind them. */
static void consume(struct np_buffers *buffers, size_t n)
{
	while (buffers->count > 0 && n >= buffers->iov->iov_len) {
		n -= buffers->iov->iov_len;
		buffers->iov++;
		buffers->count--;
	}
	if (n > 0) {
		buffers->iov->iov_base = (char *)buffers->iov->iov_base + n;
		buffers->iov->iov_len -= n;
	}
}

size_t np_buffers_size(const struct np_buffers *buffers)
{
	size_t size = 0;

	for (int i = 0; buffers && i < buffers->count; i++) {
		if (buffers->iov[i].iov_len > SIZE_MAX - size)
			return SIZE_MAX;
		size += buffers->iov[i].iov_len;
	}
	return size;
}

/* Each piece is a message, and leaves the list once it is out. */
static ssize_t write_messages(struct np_fd *fd, struct np_buffers *buffers)
{
	ssize_t total = 0;

	np__fd_keep(fd);
	while (total >= 0 && buffers->count > 0) {
		ssize_t n = np_write(fd, buffers->iov->iov_base, buffers->iov->iov_len);

		total = n < 0 ? n : total + n;
		if (n >= 0) {
			buffers->iov++;
			buffers->count--;
		}
	}
	np__fd_drop(fd);
	return total;
}

ssize_t np_buffers_write(struct np_fd *fd, struct np_buffers *buffers)
{
	ssize_t n;

	if (!fd || !buffers || buffers->count < 0 || (!buffers->iov && buffers->count > 0) ||
	    np_buffers_size(buffers) > SSIZE_MAX)
		return np__invalid(
			"np_buffers_write: no handle, or buffers of more than SSIZE_MAX in all");
	if (!fd->is_stream)
		return write_messages(fd, buffers);
	n = np_writev(fd, buffers->iov, buffers->count);
	consume(buffers, 0); /* np_writev() has emptied what went out */
	return n;
}

ssize_t np_buffers_read(struct np_buffers *buffers, void *buf, size_t size)
{
	size_t done = 0;

	if (!buffers || (!buf && size > 0) || buffers->count < 0 ||
	    (!buffers->iov && buffers->count > 0) || size > SSIZE_MAX)
		return np__invalid("np_buffers_read: no buffers, or a size above SSIZE_MAX");
	consume(buffers, 0);
	while (done < size && buffers->count > 0) {
		size_t piece = buffers->iov->iov_len;

		if (piece > size - done)
			piece = size - done;
		memcpy((char *)buf + done, buffers->iov->iov_base, piece);
		done += piece;
		consume(buffers, piece);
	}
	return (ssize_t)done;
}
