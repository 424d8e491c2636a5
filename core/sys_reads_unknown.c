/* SPDX-License-Identifier: MIT */
/* core/sys_reads_unknown.c - where nothing tells what a read leaves behind. */
#include "core/sys.h"

bool np__sys_read_takes_all(int fd)
{
	(void)fd;
	return false;
}
