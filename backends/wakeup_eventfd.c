/* SPDX-License-Identifier: MIT */
/* backends/wakeup_eventfd.c - the wake-up through one eventfd. */
#include "backends/wakeup.h"

#include <sys/eventfd.h>

int np__wakeup_open_eventfd(struct wakeup *wakeup)
{
	int fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);

	/* Kernels without it, and sandboxes that forbid it, still have pipes. */
	if (fd < 0)
		return np__wakeup_open_pipe(wakeup);
	wakeup->read_fd = wakeup->write_fd = fd;
	atomic_init(&wakeup->pending, false);
	return 0;
}
