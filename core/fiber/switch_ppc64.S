/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_ppc64.S - see switch.h. ELFv2 ABI: r14 to r31, the TOC pointer r2, f14 to f31, v20 to
 * v31, the fields 2 to 4 of CR, FPSCR's control bits and that of VSCR (NJ, non-Java mode: one more of
 * the bits that the ABI calls limited-access) are kept; VRSAVE is not used. FPSCR and VSCR are only
 * written if they differ, since that is slow, and FPSCR without status flags: what was raised in one
 * context must not trap in another, which happens as soon as both a flag and its trap are set. VSCR's
 * does not trap and stays what it is.
 *
 * A context that does not run, from its stack pointer up. Of the last part, which each function has
 * for the one that it calls, CR is at 8 and where to go on (LR) at 16:
 *
 *	 0 back chain   8 fpscr  16 vscr  20 -  24 r2  32 v20 to v31  224 f14 to f31  368 r14 to r31
 *	 512 the caller's frame
 */
#include "core/asm.h"

	.abiversion 2
	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	mflr	%r0
	std	%r0, 16(%r1)
	.cfi_rel_offset lr, 16
	mfcr	%r0
	stw	%r0, 8(%r1)
	.irp	n, 2, 3, 4
	.cfi_rel_offset cr\n, 8
	.endr
	stdu	%r1, -512(%r1)
	.cfi_adjust_cfa_offset 512
	std	%r2, 24(%r1)
	.irp	n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	li	%r0, 32 + 16 * (\n - 20)
	stvx	%v\n, %r1, %r0
	.cfi_rel_offset v\n, 32 + 16 * (\n - 20)
	.endr
	.irp	n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	stfd	%f\n, 224 + 8 * (\n - 14)(%r1)
	.cfi_rel_offset f\n, 224 + 8 * (\n - 14)
	std	%r\n, 368 + 8 * (\n - 14)(%r1)
	.cfi_rel_offset r\n, 368 + 8 * (\n - 14)
	.endr
	mfvscr	%v0
	li	%r0, 16
	stvewx	%v0, %r1, %r0
	mffs	%f0
	stfd	%f0, 8(%r1)
	ld	%r6, 8(%r1)
	lwz	%r9, 16(%r1)
	std	%r1, 0(%r3)

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	ld	%r1, 0(%r4)
	mr	%r3, %r5
	ld	%r7, 8(%r1)
	li	%r8, 7		/* decimal rounding */
	sldi	%r8, %r8, 32
	ori	%r8, %r8, 0xff	/* traps, non-IEEE mode, rounding */
	xor	%r6, %r6, %r7
	and.	%r6, %r6, %r8
	beq	1f
	and	%r7, %r7, %r8
	std	%r7, 8(%r1)
	lfd	%f0, 8(%r1)
	mtfsf	0xff, %f0, 1, 0
1:	lwz	%r10, 16(%r1)
	xor	%r10, %r10, %r9
	andis.	%r10, %r10, 1	/* non-Java mode */
	beq	2f
	xor	%r9, %r9, %r10
	stw	%r9, 16(%r1)
	li	%r0, 16
	lvewx	%v0, %r1, %r0
	mtvscr	%v0
2:	.irp	n, 14, 15, 16, 17, 18, 19, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	ld	%r\n, 368 + 8 * (\n - 14)(%r1)
	.cfi_restore r\n
	lfd	%f\n, 224 + 8 * (\n - 14)(%r1)
	.cfi_restore f\n
	.endr
	.irp	n, 20, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31
	li	%r0, 32 + 16 * (\n - 20)
	lvx	%v\n, %r1, %r0
	.cfi_restore v\n
	.endr
	ld	%r2, 24(%r1)
	addi	%r1, %r1, 512
	.cfi_adjust_cfa_offset -512
	ld	%r0, 16(%r1)
	mtlr	%r0
	.cfi_restore lr
	lwz	%r0, 8(%r1)
	mtocrf	0x20, %r0
	mtocrf	0x10, %r0
	mtocrf	0x08, %r0
	.irp	n, 2, 3, 4
	.cfi_restore cr\n
	.endr
	blr
	.cfi_endproc
END np__context_switch

/* Where a new context begins: r14 is its entry, r3 what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined lr	/* unwinding ends here */
	mr	%r12, %r14	/* from which a function computes its TOC pointer */
	mtctr	%r12
	bctrl
	trap
	.cfi_endproc
END np__context_begin
