/* SPDX-License-Identifier: MIT */
/*
 * core/sys.h - system calls whose best form differs between systems. Results are 0 or a
 * descriptor, or -errno. Every descriptor made here is non-blocking and close-on-exec.
 *
 * sys_atomic.c has the forms that set both flags in one call. Where a kernel refuses these, and on
 * systems without them (sys_plain.c), sys_steps.c sets the flags afterwards: a fork in between can
 * leak a descriptor to the child.
 */
#ifndef NETPARK_CORE_SYS_H
#define NETPARK_CORE_SYS_H

#include <errno.h>
#include <stdbool.h>
#include <sys/socket.h>

#ifndef MSG_NOSIGNAL
#define MSG_NOSIGNAL 0 /* macOS has an option of the socket instead */
#endif
#ifndef MSG_CMSG_CLOEXEC
#define MSG_CMSG_CLOEXEC 0
#endif

/*
 * Is that what a kernel says to a call that it does not have, or a sandbox to one that it forbids?
 * Then another call may do.
 */
static inline bool np__sys_is_refusal(int error)
{
	return error == -ENOSYS || error == -EPERM;
}

int np__sys_pipe(int fds[2]);
int np__sys_socket(int family, int type, int protocol);
int np__sys_socketpair(int type, int fds[2]); /* of AF_UNIX */

/* As accept(2) with EINTR retried. */
int np__sys_accept(int listener, struct sockaddr *addr, socklen_t *length);

/* Give @fd, which came from there, what the listener was told and the kernel does not hand down. */
void np__sys_accepted(int listener, int fd);

/* What a socket from elsewhere needs so that writing to it raises no SIGPIPE. */
void np__sys_adopt_socket(int fd);

/* Set or clear O_NONBLOCK. Return 1 if it was set before, 0 if not, or -errno. */
int np__sys_set_nonblock(int fd, bool nonblock);

/*
 * Does each read of @fd, which is no file, take all there is, so that the next finds nothing? Only
 * said where it is sure: of a timerfd, and of an eventfd that is no semaphore.
 */
bool np__sys_read_takes_all(int fd);

/* Close, once: after EINTR the number may be somebody else's already. Return 0 or -errno. */
int np__sys_close(int fd);

#endif /* NETPARK_CORE_SYS_H */
