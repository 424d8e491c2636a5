/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_ucontext.c - switching with what POSIX had: slow (two system calls for the
 * signal mask), but everywhere.
 */
#ifdef __APPLE__
#define _XOPEN_SOURCE 700 /* or there is none, nor room for the registers in it */
#endif
#include "core/fiber/switch.h"

#include <signal.h>
#include <stdint.h>
#include <ucontext.h>

struct record {
	ucontext_t registers;
	context_entry *entry;
	void *arg; /* what the switch to it passed */
};

/* makecontext() passes ints. */
static void begin(unsigned high, unsigned low)
{
	struct record *record = (struct record *)((uintptr_t)high << 16 << 16 | low);

	record->entry(record->arg);
}

/* The record is at the top of the stack, the stack proper below. */
void np__context_init(struct context *context, void *top, context_entry *entry)
{
	uintptr_t place = ((uintptr_t)top - sizeof(struct record)) & ~(uintptr_t)15;
	struct record *record = (struct record *)place;
	enum { SEEN = 8192 }; /* makecontext() wants a size; it only computes the top from it */

	getcontext(&record->registers);
	record->registers.uc_stack.ss_sp = (char *)place - SEEN;
	record->registers.uc_stack.ss_size = SEEN;
	record->registers.uc_link = NULL;
	record->entry = entry;
	makecontext(&record->registers, (void (*)(void))begin, 2,
		    (unsigned)((uint64_t)(uintptr_t)record >> 32), (unsigned)(uintptr_t)record);
	context->sp = record;
}

/*
 * Where the calling context is kept while it does not run: in its own frame. AddressSanitizer's
 * notes of that would stay when the context never runs again.
 */
__attribute__((no_sanitize_address)) void *np__context_switch(struct context *from,
							      struct context *to, void *arg)
{
	struct record self = { .arg = NULL };
	struct record *other;

	/* First, since both may be the same. */
	/* cppcheck-suppress autoVariables ; the frame is there for as long as @from does not run */
	from->sp = &self;
	other = to->sp;
	other->arg = arg;
	/* The mask is the thread's: a context may have been made by another, or before a change. */
	pthread_sigmask(SIG_SETMASK, NULL, &other->registers.uc_sigmask);
	swapcontext(&self.registers, &other->registers);
	return self.arg;
}
