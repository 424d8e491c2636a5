/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_alike.c - where there is one way only to leave a stack. */
#include "core/fiber/switch.h"

void *np__context_switch_alike(struct context *from, struct context *to, void *arg)
{
	return np__context_switch(from, to, arg);
}
