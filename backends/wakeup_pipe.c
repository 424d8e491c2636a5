/* SPDX-License-Identifier: MIT */
/* backends/wakeup_pipe.c - the wake-up through a pipe, which every system has. */
#include "backends/wakeup.h"
#include "core/sys.h"

int np__wakeup_open_pipe(struct wakeup *wakeup)
{
	int fds[2];
	int error = np__sys_pipe(fds);

	if (error)
		return error;
	wakeup->read_fd = fds[0];
	wakeup->write_fd = fds[1];
	atomic_init(&wakeup->pending, false);
	return 0;
}
