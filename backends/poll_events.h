/* SPDX-License-Identifier: MIT */
/* backends/poll_events.h - poll(2)'s words for events and those of runtime_poll.h. */
#ifndef NETPARK_BACKENDS_POLL_EVENTS_H
#define NETPARK_BACKENDS_POLL_EVENTS_H

#include <stdint.h>

/* What to ask for when the directions in @armed are. */
short np__poll_events(unsigned armed);

/* What to report of @fd, of which @events were told; 0 if that is nothing. */
uint32_t np__poll_flags(int fd, short events);

#endif /* NETPARK_BACKENDS_POLL_EVENTS_H */
