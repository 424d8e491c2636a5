/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/switch_asm.h - what the assembly files share: symbols, and no executable stack.
 *
 * Macros of the assembler: what separates statements on a line differs from one to the next.
 */
#ifndef NETPARK_CORE_FIBER_SWITCH_ASM_H
#define NETPARK_CORE_FIBER_SWITCH_ASM_H

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
/* clang-format on */

#endif /* NETPARK_CORE_FIBER_SWITCH_ASM_H */
