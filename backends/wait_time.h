/* SPDX-License-Identifier: MIT */
/* backends/wait_time.h - how long a wait may take, in the words of kernels. */
#ifndef NETPARK_BACKENDS_WAIT_TIME_H
#define NETPARK_BACKENDS_WAIT_TIME_H

#include <stdint.h>
#include <time.h>

/*
 * That of a wait for @delta_ns, which is 0 if that is negative. What a kernel might think absurd,
 * or a time_t of 32 bits could not hold, is cut: a capped wait is only an early one.
 */
static inline struct timespec np__wait_time(int64_t delta_ns)
{
	const int64_t longest_s = 1000000;
	const int64_t seconds = delta_ns / 1000000000;
	struct timespec time = { 0, 0 };

	if (seconds >= longest_s) {
		time.tv_sec = (time_t)longest_s;
	} else if (delta_ns > 0) {
		time.tv_sec = (time_t)seconds;
		time.tv_nsec = (long)(delta_ns % 1000000000);
	}
	return time;
}

#endif /* NETPARK_BACKENDS_WAIT_TIME_H */
