/* SPDX-License-Identifier: MIT */
/* core/fiber/visit_none.c - how a ucontext_t lies on its stack is not ours to say: no backtrace. */
#include "core/fiber/switch.h"

bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg)
{
	(void)context, (void)fn, (void)arg;
	return false;
}
