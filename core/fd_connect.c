/* SPDX-License-Identifier: MIT */
/* core/fd_connect.c - connect(2): begin, ask, wait. */
#include "core/fd.h"
#include "core/uncancelled.h"

#include <errno.h>

int np__fd_connect_ask(const struct np_fd *fd)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);
	int error = 0;
	socklen_t error_length = sizeof(error);

	/* A second connect(2) would tell, too, but not always the same. */
	if (getsockopt(fd->sysfd, SOL_SOCKET, SO_ERROR, &error, &error_length) < 0)
		return -errno;
	switch (error) {
	case 0:
		/* No proof, since a report may be spurious: who is connected has a peer. */
		if (getpeername(fd->sysfd, (struct sockaddr *)&peer, &length) == 0)
			return 0;
		return errno == ENOTCONN ? -EINPROGRESS : -errno;
	case EISCONN:
		return 0;
	case EALREADY:
	case EINTR:
		return -EINPROGRESS;
	default:
		return -error;
	}
}

/* The deadline is for this alone: nobody else has the handle, and who writes to it later need not
 * look for one. */
int np__fd_connect_wait(struct np_fd *fd, int64_t deadline_ns)
{
	struct np_poll_desc *desc;
	int error = np__fd_desc(fd, &desc);

	if (error)
		return error;
	if (deadline_ns)
		atomic_store(&fd->has_deadlines, true);
	np_poll_set_deadline(desc, deadline_ns, NP_WRITE);
	do {
		error = np_poll_wait(desc, NP_WRITE);
		if (!error)
			error = np__fd_connect_ask(fd);
	} while (error == -EINPROGRESS);
	np_poll_set_deadline(desc, 0, NP_WRITE);
	atomic_store(&fd->has_deadlines, false);
	return error;
}

/*
 * EINTR: it goes on without us, a second call would only say EALREADY. Solaris and its like say
 * EINVAL when the peer has accepted and is gone already: a connection whose end can be read.
 */
int np__fd_connect_begin(struct np_fd *fd, const struct sockaddr *addr, socklen_t length)
{
	NP_UNCANCELLED;
	if (connect(fd->sysfd, addr, length) == 0)
		return 0;
	switch (errno) {
	case EISCONN:
		return 0;
	case EINPROGRESS:
	case EALREADY:
	case EINTR:
		return -EINPROGRESS;
#ifdef __sun
	case EINVAL:
		return 0;
#endif
	default:
		return -errno;
	}
}
