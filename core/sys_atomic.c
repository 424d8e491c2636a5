/* SPDX-License-Identifier: MIT */
/* core/sys_atomic.c - pipe2, accept4 and SOCK_CLOEXEC: flags set in the call that makes it. */
#include "core/sys.h"
#include "core/sys_steps.h"
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
	int error = pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0 ? -errno : 0;

	return np__sys_is_refusal(error) ? np__steps_pipe(fds) : error;
}

/* What Linux before 2.6.27 says to a type with flags in it: the one or the other. */
static bool is_type_unknown(int error)
{
	return error == -EINVAL || error == -EPROTONOSUPPORT;
}

int np__sys_socket(int family, int type, int protocol)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);
	int error = fd < 0 ? -errno : 0;

	if (is_type_unknown(error))
		return np__steps_socket(family, type, protocol);
	return error ? error : fd;
}

int np__sys_socketpair(int type, int fds[2])
{
	int error =
		socketpair(AF_UNIX, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, fds) < 0 ? -errno : 0;

	return is_type_unknown(error) ? np__steps_socketpair(type, fds) : error;
}

int np__sys_accept(int listener, struct sockaddr *addr, socklen_t *length)
{
	NP_UNCANCELLED;
	int fd, error;

	do
		fd = accept4(listener, addr, length, SOCK_CLOEXEC | SOCK_NONBLOCK);
	while (fd < 0 && errno == EINTR);
	error = fd < 0 ? -errno : 0;
	if (np__sys_is_refusal(error))
		return np__steps_accept(listener, addr, length);
	return error ? error : fd;
}
