/* SPDX-License-Identifier: MIT */
/* backends/poll_timeout_poll.c - for systems whose poll(2) knows milliseconds only. */
#include "backends/poll_timeout.h"

#include <limits.h>

int np__poll_timeout(struct pollfd *set, nfds_t count, int64_t delta_ns)
{
	if (delta_ns <= 0)
		return poll(set, count, delta_ns < 0 ? -1 : 0);
	if (delta_ns > INT64_C(1000000) * INT_MAX)
		return poll(set, count, INT_MAX);
	return poll(set, count, (int)((delta_ns + 999999) / 1000000));
}
