/* SPDX-License-Identifier: MIT */
/* core/clock_coarse.c - the time of the kernel's last tick, which it leaves where all can read
 * it. */
#include "core/clock.h"

#include <time.h>

int64_t np__time_coarse(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
