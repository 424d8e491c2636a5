/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/threads_linux.c - how many threads the process has: each is a folder in one that
 * itself has two links. Asked without opening it, which would take a number that the program may
 * expect to be free.
 */
#include "core/fiber/fiber.h"

#include <sys/stat.h>

unsigned np__sys_threads(void)
{
	struct stat tasks;

	if (stat("/proc/self/task", &tasks) < 0 || tasks.st_nlink < 2)
		return 0;
	return (unsigned)tasks.st_nlink - 2;
}
