/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fault.h - system calls and allocations that fail when a test wants them to.
 *
 *	fault_fail("accept4", 1, 1, EMFILE);
 *	cr_assert_eq(np_accept(listener, &conn), -EMFILE);
 *
 * The linker sends every call that the library, or the test, makes of the names below here first
 * (--wrap; tests/suites/meson.build has the list). Calls are numbered from 1, beginning with the
 * first after the fault was set. The calls of the emulations pass: they stand for kernels.
 *
 * Those of core/sys_calls.h count under the names of the C library's, fcntl64 and mmap64, which is
 * how glibc calls those where files have 64 bits, without the number. "epoll_pwait2" can be named
 * too, which is made through syscall.
 */
#ifndef NETPARK_TESTS_SUPPORT_FAULT_H
#define NETPARK_TESTS_SUPPORT_FAULT_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

enum { FAULT_ALWAYS = 1 << 30 };

/* Calls @first to @first + @count - 1 of @name are not made, and fail with @error. */
void fault_fail(const char *name, int first, int count, int error);

/* The same, but they are made; only what they returned is not told. */
void fault_spoil(const char *name, int first, int count, int error);

/* The same, not made, and they return @value. */
void fault_return(const char *name, int first, int count, long value);

/* The transfers @first to ... move at most a byte. For recv, send, read, write. */
void fault_shorten(const char *name, int first, int count);

/* Called before each connect from now on; NULL ends it. */
void fault_before_connect(void (*fn)(int fd, const struct sockaddr *addr, socklen_t length));

/* Called once: when the next port_getn has its events, and its caller does not know yet. */
void fault_after_getn(void (*fn)(void));

/* No more faults. Also counts from 0 again. */
void fault_clear(void);

/* How often @name was called since the last fault_clear(), or since a fault for it was set. */
int fault_calls(const char *name);

/* The largest size that @name was asked for in that time. For recv, send, read, write. */
size_t fault_largest(const char *name);

/* How many faults have been met since the last fault_clear(). */
int fault_met(void);

/*
 * The call number @nth of all that can fail for want of something, whatever its name, fails as it
 * is most likely to. Its name is that of fault_last().
 */
void fault_fail_any(int nth);
const char *fault_last(void);

/* Allocated, by the library and the test, and not freed. */
long fault_allocations(void);

#endif /* NETPARK_TESTS_SUPPORT_FAULT_H */
