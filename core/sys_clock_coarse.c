/* SPDX-License-Identifier: MIT */
/* core/sys_clock_coarse.c - the time of the kernel's last tick, which it leaves where all can read
 * it. */
#include "core/sys.h"

#include <time.h>

int64_t np__sys_time_coarse(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}
