/* SPDX-License-Identifier: MIT */
/* backends/poll_timeout_ppoll.c - for systems with ppoll(2). */
#include "backends/poll_timeout.h"
#include "backends/wait_time.h"

int np__poll_timeout(struct pollfd *set, nfds_t count, int64_t delta_ns)
{
	const struct timespec timeout = np__wait_time(delta_ns);

	return ppoll(set, count, delta_ns < 0 ? NULL : &timeout, NULL);
}
