/* SPDX-License-Identifier: MIT */
/*
 * core/spin.h - the lock of one small object: a word, 0 when free.
 *
 * Held for a few dozen instructions, never across a park, a wake-up or a call of the program's. To
 * give it is a plain store and the last that its holder does to the object.
 */
#ifndef NETPARK_CORE_SPIN_H
#define NETPARK_CORE_SPIN_H

#include <stdint.h>

/* How long one has been spinning. Begins as 0. */
void np__spin_pause(unsigned *turns);

/* Until it is free, and then take it. */
void np__spin_lock_slowly(uint32_t *lock);

static inline void np__spin_lock(uint32_t *lock)
{
	if (__atomic_exchange_n(lock, 1, __ATOMIC_ACQUIRE))
		np__spin_lock_slowly(lock);
}

static inline void np__spin_unlock(uint32_t *lock)
{
	__atomic_store_n(lock, 0, __ATOMIC_RELEASE);
}

#endif /* NETPARK_CORE_SPIN_H */
