/* SPDX-License-Identifier: MIT */
/* core/fiber/backtrace_none.c - a C library without backtrace(3). */
#include "core/fiber/backtrace.h"

void np__backtrace_context(const struct context *context, struct text *text)
{
	(void)context, (void)text;
}

void np__backtrace_here(struct text *text)
{
	(void)text;
}

void np__backtrace_name(const void *address, struct text *text)
{
	np__text_print(text, "%p", address);
}
