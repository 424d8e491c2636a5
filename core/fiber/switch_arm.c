/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_arm.c - the first frame of a context, as switch_arm.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

struct frame {
#ifdef __ARM_FP
	uint64_t d8_to_d15[8];
#endif
	uint32_t fpscr;
	uint32_t r4, r5_to_r11[7];
	void (*next)(void);
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(struct frame) % 8 == 0, "the ABI wants the stack aligned");
	memset(frame, 0, sizeof(*frame));
#ifdef __ARM_FP
	/* As the creator has it: a new thread inherits it, too. */
	__asm__("vmrs %0, fpscr" : "=r"(frame->fpscr));
#endif
	frame->r4 = (uint32_t)entry;
	frame->next = np__context_begin;
	context->sp = frame;
}
