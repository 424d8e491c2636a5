/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_ppc64.c - the first frame of a context, as switch_ppc64.S will leave it. */
#include "core/fiber/switch.h"

#include <stdint.h>
#include <string.h>

/* What a function has at its stack pointer for the one it calls. */
struct header {
	void *back_chain; /* zero ends backtraces along it */
	uint64_t cr;
	void (*next)(void);
	uint64_t r2;
};

struct frame {
	void *back_chain;
	double fpscr;
	uint32_t vscr;
	uint32_t unused;
	uint64_t r2;
	uint64_t v20_to_v31[12][2];
	uint64_t f14_to_f31[18];
	uint64_t r14, r15_to_r31[17];
	struct header header;
};

void np__context_begin(void);

void np__context_init(struct context *context, void *top, context_entry *entry)
{
	struct frame *frame = (struct frame *)((char *)top - sizeof(struct frame));
	uint32_t vscr __attribute__((vector_size(16)));

	_Static_assert(sizeof(struct frame) == 512 + 32, "as the assembly has it");
	memset(frame, 0, sizeof(*frame));
	/* As the creator has them: a new thread inherits them, too. */
	__asm__("mffs %0" : "=d"(frame->fpscr));
	__asm__("mfvscr %0" : "=v"(vscr));
	frame->vscr = vscr[0];
	frame->back_chain = &frame->header;
	frame->r14 = (uint64_t)(uintptr_t)entry;
	frame->header.next = np__context_begin;
	context->sp = frame;
}
