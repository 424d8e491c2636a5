/* SPDX-License-Identifier: MIT */
/* core/net/options.h - options of sockets, for the files that have more to do than set one. */
#ifndef NETPARK_CORE_NET_OPTIONS_H
#define NETPARK_CORE_NET_OPTIONS_H

#include <sys/socket.h>

struct np_fd;

/* setsockopt(2). 0 or -errno. */
int np__set_value(int sysfd, int level, int option, const void *value, socklen_t size);

/* The same of an int. */
int np__set_option(int sysfd, int level, int option, int value);

/*
 * np__set_value() for a call of the library's on @fd, which may be any handle. 0, or an error that
 * is recorded.
 */
int np__option_set(struct np_fd *fd, int level, int option, const void *value, socklen_t size);

/*
 * The end of such a call that has done more: after np__fd_incref(fd, "set"), with what became of
 * it. Records @error, gives up the reference, returns @error.
 */
int np__option_end(struct np_fd *fd, int error);

#endif /* NETPARK_CORE_NET_OPTIONS_H */
