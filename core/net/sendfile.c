/* SPDX-License-Identifier: MIT */
/*
 * core/net/sendfile.c - a regular file into a stream, by the kernel or else through a buffer.
 *
 * The destination's lock is held throughout; the file is only held while a system call is made on
 * it, so who closes it never waits for a slow peer.
 */
#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/sendfile.h"
#include "core/net/sigpipe.h"
#include "core/sys.h"
#include "core/task.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * As much as the kernel is asked for at once. Larger pieces save no time that could be measured; of
 * smaller ones more is left to do on this thread when a disk is slow.
 */
enum { PIECE = 256 << 10, BUFFER = 64 << 10 };

struct sending {
	struct np_fd *file;
	int64_t offset;
	int64_t left;
	int64_t sent;
	bool fears_sigpipe;
	int file_error; /* of the file's side, which is not the destination's failure */
	const char *file_call;
};

static void advance(struct sending *sending, int64_t n)
{
	sending->offset += n;
	sending->left -= n;
	sending->sent += n;
}

static size_t next_size(const struct sending *sending, size_t most)
{
	return sending->left < (int64_t)most ? (size_t)sending->left : most;
}

/* ---- by the kernel ------------------------------------------------------------------------ */

struct piece {
	int to;
	int file;
	int64_t offset;
	size_t size;
	bool fears_sigpipe;
	ssize_t n;
};

/* On whatever thread. */
static int send_piece(void *arg)
{
	struct piece *piece = arg;
	struct sigpipe_hold hold;

	np__sigpipe_hold(piece->fears_sigpipe, &hold);
	piece->n = np__call_sendfile(piece->to, piece->file, piece->offset, piece->size);
	np__sigpipe_release(&hold, piece->n != (ssize_t)piece->size);
	return 0;
}

static bool may_block(const struct piece *piece)
{
	return piece->offset > INT64_MAX - (int64_t)piece->size ||
	       np__sendfile_may_block(piece->file, piece->offset, piece->size);
}

/*
 * Fibers' threads are not for waiting: what is not in memory is sent by another one. If there is
 * none to be had, all the same.
 */
static ssize_t send_where_it_may_block(struct piece *piece, struct np_task *self)
{
	if (!self->parker->blocking || !may_block(piece) ||
	    np__task_blocking(self, send_piece, piece) != 0)
		send_piece(piece);
	return piece->n;
}

static ssize_t send_next(struct np_fd *to, struct sending *sending, struct np_task *self)
{
	struct piece piece = {
		.to = to->sysfd,
		.offset = sending->offset,
		.size = next_size(sending, PIECE),
		.fears_sigpipe = sending->fears_sigpipe,
	};
	ssize_t n;

	sending->file_error = np__fd_incref(sending->file, "read");
	if (sending->file_error)
		return 0;
	piece.file = sending->file->sysfd;
	n = send_where_it_may_block(&piece, self);
	np__fd_decref(sending->file);
	return n;
}

/* All of it, or until the destination has no room. Goes on where it was when called again. */
static ssize_t send_all(struct np_fd *to, void *arg)
{
	struct np_task *self = np__task_self();
	struct sending *sending = arg;

	while (sending->left > 0) {
		ssize_t n = send_next(to, sending, self);

		if (n <= 0)
			return n;
		advance(sending, n);
		np__task_spend(self);
	}
	return 0;
}

/* ---- through a buffer --------------------------------------------------------------------- */

struct reading {
	int file;
	int64_t offset;
	void *buf;
	size_t size;
	ssize_t n;
};

static int read_piece(void *arg)
{
	struct reading *reading = arg;

	do {
		reading->n =
			pread(reading->file, reading->buf, reading->size, (off_t)reading->offset);
	} while (reading->n < 0 && errno == EINTR);
	if (reading->n < 0)
		reading->n = -errno;
	return 0;
}

/* Bytes in @buf, 0 at the end, or an error that is file_error. */
static ssize_t read_next(struct sending *sending, void *buf)
{
	struct reading reading = {
		.offset = sending->offset,
		.buf = buf,
		.size = next_size(sending, BUFFER),
	};
	int error = np__fd_incref(sending->file, "read");

	if (!error) {
		reading.file = sending->file->sysfd;
		if (np__task_blocking(np__task_self(), read_piece, &reading) != 0)
			read_piece(&reading);
		np__fd_decref(sending->file);
		error = reading.n < 0 ? (int)reading.n : 0;
	}
	sending->file_call = "pread";
	sending->file_error = error;
	return error ? error : reading.n;
}

