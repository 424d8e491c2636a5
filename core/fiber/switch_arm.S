/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_arm.S - see switch.h. AAPCS: r4 to r11 are kept, and where there is a
 * floating-point unit d8 to d15 and FPSCR, of which neither the status flags nor the flags of
 * comparisons. It is only written if it differs: that is slow.
 *
 * A context that does not run, from its stack pointer up; without such a unit it begins at 64:
 *
 *	 0 d8 to d15  64 fpscr  68 r4 to r11  100 where to go on (lr)
 *
 * Unwinding has two forms here: .ARM.exidx for C++ and libgcc, which speaks of whole functions, and
 * .debug_frame for debuggers.
 */
#include "core/asm.h"

	.syntax unified
	.arm
	.cfi_sections .debug_frame

	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.fnstart
	.cfi_startproc
#ifdef __ARM_FP
	vmrs	r3, fpscr
#endif
	push	{r3-r11, lr}
	.save	{r3-r11, lr}
	.cfi_adjust_cfa_offset 40
	.irp	n, 4, 5, 6, 7, 8, 9, 10, 11
	.cfi_rel_offset r\n, 4 * (\n - 3)
	.endr
	.cfi_rel_offset lr, 36
#ifdef __ARM_FP
	vpush	{d8-d15}
	.vsave	{d8-d15}
	.cfi_adjust_cfa_offset 64
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_rel_offset d\n, 8 * (\n - 8)
	.endr
#endif
	str	sp, [r0]

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	ldr	sp, [r1]
	mov	r0, r2
#ifdef __ARM_FP
	ldr	ip, [sp, #64]
	eor	ip, ip, r3
	bic	ip, ip, #0xf8000000	/* the flags of comparisons and of saturation */
	bics	ip, ip, #0x9f		/* and of exceptions */
	beq	1f
	eor	r3, r3, ip
	vmsr	fpscr, r3
1:	vpop	{d8-d15}
	.cfi_adjust_cfa_offset -64
	.irp	n, 8, 9, 10, 11, 12, 13, 14, 15
	.cfi_restore d\n
	.endr
#endif
	pop	{r3-r11, lr}
	.cfi_adjust_cfa_offset -40
	.irp	n, 4, 5, 6, 7, 8, 9, 10, 11
	.cfi_restore r\n
	.endr
	.cfi_restore lr
	bx	lr
	.cfi_endproc
	.fnend
END np__context_switch

/* Where a new context begins: r4 is its entry, r0 what the first switch to it passed. */
FUNCTION np__context_begin
	.fnstart
	.cantunwind		/* unwinding ends here */
	.cfi_startproc
	.cfi_undefined lr
	blx	r4
	udf	#0
	.cfi_endproc
	.fnend
END np__context_begin
