/* SPDX-License-Identifier: MIT */
/* core/sys_steps.h - the namesakes in sys.h, by calls that every system has. */
#ifndef NETPARK_CORE_SYS_STEPS_H
#define NETPARK_CORE_SYS_STEPS_H

#include <sys/socket.h>

int np__steps_pipe(int fds[2]);
int np__steps_socket(int family, int type, int protocol);
int np__steps_socketpair(int type, int fds[2]);
int np__steps_accept(int listener, struct sockaddr *addr, socklen_t *length);

#endif /* NETPARK_CORE_SYS_STEPS_H */
