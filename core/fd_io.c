/* SPDX-License-Identifier: MIT */
/*
 * core/fd_io.c - data through a handle. Every call has one shape: lock the side, prepare, then try,
 * and on EAGAIN wait and try again, in perform_again(), the only loop of its kind. What cannot say
 * EAGAIN is tried where blocking is no harm, in perform_elsewhere().
 */
#include "core/fd.h"

#include "core/failure.h"
#include "core/hints.h"
#include "core/sys.h"
#include "core/sys_calls.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <stdint.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#define WRITEV_MAX 1024 /* what every system's IOV_MAX allows */

/* What a call through the C library returned, as that. */
static ssize_t outcome(ssize_t n)
{
	return n < 0 ? -errno : n;
}

/* Park until @side is worth a try. */
static int wait_ready(struct np_fd *fd, int side)
{
	struct np_poll_desc *desc;
	int error = np__fd_desc(fd, &desc);

	return error ? error : np__poll_wait_quickly(desc, side, np__task_self());
}

/*
 * May the call be tried? For reading, drop the report that came before: the system call that
 * follows sees what it told. Never between EAGAIN and the wait, where it would drop what came
 * since. What the last read knew of an empty kernel buffer goes with the report that would
 * contradict it.
 *
 * A report that there is room is left: it comes with every report of data, and to drop it each time
 * costs more than the one try in vain of a writer who fills the kernel's buffer. So all that is to
 * be asked for writing is a deadline: who has closed has closed the lock.
 */
static NP_IN_PLACE int prepare(struct np_fd *fd, int side, struct np_task *self)
{
	struct np_poll_desc *desc;

	if (np__task_is_canceled(self))
		return NP_ECANCELED;
	if (side == SIDE_READ)
		fd->is_drained = false;
	else if (!atomic_load(&fd->has_deadlines))
		return 0;
	desc = atomic_load_explicit(&fd->desc, memory_order_acquire);
	if (!desc)
		return 0;
	return side == SIDE_READ ? np__poll_reset(desc, side) : np__poll_check(desc, side);
}

/* Must it wait? What it says of a handle that the poller does not have is an error like others. */
static bool would_block(const struct np_fd *fd, ssize_t n)
{
	return (n == -EAGAIN || n == -EWOULDBLOCK) && !fd->is_blocking;
}

/* After a first attempt that failed, with @n: again and again, as long as that is worth it. */
NP_APART static ssize_t perform_again(struct np_fd *fd, int side, attempt_fn *attempt, void *arg,
				      ssize_t n)
{
	while (n < 0) {
		if (n != -EINTR) {
			int error = would_block(fd, n) ? wait_ready(fd, side) : (int)n;

			if (error)
				return error;
		}
		n = attempt(fd, arg);
	}
	return n;
}

/* In place, so that an attempt which succeeds at once is no call through a pointer. */
static NP_IN_PLACE ssize_t perform(struct np_fd *fd, int side, attempt_fn *attempt, void *arg)
{
	ssize_t n = attempt(fd, arg);

	return n >= 0 ? n : perform_again(fd, side, attempt, arg, n);
}

struct blocking_call {
	struct np_fd *fd;
	int side;
	attempt_fn *attempt;
	void *arg;
	ssize_t n;
};

static int make_blocking_call(void *arg)
{
	struct blocking_call *call = arg;

	call->n = perform(call->fd, call->side, call->attempt, call->arg);
	return 0;
}

/*
 * On a handle that the poller does not have: there is no EAGAIN to wait after, the call blocks its
 * thread, which must not be one that others of its tasks wait for. Locks of such handles are always
 * taken slowly, so that what is quick need not ask.
 */
static ssize_t perform_elsewhere(struct np_fd *fd, int side, attempt_fn *attempt, void *arg)
{
	struct blocking_call call = { fd, side, attempt, arg, 0 };
	int error = np__task_blocking(np__task_self(), make_blocking_call, &call);

	return error ? error : call.n;
}

static attempt_fn call_raw;

