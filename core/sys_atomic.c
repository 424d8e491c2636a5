/* SPDX-License-Identifier: MIT */
/* core/sys_atomic.c - pipe2, accept4 and SOCK_CLOEXEC: flags set in the call that makes it. */
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

/* send(2) has MSG_NOSIGNAL here. */
void np__sys_adopt_socket(int fd)
{
	(void)fd;
}

int np__sys_pipe(int fds[2])
{
	return pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;
}

int np__sys_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	return fd < 0 ? -errno : fd;
}

int np__sys_socketpair(int type, int fds[2])
{
	return socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ? -errno : 0;
}

int np__sys_accept(int listener, struct sockaddr *addr, socklen_t *length)
{
	NP_UNCANCELLED;
	int fd;

	do
		fd = accept4(listener, addr, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	return fd < 0 ? -errno : fd;
}
