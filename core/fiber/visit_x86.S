/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_x86.S - see visit_x86_64.S, and switch_x86.S for how a context lies on its stack, which
 * is in ebx here.
 */
#include "core/asm.h"

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	endbr32
	pushl	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebx, 0
	movl	8(%esp), %eax
	movl	12(%esp), %ecx
	movl	16(%esp), %edx
	movl	(%eax), %ebx
	subl	$4, %esp
	.cfi_adjust_cfa_offset 4
	pushl	%edx
	.cfi_adjust_cfa_offset 4

	.cfi_remember_state
	.cfi_def_cfa %ebx, 28
	.cfi_offset %ebp, -8
	.cfi_offset %ebx, -12
	.cfi_offset %esi, -16
	.cfi_offset %edi, -20
	calll	*%ecx
	.cfi_restore_state

	addl	$8, %esp
	.cfi_adjust_cfa_offset -8
	movl	$1, %eax
	popl	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebx
	retl
	.cfi_endproc
END np__context_visit
