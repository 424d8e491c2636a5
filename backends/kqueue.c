/* SPDX-License-Identifier: MIT */
/*
 * backends/kqueue.c - macOS, FreeBSD, OpenBSD, NetBSD, DragonFly. Edge-triggered by EV_CLEAR.
 *
 * Two knotes for each descriptor, one a direction, added together and left alone until close. The
 * wake-up is the pipe (or eventfd) of backends/wakeup.h on a knote without EV_CLEAR, and not
 * EVFILT_USER, which NetBSD and OpenBSD long lacked and whose edge can be lost to a look.
 */
#include "backends/backends.h"
#include "backends/wait_time.h"
#include "backends/wakeup.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <sys/event.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

struct kqueue_state {
	int kq;
	struct wakeup wakeup;
	pthread_mutex_t lock;
	unsigned char *is_open; /* under lock, by descriptor number; see claim() */
	size_t is_open_size;
};

/* One change. NetBSD's call is a point at which a thread may end, even if it does not wait. */
static int apply(struct kqueue_state *state, const struct kevent *change)
{
	NP_UNCANCELLED;
	return kevent(state->kq, change, 1, NULL, 0, NULL) < 0 ? -errno : 0;
}

static int watch_wakeup(struct kqueue_state *state)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)state->wakeup.read_fd, EVFILT_READ, EV_ADD, 0, 0, NULL);
	return apply(state, &change);
}

static int kqueue_runtime_init(void **ret_state)
{
	struct kqueue_state *state = calloc(1, sizeof(*state));
	int error;

	if (!state)
		return -ENOMEM;
	error = NP_WAKEUP_OPEN(&state->wakeup);
	if (error)
		goto free_state;
	state->kq = kqueue();
	if (state->kq < 0 || fcntl(state->kq, F_SETFD, FD_CLOEXEC) < 0) {
		error = -errno;
		goto close_kqueue;
	}
	error = watch_wakeup(state);
	if (error)
		goto close_kqueue;
	pthread_mutex_init(&state->lock, NULL);
	*ret_state = state;
	return 0;

close_kqueue:
	if (state->kq >= 0)
		close(state->kq);
	np__wakeup_close(&state->wakeup);
free_state:
	free(state);
	return error;
}

static void kqueue_runtime_fini(void *opaque)
{
	struct kqueue_state *state = opaque;

	close(state->kq);
	np__wakeup_close(&state->wakeup);
	pthread_mutex_destroy(&state->lock);
	free(state->is_open);
	free(state);
}

/*
 * Adding a number that is there already succeeds and silently takes over its tag: the first owner
 * would go deaf. So this side remembers which numbers it has, and says EEXIST as epoll does.
 */
static int claim(struct kqueue_state *state, int fd)
{
	size_t index = (size_t)fd;
	int error = 0;

	pthread_mutex_lock(&state->lock);
	if (index >= state->is_open_size) {
		size_t size = 2 * index + 64;
		unsigned char *grown = realloc(state->is_open, size);

		if (!grown) {
			error = -ENOMEM;
			goto unlock;
		}
		memset(grown + state->is_open_size, 0, size - state->is_open_size);
		state->is_open = grown;
		state->is_open_size = size;
	}
	if (state->is_open[index])
		error = -EEXIST;
	state->is_open[index] = 1;
unlock:
	pthread_mutex_unlock(&state->lock);
	return error;
}

static int release(struct kqueue_state *state, int fd)
{
	size_t index = (size_t)fd;
	int error = -ENOENT;

	pthread_mutex_lock(&state->lock);
	if (fd >= 0 && index < state->is_open_size && state->is_open[index]) {
		state->is_open[index] = 0;
		error = 0;
	}
	pthread_mutex_unlock(&state->lock);
	return error;
}

/* One change a call: where an earlier change of a list fails, systems differ in what they skip. */
static void delete_knotes(struct kqueue_state *state, int fd)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)fd, EVFILT_READ, EV_DELETE, 0, 0, NULL);
	apply(state, &change);
	EV_SET(&change, (uintptr_t)fd, EVFILT_WRITE, EV_DELETE, 0, 0, NULL);
	apply(state, &change);
}

static int add_knote(struct kqueue_state *state, int fd, short filter, uint64_t tag)
{
	struct kevent change;

	EV_SET(&change, (uintptr_t)fd, filter, EV_ADD | EV_CLEAR, 0, 0, (void *)(uintptr_t)tag);
	return apply(state, &change);
}

/*
 * A file may have nothing to say about writing: the reading end of a pipe, or one whose other end
 * has gone (EPIPE, EBADF, EINVAL). Reading tells all there is, then. What has nothing to say at all
 * cannot be polled.
 */
