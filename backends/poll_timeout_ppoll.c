/* SPDX-License-Identifier: MIT */
/* backends/poll_timeout_ppoll.c - for systems with ppoll(2). */
#include "backends/poll_timeout.h"

#include <time.h>

/* A capped wait is only an early one; 32-bit times hold this many seconds. */
static const int64_t LONGEST_WAIT_S = 1000000;

int np__poll_timeout(struct pollfd *set, nfds_t count, int64_t delta_ns)
{
	struct timespec timeout = { 0, 0 };

	if (delta_ns < 0)
		return ppoll(set, count, NULL, NULL);
	if (delta_ns / 1000000000 >= LONGEST_WAIT_S) {
		timeout.tv_sec = (time_t)LONGEST_WAIT_S;
	} else {
		timeout.tv_sec = (time_t)(delta_ns / 1000000000);
		timeout.tv_nsec = (long)(delta_ns % 1000000000);
	}
	return ppoll(set, count, &timeout, NULL);
}
