/* SPDX-License-Identifier: MIT */
/*
 * core/net/copy.c - one stream into another: files by sendfile, what comes in bulk within the
 * kernel, and everything else through a buffer.
 */
#include "core/net/copy.h"

#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/sendfile.h"

#include <errno.h>
#include <stdlib.h>

/* No more than is wanted. */
static size_t clamp(const struct copy *copy, size_t size)
{
	return copy->left < (int64_t)size ? (size_t)copy->left : size;
}

static int make_buffer(struct copy *copy, size_t size)
{
	free(copy->buf);
	copy->size = clamp(copy, size);
	copy->buf = malloc(copy->size);
	return copy->buf ? 0 : np__fail(-ENOMEM, "copy", NULL)->error;
}

/* One read, and all of it written. Bytes, 0 at the end, or an error. */
static ssize_t pass_on(struct copy *copy)
{
	size_t written = 0;
	ssize_t n = np_read(copy->from, copy->buf, clamp(copy, copy->size));

	if (n <= 0)
		return n;
	copy->left -= n;
	n = np_write_counted(copy->to, copy->buf, (size_t)n, &written);
	copy->done += (int64_t)written;
	return n;
}

/* A read that filled the buffer says that more is coming than is worth copying. */
static int go_on(struct copy *copy)
{
	int result = np__copy_splice(copy);

	if (result == 0 && !copy->may_splice)
		result = make_buffer(copy, COPY_BUFFER);
	return result;
}

static int copy_stream(struct copy *copy)
{
	int result;

	copy->may_splice = np__copy_can_splice(copy->to, copy->from);
	result = make_buffer(copy, copy->may_splice ? COPY_SMALL : COPY_BUFFER);
	while (result == 0 && copy->left > 0) {
		ssize_t n = pass_on(copy);

		if (n <= 0)
			result = n < 0 ? (int)n : 1;
		else if (n == COPY_SMALL && copy->may_splice && copy->left > 0)
			result = go_on(copy);
	}
	free(copy->buf);
	return result < 0 ? result : 0;
}

static int copy_kept(struct copy *copy)
{
	bool is_regular = false;
	int error = 0;

	if (copy->from->is_blocking && !copy->to->is_blocking)
		error = np__sendfile(copy->to, copy->from, -1, copy->left, &copy->done,
				     &is_regular);
	return error || is_regular ? error : copy_stream(copy);
}

int64_t np_copy_counted(struct np_fd *to, struct np_fd *from, int64_t limit, int64_t *ret_copied)
{
	struct copy copy = { .to = to, .from = from, .left = limit < 0 ? INT64_MAX : limit };
	int error = 0;

	if (ret_copied)
		*ret_copied = 0;
	if (!to || !from || !to->is_stream || !from->is_stream)
		return np__invalid("np_copy: no handle, or a message socket");
	if (limit == 0)
		return 0;
	np__fd_keep(to);
	np__fd_keep(from);
	error = copy_kept(&copy);
	np__fd_drop(from);
	np__fd_drop(to);
	if (ret_copied)
		*ret_copied = copy.done;
	return error ? error : copy.done;
}

int64_t np_copy(struct np_fd *to, struct np_fd *from, int64_t limit)
{
	return np_copy_counted(to, from, limit, NULL);
}
