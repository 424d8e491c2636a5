/* SPDX-License-Identifier: MIT */
/*
 * core/sys_calls_x86_64.S - see sys_calls.h: Linux takes arguments where functions do, but for the
 * fourth, and returns what they do.
 */
#include "core/asm.h"

#include <sys/syscall.h>

	.text

/* On a socket the kernel also takes an address and its length: none. Others do not look at them. */
	.macro CALL name, number
FUNCTION \name
	.cfi_startproc
	endbr64
	movq	%rcx, %r10
	xorl	%r8d, %r8d
	xorl	%r9d, %r9d
	movl	$\number, %eax
	syscall
	retq
	.cfi_endproc
END \name
	.endm

	CALL	np__call_read, SYS_read
	CALL	np__call_write, SYS_write
	CALL	np__call_recv, SYS_recvfrom
	CALL	np__call_send, SYS_sendto
	CALL	np__call_ppoll, SYS_ppoll