/* Unlock, and let others run if this task has had its share. */
static inline void leave(struct np_fd *fd, int side, uint64_t before, struct np_task *self)
{
	np__fd_unlock(fd, side, before);
	np__task_spend(self);
}

/*
 * The same at the end of a call that took longer, or failed. The failure was recorded before, with
 * the descriptor still surely ours.
 */
static void leave_with(struct np_fd *fd, int side, ssize_t n, struct np_task *self)
{
	np__fd_unlock(fd, side, FD_MUTEX_UNKNOWN);
	if (n < 0)
		np__fail_spend(self);
	else
		np__task_spend(self);
}

static NP_IN_PLACE ssize_t end_run(struct np_fd *fd, int side, const char *op, const char *call,
				   ssize_t n, struct np_task *self)
{
	if (n < 0)
		np__fd_fail(fd, (int)n, op, call);
	leave_with(fd, side, n, self);
	return n;
}

/* A lock that has to be waited for, or a handle whose calls block. */
NP_RARE static ssize_t run_slowly(struct np_fd *fd, int side, const char *op, const char *call,
				  attempt_fn *attempt, void *arg)
{
	struct np_task *self = np__task_self();
	ssize_t n = np__fd_lock_slowly(fd, side, op);

	if (n < 0)
		return n;
	n = prepare(fd, side, self);
	if (n == 0)
		n = fd->is_blocking && attempt != call_raw
			    ? perform_elsewhere(fd, side, attempt, arg)
			    : perform(fd, side, attempt, arg);
	return end_run(fd, side, op, call, n, self);
}

/* The shape of a call. */
static NP_IN_PLACE ssize_t run(struct np_fd *fd, int side, const char *op, const char *call,
			       attempt_fn *attempt, void *arg)
{
	struct np_task *self = np__task_self();
	uint64_t before;
	ssize_t n;

	if (!np__fd_try_lock(fd, side, &before))
		return run_slowly(fd, side, op, call, attempt, arg);
	n = prepare(fd, side, self);
	if (n == 0)
		n = perform(fd, side, attempt, arg);
	return end_run(fd, side, op, call, n, self);
}

ssize_t np__fd_run(struct np_fd *fd, int side, const char *op, const char *call,
		   attempt_fn *attempt, void *arg)
{
	return run(fd, side, op, call, attempt, arg);
}

/* Arguments that are not as they nearly always are: to be taken as they are. */
static inline bool is_odd(const struct np_fd *fd, const void *buf, size_t size)
{
	return !fd || !buf || size - 1 >= FD_IO_MAX;
}

/* ---- read --------------------------------------------------------------------------------- */

struct buffer {
	void *data;
	size_t size;
};

/* On sockets recv(2) costs less than read(2). */
static ssize_t read_once(struct np_fd *fd, void *arg)
{
	const struct buffer *buffer = arg;

	return fd->is_socket ? np__call_recv(fd->sysfd, buffer->data, buffer->size, 0)
			     : np__call_read(fd->sysfd, buffer->data, buffer->size);
}

/*
 * The shortcut. The last read left nothing, so reading now would say EAGAIN: wait at once, unless
 * there are reports of another kind than data, which may have ended that read early.
 */
static NP_IN_PLACE int prepare_read(struct np_fd *fd, struct np_task *self)
{
	struct np_poll_desc *desc = atomic_load_explicit(&fd->desc, memory_order_acquire);
	int result = POLL_ASK_KERNEL;

	if (fd->is_drained && atomic_load_explicit(&fd->may_be_drained, memory_order_relaxed) &&
	    desc) {
		fd->is_drained = false;
		result = np__poll_wait_drained(desc, self);
	}
	return result == POLL_ASK_KERNEL ? prepare(fd, SIDE_READ, self) : result;
}

/* After a read of @n bytes of @size: was that all there was? Nothing at all is the end. */
static inline void note_drained(struct np_fd *fd, size_t n, size_t size)
{
	if (n - 1 < size - 1 || (n > 0 && fd->is_emptied))
		fd->is_drained = true;
}

