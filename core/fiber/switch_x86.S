/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_x86.S - see switch.h. System V ABI of i386: ebx, ebp, esi and edi are kept, and
 * the control words of SSE, if built for it, and x87, as in switch_x86_64.S; so is what is said of CET.
 *
 * A context that does not run, from its stack pointer up:
 *
 *	 0 mxcsr   4 x87 control word   8 edi  12 esi  16 ebx  20 ebp  24 where to go on
 */
#include "core/asm.h"

	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	endbr32
	movl	4(%esp), %ecx
	movl	8(%esp), %edx
	movl	12(%esp), %eax
	pushl	%ebp
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebp, 0
	pushl	%ebx
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %ebx, 0
	pushl	%esi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %esi, 0
	pushl	%edi
	.cfi_adjust_cfa_offset 4
	.cfi_rel_offset %edi, 0
	subl	$8, %esp
	.cfi_adjust_cfa_offset 8
#ifdef __SSE__
	stmxcsr	(%esp)
	movl	(%esp), %esi
#endif
	fnstcw	4(%esp)
	movzwl	4(%esp), %edi
	movl	%esp, (%ecx)

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	movl	(%edx), %esp
#ifdef __SSE__
	xorl	(%esp), %esi
	testl	$0xffc0, %esi
	jne	2f
1:
#endif
	cmpw	4(%esp), %di
	jne	3f
4:	.cfi_remember_state
	addl	$8, %esp
	.cfi_adjust_cfa_offset -8
	popl	%edi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %edi
	popl	%esi
	.cfi_adjust_cfa_offset -4
	.cfi_restore %esi
	popl	%ebx
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebx
	popl	%ebp
	.cfi_adjust_cfa_offset -4
	.cfi_restore %ebp
	popl	%ecx
	.cfi_adjust_cfa_offset -4
	.cfi_register %eip, %ecx
	notrack jmp *%ecx

	.cfi_restore_state
#ifdef __SSE__
2:	andl	$0x3f, %esi
	xorl	%esi, (%esp)
	ldmxcsr	(%esp)
	jmp	1b
#endif
3:	fnclex
	fldcw	4(%esp)
	jmp	4b
	.cfi_endproc
END np__context_switch

/* Where a new context begins: esi is its entry, eax what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined %eip	/* unwinding ends here */
	endbr32
	subl	$12, %esp
	.cfi_adjust_cfa_offset 12
	pushl	%eax
	.cfi_adjust_cfa_offset 4
	calll	*%esi
	ud2
	.cfi_endproc
END np__context_begin
