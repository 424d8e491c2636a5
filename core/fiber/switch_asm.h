/* SPDX-License-Identifier: MIT */
/* core/fiber/switch_asm.h - what the assembly files share: symbols, and no executable stack. */
#ifndef NETPARK_CORE_FIBER_SWITCH_ASM_H
#define NETPARK_CORE_FIBER_SWITCH_ASM_H

/* clang-format off */
#ifdef __APPLE__
#define SYMBOL(name) _##name
#define FUNCTION(name) \
	.globl SYMBOL(name); \
	.private_extern SYMBOL(name); \
	.p2align 4; \
	SYMBOL(name):
#define END(name)
#else
#define SYMBOL(name) name
#define FUNCTION(name) \
	.globl name; \
	.hidden name; \
	.type name, %function; \
	.p2align 4; \
	name:
#define END(name) .size name, . - name

	.section .note.GNU-stack, "", %progbits
#endif
/* clang-format on */

#endif /* NETPARK_CORE_FIBER_SWITCH_ASM_H */
