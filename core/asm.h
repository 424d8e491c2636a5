/* SPDX-License-Identifier: MIT */
/*
 * core/asm.h - what the assembly files share: symbols, no executable stack, and on aarch64 and x86
 * that each function which is reached through a register has a landing there (BTI, IBT).
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
	/* Within a function. Without .alt_entry another would begin there. */
	.macro PLACE name
	.alt_entry _\name
_\name:
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
	.macro PLACE name
\name:
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

/* Whatever else is asked for: a switch goes on where no shadow stack has it on top. */
#if defined(__ELF__) && defined(__CET__)
#if __CET__ & 1
	.section .note.gnu.property, "a"
#ifdef __LP64__
	.p2align 3
	.long	4, 16, 5
#else
	.p2align 2
	.long	4, 12, 5
#endif
	.asciz	"GNU"
	.long	0xc0000002, 4, 1	/* the property X86_FEATURE_1_AND: IBT, not SHSTK */
#ifdef __LP64__
	.long	0
#endif
#endif
#endif
/* clang-format on */

#endif /* NETPARK_CORE_ASM_H */
