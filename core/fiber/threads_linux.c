/* SPDX-License-Identifier: MIT */
/* core/fiber/threads_linux.c - how many threads the process has. */
#include "core/fiber/fiber.h"

#include <dirent.h>

unsigned np__sys_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	const struct dirent *entry;
	unsigned count = 0;

	if (!dir)
		return 0;
	while ((entry = readdir(dir)))
		count += entry->d_name[0] != '.';
	closedir(dir);
	return count;
}
