/* SPDX-License-Identifier: MIT */
/*
 * backends/wakeup.h - how any thread ends a wait: an eventfd or a pipe that the wait watches too.
 *
 * Watched level-triggered and for reading only, so that a look without blocking, which leaves it
 * alone, cannot take the wake-up away from the wait that it was meant for. Coalesced: between two
 * drains at most one signal writes.
 */
#ifndef NETPARK_BACKENDS_WAKEUP_H
#define NETPARK_BACKENDS_WAKEUP_H

#include <stdatomic.h>
#include <stdbool.h>

struct wakeup {
	int read_fd;
	int write_fd; /* the same for an eventfd */
	atomic_bool pending;
};

/* NP_WAKEUP_OPEN is the one that -Dwakeup chose. Return 0 or -errno. */
int NP_WAKEUP_OPEN(struct wakeup *wakeup);
int np__wakeup_open_eventfd(struct wakeup *wakeup); /* a pipe where eventfd(2) is refused */
int np__wakeup_open_pipe(struct wakeup *wakeup);

void np__wakeup_close(struct wakeup *wakeup);

/* Make read_fd readable. Any thread, and signal handlers. Return 0 or -errno. */
int np__wakeup_signal(struct wakeup *wakeup);

/* Make it unreadable again: by the wait that was woken, before it returns. */
void np__wakeup_drain(struct wakeup *wakeup);

bool np__wakeup_owns(const struct wakeup *wakeup, int fd);

#endif /* NETPARK_BACKENDS_WAKEUP_H */
