/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_riscv64.c - the first frame of a context, as switch_riscv64.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

struct frame {
	void (*next)(void);
	void *s0; /* zero ends backtraces along frame pointers */
	uint64_t s1, s2_to_s11[10];
	uint64_t rounding;
	uint64_t fs0_to_fs11[12];
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));

	_Static_assert(sizeof(struct frame) == 208, "as the assembly has it");
	memset(frame, 0, sizeof(*frame));
#ifdef __riscv_flen
	/* As the creator has it: a new thread inherits it, too. */
	__asm__("frrm %0" : "=r"(frame->rounding));
#endif
	frame->s1 = (uint64_t)(uintptr_t)entry;
	frame->next = np__context_begin;
	context->sp = frame;
}
