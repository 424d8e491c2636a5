/* SPDX-License-Identifier: MIT */
/* core/sys_calls_libc.c - see sys_calls.h: through the C library. */
#include "core/sys_calls.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

static ssize_t result(ssize_t n)
{
	return n < 0 ? -errno : n;
}

ssize_t np__call_read(int fd, void *buf, size_t size)
{
	NP_UNCANCELLED;
	return result(read(fd, buf, size));
}

ssize_t np__call_write(int fd, const void *buf, size_t size)
{
	NP_UNCANCELLED;
	return result(write(fd, buf, size));
}

ssize_t np__call_recv(int fd, void *buf, size_t size, int flags)
{
	NP_UNCANCELLED;
	return result(recv(fd, buf, size, flags));
}

ssize_t np__call_send(int fd, const void *buf, size_t size, int flags)
{
	NP_UNCANCELLED;
	return result(send(fd, buf, size, flags));
}

/* Not every system has the other one. */
ssize_t np__call_ppoll(struct pollfd *fds, unsigned long count, const struct timespec *timeout,
		       const void *mask)
{
	NP_UNCANCELLED;
	(void)timeout;
	(void)mask;
	return result(poll(fds, (nfds_t)count, 0));
}
