/* SPDX-License-Identifier: MIT */
/*
 * core/net/pipe.c - two ends without descriptors. One who writes and one who reads meet: who came
 * first waits in a queue, who comes second claims it, copies, and lets it go.
 *
 * The copy is made without the lock: who was claimed is there until it is let go, whatever else
 * happens to its wait. All other news (a deadline, a close) claim it to have it look again. So each
 * wait begins and ends with a look at everything, and only a timer of its own ends it otherwise.
 *
 * A call that waits has a reference to its handle's memory, and handles to the pipe's.
 */
#include <netpark/pipe.h>

#include "core/failure.h"
#include "core/net/pipe.h"
#include "core/spin.h"
#include "core/sync/wait.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>

static struct pipe_way *way_of(const struct pipe_end *end, int side)
{
	return &end->pipe->ways[side == SIDE_WRITE ? end->number : 1 - end->number];
}

/* ---- buffers ------------------------------------------------------------------------------ */

/* What is left of some buffers. */
struct rest {
	const struct iovec *iov;
	int count;
	size_t offset; /* into the first */
};

/* How much is left of the first that is not used up; 0: all are. */
static size_t first_of(struct rest *rest)
{
	while (rest->count > 0 && rest->offset == rest->iov->iov_len) {
		rest->iov++;
		rest->count--;
		rest->offset = 0;
	}
	return rest->count > 0 ? rest->iov->iov_len - rest->offset : 0;
}

static char *address_of(const struct rest *rest)
{
	return (char *)rest->iov->iov_base + rest->offset;
}

/* As much as there is and there is room for. */
static size_t copy(struct rest *to, struct rest *from)
{
	size_t copied = 0;

	for (;;) {
		size_t room = first_of(to);
		size_t size = first_of(from);

		size = size < room ? size : room;
		if (size == 0)
			return copied;
		memcpy(address_of(to), address_of(from), size);
		to->offset += size;
		from->offset += size;
		copied += size;
	}
}

/* ---- meeting ------------------------------------------------------------------------------ */

/* What a wait ends with, beside errors. */
enum { HAVE_MET, LOOK_AGAIN };

struct meeting {
	struct np_waiter waiter; /* first */
	struct ticket ticket;
	struct rest rest;
	size_t moved;
};

static const struct np_wait waits[SIDES] = {
	[SIDE_READ] = { "pipe read", np__ticket_commit, np__ticket_retract, np__ticket_describe },
	[SIDE_WRITE] = { "pipe write", np__ticket_commit, np__ticket_retract, np__ticket_describe },
};

/* Under the lock: have all of @queue look again. */
static void call_all(struct np_wait_queue *queue, struct wakeups *wakeups)
{
	while (queue->first) {
		queue->first->result = LOOK_AGAIN;
		wait_queue_claim(queue, wakeups);
	}
}

/* Under the lock: 0, or why @side of @end is of no use now. -EPIPE: the way has ended. */
static int check_side(struct pipe_end *end, int side)
{
	int64_t deadline_ns = end->deadlines[side];

	if (atomic_load(&end->is_closed))
		return NP_ECLOSED;
	if (way_of(end, side)->is_ended)
		return -EPIPE;
	return deadline_ns && deadline_ns <= np_time() ? NP_EDEADLINE : 0;
}

/* With who waits at the other end. Without the lock. */
static void move(struct meeting *self, struct np_waiter *other, int side)
{
	struct meeting *peer = (struct meeting *)other;

	if (side == SIDE_READ)
		self->moved = copy(&self->rest, &peer->rest);
	else
		self->moved = copy(&peer->rest, &self->rest);
	peer->moved = self->moved;
}