/* 0, or an error of either side. */
static int read_and_write(struct np_fd *to, struct sending *sending)
{
	void *buf = malloc(BUFFER);
	int error = 0;

	if (!buf)
		return np__fail(-ENOMEM, "write", to->network)->error;
	while (!error && sending->left > 0) {
		size_t written = 0;
		ssize_t n = read_next(sending, buf);

		if (n <= 0)
			break;
		n = np_write_counted(to, buf, (size_t)n, &written);
		advance(sending, (int64_t)written);
		error = n < 0 ? (int)n : 0;
	}
	free(buf);
	return error;
}

/* ---- both --------------------------------------------------------------------------------- */

/* Not for these two, or not on this system; but reading and writing may do. */
static bool is_refusal(int error)
{
	return error == -EINVAL || np__sys_is_refusal(error) || error == -EOPNOTSUPP ||
	       error == -ENOTSUP || error == -ENOTSOCK || error == -EOVERFLOW;
}

static int send_file(struct np_fd *to, struct sending *sending)
{
	int error = -ENOSYS;

	if (!to->is_blocking && !to->is_memory) {
		sending->fears_sigpipe = np__sigpipe_is_feared(to);
		error = (int)np__fd_run(to, SIDE_WRITE, "write", "sendfile", send_all, sending);
	}
	if (sending->sent == 0 && is_refusal(error))
		error = read_and_write(to, sending);
	if (!error && sending->file_error)
		error = np__fd_fail_outside(sending->file, sending->file_error, "read",
					    sending->file_call);
	return error;
}

/* Is it a regular file, and where is it? *position is only asked for if it is not NULL. */
static int look_at(struct np_fd *file, bool *is_regular, int64_t *position)
{
	struct stat status;
	int error = np__fd_incref(file, "read");

	if (error)
		return error;
	*is_regular = fstat(file->sysfd, &status) == 0 && S_ISREG(status.st_mode);
	if (*is_regular && position) {
		*position = (int64_t)lseek(file->sysfd, 0, SEEK_CUR);
		if (*position < 0)
			error = np__fd_fail(file, -errno, "read", "lseek");
	}
	np__fd_decref(file);
	return error;
}

/* A file that was closed since has no position any more. */
static void move_to(struct np_fd *file, int64_t position)
{
	if (!np__fd_mutex_incref(&file->mutex))
		return;
	lseek(file->sysfd, (off_t)position, SEEK_SET);
	np__fd_decref(file);
}

int np__sendfile(struct np_fd *to, struct np_fd *file, int64_t offset, int64_t size, int64_t *sent,
		 bool *is_regular)
{
	struct sending sending = {
		.file = file,
		.offset = offset,
		.left = size < 0 ? INT64_MAX : size,
	};
	int error = look_at(file, is_regular, offset < 0 ? &sending.offset : NULL);

	*sent = 0;
	if (error || !*is_regular)
		return error;
	error = send_file(to, &sending);
	*sent = sending.sent;
	if (offset < 0 && sending.sent > 0)
		move_to(file, sending.offset);
	return error;
}

/* With the memory of both kept. */
static int64_t sendfile_kept(struct np_fd *conn, struct np_fd *file, int64_t offset, int64_t size,
			     int64_t *sent)
{
	bool is_regular = true;
	int error = np__sendfile(conn, file, offset, size, sent, &is_regular);

	if (!error && !is_regular)
		error = np__fd_fail_outside(file, -ESPIPE, "read", "sendfile");
	if (error)
		np__fail_spend(np__task_self());
	return error ? error : *sent;
}

int64_t np_sendfile_counted(struct np_fd *conn, struct np_fd *file, int64_t offset, int64_t size,
			    int64_t *ret_sent)
{
	int64_t sent = 0, result;

	if (ret_sent)
		*ret_sent = 0;
	if (!conn || !file || !conn->is_stream)
		return np__invalid("np_sendfile: no connection, no file, or a message socket");
	np__fd_keep(conn);
	np__fd_keep(file);
	result = sendfile_kept(conn, file, offset, size, &sent);
	np__fd_drop(file);
	np__fd_drop(conn);
	if (ret_sent)
		*ret_sent = sent;
	return result;
}

int64_t np_sendfile(struct np_fd *conn, struct np_fd *file, int64_t offset, int64_t size)
{
	return np_sendfile_counted(conn, file, offset, size, NULL);
}
