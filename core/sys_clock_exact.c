/* SPDX-License-Identifier: MIT */
/* core/sys_clock_exact.c - no cheaper clock than the exact one. */
#include "core/sys.h"

#include <netpark/base.h>

int64_t np__sys_time_coarse(void)
{
	return np_time();
}
