/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_x86_64.c - the first frame of a context, as switch_x86_64.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

struct frame {
	uint32_t mxcsr;
	uint32_t x87_control;
	uint64_t r15, r14, r13, r12, rbx, rbp;
	void (*next)(void);
	void *end[2]; /* the entry is called with the stack aligned to 16; zeros end backtraces */
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(struct frame) % 16 == 0, "the ABI wants the stack aligned");
	memset(frame, 0, sizeof(*frame));
	/* As the creator has them: a new thread inherits them, too. */
	__asm__("stmxcsr %0" : "=m"(frame->mxcsr));
	__asm__("fnstcw %0" : "=m"(frame->x87_control));
	frame->r12 = (uint64_t)(uintptr_t)entry;
	frame->next = np__context_begin;
	context->sp = frame;
}
