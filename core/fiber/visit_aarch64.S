/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_aarch64.S - see visit_x86_64.S, and switch_aarch64.S for how a context lies on its
 * stack, which is in x19 here. Its return address is not signed, whatever those above it are.
 */
#include "core/asm.h"

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	hint	#34	/* bti c */
	stp	x29, x30, [sp, #-32]!
	.cfi_adjust_cfa_offset 32
	.cfi_rel_offset x29, 0
	.cfi_rel_offset x30, 8
	str	x19, [sp, #16]
	.cfi_rel_offset x19, 16
	ldr	x19, [x0]
	mov	x0, x2

	.cfi_remember_state
	.cfi_def_cfa x19, 176
	.cfi_offset x29, 0 - 176
	.cfi_offset x30, 8 - 176
	.irp	n, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28
	.cfi_offset x\n, 16 + 8 * (\n - 19) - 176
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_offset d\n, 96 + 8 * (\n - 8) - 176
	.endr
	blr	x1
	.cfi_restore_state

	mov	w0, #1
	ldr	x19, [sp, #16]
	.cfi_restore x19
	ldp	x29, x30, [sp], #32
	.cfi_adjust_cfa_offset -32
	.cfi_restore x29
	.cfi_restore x30
	ret
	.cfi_endproc
END np__context_visit
