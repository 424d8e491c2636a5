/* SPDX-License-Identifier: MIT */
/*
 * core/file/position.c - what only files can do: data at a position, length, and the way to the
 * disk. None of it takes a lock, all of it may block.
 */
#include <netpark/file.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <termios.h>
#include <unistd.h>

struct file_call {
	int sysfd;
	char *data;
	size_t size;
	off_t offset;
	int whence;
	ssize_t n;
	off_t position;
};

static int outcome(ssize_t n)
{
	return n < 0 ? -errno : 0;
}

/*
 * Make a call where it may block, between taking and giving back a reference. @call is what failed,
 * for texts.
 */
static int perform(struct np_fd *file, const char *op, const char *call, int (*fn)(void *arg),
		   struct file_call *arg)
{
	struct np_task *self = np__task_self();
	int error = np__fd_incref(file, op);

	if (error)
		return np__spend(error);
	arg->sysfd = file->sysfd;
	error = np__task_is_canceled(self) ? NP_ECANCELED : np__task_blocking(self, fn, arg);
	if (error)
		np__fd_fail(file, error, op, call);
	np__fd_decref(file);
	return np__spend(error);
}

/* ---- data --------------------------------------------------------------------------------- */

static int make_pread(void *arg)
{
	struct file_call *call = arg;

	do
		call->n = pread(call->sysfd, call->data, call->size, call->offset);
	while (call->n < 0 && errno == EINTR);
	return outcome(call->n);
}

/* Would the data end behind what has a number, or does it begin before what has one? */
static bool is_nowhere(size_t size, int64_t offset)
{
	return offset < 0 || (off_t)offset != offset || size > SSIZE_MAX ||
	       (uint64_t)size > (uint64_t)(INT64_MAX - offset);
}

ssize_t np_pread(struct np_fd *file, void *buf, size_t size, int64_t offset)
{
	struct file_call call = { .data = buf, .size = size < FD_IO_MAX ? size : FD_IO_MAX };
	int error;

	if (!file || (!buf && size > 0) || is_nowhere(size, offset))
		return np__invalid("np_pread: no handle, no buffer, or a position out of range");
	call.offset = (off_t)offset;
	error = perform(file, "read", "pread", make_pread, &call);
	return error ? error : call.n;
}

static int make_pwrite(void *arg)
{
	struct file_call *call = arg;

	do {
		size_t piece = call->size < FD_IO_MAX ? call->size : FD_IO_MAX;
		ssize_t n = pwrite(call->sysfd, call->data, piece, call->offset);
		int error;

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		error = np__judge_write((size_t)n, piece);
		if (error)
			return error;
		call->data += n;
		call->size -= (size_t)n;
		call->offset += n;
	} while (call->size > 0);
	return 0;
}

ssize_t np_pwrite(struct np_fd *file, const void *buf, size_t size, int64_t offset)
{
	struct file_call call = { .data = (char *)(uintptr_t)buf, .size = size };
	int error;

	if (!file || (!buf && size > 0) || is_nowhere(size, offset))
		return np__invalid("np_pwrite: no handle, no buffer, or a position out of range");
	call.offset = (off_t)offset;
	error = perform(file, "write", "pwrite", make_pwrite, &call);
	return error ? error : (ssize_t)size;
}

/* ---- the file itself ---------------------------------------------------------------------- */

static int make_seek(void *arg)
{
	struct file_call *call = arg;

	call->position = lseek(call->sysfd, call->offset, call->whence);
	return call->position < 0 ? -errno : 0;
}

int np_seek(struct np_fd *file, int64_t offset, int whence, int64_t *ret_position)
{
	struct file_call call = { .offset = (off_t)offset, .whence = whence };
	int error;

	if (!file || (off_t)offset != offset)
		return np__invalid("np_seek: no handle, or a position out of range");
	error = perform(file, "seek", "lseek", make_seek, &call);
	if (!error && ret_position)
		*ret_position = call.position;
	return error;
}

static int make_truncate(void *arg)
{
	const struct file_call *call = arg;
	int result;

	do
		result = ftruncate(call->sysfd, call->offset);
	while (result < 0 && errno == EINTR);
	return outcome(result);
}

int np_truncate(struct np_fd *file, int64_t size)
{
	struct file_call call = { .offset = (off_t)size };

	if (!file || size < 0 || (off_t)size != size)
		return np__invalid("np_truncate: no handle, or a size out of range");
	return perform(file, "truncate", "ftruncate", make_truncate, &call);
}

/* ---- the way out -------------------------------------------------------------------------- */

/* Some file systems, of a network for example, know only the other. */
static int sync_once(int sysfd)
{
#ifdef F_FULLFSYNC
	int result = fcntl(sysfd, F_FULLFSYNC);

	if (result == 0 || (errno != ENOTSUP && errno != EINVAL && errno != ENOTTY))
		return result;
#endif
	return fsync(sysfd);
}

static int make_sync(void *arg)
{
	const struct file_call *call = arg;
	int result;

	do
		result = sync_once(call->sysfd);
	while (result < 0 && errno == EINTR);
	return outcome(result);
}

int np_sync(struct np_fd *file)
{
	struct file_call call = { .data = NULL };

	return file ? perform(file, "sync", "fsync", make_sync, &call)
		    : np__invalid("np_sync: no handle");
}

static int make_sync_data(void *arg)
{
#if defined(NP_HAVE_FDATASYNC) && !defined(F_FULLFSYNC)
	const struct file_call *call = arg;
	int result;

	do
		result = fdatasync(call->sysfd);
	while (result < 0 && errno == EINTR);
	return outcome(result);
#else
	return make_sync(arg);
#endif
}

int np_sync_data(struct np_fd *file)
{
	struct file_call call = { .data = NULL };

	return file ? perform(file, "sync", "fdatasync", make_sync_data, &call)
		    : np__invalid("np_sync_data: no handle");
}

static int make_drain(void *arg)
{
	const struct file_call *call = arg;
	int result;

	do
		result = tcdrain(call->sysfd);
	while (result < 0 && errno == EINTR);
	return outcome(result);
}

/* It may last for ever, and close waits for who is inside: so not on the handle's own number. */
static int drain_duplicate(int sysfd, struct np_task *self)
{
	struct file_call call = { .sysfd = sysfd };
	int error = np__task_is_canceled(self) ? NP_ECANCELED
					       : np__task_blocking(self, make_drain, &call);

	np__sys_close(sysfd);
	return error;
}

int np_tty_drain(struct np_fd *tty)
{
	struct np_task *self = np__task_self();
	int error, duplicate;

	if (!tty)
		return np__invalid("np_tty_drain: no handle");
	error = np__fd_incref(tty, "drain");
	if (error)
		return np__spend(error);
	np__fd_keep(tty); /* for the text of a failure after it was closed */
	duplicate = fcntl(tty->sysfd, F_DUPFD_CLOEXEC, 3);
	error = duplicate < 0 ? -errno : 0;
	np__fd_decref(tty);
	if (!error)
		error = drain_duplicate(duplicate, self);
	if (error)
		np__fd_fail_outside(tty, error, "drain", "tcdrain");
	np__fd_drop(tty);
	return np__spend(error);
}