/* With the lock, which is given. HAVE_MET, LOOK_AGAIN or an error. */
static int wait_for_peer(struct pipe_end *end, int side, struct meeting *self)
{
	struct np_wait_queue *queue = &way_of(end, side)->waiting[side];
	uint32_t *lock = &end->pipe->lock;
	int result = np__ticket_draw(&self->ticket);

	if (result) {
		np__spin_unlock(lock);
		return result;
	}
	self->waiter = (struct np_waiter){ .ticket = &self->ticket, .result = HAVE_MET };
	wait_queue_push(queue, &self->waiter);
	np__ticket_keep(&self->ticket, lock, 0);
	result = np__sync_wait(queue, lock, &self->waiter, &waits[side], end->deadlines[side]);
	/* Another one may hold by now. */
	return result == NP_EDEADLINE ? LOOK_AGAIN : result;
}

static int try_to_meet(struct pipe_end *end, int side, struct meeting *self)
{
	struct wakeups wakeups;
	struct np_waiter *peer;
	int error;

	np__wakeups_init(&wakeups);
	np__spin_lock(&end->pipe->lock);
	error = check_side(end, side);
	if (error) {
		np__spin_unlock(&end->pipe->lock);
		return error;
	}
	peer = wait_queue_claim(&way_of(end, side)->waiting[1 - side], &wakeups);
	if (!peer)
		return wait_for_peer(end, side, self);
	np__spin_unlock(&end->pipe->lock);
	move(self, peer, side);
	np__wakeups_send(&wakeups);
	return HAVE_MET;
}

/* Once. 0 and self->moved, or an error. */
static int meet(struct pipe_end *end, int side, struct meeting *self)
{
	int result;

	do {
		if (np__task_is_canceled(np__task_self()))
			return NP_ECANCELED;
		result = try_to_meet(end, side, self);
	} while (result == LOOK_AGAIN);
	return result;
}

/* ---- data --------------------------------------------------------------------------------- */

/* The memory is there until end_call(). */
static int begin_call(struct np_fd *fd)
{
	atomic_fetch_add(&fd->refs, 1);
	return np__fd_is_inherited(fd) ? NP_EFORKED : 0;
}

static void end_call(struct np_fd *fd, int error, const char *op)
{
	if (error)
		np__fd_fail_outside(fd, error, op, NULL);
	np__fd_drop(fd);
	np__spend(error);
}

static ssize_t pipe_read(struct np_fd *fd, const struct iovec *iov, int count)
{
	struct meeting self = { .rest = { iov, count, 0 } };
	int error = begin_call(fd);

	if (!error)
		error = meet(np__pipe_end(fd), SIDE_READ, &self);
	if (error == -EPIPE)
		error = 0; /* and nothing has moved */
	end_call(fd, error, "read");
	return error ? error : (ssize_t)self.moved;
}

/* Whose turn it is: until all was read, and once if that is nothing. */
static int write_all(struct pipe_end *end, struct meeting *self, size_t *written)
{
	do {
		int error = meet(end, SIDE_WRITE, self);

		if (error)
			return error;
		*written += self->moved;
	} while (first_of(&self->rest) > 0);
	return 0;
}

static int pipe_write(struct np_fd *fd, const struct iovec *iov, int count, size_t *ret_written)
{
	struct meeting self = { .rest = { iov, count, 0 } };
	struct np_mutex *turn = &way_of(np__pipe_end(fd), SIDE_WRITE)->turn;
	int error = begin_call(fd);

	*ret_written = 0;
	if (!error)
		error = np_mutex_lock_until(turn, 0);
	if (!error) {
		error = write_all(np__pipe_end(fd), &self, ret_written);
		np_mutex_unlock(turn);
	}
	end_call(fd, error, "write");
	return error;
}

/* ---- news --------------------------------------------------------------------------------- */

static int pipe_check(struct np_fd *fd)
{
	if (np__fd_is_inherited(fd))
		return NP_EFORKED;
	return atomic_load(&np__pipe_end(fd)->is_closed) ? NP_ECLOSED : 0;
}

