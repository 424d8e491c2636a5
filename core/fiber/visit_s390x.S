/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_s390x.S - see visit_x86_64.S, and switch_s390x.S for how a context lies on its stack,
 * which is in r6 here. As the ABI has it, the CFA is 160 above the stack pointer of who called.
 */
#include "core/asm.h"

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	stg	%r6, 48(%r15)
	.cfi_rel_offset %r6, 48
	stmg	%r14, %r15, 112(%r15)
	.cfi_rel_offset %r14, 112
	.cfi_rel_offset %r15, 120
	aghi	%r15, -160
	.cfi_adjust_cfa_offset 160
	lg	%r6, 0(%r2)
	lgr	%r2, %r4

	.cfi_remember_state
	.cfi_def_cfa %r6, 72 + 160
	.irp	n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_offset %r\n, 8 * \n - 160
	.endr
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_offset %f\n, 8 * (\n - 8) - 72 - 160
	.endr
	basr	%r14, %r3
	.cfi_restore_state

	lghi	%r2, 1
	lg	%r6, 160 + 48(%r15)
	.cfi_restore %r6
	lmg	%r14, %r15, 160 + 112(%r15)
	.cfi_adjust_cfa_offset -160
	.cfi_restore %r14
	.cfi_restore %r15
	br	%r14
	.cfi_endproc
END np__context_visit
