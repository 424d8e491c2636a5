/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_s390x.c - the first frame of a context, as switch_s390x.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

/* What a function has at its stack pointer for the one it calls. */
struct save_area {
	void *back_chain; /* zero ends backtraces along it */
	uint64_t r1_to_r5[5];
	uint64_t r6, r7_to_r13[7];
	void (*next)(void);
	void *sp;
	uint64_t f0_to_f6[4];
};

struct frame {
	uint64_t f8_to_f15[8];
	uint32_t fpc;
	uint32_t unused;
	struct save_area area;
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(struct frame) == 72 + 160, "as the assembly has it");
	memset(frame, 0, sizeof(*frame));
	/* As the creator has it: a new thread inherits it, too. */
	__asm__("stfpc %0" : "=Q"(frame->fpc));
	frame->area.r6 = (uint64_t)(uintptr_t)entry;
	frame->area.next = np__context_begin;
	frame->area.sp = &frame->area;
	context->sp = frame;
}
