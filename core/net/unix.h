/* SPDX-License-Identifier: MIT */
/* core/net/unix.h - what the files about Unix sockets share. */
#ifndef NETPARK_CORE_NET_UNIX_H
#define NETPARK_CORE_NET_UNIX_H

#include <stdbool.h>

struct np_fd;

/*
 * Others are going to have the descriptor, too. Of a listener that says nothing about what is
 * accepted here.
 */
void np__fd_share(struct np_fd *fd);

/* Its path goes when it is closed. */
bool np__fd_unlinks(const struct np_fd *fd);

/* A socket of "unix", "unixgram" or "unixpacket"? */
bool np__fd_is_unix(const struct np_fd *fd);

#endif /* NETPARK_CORE_NET_UNIX_H */