/* The end of a call that took more than one attempt, or none. */
NP_RARE static ssize_t end_read(struct np_fd *fd, ssize_t n, size_t size, struct np_task *self)
{
	if (n > 0)
		note_drained(fd, (size_t)n, size);
	if (n < 0)
		np__fd_fail(fd, (int)n, "read", fd->is_socket ? "recv" : "read");
	leave_with(fd, SIDE_READ, n, self);
	return n;
}

/* After a first read that failed, with @n. */
NP_APART static ssize_t read_again(struct np_fd *fd, struct buffer buffer, ssize_t n,
				   struct np_task *self)
{
	n = perform_again(fd, SIDE_READ, read_once, &buffer, n);
	return end_read(fd, n, buffer.size, self);
}

/* With the lock, which @before is for. */
static NP_IN_PLACE ssize_t read_locked(struct np_fd *fd, struct buffer buffer, uint64_t before,
				       struct np_task *self)
{
	int error = prepare_read(fd, self);
	ssize_t n;

	if (error)
		return end_read(fd, error, 0, self);
	n = read_once(fd, &buffer);
	if (n < 0)
		return read_again(fd, buffer, n, self);
	note_drained(fd, (size_t)n, buffer.size);
	leave(fd, SIDE_READ, before, self);
	return n;
}

/* With the lock. */
static ssize_t read_elsewhere(struct np_fd *fd, struct buffer buffer, struct np_task *self)
{
	ssize_t n = prepare(fd, SIDE_READ, self);

	if (n == 0)
		n = perform_elsewhere(fd, SIDE_READ, read_once, &buffer);
	return end_read(fd, n, buffer.size, self);
}

/* Nothing at all, which only who has closed does not give or take. */
static int pass_nothing_in_memory(struct np_fd *fd, const char *op)
{
	int error = np__fd_memory(fd)->check(fd);

	return error ? np__fd_fail_outside(fd, error, op, NULL) : 0;
}

static ssize_t read_in_memory(struct np_fd *fd, const struct iovec *iov, int count, size_t size)
{
	return size ? np__fd_memory(fd)->read(fd, iov, count) : pass_nothing_in_memory(fd, "read");
}

/* Bad arguments, nothing or very much to read, a lock that has to be waited for, a blocking handle.
 */
NP_RARE static ssize_t read_slowly(struct np_fd *fd, void *buf, size_t size)
{
	struct buffer buffer = { buf, size };
	uint64_t before;
	int error;

	if (!fd || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_read: no handle, no buffer, or a size above SSIZE_MAX");
	if (fd->is_memory)
		return read_in_memory(fd, &(struct iovec){ buf, size }, 1, size);
	error = np__fd_lock(fd, SIDE_READ, "read", &before);
	if (error)
		return error;
	if (size == 0)
		return end_read(fd, 0, 0, np__task_self());
	if (fd->is_stream && size > FD_IO_MAX)
		buffer.size = FD_IO_MAX;
	if (fd->is_blocking)
		return read_elsewhere(fd, buffer, np__task_self());
	return read_locked(fd, buffer, before, np__task_self());
}

ssize_t np_read(struct np_fd *fd, void *buf, size_t size)
{
	uint64_t before;

	if (is_odd(fd, buf, size) || !np__fd_try_lock(fd, SIDE_READ, &before))
		return read_slowly(fd, buf, size);
	return read_locked(fd, (struct buffer){ buf, size }, before, np__task_self());
}

struct vector {
	const struct iovec *iov;
	int count;
};

static ssize_t readv_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	const struct vector *vector = arg;

	return outcome(readv(fd->sysfd, vector->iov, vector->count));
}

/* The sum of the sizes, or -EINVAL for what readv(2) would not take. */
static ssize_t total_size(const struct iovec *iov, int count)
{
	size_t total = 0;

	if (count < 0 || (!iov && count > 0))
		return -EINVAL;
	for (int i = 0; i < count; i++) {
		if (iov[i].iov_len > SSIZE_MAX - total)
			return -EINVAL;
		total += iov[i].iov_len;
	}
	return (ssize_t)total;
}

