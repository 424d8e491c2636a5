/* SPDX-License-Identifier: MIT */
/* core/net/options.c - options of sockets: linger, sizes of buffers, and any that is a number. */
#include "core/net/options.h"

#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"

#include <errno.h>

/* Where SO_LINGER counts in ticks: macOS. */
#ifndef SO_LINGER_SEC
#define SO_LINGER_SEC SO_LINGER
#endif

int np__set_value(int sysfd, int level, int option, const void *value, socklen_t size)
{
	return setsockopt(sysfd, level, option, value, size) < 0 ? -errno : 0;
}

int np__set_option(int sysfd, int level, int option, int value)
{
	return np__set_value(sysfd, level, option, &value, sizeof(value));
}

int np__option_end(struct np_fd *fd, int error)
{
	if (error)
		np__fd_fail(fd, error, "set", "setsockopt");
	np__fd_decref(fd);
	return error;
}

int np__option_set(struct np_fd *fd, int level, int option, const void *value, socklen_t size)
{
	int error;

	if (!fd)
		return np__invalid("np_set_...: no handle");
	error = np__fd_incref(fd, "set");
	if (error)
		return error;
	return np__option_end(fd, np__set_value(fd->sysfd, level, option, value, size));
}

int np_set_linger(struct np_fd *fd, int seconds)
{
	const struct linger linger = {
		.l_onoff = seconds >= 0,
		.l_linger = seconds >= 0 ? seconds : 0,
	};

	return np__option_set(fd, SOL_SOCKET, SO_LINGER_SEC, &linger, sizeof(linger));
}

int np_set_read_buffer(struct np_fd *fd, int bytes)
{
	return np__option_set(fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof(bytes));
}

int np_set_write_buffer(struct np_fd *fd, int bytes)
{
	return np__option_set(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
}

int np_set_option(struct np_fd *fd, int level, int option, int value)
{
	/* Which ones change how it reads is not known here. */
	if (fd)
		np__fd_doubt_short_reads(fd);
	return np__option_set(fd, level, option, &value, sizeof(value));
}

int np_get_option(struct np_fd *fd, int level, int option, int *ret_value)
{
	int value = 0;
	socklen_t size = sizeof(value);
	int error;

	if (!fd || !ret_value)
		return np__invalid("np_get_option: no handle, or no place for it");
	error = np__fd_incref(fd, "get");
	if (error)
		return error;
	if (getsockopt(fd->sysfd, level, option, &value, &size) < 0)
		error = np__fd_fail(fd, -errno, "get", "getsockopt");
	else
		*ret_value = value;
	np__fd_decref(fd);
	return error;
}