static int pipe_set_deadline(struct np_fd *fd, int64_t deadline_ns, int mode)
{
	struct pipe_end *end = np__pipe_end(fd);
	struct wakeups wakeups;
	int error;

	if (np__fd_is_inherited(fd))
		return NP_EFORKED;
	np__wakeups_init(&wakeups);
	np__spin_lock(&end->pipe->lock);
	error = pipe_check(fd);
	for (int side = SIDE_READ; side < SIDES; side++) {
		if (error || !(mode & (side == SIDE_READ ? NP_READ : NP_WRITE)))
			continue;
		end->deadlines[side] = deadline_ns;
		call_all(&way_of(end, side)->waiting[side], &wakeups);
	}
	np__spin_unlock(&end->pipe->lock);
	np__wakeups_send(&wakeups);
	return error;
}

/* Under the lock, for both ends. */
static void end_way(struct pipe_way *way, struct wakeups *wakeups)
{
	way->is_ended = true;
	for (int side = SIDE_READ; side < SIDES; side++)
		call_all(&way->waiting[side], wakeups);
}

static int pipe_shut_down(struct np_fd *fd, int mode)
{
	struct pipe_end *end = np__pipe_end(fd);
	struct wakeups wakeups;
	int error;

	if (np__fd_is_inherited(fd))
		return NP_EFORKED;
	np__wakeups_init(&wakeups);
	np__spin_lock(&end->pipe->lock);
	error = pipe_check(fd);
	if (!error)
		end_way(way_of(end, mode == NP_WRITE ? SIDE_WRITE : SIDE_READ), &wakeups);
	np__spin_unlock(&end->pipe->lock);
	np__wakeups_send(&wakeups);
	return error;
}

/* Mark it closed. Was it? */
static bool mark_closed(struct pipe_end *end)
{
	return atomic_exchange(&end->is_closed, true);
}

static bool close_here(struct pipe_end *end)
{
	struct wakeups wakeups;
	bool was_closed;

	np__wakeups_init(&wakeups);
	np__spin_lock(&end->pipe->lock);
	was_closed = mark_closed(end);
	if (!was_closed) {
		end_way(&end->pipe->ways[0], &wakeups);
		end_way(&end->pipe->ways[1], &wakeups);
	}
	np__spin_unlock(&end->pipe->lock);
	np__wakeups_send(&wakeups);
	return was_closed;
}

/* In a child nobody waits, but for those who wait in the parent. */
static int pipe_close(struct np_fd *fd)
{
	struct pipe_end *end = np__pipe_end(fd);

	if (np__fd_is_inherited(fd) ? mark_closed(end) : close_here(end))
		return NP_ECLOSED;
	np__fd_drop(fd);
	return 0;
}

/* ---- life --------------------------------------------------------------------------------- */

static void pipe_forget(struct np_fd *fd)
{
	struct pipe *pipe = np__pipe_end(fd)->pipe;

	if (atomic_fetch_sub(&pipe->ends, 1) == 1)
		free(pipe);
}

static const struct fd_memory memory = {
	.read = pipe_read,
	.write = pipe_write,
	.set_deadline = pipe_set_deadline,
	.shut_down = pipe_shut_down,
	.check = pipe_check,
	.close = pipe_close,
	.forget = pipe_forget,
};

static struct np_fd *new_end(struct pipe *pipe, int number)
{
	struct np_fd *fd = np__fd_new_in_memory(&memory, "pipe", sizeof(struct pipe_end));

	if (!fd)
		return NULL;
	np__pipe_end(fd)->pipe = pipe;
	np__pipe_end(fd)->number = number;
	atomic_fetch_add(&pipe->ends, 1);
	return fd;
}

int np_pipe_pair(struct np_fd *ret_ends[2])
{
	struct np_fd *ends[2] = { NULL, NULL };
	struct pipe *pipe;

	if (!ret_ends)
		return np__invalid("np_pipe_pair: no place for the ends");
	pipe = calloc(1, sizeof(*pipe));
	if (!pipe)
		return -ENOMEM;
	for (int i = 0; i < 2; i++)
		ends[i] = new_end(pipe, i);
	if (ends[0] && ends[1]) {
		memcpy(ret_ends, ends, sizeof(ends));
		return 0;
	}
	if (!ends[0] && !ends[1])
		free(pipe);
	for (int i = 0; i < 2; i++)
		np_close(ends[i]);
	return -ENOMEM;
}