/*
 * As many of the first buffers as one system call takes: not more than @max, and of a stream not
 * more bytes than FD_IO_MAX. A first buffer above that is put into *cut, shortened, and goes alone.
 */
static struct vector cap_vector(const struct np_fd *fd, const struct iovec *iov, int count, int max,
				struct iovec *cut)
{
	struct vector piece = { iov, 0 };
	size_t total = 0;

	while (piece.count < count && piece.count < max) {
		size_t size = iov[piece.count].iov_len;

		if (fd->is_stream && size > FD_IO_MAX - total)
			break;
		total += size;
		piece.count++;
	}
	if (piece.count > 0 || count == 0)
		return piece;
	*cut = (struct iovec){ iov->iov_base, FD_IO_MAX };
	return (struct vector){ cut, 1 };
}

ssize_t np_readv(struct np_fd *fd, const struct iovec *iov, int count)
{
	struct iovec cut;
	struct vector vector;
	ssize_t total = total_size(iov, count);

	if (!fd || total < 0 || count > IOV_MAX)
		return np__invalid("np_readv: no handle, or buffers that readv(2) would refuse");
	if (total == 0)
		return np_read(fd, NULL, 0);
	if (fd->is_memory)
		return read_in_memory(fd, iov, count, (size_t)total);
	vector = cap_vector(fd, iov, count, IOV_MAX, &cut);
	return run(fd, SIDE_READ, "read", "readv", readv_once, &vector);
}

struct message {
	struct msghdr *header;
	int flags;
};

static ssize_t recvmsg_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	const struct message *message = arg;

	return outcome(recvmsg(fd->sysfd, message->header, message->flags | MSG_CMSG_CLOEXEC));
}

ssize_t np_recvmsg(struct np_fd *fd, struct msghdr *message, int flags)
{
	struct message arg = { message, flags };

	if (!fd || !message)
		return np__invalid("np_recvmsg: no handle, or no message");
	if (flags & MSG_OOB)
		np__fd_doubt_short_reads(fd);
	return run(fd, SIDE_READ, "read", "recvmsg", recvmsg_once, &arg);
}

/* ---- write -------------------------------------------------------------------------------- */

static ssize_t write_once(struct np_fd *fd, void *arg)
{
	const struct buffer *buffer = arg;

	return fd->is_socket ? np__call_send(fd->sysfd, buffer->data, buffer->size, MSG_NOSIGNAL)
			     : np__call_write(fd->sysfd, buffer->data, buffer->size);
}

/* At most FD_IO_MAX of what is left. */
static struct buffer next_piece(const struct np_fd *fd, const char *data, size_t rest)
{
	return (struct buffer){
		(void *)(uintptr_t)data,
		fd->is_stream && rest > FD_IO_MAX ? FD_IO_MAX : rest,
	};
}

NP_RARE static ssize_t end_write(struct np_fd *fd, int error, size_t size, struct np_task *self)
{
	if (error)
		np__fd_fail(fd, error, "write", fd->is_socket ? "send" : "write");
	leave_with(fd, SIDE_WRITE, error, self);
	return error ? error : (ssize_t)size;
}

/* After a first write of @piece, which gave @n: until all is written, or *written of it. */
static int write_pieces(struct np_fd *fd, struct buffer piece, ssize_t n, size_t size,
			size_t *written)
{
	*written = 0;
	for (;;) {
		int error;

		n = perform_again(fd, SIDE_WRITE, write_once, &piece, n);
		error = n < 0 ? (int)n : np__judge_write((size_t)n, piece.size);
		if (!error)
			*written += (size_t)n;
		if (error || *written == size)
			return error;
		piece = next_piece(fd, (const char *)piece.data + n, size - *written);
		n = write_once(fd, &piece);
	}
}

