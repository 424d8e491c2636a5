/* SPDX-License-Identifier: MIT */
/* core/time.c - the monotonic clock and deadlines on it. */
#include <netpark/base.h>

#include <time.h>

int64_t np_time(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

int64_t np_deadline(int64_t timeout_ns)
{
	int64_t now = np_time();

	if (timeout_ns <= 0)
		return -1;
	return timeout_ns > INT64_MAX - now ? INT64_MAX : now + timeout_ns;
}
