/* SPDX-License-Identifier: MIT */
/* core/spin.c - what to do while another has the lock. */
#include "core/spin.h"

#include <sched.h>

enum { PAUSES = 64 };

static inline void pause_processor(void)
{
#if defined(__x86_64__) || defined(__i386__)
	__builtin_ia32_pause();
#elif defined(__aarch64__)
	__asm__ volatile("isb" ::: "memory");
#else
	__atomic_signal_fence(__ATOMIC_SEQ_CST);
#endif
}

/* A holder that is not done after a while has lost its processor, perhaps to us. */
void np__spin_pause(unsigned *turns)
{
	if (++*turns < PAUSES)
		pause_processor();
	else
		sched_yield();
}

/* Looks before it tries: an exchange takes the cache line away from the holder. */
void np__spin_lock_slowly(uint32_t *lock)
{
	unsigned turns = 0;

	do
		while (__atomic_load_n(lock, __ATOMIC_RELAXED))
			np__spin_pause(&turns);
	while (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE));
}
