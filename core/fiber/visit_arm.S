/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_arm.S - see visit_x86_64.S, and switch_arm.S for how a context lies on its stack, which
 * is in r4 here, and for the two forms of unwinding.
 *
 * .ARM.exidx speaks of whole functions as if all were at a call, which is all that matters here. What it
 * is told is the prologue of the switch, after which r4 would have had the stack pointer.
 */
#include "core/asm.h"

	.syntax unified
	.arm
	.cfi_sections .debug_frame

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.fnstart
	.save	{r3-r11, lr}
#ifdef __ARM_FP
	.vsave	{d8-d15}
#endif
	.setfp	r4, sp
	.cfi_startproc
	push	{r4, lr}
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset r4, 0
	.cfi_rel_offset lr, 4
	ldr	r4, [r0]
	mov	r0, r2

	.cfi_remember_state
#ifdef __ARM_FP
	.cfi_def_cfa r4, 104
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_offset d\n, 8 * (\n - 8) - 104
	.endr
#else
	.cfi_def_cfa r4, 40
#endif
	.irp	n, 4, 5, 6, 7, 8, 9, 10, 11
	.cfi_offset r\n, 4 * (\n - 3) - 40
	.endr
	.cfi_offset lr, -4
	blx	r1
	.cfi_restore_state

	mov	r0, #1
	pop	{r4, lr}
	.cfi_adjust_cfa_offset -8
	.cfi_restore r4
	.cfi_restore lr
	bx	lr
	.cfi_endproc
	.fnend
END np__context_visit
