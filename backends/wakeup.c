/* SPDX-License-Identifier: MIT */
/* backends/wakeup.c - signal and drain, which are the same for an eventfd and for a pipe. */
#include "backends/wakeup.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <stdint.h>
#include <unistd.h>

void np__wakeup_close(struct wakeup *wakeup)
{
	close(wakeup->read_fd);
	if (wakeup->write_fd != wakeup->read_fd)
		close(wakeup->write_fd);
}

/* An eventfd takes exactly eight bytes, a number to add; a pipe takes any bytes, so also these. */
static int write_signal(int fd)
{
	NP_UNCANCELLED;
	const uint64_t one = 1;

	while (write(fd, &one, sizeof(one)) < 0) {
		if (errno == EAGAIN)
			return 0; /* full: the waiter has been told */
		if (errno != EINTR)
			return -errno;
	}
	return 0;
}

int np__wakeup_signal(struct wakeup *wakeup)
{
	int saved_errno = errno; /* signal handlers may call this */
	int error;

	if (atomic_exchange(&wakeup->pending, true))
		return 0;
	error = write_signal(wakeup->write_fd);
	if (error)
		atomic_store(&wakeup->pending, false);
	errno = saved_errno;
	return error;
}

/*
 * Read first, then allow new signals. The other way round, a signal between the two would write,
 * be read away here, and leave pending set with nothing to read: deaf for good. As it is, a signal
 * between the two is swallowed together with a wait that is on its way out, which is all it wanted.
 */
void np__wakeup_drain(struct wakeup *wakeup)
{
	uint64_t buf[2];

	while (read(wakeup->read_fd, buf, sizeof(buf)) < 0 && errno == EINTR)
		;
	atomic_store(&wakeup->pending, false);
}

bool np__wakeup_owns(const struct wakeup *wakeup, int fd)
{
	return fd >= 0 && (fd == wakeup->read_fd || fd == wakeup->write_fd);
}
