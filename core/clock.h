/* SPDX-License-Identifier: MIT */
/* core/clock.h - a clock that costs little: clock_coarse.c where the system has one. */
#ifndef NETPARK_CORE_CLOCK_H
#define NETPARK_CORE_CLOCK_H

#include <stdint.h>

/* np_time(), or some milliseconds before that. */
int64_t np__time_coarse(void);

#endif /* NETPARK_CORE_CLOCK_H */
