/* SPDX-License-Identifier: MIT */
/* core/net/keep_alive.h - keep-alive of a TCP socket. */
#ifndef NETPARK_CORE_NET_KEEP_ALIVE_H
#define NETPARK_CORE_NET_KEEP_ALIVE_H

struct np_keep_alive;

/*
 * For a socket that has not been told yet. 0, or -errno of the first option that fails; then those
 * before it have been set.
 */
int np__keep_alive_set(int sysfd, const struct np_keep_alive *keep_alive);

#endif /* NETPARK_CORE_NET_KEEP_ALIVE_H */
