/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_ppc64.S - see visit_x86_64.S, and switch_ppc64.S for how a context lies on its stack.
 * In r31 here is where its caller's frame begins.
 *
 * The back chain leads there, too, along which some unwinders go, such as older ones of glibc.
 */
#include "core/asm.h"

	.abiversion 2
	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	mflr	%r0
	std	%r0, 16(%r1)
	.cfi_rel_offset lr, 16
	stdu	%r1, -48(%r1)
	.cfi_adjust_cfa_offset 48
	std	%r2, 24(%r1)
	std	%r31, 40(%r1)
	.cfi_rel_offset r31, 40
	ld	%r31, 0(%r3)
	addi	%r31, %r31, 512
	std	%r31, 0(%r1)
	mr	%r3, %r5
	mr	%r12, %r4	/* from which a function computes its TOC pointer */
	mtctr	%r12

	.cfi_remember_state
	.cfi_def_cfa r31, 0
	.cfi_offset lr, 16
	.irp	n, 2, 3, 4
	.cfi_offset cr\n, 8
	.endr
	.irp	n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.cfi_offset v\n, 32 + 16 * (\n - 20) - 512
	.endr
	.irp	n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	.cfi_offset f\n, 224 + 8 * (\n - 14) - 512
	.cfi_offset r\n, 368 + 8 * (\n - 14) - 512
	.endr
	bctrl
	.cfi_restore_state

	ld	%r2, 24(%r1)
	li	%r3, 1
	ld	%r31, 40(%r1)
	.cfi_restore r31
	addi	%r1, %r1, 48	/* not along the back chain */
	.cfi_adjust_cfa_offset -48
	ld	%r0, 16(%r1)
	mtlr	%r0
	.cfi_restore lr
	blr
	.cfi_endproc
END np__context_visit