NP_APART static ssize_t write_rest(struct np_fd *fd, struct buffer piece, ssize_t n, size_t size,
				   size_t *written)
{
	int error = write_pieces(fd, piece, n, size, written);

	return end_write(fd, error, size, np__task_self());
}

/* With the lock, which @before is for. *written is of interest, and set, only if it fails. */
static NP_IN_PLACE ssize_t write_locked(struct np_fd *fd, struct buffer piece, size_t size,
					uint64_t before, size_t *written, struct np_task *self)
{
	int error = prepare(fd, SIDE_WRITE, self);
	ssize_t n;

	if (error) {
		*written = 0;
		return end_write(fd, error, 0, self);
	}
	n = write_once(fd, &piece);
	if (n != (ssize_t)size)
		return write_rest(fd, piece, n, size, written);
	leave(fd, SIDE_WRITE, before, self);
	return n;
}

struct whole_write {
	struct buffer buffer;
	size_t *written;
};

/* All of it: one way to another thread and back, whatever the number of pieces. */
static ssize_t write_whole(struct np_fd *fd, void *arg)
{
	const struct whole_write *whole = arg;
	struct buffer piece = next_piece(fd, whole->buffer.data, whole->buffer.size);
	ssize_t n = write_once(fd, &piece);

	return write_pieces(fd, piece, n, whole->buffer.size, whole->written);
}

/* With the lock. */
static ssize_t write_elsewhere(struct np_fd *fd, const void *buf, size_t size, size_t *written,
			       struct np_task *self)
{
	struct whole_write whole = { { (void *)(uintptr_t)buf, size }, written };
	ssize_t error = prepare(fd, SIDE_WRITE, self);

	if (error == 0)
		error = perform_elsewhere(fd, SIDE_WRITE, write_whole, &whole);
	return end_write(fd, (int)error, size, self);
}

/* Bad arguments, nothing or very much to write, a lock that has to be waited for, a blocking
 * handle.
 */
NP_RARE static ssize_t write_slowly(struct np_fd *fd, const void *buf, size_t size, size_t *written)
{
	uint64_t before;
	int error;

	*written = 0;
	if (!fd || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_write: no handle, no buffer, or a size above SSIZE_MAX");
	if (fd->is_memory) {
		const struct iovec all = { (void *)(uintptr_t)buf, size };

		error = np__fd_memory(fd)->write(fd, &all, 1, written);
		return error ? error : (ssize_t)size;
	}
	error = np__fd_lock(fd, SIDE_WRITE, "write", &before);
	if (error)
		return error;
	if (fd->is_blocking)
		return write_elsewhere(fd, buf, size, written, np__task_self());
	return write_locked(fd, next_piece(fd, buf, size), size, before, written, np__task_self());
}

/* All of it, or an error and *written of it. */
static NP_IN_PLACE ssize_t write_all(struct np_fd *fd, const void *buf, size_t size,
				     size_t *written)
{
	const struct buffer all = { (void *)(uintptr_t)buf, size };
	uint64_t before;

	if (is_odd(fd, buf, size) || !np__fd_try_lock(fd, SIDE_WRITE, &before))
		return write_slowly(fd, buf, size, written);
	return write_locked(fd, all, size, before, written, np__task_self());
}

ssize_t np_write_counted(struct np_fd *fd, const void *buf, size_t size, size_t *ret_written)
{
	size_t written = 0;
	ssize_t n = write_all(fd, buf, size, &written);

	if (ret_written)
		*ret_written = n < 0 ? written : (size_t)n;
	return n;
}

ssize_t np_write(struct np_fd *fd, const void *buf, size_t size)
{
	size_t written;

	return write_all(fd, buf, size, &written);
}

/* A socket's writev(2) could raise SIGPIPE; its sendmsg(2) can be told not to. */
static ssize_t writev_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	const struct vector *vector = arg;
	struct msghdr header = { .msg_iov = (struct iovec *)(uintptr_t)vector->iov };

	if (!fd->is_socket)
		return outcome(writev(fd->sysfd, vector->iov, vector->count));
	/* The type of the count is the system's own. */
	header.msg_iovlen = 0;
	for (int i = 0; i < vector->count; i++)
		header.msg_iovlen++;
	return outcome(sendmsg(fd->sysfd, &header, MSG_NOSIGNAL));
}

