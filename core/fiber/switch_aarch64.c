/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_aarch64.c - the first frame of a context, as switch_aarch64.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

struct frame {
	void *x29; /* zero ends backtraces along frame pointers */
	void (*next)(void);
	uint64_t x19, x20_to_x28[9];
	uint64_t d8_to_d15[8];
	uint64_t fpcr;
	uint64_t unused;
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(struct frame) == 176, "as the assembly has it");
	memset(frame, 0, sizeof(*frame));
	/* As the creator has it: a new thread inherits it, too. */
	__asm__("mrs %0, fpcr" : "=r"(frame->fpcr));
	frame->x19 = (uint64_t)(uintptr_t)entry;
	frame->next = np__context_begin;
	context->sp = frame;
}
