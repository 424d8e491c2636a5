/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_x86.c - the first frame of a context, as switch_x86.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

struct frame {
	uint32_t mxcsr;
	uint32_t x87_control;
	uint32_t edi, esi, ebx, ebp;
	void (*next)(void);
	void *end[4]; /* the entry is called with the stack aligned to 16; zeros end backtraces */
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(frame->end) % 16 == 0, "the ABI wants the stack aligned");
	memset(frame, 0, sizeof(*frame));
	/* As the creator has them: a new thread inherits them, too. */
#ifdef __SSE__
	__asm__("stmxcsr %0" : "=m"(frame->mxcsr));
#endif
	__asm__("fnstcw %0" : "=m"(frame->x87_control));
	frame->esi = (uint32_t)entry;
	frame->next = np__context_begin;
	context->sp = frame;
}
