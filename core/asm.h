/* SPDX-License-Identifier: MIT */
/*
 * core/asm.h - what the assembly files share: symbols, no executable stack, and on aarch64
 * that each function which is reached through a register has a landing there (BTI).
 *
 * Macros of the assembler: what separates statements on a line differs from one to the next.
 */
#ifndef NETPARK_CORE_ASM_H
#define NETPARK_CORE_ASM_H

/* clang-format off */
#ifdef __APPLE__
	.macro FUNCTION name
	.private_extern _\name
	.globl	_\name
	.p2align 4
_\name:
	.endm
	.macro END name
	.endm
#else
	.macro FUNCTION name
	.globl	\name
	.hidden	\name
	.type	\name, %function
	.p2align 4
\name:
	.endm
	.macro END name
	.size	\name, . - \name
	.endm

	.section .note.GNU-stack, "", %progbits
#endif

#ifdef __ARM_FEATURE_BTI_DEFAULT
	.section .note.gnu.property, "a"
	.p2align 3
	.word	4, 16, 5
	.asciz	"GNU"
	.word	0xc0000000, 4, 1, 0	/* the property AARCH64_FEATURE_1_AND: BTI, not PAC */
#endif
/* clang-format on */

#endif /* NETPARK_CORE_ASM_H */
