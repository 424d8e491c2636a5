/* SPDX-License-Identifier: MIT */
/* core/sys_steps.c - without pipe2, accept4 and SOCK_CLOEXEC: flags set after the fact. */
#include "core/sys_steps.h"

#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* Give @fd both flags, or close it. */
static int finish(int fd)
{
	int error = 0;

	if (fcntl(fd, F_SETFD, FD_CLOEXEC) < 0)
		error = -errno;
	if (!error)
		error = np__sys_set_nonblock(fd, true);
	if (error >= 0)
		return fd;
	np__sys_close(fd);
	return error;
}

static int finish_socket(int fd)
{
	np__sys_adopt_socket(fd);
	return finish(fd);
}

/* macOS: a connection that died in the queue comes out without an address, and useless. */
static bool is_stillborn(socklen_t length)
{
#ifdef __APPLE__
	return length == 0;
#else
	(void)length;
	return false;
#endif
}

/* Finish both, or close both. */
static int finish_pair(int ends[2], int (*finish_one)(int fd), int fds[2])
{
	int error = finish_one(ends[0]);

	if (error < 0) {
		np__sys_close(ends[1]);
		return error;
	}
	error = finish_one(ends[1]);
	if (error < 0) {
		np__sys_close(ends[0]);
		return error;
	}
	fds[0] = ends[0];
	fds[1] = ends[1];
	return 0;
}

int np__steps_pipe(int fds[2])
{
	int ends[2];

	return pipe(ends) < 0 ? -errno : finish_pair(ends, finish, fds);
}

int np__steps_socketpair(int type, int fds[2])
{
	int ends[2];

	return socketpair(AF_UNIX, type, 0, ends) < 0 ? -errno
						      : finish_pair(ends, finish_socket, fds);
}

int np__steps_socket(int family, int type, int protocol)
{
	int fd = socket(family, type, protocol);

	return fd < 0 ? -errno : finish_socket(fd);
}

int np__steps_accept(int listener, struct sockaddr *addr, socklen_t *length)
{
	NP_UNCANCELLED;
	int fd;

	do
		fd = accept(listener, addr, length);
	while (fd < 0 && errno == EINTR);
	if (fd >= 0 && is_stillborn(*length)) {
		np__sys_close(fd);
		return -ECONNABORTED;
	}
	return fd < 0 ? -errno : finish_socket(fd);
}
