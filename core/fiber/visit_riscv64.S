/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/visit_riscv64.S - see visit_x86_64.S, and switch_riscv64.S for how a context lies on its
 * stack, which is in s1 here.
 */
#include "core/asm.h"

	.text

/* bool np__context_visit(const struct context *context, void (*fn)(void *arg), void *arg) */
FUNCTION np__context_visit
	.cfi_startproc
	addi	sp, sp, -16
	.cfi_adjust_cfa_offset 16
	sd	ra, 8(sp)
	.cfi_rel_offset ra, 8
	sd	s1, 0(sp)
	.cfi_rel_offset s1, 0
	ld	s1, 0(a0)
	mv	a0, a2

	.cfi_remember_state
	.cfi_def_cfa s1, 208
	.cfi_offset ra, 0 - 208
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	.cfi_offset s\n, 8 + 8 * \n - 208
	.endr
#if defined(__riscv_float_abi_double) || defined(__riscv_float_abi_single)
	.irp	n, 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11
	.cfi_offset fs\n, 112 + 8 * \n - 208
	.endr
#endif
	jalr	a1
	.cfi_restore_state

	li	a0, 1
	ld	s1, 0(sp)
	.cfi_restore s1
	ld	ra, 8(sp)
	.cfi_restore ra
	addi	sp, sp, 16
	.cfi_adjust_cfa_offset -16
	ret
	.cfi_endproc
END np__context_visit