static int add_knotes(struct kqueue_state *state, int fd, uint64_t tag)
{
	int error = add_knote(state, fd, EVFILT_READ, tag);

	if (error == -ENODEV || error == -EINVAL || error == -EOPNOTSUPP || error == -ENOTSUP)
		return -EPERM;
	if (error)
		return error;
	error = add_knote(state, fd, EVFILT_WRITE, tag);
	return error == -EPIPE || error == -EBADF || error == -EINVAL ? 0 : error;
}

static int kqueue_runtime_open(void *opaque, int fd, uint64_t tag)
{
	struct kqueue_state *state = opaque;
	int error = np__check_pollable(fd);

	if (!error)
		error = claim(state, fd);
	if (error)
		return error;
	error = add_knotes(state, fd, tag);
	if (error) {
		delete_knotes(state, fd);
		release(state, fd);
	}
	return error;
}

/*
 * close(2) would remove the knotes too, but who closes here may go on using the descriptor. First
 * the knotes, then the claim: the number must not be added again in between.
 */
static int kqueue_runtime_close(void *opaque, int fd)
{
	struct kqueue_state *state = opaque;

	delete_knotes(state, fd);
	return release(state, fd);
}

/* kevent(2) takes the capacity as an int or, on NetBSD, as a size_t: @capacity becomes either. */
static int wait_once(struct kqueue_state *state, struct kevent *ready, unsigned short capacity,
		     int64_t delta_ns)
{
	const struct timespec timeout = np__wait_time(delta_ns);

	return kevent(state->kq, NULL, 0, ready, capacity, delta_ns < 0 ? NULL : &timeout);
}

/*
 * End of file on the READ filter wakes writers too: some systems tell the writer of a pipe only so
 * that its reader has gone. On the WRITE filter it is about writing alone.
 */
static uint32_t flags_of(const struct kevent *event)
{
	uint32_t flags = event->filter == EVFILT_READ ? RUNTIME_POLL_READ : RUNTIME_POLL_WRITE;

	if (event->flags & EV_EOF) {
		flags |= RUNTIME_POLL_HANGUP;
		if (event->filter == EVFILT_READ)
			flags |= RUNTIME_POLL_WRITE;
	}
	if (event->flags == EV_ERROR)
		flags |= RUNTIME_POLL_ERROR | RUNTIME_POLL_HANGUP;
	return flags;
}

static int kqueue_runtime_wait(void *opaque, int64_t delta_ns, struct runtime_poll_event *events,
			       int capacity)
{
	struct kqueue_state *state = opaque;
	struct kevent ready[RUNTIME_POLL_BATCH];
	int count = 0;
	int n;

	if (capacity > RUNTIME_POLL_BATCH)
		capacity = RUNTIME_POLL_BATCH;
	do
		n = wait_once(state, ready, (unsigned short)capacity, delta_ns);
	while (n < 0 && errno == EINTR && delta_ns <= 0);
	if (n < 0)
		return errno == EINTR || errno == ETIMEDOUT ? 0 : -errno; /* macOS says ETIMEDOUT */

	for (int i = 0; i < n; i++) {
		uint64_t tag = (uintptr_t)ready[i].udata;

		if (ready[i].ident == (uintptr_t)state->wakeup.read_fd) {
			if (delta_ns != 0)
				np__wakeup_drain(&state->wakeup);
		} else if (tag) { /* NetBSD has been seen to lose it */
			events[count++] = (struct runtime_poll_event){ tag, flags_of(&ready[i]) };
		}
	}
	return count;
}

static int kqueue_runtime_break_wait(void *opaque)
{
	struct kqueue_state *state = opaque;

	return np__wakeup_signal(&state->wakeup);
}

static bool kqueue_runtime_is_poll_descriptor(const void *opaque, int fd)
{
	const struct kqueue_state *state = opaque;

	return fd == state->kq || np__wakeup_owns(&state->wakeup, fd);
}

static int kqueue_runtime_descriptor(const void *opaque)
{
	const struct kqueue_state *state = opaque;

	return state->kq;
}

const struct runtime_poll runtime_poll_kqueue = {
	.name = "kqueue",
	.traits = 0,
	.tag_bits = sizeof(void *) * CHAR_BIT,
	.init = kqueue_runtime_init,
	.fini = kqueue_runtime_fini,
	.open = kqueue_runtime_open,
	.close = kqueue_runtime_close,
	.wait = kqueue_runtime_wait,
	.break_wait = kqueue_runtime_break_wait,
	.is_poll_descriptor = kqueue_runtime_is_poll_descriptor,
	.descriptor = kqueue_runtime_descriptor,
};
