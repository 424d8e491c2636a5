/* SPDX-License-Identifier: MIT */
/* core/net/bind.h - a socket gets the address that others will reach it by, with what options. */
#ifndef NETPARK_CORE_NET_BIND_H
#define NETPARK_CORE_NET_BIND_H

#include <stdbool.h>

struct np_fd;
struct np_listen_options;
struct target;

bool np__listen_options_are_valid(const struct np_listen_options *options);

/*
 * Bind a new handle to its target: v6_only and what @options say of any kind of socket (reuse of
 * the port, control function, the mode of a path). Options of the caller's own are set before. 0,
 * or an error and in *call which system call said so (NULL: none).
 */
int np__bind(const struct target *target, const struct np_listen_options *options, bool v6_only,
	     struct np_fd *fd, const char **call);

/* Show the socket to a program's control function, on its way to the target. 0 or its error. */
int np__control(const struct target *target,
		int (*control)(int sysfd, const char *network, const char *address, void *arg),
		void *arg, struct np_fd *fd);

#endif /* NETPARK_CORE_NET_BIND_H */
