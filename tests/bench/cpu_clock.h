/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/cpu_clock.h - the processor time of another process, all threads together.
 *
 * The total is exact to the nanosecond. How it splits into user and system is what the kernel saw
 * at its ticks: trust it over seconds, not over one short round.
 */
#ifndef NETPARK_TESTS_BENCH_CPU_CLOCK_H
#define NETPARK_TESTS_BENCH_CPU_CLOCK_H

#include <stdint.h>
#include <sys/types.h>

struct cpu_time {
	int64_t total_ns;
	int64_t user_ns;   /* of the ticks */
	int64_t ticked_ns; /* of the ticks, user and system */
};

/* Of @process; of nothing if it is 0. */
struct cpu_time cpu_clock_read(pid_t process);

#endif /* NETPARK_TESTS_BENCH_CPU_CLOCK_H */
