/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_x86_64.S - see switch.h, and switch_x86_64.S for how a context lies on its stack.
 *
 * Only what is told to unwinders is out of the ordinary: of the frame of this call that its caller
 * is the stopped context. Where that lies is in rbx, which every function keeps, so the unwinder
 * finds it; it runs on the stack it was called on and reads the other.
 */
#include "core/asm.h"

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	endbr64
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	movq	(%rdi), %rbx
	movq	%rdx, %rdi

	.cfi_remember_state
	.cfi_def_cfa %rbx, 64
	.cfi_offset %rbp, -16
	.cfi_offset %rbx, -24
	.cfi_offset %r12, -32
	.cfi_offset %r13, -40
	.cfi_offset %r14, -48
	.cfi_offset %r15, -56
	callq	*%rsi
	.cfi_restore_state

	movl	$1, %eax
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	retq
	.cfi_endproc
END np__context_visit
