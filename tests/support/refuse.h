/* SPDX-License-Identifier: MIT */
/*
 * tests/support/refuse.h - a kernel that has less: system calls, options and flags of one's choice
 * are refused, as a kernel from before them does, or a sandbox that forbids them.
 *
 * By a filter of seccomp(2) on the calling thread. All threads and programs that this one starts
 * have it too, and nobody loses it again. A filter sees numbers of calls and their arguments, but
 * nothing that these point to. On i386 and s390x glibc reaches sockets through socketcall(2), which
 * has everything behind a pointer: nothing is refused there.
 */
#ifndef NETPARK_TESTS_SUPPORT_REFUSE_H
#define NETPARK_TESTS_SUPPORT_REFUSE_H

#include <stdbool.h>
#include <stddef.h>

/* The variable that says what is refused: see refuse(). */
#define REFUSE_VARIABLE "NETPARK_TEST_REFUSE"

/* What can be refused, one by one from 0: NULL after the last. A call, an option, or a flag. */
const char *refuse_feature(size_t index);

/*
 * Refuse what @list says from now on: names with commas between them, each with an error of its own
 * if that shall not be the usual one: "accept4,eventfd2=EPERM". Of two about the same the first
 * counts. "all" is everything that a backend on epoll can do without. 0; or -errno: -EINVAL for a
 * word that is not known, -ENOTSUP where the kernel has no filters or this machine allows none.
 */
int refuse(const char *list);

/* The errno that @feature is refused with by a list like that; 0 if it is not in it. */
int refuse_errno(const char *list, const char *feature);

#endif /* NETPARK_TESTS_SUPPORT_REFUSE_H */
