/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_s390x.S - see switch.h. The ELF ABI: r6 to r13, r15, f8 to f15 (of vector registers
 * what these are a part of) and the floating-point control register are kept; of the latter not
 * the second and third byte, which say what happened. It is only written if it differs: that is slow.
 *
 * A context that does not run, from its stack pointer up. Of the last part, which each function has
 * for the one that it calls, r6 is at 48, where to go on (r14) at 112, and the stack pointer at 120:
 *
 *	 0 f8 to f15  64 fpc  68 -  72 the register save area
 */
#include "core/asm.h"

	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	stmg	%r6, %r15, 48(%r15)
	.irp	n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_rel_offset %r\n, 8 * \n
	.endr
	aghi	%r15, -72
	.cfi_adjust_cfa_offset 72
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	std	%f\n, 8 * (\n - 8)(%r15)
	.cfi_rel_offset %f\n, 8 * (\n - 8)
	.endr
	stfpc	64(%r15)
	l	%r1, 64(%r15)
	stg	%r15, 0(%r2)

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	lg	%r15, 0(%r3)
	lgr	%r2, %r4
	lr	%r0, %r1
	x	%r0, 64(%r15)
	nilf	%r0, 0xff0000ff
	jz	1f
	xr	%r1, %r0
	sfpc	%r1
1:	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	ld	%f\n, 8 * (\n - 8)(%r15)
	.cfi_restore %f\n
	.endr
	lmg	%r6, %r15, 72 + 48(%r15)
	.cfi_adjust_cfa_offset -72
	.irp	n, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_restore %r\n
	.endr
	br	%r14
	.cfi_endproc
END np__context_switch

/* Where a new context begins: r6 is its entry, r2 what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined %r14	/* unwinding ends here */
	basr	%r14, %r6
	j	. + 2		/* the middle of an instruction, and no instruction */
	.cfi_endproc
END np__context_begin
