/* SPDX-License-Identifier: MIT */
/*
 * backends/epoll.c - Linux. Edge-triggered, one EPOLL_CTL_ADD for the life of a registration.
 *
 * What is watched is never taken back: a direction that nobody waits for any more costs unused
 * reports, while changing the mask would cost a system call for every wait. It is widened once,
 * when somebody has to wait until there is room to write, which most never have to.
 */
#include "backends/backends.h"
#include "backends/wakeup.h"
#include "core/sys.h"

#include <errno.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { WAKEUP_TAG = 0 }; /* no registration has it */

struct epoll_state {
	int epfd;
	struct wakeup wakeup;
	atomic_bool no_pwait2; /* learned at the first refusal */
};

static int epoll_runtime_init(void **ret_state)
{
	struct epoll_event readable = { .events = EPOLLIN, .data.u64 = WAKEUP_TAG };
	struct epoll_state *state = malloc(sizeof(*state));
	int error;

	if (!state)
		return -ENOMEM;
	atomic_init(&state->no_pwait2, false);
	error = NP_WAKEUP_OPEN(&state->wakeup);
	if (error)
		goto free_state;
	state->epfd = epoll_create1(EPOLL_CLOEXEC);
	if (state->epfd < 0) {
		error = -errno;
		goto close_wakeup;
	}
	if (epoll_ctl(state->epfd, EPOLL_CTL_ADD, state->wakeup.read_fd, &readable) < 0) {
		error = -errno;
		goto close_epoll;
	}
	*ret_state = state;
	return 0;

close_epoll:
	close(state->epfd);
close_wakeup:
	np__wakeup_close(&state->wakeup);
free_state:
	free(state);
	return error;
}

static void epoll_runtime_fini(void *opaque)
{
	struct epoll_state *state = opaque;

	close(state->epfd);
	np__wakeup_close(&state->wakeup);
	free(state);
}

enum { READING = EPOLLIN | EPOLLRDHUP | EPOLLPRI };

static int control(void *opaque, int operation, int fd, uint64_t tag, uint32_t mask)
{
	struct epoll_state *state = opaque;
	struct epoll_event event = { .events = mask | EPOLLET, .data.u64 = tag };

	return epoll_ctl(state->epfd, operation, fd, &event) < 0 ? -errno : 0;
}

static int epoll_runtime_open(void *opaque, int fd, uint64_t tag)
{
	return control(opaque, EPOLL_CTL_ADD, fd, tag, READING | EPOLLOUT);
}

static int epoll_runtime_open_read(void *opaque, int fd, uint64_t tag)
{
	return control(opaque, EPOLL_CTL_ADD, fd, tag, READING);
}

static int epoll_runtime_widen(void *opaque, int fd, uint64_t tag)
{
	return control(opaque, EPOLL_CTL_MOD, fd, tag, READING | EPOLLOUT);
}

/*
 * Not always left to close(2): the kernel keys registrations by open file, and a duplicate
 * elsewhere (a child process has one after fork) would keep this one alive and reporting.
 */
static int epoll_runtime_close(void *opaque, int fd)
{
	/* Linux before 2.6.9 insists on a pointer to an event. */
	return control(opaque, EPOLL_CTL_DEL, fd, 0, 0);
}

/* Round up: a wait of a nanosecond must not become a look, which would spin. */
static int timeout_ms(int64_t delta_ns)
{
	if (delta_ns <= 0)
		return delta_ns < 0 ? -1 : 0;
	if (delta_ns > INT64_C(1000000) * INT_MAX)
		return INT_MAX;
	return (int)((delta_ns + 999999) / 1000000);
}

/* epoll_pwait2 takes nanoseconds. The kernel's time has 64 bits in it on every machine. */
static int wait_exactly(int epfd, struct epoll_event *events, int capacity, int64_t delta_ns)
{
	struct {
		int64_t sec;
		int64_t nsec;
	} timeout = { delta_ns / 1000000000, delta_ns % 1000000000 };

#ifdef SYS_epoll_pwait2 /* Linux 5.11, newer than some headers */
	return (int)syscall(SYS_epoll_pwait2, epfd, events, capacity, &timeout, NULL, 0);
#else
	(void)epfd, (void)events, (void)capacity, (void)timeout;
	errno = ENOSYS;
	return -1;
#endif
}