/* Take @n written bytes off the front. Returns the first buffer that is left. */
static struct iovec *advance(struct iovec *iov, int *count, size_t n)
{
	while (*count > 0 && n >= iov->iov_len) {
		n -= iov->iov_len;
		if (iov->iov_len > 0) /* else there may be no buffer */
			iov->iov_base = (char *)iov->iov_base + iov->iov_len;
		iov->iov_len = 0;
		iov++;
		(*count)--;
	}
	if (n > 0) {
		iov->iov_base = (char *)iov->iov_base + n;
		iov->iov_len -= n;
	}
	return iov;
}

static int writev_pieces(struct np_fd *fd, struct iovec *iov, int count)
{
	int error = 0;

	iov = advance(iov, &count, 0);
	if (!fd->is_stream && count > WRITEV_MAX)
		error = -EMSGSIZE; /* in pieces it would be several messages */
	while (error == 0 && count > 0) {
		struct iovec cut;
		struct vector piece = cap_vector(fd, iov, count, WRITEV_MAX, &cut);
		size_t size = (size_t)total_size(piece.iov, piece.count);
		ssize_t n = perform(fd, SIDE_WRITE, writev_once, &piece);

		error = n < 0 ? (int)n : np__judge_write((size_t)n, size);
		if (error == 0)
			iov = advance(iov, &count, (size_t)n);
	}
	return error;
}

static ssize_t end_writev(struct np_fd *fd, int error, ssize_t total, struct np_task *self)
{
	if (error)
		np__fd_fail(fd, error, "write", fd->is_socket ? "sendmsg" : "writev");
	leave_with(fd, SIDE_WRITE, error, self);
	return error ? error : total;
}

struct whole_vector {
	struct iovec *iov;
	int count;
};

static ssize_t writev_whole(struct np_fd *fd, void *arg)
{
	const struct whole_vector *whole = arg;

	return writev_pieces(fd, whole->iov, whole->count);
}

static ssize_t writev_in_memory(struct np_fd *fd, struct iovec *iov, int count, ssize_t total)
{
	size_t written;
	int error;

	if (total == 0)
		return pass_nothing_in_memory(fd, "write");
	error = np__fd_memory(fd)->write(fd, iov, count, &written);
	advance(iov, &count, written);
	return error ? error : total;
}

/* A lock that has to be waited for, or is none, or a handle whose calls block. */
NP_RARE static ssize_t writev_slowly(struct np_fd *fd, struct iovec *iov, int count, ssize_t total)
{
	struct whole_vector whole = { iov, count };
	struct np_task *self = np__task_self();
	ssize_t error;

	if (fd->is_memory)
		return writev_in_memory(fd, iov, count, total);
	error = np__fd_lock_slowly(fd, SIDE_WRITE, "write");
	if (error)
		return error;
	error = prepare(fd, SIDE_WRITE, self);
	if (error == 0)
		error = fd->is_blocking ? perform_elsewhere(fd, SIDE_WRITE, writev_whole, &whole)
					: writev_pieces(fd, iov, count);
	return end_writev(fd, (int)error, total, self);
}

ssize_t np_writev(struct np_fd *fd, struct iovec *iov, int count)
{
	struct np_task *self = np__task_self();
	ssize_t total = total_size(iov, count);
	uint64_t before;
	int error;

	if (!fd || total < 0)
		return np__invalid(
			"np_writev: no handle, or buffers of more than SSIZE_MAX in all");
	if (!np__fd_try_lock(fd, SIDE_WRITE, &before))
		return writev_slowly(fd, iov, count, total);
	error = prepare(fd, SIDE_WRITE, self);
	if (error == 0)
		error = writev_pieces(fd, iov, count);
	return end_writev(fd, error, total, self);
}

