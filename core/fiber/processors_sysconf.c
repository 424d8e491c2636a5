/* SPDX-License-Identifier: MIT */
/* core/fiber/processors_sysconf.c - what POSIX systems tell; binding is not portable. */
#include "core/fiber/fiber.h"

#include <unistd.h>

unsigned np__sys_processors(void)
{
	long count = sysconf(_SC_NPROCESSORS_ONLN);

	return count > 0 ? (unsigned)count : 1;
}

struct processors *np__sys_processors_get(void)
{
	return NULL;
}

void np__sys_processors_set(const struct processors *processors)
{
	(void)processors;
}

void np__sys_pin_thread(unsigned index)
{
	(void)index;
}
