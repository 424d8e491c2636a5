/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_aarch64.S - see switch.h. AAPCS64: x19 to x29, the lower halves of v8 to v15 and
 * FPCR are kept; FPCR, which has no status flags in it, is only written if it differs: that is slow.
 *
 * A context that does not run, from its stack pointer up:
 *
 *	 0 x29   8 where to go on (x30)  16 x19 to x28  96 d8 to d15  160 fpcr  168 -
 *
 * With BTI: the switch may be called through a register and has a landing for that; a new context
 * is begun by a return, which needs none. With PAC: the address to go on at is stored as it came and
 * is not signed. It lies beside the context's other words, and so does whatever signed it before.
 */
#include "core/asm.h"

	.macro SAVE first, second, offset
	stp	\first, \second, [sp, #\offset]
	.cfi_rel_offset \first, \offset
	.cfi_rel_offset \second, \offset + 8
	.endm

	.macro LOAD first, second, offset
	ldp	\first, \second, [sp, #\offset]
	.cfi_restore \first
	.cfi_restore \second
	.endm

	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	hint	#34	/* bti c */
	stp	x29, x30, [sp, #-176]!
	.cfi_adjust_cfa_offset 176
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	SAVE	x19, x20, 16
	SAVE	x21, x22, 32
	SAVE	x23, x24, 48
	SAVE	x25, x26, 64
	SAVE	x27, x28, 80
	SAVE	d8, d9, 96
	SAVE	d10, d11, 112
	SAVE	d12, d13, 128
	SAVE	d14, d15, 144
	mrs	x9, fpcr
	str	x9, [sp, #160]
	mov	x10, sp
	str	x10, [x0]

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	ldr	x10, [x1]
	mov	sp, x10
	mov	x0, x2
	ldr	x10, [sp, #160]
	cmp	x9, x10
	b.eq	1f
	msr	fpcr, x10
1:	LOAD	d14, d15, 144
	LOAD	d12, d13, 128
	LOAD	d10, d11, 112
	LOAD	d8, d9, 96
	LOAD	x27, x28, 80
	LOAD	x25, x26, 64
	LOAD	x23, x24, 48
	LOAD	x21, x22, 32
	LOAD	x19, x20, 16
	ldp	x29, x30, [sp], #176
	.cfi_adjust_cfa_offset -176
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
END np__context_switch

/* Where a new context begins: x19 is its entry, x0 what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined x30	/* unwinding ends here */
	blr	x19
	brk	#0
	.cfi_endproc
END np__context_begin