static ssize_t sendmsg_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	const struct message *message = arg;

	return outcome(sendmsg(fd->sysfd, message->header, message->flags | MSG_NOSIGNAL));
}

ssize_t np_sendmsg(struct np_fd *fd, const struct msghdr *message, int flags)
{
	struct message arg = { (struct msghdr *)(uintptr_t)message, flags };

	if (!fd || !message)
		return np__invalid("np_sendmsg: no handle, or no message");
	return run(fd, SIDE_WRITE, "write", "sendmsg", sendmsg_once, &arg);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* What poll(2) says now; "no" looks like a system call that would block. */
static ssize_t ask_poll(struct np_fd *fd, void *arg)
{
	static struct timespec at_once = { 0, 0 }; /* emulators write to it what is left of it, 0 */
	struct pollfd asked = { .fd = fd->sysfd, .events = *(const short *)arg };
	ssize_t n = np__call_ppoll(&asked, 1, &at_once, NULL);

	return n == 0 ? -EAGAIN : n;
}

int np_wait(struct np_fd *fd, int mode)
{
	short events = mode == NP_READ ? POLLIN : POLLOUT;
	ssize_t n;

	if (!fd || (mode != NP_READ && mode != NP_WRITE))
		return np__invalid("np_wait: no handle, or a mode other than NP_READ and NP_WRITE");
	if (fd->is_blocking)
		return np__fd_fail_outside(fd, NP_ENODEADLINE, "wait", NULL);
	np__fd_doubt_short_reads(fd); /* the caller reads by itself */
	/* Twice, so that the side is a constant in each. */
	n = mode == NP_READ ? run(fd, SIDE_READ, "wait", "poll", ask_poll, &events)
			    : run(fd, SIDE_WRITE, "wait", "poll", ask_poll, &events);
	return n < 0 ? (int)n : 0;
}

struct raw_call {
	bool (*fn)(int sysfd, void *arg);
	void *arg;
};

static ssize_t call_raw(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	const struct raw_call *call = arg;

	return call->fn(fd->sysfd, call->arg) ? 0 : -EAGAIN;
}

int np_raw_read(struct np_fd *fd, bool (*fn)(int sysfd, void *arg), void *arg)
{
	struct raw_call call = { fn, arg };

	if (!fd || !fn)
		return np__invalid("np_raw_read, np_raw_write: no handle, or no function");
	np__fd_expose(fd);
	return (int)run(fd, SIDE_READ, "raw-read", NULL, call_raw, &call);
}

int np_raw_write(struct np_fd *fd, bool (*fn)(int sysfd, void *arg), void *arg)
{
	struct raw_call call = { fn, arg };

	if (!fd || !fn)
		return np__invalid("np_raw_read, np_raw_write: no handle, or no function");
	np__fd_expose(fd);
	return (int)run(fd, SIDE_WRITE, "raw-write", NULL, call_raw, &call);
}

/* ---- sockets ------------------------------------------------------------------------------ */

struct peer {
	struct sockaddr *addr;
	socklen_t *length;
	socklen_t size;
	struct fd_kind *kind;
};

/* ECONNABORTED: a connection that died in the queue, none of the caller's business. */
static ssize_t accept_once(struct np_fd *fd, void *arg)
{
	const struct peer *peer = arg;
	int accepted;

	do {
		*peer->length = peer->size;
		accepted = np__sys_accept(fd->sysfd, peer->addr, peer->length);
	} while (accepted == -ECONNABORTED);
	if (accepted >= 0)
		np__sys_accepted(fd->sysfd, accepted);
	peer->kind->network = fd->network;
	peer->kind->is_tcp = atomic_load(&fd->may_be_drained);
	peer->kind->is_stream = fd->is_stream;
	return accepted;
}

int np__fd_accept(struct np_fd *listener, struct sockaddr *addr, socklen_t *length,
		  struct fd_kind *kind)
{
	struct peer peer = { addr, length, *length, kind };

	return (int)run(listener, SIDE_READ, "accept", "accept", accept_once, &peer);
}
