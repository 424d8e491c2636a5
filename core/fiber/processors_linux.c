/* SPDX-License-Identifier: MIT */
/* core/fiber/processors_linux.c - the processors that the process may use, and binding to one. */
#include "core/fiber/fiber.h"

#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

struct processors {
	cpu_set_t set;
};

unsigned np__sys_processors(void)
{
	cpu_set_t set;
	long online;

	/* Fails where there are more than the set has room for, or where it is forbidden. */
	if (sched_getaffinity(0, sizeof(set), &set) == 0 && CPU_COUNT(&set) > 0)
		return (unsigned)CPU_COUNT(&set);
	online = sysconf(_SC_NPROCESSORS_ONLN);
	return online > 0 ? (unsigned)online : 1;
}

struct processors *np__sys_processors_get(void)
{
	struct processors *processors = malloc(sizeof(*processors));

	if (processors && sched_getaffinity(0, sizeof(processors->set), &processors->set) == 0)
		return processors;
	free(processors);
	return NULL;
}

void np__sys_processors_set(const struct processors *processors)
{
	if (processors)
		sched_setaffinity(0, sizeof(processors->set), &processors->set);
}

void np__sys_pin_thread(unsigned index)
{
	cpu_set_t all, one;
	unsigned count;

	if (sched_getaffinity(0, sizeof(all), &all) < 0)
		return;
	count = (unsigned)CPU_COUNT(&all);
	if (count == 0)
		return;
	index %= count;
	CPU_ZERO(&one);
	for (size_t cpu = 0; cpu < CPU_SETSIZE; cpu++)
		if (CPU_ISSET(cpu, &all) && index-- == 0)
			CPU_SET(cpu, &one);
	sched_setaffinity(0, sizeof(one), &one);
}
