/* SPDX-License-Identifier: MIT */
/*
 * core/net/splice_linux.c - from one stream to another through a pipe, without a copy of the bytes.
 *
 * By turns: the pipe, which is empty, is filled once under the source's read lock; then all of that
 * goes out under the destination's write lock. So never is one waited for with the other's lock,
 * and EAGAIN is never the pipe's own: filling, it means that the source has nothing; emptying, that
 * the destination has no room.
 */
#include "core/net/copy.h"

#include "core/fd.h"
#include "core/net/sigpipe.h"
#include "core/sys.h"
#include "core/sys_calls.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/*
 * The pipe has its default size: a larger one saves a tenth of the work at most, and a user's pipes
 * may not have more than so many pages in all. A round in which the source had less than LITTLE is
 * cheaper with the buffer; after several in a row that is gone back to.
 */
enum { ROUND = 1 << 20, LITTLE = 8 << 10, PATIENCE = 8 };

struct pump {
	int pipe[2];
	size_t wanted; /* by the next round */
	size_t filled; /* what is in the pipe */
	bool fears_sigpipe;
	bool is_held_up; /* there is something to read that splice(2) does not give out */
};

bool np__copy_can_splice(const struct np_fd *to, const struct np_fd *from)
{
	return to->is_stream && from->is_stream && !to->is_blocking && !from->is_blocking &&
	       !to->is_memory && !from->is_memory;
}

/* Not for these two, or not by this kernel. */
static bool cannot_splice(ssize_t error)
{
	return error == -EINVAL || np__sys_is_refusal((int)error);
}

static ssize_t move(int from, int to, size_t size)
{
	NP_UNCANCELLED;
	ssize_t n = splice(from, NULL, to, NULL, size, SPLICE_F_MOVE | SPLICE_F_NONBLOCK);

	return n < 0 ? -errno : n;
}

/*
 * Before urgent data of TCP splice(2) stops for good, and says that there is nothing; only recv(2)
 * gets past. What that says is told: the error of a connection is there once.
 */
static ssize_t fill(struct np_fd *from, void *arg)
{
	struct pump *pump = arg;
	ssize_t n = move(from->sysfd, pump->pipe[1], pump->wanted);
	char byte;

	if (n != -EAGAIN || !from->is_socket)
		return n;
	n = np__call_recv(from->sysfd, &byte, 1, MSG_PEEK);
	if (n > 0) {
		n = move(from->sysfd, pump->pipe[1], pump->wanted); /* it may have just come */
		pump->is_held_up = n == -EAGAIN;
	}
	return pump->is_held_up ? 0 : n;
}

/* All that is in the pipe; called again after a wait, what is left. */
static ssize_t empty(struct np_fd *to, void *arg)
{
	struct pump *pump = arg;

	while (pump->filled > 0) {
		struct sigpipe_hold hold;
		ssize_t n;

		np__sigpipe_hold(pump->fears_sigpipe, &hold);
		n = move(pump->pipe[0], to->sysfd, pump->filled);
		np__sigpipe_release(&hold, n != (ssize_t)pump->filled);
		if (n < 0)
			return n;
		if (n == 0)
			return NP_ESHORTWRITE;
		pump->filled -= (size_t)n;
	}
	return 0;
}

/* The destination takes nothing from a pipe: what is in there goes through the buffer. */
static int rescue(struct copy *copy, struct pump *pump)
{
	while (pump->filled > 0) {
		size_t size = pump->filled < copy->size ? pump->filled : copy->size;
		ssize_t n = np__call_read(pump->pipe[0], copy->buf, size);
		size_t written;

		if (n == -EINTR)
			continue;
		if (n <= 0)
			return np__fd_fail_outside(copy->from, n < 0 ? (int)n : -EIO, "read",
						   "read");
		n = np_write_counted(copy->to, copy->buf, (size_t)n, &written);
		copy->done += (int64_t)written;
		if (n < 0)
			return (int)n;
		pump->filled -= (size_t)n;
	}
	return 0;
}

static int empty_all(struct copy *copy, struct pump *pump)
{
	size_t filled = pump->filled;
	int error = (int)np__fd_run(copy->to, SIDE_WRITE, "write", "splice", empty, pump);

	copy->done += (int64_t)(filled - pump->filled);
	if (!cannot_splice(error) || pump->filled != filled)
		return error;
	copy->may_splice = false;
	return rescue(copy, pump);
}

/* One turn. Bytes; 0 to leave, with the reason in *result; or an error. */
static ssize_t turn(struct copy *copy, struct pump *pump, int *result)
{
	ssize_t n;
	int error;

	pump->wanted = copy->left < ROUND ? (size_t)copy->left : ROUND;
	n = np__fd_run(copy->from, SIDE_READ, "read", "splice", fill, pump);
	if (cannot_splice(n))
		copy->may_splice = false; /* and nothing has been taken */
	*result = n == 0 && !pump->is_held_up;
	if (n <= 0)
		return cannot_splice(n) ? 0 : n;
	pump->filled = (size_t)n;
	copy->left -= n;
	error = empty_all(copy, pump);
	return error ? error : n;
}

static int pump_all(struct copy *copy, struct pump *pump)
{
	int patience = PATIENCE, result = 0;

	while (patience > 0 && copy->left > 0 && copy->may_splice) {
		ssize_t n = turn(copy, pump, &result);

		if (n <= 0)
			return n < 0 ? (int)n : result;
		patience = n < LITTLE ? patience - 1 : PATIENCE;
	}
	return copy->left == 0;
}

/* The pipe ends with this: what is left in it after an error is lost with it. */
int np__copy_splice(struct copy *copy)
{
	struct pump pump = { .fears_sigpipe = np__sigpipe_is_feared(copy->to) };
	int result;

	if (np__sys_pipe(pump.pipe) < 0) {
		copy->may_splice = false; /* no descriptors, for example */
		return 0;
	}
	result = pump_all(copy, &pump);
	np__sys_close(pump.pipe[0]);
	np__sys_close(pump.pipe[1]);
	return result;
}
