/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_riscv64.S - see switch.h. The psABI: s0 to s11 are kept, fs0 to fs11 where
 * floating-point values are passed in registers, and the rounding mode where there are any: all there
 * is of a floating-point environment beside the status flags. It is only written if it differs.
 *
 * A context that does not run, from its stack pointer up:
 *
 *	 0 where to go on (ra)   8 s0 to s11  104 rounding mode  112 fs0 to fs11
 */
#include "core/asm.h"

#if defined(__riscv_float_abi_double)
#define STORE_FLOAT fsd
#define LOAD_FLOAT fld
#elif defined(__riscv_float_abi_single)
#define STORE_FLOAT fsw
#define LOAD_FLOAT flw
#endif

	.text

/* void *np__context_switch(struct context *from, struct context *to, void *arg) */
FUNCTION np__context_switch
	.cfi_startproc
	addi	sp, sp, -208
	.cfi_adjust_cfa_offset 208
	sd	ra, 0(sp)
	.cfi_rel_offset ra, 0
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	sd	s\n, 8 + 8 * \n(sp)
	.cfi_rel_offset s\n, 8 + 8 * \n
	.endr
#ifdef STORE_FLOAT
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	STORE_FLOAT fs\n, 112 + 8 * \n(sp)
	.cfi_rel_offset fs\n, 112 + 8 * \n
	.endr
#endif
#ifdef __riscv_flen
	frrm	t0
	sd	t0, 104(sp)
#endif
	sd	sp, 0(a0)

	/* From here on the other stack, which looks the same. */
PLACE np__context_parked
	ld	sp, 0(a1)
	mv	a0, a2
#ifdef __riscv_flen
	ld	t1, 104(sp)
	beq	t0, t1, 1f
	fsrm	t1
1:
#endif
#ifdef LOAD_FLOAT
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	LOAD_FLOAT fs\n, 112 + 8 * \n(sp)
	.cfi_restore fs\n
	.endr
#endif
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	ld	s\n, 8 + 8 * \n(sp)
	.cfi_restore s\n
	.endr
	ld	ra, 0(sp)
	.cfi_restore ra
	addi	sp, sp, 208
	.cfi_adjust_cfa_offset -208
	ret
	.cfi_endproc
END np__context_switch

/* Where a new context begins: s1 is its entry, a0 what the first switch to it passed. */
FUNCTION np__context_begin
	.cfi_startproc
	.cfi_undefined ra	/* unwinding ends here */
	jalr	s1
	ebreak
	.cfi_endproc
END np__context_begin
