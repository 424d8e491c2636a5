/* SPDX-License-Identifier: MIT */
/*
 * core/sys_calls.h - the system calls that every request makes. As their namesakes, but an error is
 * what they return, as -errno.
 *
 * The C library's are points at which a thread can be cancelled: once a process has threads, each
 * lets cancellation in and shuts it out again with two atomic steps, which costs more than the rest
 * of the call on this side of the kernel. Nobody who is cancelled in the middle of a call of
 * netpark would unlock what it has locked. So where that is written (core/meson.build: on 64-bit
 * Linux, but not under a sanitizer, which watches the C library's) they are made without it, by
 * sys_calls_x86_64.S and its like; elsewhere by sys_calls_libc.c.
 */
#ifndef NETPARK_CORE_SYS_CALLS_H
#define NETPARK_CORE_SYS_CALLS_H

#include <sys/types.h>

struct pollfd;
struct timespec;

ssize_t np__call_read(int fd, void *buf, size_t size);
ssize_t np__call_write(int fd, const void *buf, size_t size);

/* On a socket that is connected, or for who does not want to know whose data it is. */
ssize_t np__call_recv(int fd, void *buf, size_t size, int flags);
ssize_t np__call_send(int fd, const void *buf, size_t size, int flags);

/* Only for a look: @timeout is of nothing, and there is no @mask. */
ssize_t np__call_ppoll(struct pollfd *fds, unsigned long count, const struct timespec *timeout,
		       const void *mask);

#endif /* NETPARK_CORE_SYS_CALLS_H */
