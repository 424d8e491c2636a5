/* SPDX-License-Identifier: MIT */
/* core/fiber/visit_none.c - where nobody has written how: stopped contexts have no backtrace. */
#include "core/fiber/switch.h"

bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg)
{
	(void)context, (void)fn, (void)arg;
	return false;
}
