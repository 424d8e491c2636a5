/* SPDX-License-Identifier: MIT */
/* tests/bench/cpu_clock.c - Linux's clocks of a process. */
#include "cpu_clock.h"

#include "die.h"

#include <time.h>

/* What the low bits of such a clock's number choose; libc has a name for the last one only. */
enum process_clock { CLOCK_OF_TICKS, CLOCK_OF_USER_TICKS, CLOCK_OF_RUN_TIME };

static int64_t read_clock(pid_t process, enum process_clock which)
{
	struct timespec time;

	if (clock_gettime((clockid_t)(~(unsigned)process << 3 | which), &time) != 0)
		die_errno("the server's processor time");
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

struct cpu_time cpu_clock_read(pid_t process)
{
	struct cpu_time time = { .total_ns = 0 };

	if (process) {
		time.total_ns = read_clock(process, CLOCK_OF_RUN_TIME);
		time.user_ns = read_clock(process, CLOCK_OF_USER_TICKS);
		time.ticked_ns = read_clock(process, CLOCK_OF_TICKS);
	}
	return time;
}