/* Without the cancellation point of the C library's: see core/sys_calls.h. */
static int wait_roughly(int epfd, struct epoll_event *events, int capacity, int64_t delta_ns)
{
#ifdef NP_HAVE_DIRECT_CALLS
	return (int)syscall(SYS_epoll_pwait, (long)epfd, events, (long)capacity,
			    (long)timeout_ms(delta_ns), NULL, 0L);
#else
	return epoll_wait(epfd, events, capacity, timeout_ms(delta_ns));
#endif
}

/* One system call, whichever has the better clock. -1 and errno as epoll_wait(2). */
static int wait_once(struct epoll_state *state, struct epoll_event *events, int capacity,
		     int64_t delta_ns)
{
	int n;

	if (delta_ns > 0 && !atomic_load_explicit(&state->no_pwait2, memory_order_relaxed)) {
		n = wait_exactly(state->epfd, events, capacity, delta_ns);
		if (n >= 0 || !np__sys_is_refusal(-errno))
			return n;
		atomic_store_explicit(&state->no_pwait2, true, memory_order_relaxed);
	}
	return wait_roughly(state->epfd, events, capacity, delta_ns);
}

static uint32_t flags_of(uint32_t mask)
{
	uint32_t flags = 0;

	if (mask == EPOLLIN) /* nearly always */
		return RUNTIME_POLL_READ;
	if (mask & (EPOLLIN | EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flags |= RUNTIME_POLL_READ;
	if (mask & (EPOLLOUT | EPOLLHUP | EPOLLERR))
		flags |= RUNTIME_POLL_WRITE;
	if (mask & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		flags |= RUNTIME_POLL_HANGUP;
	if (mask & EPOLLPRI)
		flags |= RUNTIME_POLL_PRIORITY;
	if (mask == EPOLLERR)
		flags |= RUNTIME_POLL_ERROR;
	return flags;
}

static int epoll_runtime_wait(void *opaque, int64_t delta_ns, struct runtime_poll_event *events,
			      int capacity)
{
	struct epoll_state *state = opaque;
	struct epoll_event ready[RUNTIME_POLL_BATCH];
	struct runtime_poll_event *next = events;
	int n;

	if (capacity > RUNTIME_POLL_BATCH)
		capacity = RUNTIME_POLL_BATCH;
	do
		n = wait_once(state, ready, capacity, delta_ns);
	while (n < 0 && errno == EINTR && delta_ns <= 0);
	if (n < 0)
		return errno == EINTR ? 0 : -errno;

	for (int i = 0; i < n; i++) {
		uint64_t tag = ready[i].data.u64;
		uint32_t flags = flags_of(ready[i].events);

		if (tag == WAKEUP_TAG) {
			if (delta_ns != 0)
				np__wakeup_drain(&state->wakeup);
		} else if (flags) {
			*next++ = (struct runtime_poll_event){ tag, flags };
		}
	}
	return (int)(next - events);
}

static int epoll_runtime_break_wait(void *opaque)
{
	struct epoll_state *state = opaque;

	return np__wakeup_signal(&state->wakeup);
}

static bool epoll_runtime_is_poll_descriptor(const void *opaque, int fd)
{
	const struct epoll_state *state = opaque;

	return fd == state->epfd || np__wakeup_owns(&state->wakeup, fd);
}

static int epoll_runtime_descriptor(const void *opaque)
{
	const struct epoll_state *state = opaque;

	return state->epfd;
}

const struct runtime_poll runtime_poll_epoll = {
	.name = "epoll",
	.traits = RUNTIME_POLL_REPORTS_PRIORITY | RUNTIME_POLL_FORGETS_CLOSED,
	.tag_bits = 64,
	.init = epoll_runtime_init,
	.fini = epoll_runtime_fini,
	.open = epoll_runtime_open,
	.open_read = epoll_runtime_open_read,
	.widen = epoll_runtime_widen,
	.close = epoll_runtime_close,
	.wait = epoll_runtime_wait,
	.break_wait = epoll_runtime_break_wait,
	.is_poll_descriptor = epoll_runtime_is_poll_descriptor,
	.descriptor = epoll_runtime_descriptor,
};
