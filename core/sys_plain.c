/* SPDX-License-Identifier: MIT */
/* core/sys_plain.c - for systems without pipe2 and accept4. */
#include "core/sys.h"
#include "core/sys_steps.h"

/* Where send(2) has no MSG_NOSIGNAL, the socket is told once. */
void np__sys_adopt_socket(int fd)
{
#ifdef SO_NOSIGPIPE
	int on = 1;

	setsockopt(fd, SOL_SOCKET, SO_NOSIGPIPE, &on, sizeof(on));
#else
	(void)fd;
#endif
}

int np__sys_pipe(int fds[2])
{
	return np__steps_pipe(fds);
}

int np__sys_socket(int family, int type, int protocol)
{
	return np__steps_socket(family, type, protocol);
}

int np__sys_socketpair(int type, int fds[2])
{
	return np__steps_socketpair(type, fds);
}

int np__sys_accept(int listener, struct sockaddr *addr, socklen_t *length)
{
	return np__steps_accept(listener, addr, length);
}
