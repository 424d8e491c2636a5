/* SPDX-License-Identifier: MIT */
/* core/sys_accepted_none.c - what a listener is told, the kernel hands down by itself. */
#include "core/sys.h"

void np__sys_accepted(int listener, int fd)
{
	(void)listener;
	(void)fd;
}
