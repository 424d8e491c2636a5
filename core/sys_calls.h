/* SPDX-License-Identifier: MIT */
/*
 * core/sys_calls.h - the system calls that every request makes. As their namesakes: -1 and errno.
 *
 * The C library's are points at which a thread can be cancelled: once a process has threads, each
 * lets cancellation in and shuts it out again with two atomic steps, which costs more than the rest
 * of the call on this side of the kernel. Nobody who is cancelled in the middle of a call of
 * netpark would unlock what it has locked, so where that can be they are made without
 * (core/meson.build: on 64-bit Linux, but not under a sanitizer, which watches the C library's).
 */
#ifndef NETPARK_CORE_SYS_CALLS_H
#define NETPARK_CORE_SYS_CALLS_H

#include <sys/socket.h>
#include <unistd.h>

#ifdef NP_HAVE_DIRECT_CALLS
#include <sys/syscall.h>
/* Each argument as a word, as the kernel takes it. */
#define NP_CALL(name, number, a, b, c) syscall(number, (long)(a), b, c, 0L, 0L, 0L)
#define NP_CALL_ON_SOCKET(name, number, a, b, c, flags)                                            \
	syscall(number, (long)(a), b, c, (long)(flags), 0L, 0L)
#else
#define NP_CALL(name, number, a, b, c)                  name(a, b, c)
#define NP_CALL_ON_SOCKET(name, number, a, b, c, flags) name(a, b, c, flags)
#endif

static inline ssize_t np__call_read(int fd, void *buf, size_t size)
{
	return NP_CALL(read, SYS_read, fd, buf, size);
}

static inline ssize_t np__call_write(int fd, const void *buf, size_t size)
{
	return NP_CALL(write, SYS_write, fd, buf, size);
}

static inline ssize_t np__call_recv(int fd, void *buf, size_t size, int flags)
{
	return NP_CALL_ON_SOCKET(recv, SYS_recvfrom, fd, buf, size, flags);
}

static inline ssize_t np__call_send(int fd, const void *buf, size_t size, int flags)
{
	return NP_CALL_ON_SOCKET(send, SYS_sendto, fd, buf, size, flags);
}

#endif /* NETPARK_CORE_SYS_CALLS_H */
