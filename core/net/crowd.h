/* SPDX-License-Identifier: MIT */
/*
 * core/net/crowd.h - a Unix receiver whose queue is full, seen by a socket that is not connected to
 * it.
 *
 * Its kernel says EAGAIN then, but whether such a socket is ready has to do with its own buffer
 * alone (Linux; BSDs say ENOBUFS): no report will come when the receiver has room. So it is asked
 * again, after pauses.
 */
#ifndef NETPARK_CORE_NET_CROWD_H
#define NETPARK_CORE_NET_CROWD_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct np_fd;

/*
 * What an attempt to send to an address shall return, which got @n from the kernel: that; or after
 * a pause -EINTR, to be tried again; or why it shall not. *pause_ns is how long the last one was,
 * at first 0.
 */
ssize_t np__crowd_judge(struct np_fd *fd, ssize_t n, int64_t *pause_ns);

#endif /* NETPARK_CORE_NET_CROWD_H */
