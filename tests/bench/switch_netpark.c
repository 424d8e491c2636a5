/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/switch_netpark.c - netpark's bare switch: from one stack to another, and nothing that
 * a fiber is besides. Linked statically, because the library does not show it.
 */
#include "core/fiber/switch.h"

#include "die.h"
#include "measure.h"

enum { STACK_SIZE = 64 * 1024 };

static struct context here, there;

static _Noreturn void switch_back(void *arg)
{
	for (;;)
		arg = np__context_switch(&there, &here, arg);
}

static int64_t switches(unsigned long count)
{
	int64_t begin = measure_time_ns();

	for (unsigned long i = 0; i < count; i += 2)
		np__context_switch(&here, &there, NULL);
	return measure_time_ns() - begin;
}

int main(int argc, char **argv)
{
	static const struct measure measure = { "switch", 1000000, switches };
	char *stack = aligned_alloc(16, STACK_SIZE);

	measure_parse(argc, argv);
	if (!stack)
		die("out of memory");
	np__context_init(&there, stack + STACK_SIZE, switch_back);
	measure_all(&measure, 1);
	free(stack);
	return 0;
}
