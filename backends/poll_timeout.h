/* SPDX-License-Identifier: MIT */
/* backends/poll_timeout.h - poll(2) with a timeout in nanoseconds, as exact as the system has it.
 */
#ifndef NETPARK_BACKENDS_POLL_TIMEOUT_H
#define NETPARK_BACKENDS_POLL_TIMEOUT_H

#include <poll.h>
#include <stdint.h>

/* As poll(2); @delta_ns below 0 is for ever; rounded up, never down. */
int np__poll_timeout(struct pollfd *set, nfds_t count, int64_t delta_ns);

#endif /* NETPARK_BACKENDS_POLL_TIMEOUT_H */
