/* SPDX-License-Identifier: MIT */
/*
 * core/sys_calls_riscv64.S - see sys_calls.h: Linux takes arguments where functions do, and returns
 * what they do.
 */
#include "core/asm.h"

#include <sys/syscall.h>

	.text

/* On a socket the kernel also takes an address and its length: none. Others do not look at them. */
	.macro CALL name, number
FUNCTION \name
	.cfi_startproc
	li	a4, 0
	li	a5, 0
	li	a7, \number
	ecall
	ret
	.cfi_endproc
END \name
	.endm

	CALL	np__call_read, SYS_read
	CALL	np__call_write, SYS_write
	CALL	np__call_recv, SYS_recvfrom
	CALL	np__call_send, SYS_sendto
	CALL	np__call_ppoll, SYS_ppoll
