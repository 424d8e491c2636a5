/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/backtrace.h - where a stack has come from. backtrace_execinfo.c where the C library
 * has backtrace(3), else backtrace_none.c, which finds nothing.
 */
#ifndef NETPARK_CORE_FIBER_BACKTRACE_H
#define NETPARK_CORE_FIBER_BACKTRACE_H

#include "core/fiber/switch.h"
#include "core/text.h"

/* Append a line for each call that a stopped context is in, the innermost first. Any thread. */
void np__backtrace_context(const struct context *context, struct text *text);

/* The same for the caller. */
void np__backtrace_here(struct text *text);

/* Append the name of the function at @address, as far as the linker knows it. */
void np__backtrace_name(const void *address, struct text *text);

#endif /* NETPARK_CORE_FIBER_BACKTRACE_H */
