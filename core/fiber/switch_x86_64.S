/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_x86_64.S - see switch.h. System V ABI: rbx, rbp, r12 to r15 are kept, and the
 * control words of SSE and x87, which are only loaded if they differ: loading is slow. mxcsr has status
 * flags below its control bits (0xffc0); these stay what they are. Those of x87 are cleared where its
 * control word is loaded: what was raised in one context must not trap in another.
 *
 * A context that does not run, from its stack pointer up:
 *
 *	 0 mxcsr   4 x87 control word   8 r15  16 r14  24 r13  32 r12  40 rbx  48 rbp  56 where to go on
 *
 * The switch goes on by a jump or by a return: to an address that the shadow stack of a processor
 * with CET does not have on top. So nothing here is marked as fit for shadow stacks, and no program is
 * that has it linked in. With IBT a jump through a register needs a landing, which no place has that a
 * call returns to: notrack, as the tables of a compiler have it.
 */
#include "core/asm.h"

	.text

/*
 * Each macro names an argument, which has a default: to the assembler of Mach-O, $0 to $9 are the
 * arguments of macros that name none.
 */
	.macro leave_stack words=8
	endbr64
	pushq	%rbp
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbp, 0
	pushq	%rbx
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %rbx, 0
	pushq	%r12
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r12, 0
	pushq	%r13
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r13, 0
	pushq	%r14
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r14, 0
	pushq	%r15
	.cfi_adjust_cfa_offset 8
	.cfi_rel_offset %r15, 0
	subq	$\words, %rsp
	.cfi_adjust_cfa_offset 8
	stmxcsr	(%rsp)
	fnstcw	4(%rsp)
	movl	(%rsp), %r8d
	movzwl	4(%rsp), %r9d
	movq	%rsp, (%rdi)
	.endm

/* The other stack looks the same. Up to where it has nothing left on it but where to go on. */
	.macro enter_stack words=8
	movq	(%rsi), %rsp
	movq	%rdx, %rax
	xorl	(%rsp), %r8d
	testl	$0xffc0, %r8d
	jne	2f
1:	cmpw	4(%rsp), %r9w
	jne	3f
4:	.cfi_remember_state
	addq	$\words, %rsp
	.cfi_adjust_cfa_offset -8
	popq	%r15
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r15
	popq	%r14
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r14
	popq	%r13
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r13
	popq	%r12
	.cfi_adjust_cfa_offset -8
	.cfi_restore %r12
	popq	%rbx
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbx
	popq	%rbp
	.cfi_adjust_cfa_offset -8
	.cfi_restore %rbp
	.endm

/* What it rarely needs, behind its end. */
	.macro load_control_words flags=0x3f
	.cfi_restore_state
2:	andl	$\flags, %r8d
	xorl	%r8d, (%rsp)
	ldmxcsr	(%rsp)
	jmp	1b
3:	fnclex
	fldcw	4(%rsp)
	jmp	4b
	.endm

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	leave_stack
PLACE np__context_parked
	enter_stack
	popq	%rcx
	.cfi_adjust_cfa_offset -8
	.cfi_register %rip, %rcx
	notrack jmpq *%rcx
	load_control_words
	.cfi_endproc
END np__context_switch

/* void *np__context_switch_alike(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch_alike
	.cfi_startproc
	leave_stack
	enter_stack
	ret
	load_control_words
	.cfi_endproc
END np__context_switch_alike

/* Where a new context begins: r12 is its entry, rax what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined %rip	/* unwinding ends here */
	endbr64
	movq	%rax, %rdi
	callq	*%r12
	ud2
	.cfi_endproc
END np__context_begin
