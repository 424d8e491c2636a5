/* SPDX-License-Identifier: MIT */
/* backends/backends.h - the backends by name; meson.build decides which of them a build has. */
#ifndef NETPARK_BACKENDS_BACKENDS_H
#define NETPARK_BACKENDS_BACKENDS_H

#include <netpark/runtime_poll.h>

extern const struct runtime_poll runtime_poll_epoll;
extern const struct runtime_poll runtime_poll_kqueue;
extern const struct runtime_poll runtime_poll_poll;
extern const struct runtime_poll runtime_poll_ports;

/*
 * The events that fit one wait of the backends here: enough that a busy poller's system call is
 * paid for by many events, small enough to live on the stack.
 */
enum { RUNTIME_POLL_BATCH = 128 };

/*
 * Is @fd of a kind that readiness makes sense for? 0, -EBADF, or -EPERM for regular files and
 * directories. epoll knows by itself; the others accept them and report nonsense.
 */
int np__check_pollable(int fd);

#endif /* NETPARK_BACKENDS_BACKENDS_H */
