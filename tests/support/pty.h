/* SPDX-License-Identifier: MIT */
/* tests/support/pty.h - openpty(3), whose header each system has by a name of its own. */
#ifndef NETPARK_TESTS_PTY_H
#define NETPARK_TESTS_PTY_H

#if defined(__linux__)
#include <pty.h>
#elif defined(__FreeBSD__) || defined(__DragonFly__)
#include <sys/types.h>
#include <termios.h>

#include <libutil.h>
#elif defined(__sun)
#include <termios.h>
#elif defined(__APPLE__) /* in <util.h>, which compilers for it elsewhere do not bring */
struct termios;
struct winsize;
int openpty(int *master, int *slave, char *name, struct termios *termios, struct winsize *size);
#else
#include <util.h>
#endif

#endif /* NETPARK_TESTS_PTY_H */
