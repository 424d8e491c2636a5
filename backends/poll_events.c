/* SPDX-License-Identifier: MIT */
/* backends/poll_events.c - see poll_events.h. */
#include "backends/poll_events.h"

#include <netpark/runtime_poll.h>
#include <poll.h>

short np__poll_events(unsigned armed)
{
	return (short)((armed & RUNTIME_POLL_READ ? POLLIN : 0) |
		       (armed & RUNTIME_POLL_WRITE ? POLLOUT : 0));
}

/*
 * Only what is armed was asked for; whether there is an error and nothing else takes a full
 * question.
 */
static bool has_only_error(int fd)
{
	struct pollfd asked = { .fd = fd, .events = POLLIN | POLLPRI | POLLOUT };

	return poll(&asked, 1, 0) == 1 && asked.revents == POLLERR;
}

/* NVAL, a descriptor closed behind our back: the system call will tell both directions EBADF. */
uint32_t np__poll_flags(int fd, short events)
{
	const short broken = POLLHUP | POLLERR | POLLNVAL;
	uint32_t flags = 0;

	if (events & (POLLIN | broken))
		flags |= RUNTIME_POLL_READ;
	if (events & (POLLOUT | broken))
		flags |= RUNTIME_POLL_WRITE;
	if (events & broken)
		flags |= RUNTIME_POLL_HANGUP;
	if (events == POLLERR && has_only_error(fd))
		flags |= RUNTIME_POLL_ERROR;
	return flags;
}
