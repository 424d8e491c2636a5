/* SPDX-License-Identifier: MIT */
/*
 * core/fd_mutex.h - who uses a descriptor: closed, two locks, references, in one word.
 *
 *	bit  0       closed, once and for all
 *	bit  1       the read lock is held
 *	bit  2       the write lock is held
 *	bits 3-22    references: calls under way, each lock holder being one
 *	bits 23-42   tasks asleep for the read lock
 *	bits 43-62   tasks asleep for the write lock
 *	bit  63      its locks are never taken in place: who takes one has to look at more
 *
 * incref or lock, use, then decref or unlock. Whoever brings the references to 0 after closed is
 * told so, exactly one caller ever, and destroys. Sleepers hold no reference: the memory must be
 * kept for them by other means. An unlock hands on a wake-up, not the lock, so a newcomer may come
 * first. Go: internal/poll.fdMutex.
 */
#ifndef NETPARK_CORE_FD_MUTEX_H
#define NETPARK_CORE_FD_MUTEX_H

#include "core/hints.h"
#include "core/poll_desc.h"

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#define FD_MUTEX_CLOSED_BIT     UINT64_C(1)
#define FD_MUTEX_LOCK(side)     (UINT64_C(1) << (1 + (side)))
#define FD_MUTEX_REF            (UINT64_C(1) << 3)
#define FD_MUTEX_REFS           (0xfffff * FD_MUTEX_REF)
#define FD_MUTEX_MANY_REFS      (UINT64_C(1) << 22) /* half of as many as there may be */

#define FD_MUTEX_SLOW           (UINT64_C(1) << 63)

#define FD_MUTEX_SLEEPER(side)  (UINT64_C(1) << (23 + 20 * (side)))
#define FD_MUTEX_SLEEPERS(side) (0xfffff * FD_MUTEX_SLEEPER(side))

/* What a task sleeps for: a side's lock, or the end of all calls. */
enum fd_mutex_sleep { SLEEP_READ = SIDE_READ, SLEEP_WRITE = SIDE_WRITE, SLEEP_DESTROYED, SLEEPS };

struct fd_mutex {
	_Atomic uint64_t word;
	uint32_t lock;               /* of what follows */
	uint32_t releases[SLEEPS];   /* that came before their sleepers */
	struct fd_sleeper *sleepers; /* first come first */
};

enum fd_mutex_result { FD_MUTEX_LOCKED, FD_MUTEX_BUSY, FD_MUTEX_CLOSED, FD_MUTEX_CANCELED };

/* All zero is free: there is nothing to make, and nothing to take down. */

/* For who has it to himself yet: locks are taken slowly from now on. */
static inline void np__fd_mutex_make_slow(struct fd_mutex *mutex)
{
	atomic_init(&mutex->word, FD_MUTEX_SLOW);
}

bool np__fd_mutex_is_closed(struct fd_mutex *mutex);

/* One more call under way, in parallel with everything. False if closed. */
bool np__fd_mutex_incref(struct fd_mutex *mutex);

/* Close, and leave everybody else alone. False if it was closed. */
static inline bool np__fd_mutex_mark_closed(struct fd_mutex *mutex)
{
	return !(atomic_fetch_or(&mutex->word, FD_MUTEX_CLOSED_BIT) & FD_MUTEX_CLOSED_BIT);
}

/* Close, and wake those who sleep for a lock. True to exactly one caller ever, with a reference. */
bool np__fd_mutex_incref_and_close(struct fd_mutex *mutex);

/* The same in one step, in place. It may fail for no reason. */
static inline bool np__fd_mutex_try_incref(struct fd_mutex *mutex)
{
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);

	return !(old & (FD_MUTEX_CLOSED_BIT | FD_MUTEX_MANY_REFS)) &&
	       atomic_compare_exchange_strong(&mutex->word, &old, old + FD_MUTEX_REF);
}

/* What a decref means that took the word from @old: as np__fd_mutex_decref(). */
NP_RARE bool np__fd_mutex_is_last(uint64_t old);

/* True: closed and nobody is left, destroy. */
static inline bool np__fd_mutex_decref(struct fd_mutex *mutex)
{
	uint64_t old = atomic_fetch_sub(&mutex->word, FD_MUTEX_REF);

	return (old & FD_MUTEX_CLOSED_BIT || !(old & FD_MUTEX_REFS)) && np__fd_mutex_is_last(old);
}

/* In a child, which has none of those who slept: nobody is to be woken. */
static inline void np__fd_mutex_forget_sleepers(struct fd_mutex *mutex)
{
	atomic_fetch_and(&mutex->word,
			 ~(FD_MUTEX_SLEEPERS(SIDE_READ) | FD_MUTEX_SLEEPERS(SIDE_WRITE)));
}

/* Lock a side if that can be done without sleeping. */
enum fd_mutex_result np__fd_mutex_try_lock(struct fd_mutex *mutex, int side);

/*
 * If nobody has that side, nor sleeps for it: one step, in place. It may fail for no reason, and
 * does if the word is slow.
 * *ret_before, the word as it was, is for np__fd_mutex_try_unlock().
 */
static inline bool np__fd_mutex_try_lock_free(struct fd_mutex *mutex, int side,
					      uint64_t *ret_before)
{
	const uint64_t against = FD_MUTEX_CLOSED_BIT | FD_MUTEX_LOCK(side) | FD_MUTEX_MANY_REFS |
				 FD_MUTEX_SLEEPERS(side) | FD_MUTEX_SLOW;
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);

	*ret_before = old;
	return !(old & against) &&
	       atomic_compare_exchange_strong(&mutex->word, &old,
					      old + FD_MUTEX_LOCK(side) + FD_MUTEX_REF);
}

/* Lock a side, asleep while somebody else has it. Never FD_MUTEX_BUSY. */
enum fd_mutex_result np__fd_mutex_lock(struct fd_mutex *mutex, int side);

/* True: closed and nobody is left, destroy. */
NP_APART bool np__fd_mutex_unlock(struct fd_mutex *mutex, int side);

/*
 * For who did not lock by np__fd_mutex_try_lock_free(): no word has this bit, but a slow one's, and
 * if nobody else is there this is what that was before.
 */
#define FD_MUTEX_UNKNOWN FD_MUTEX_SLOW

/*
 * The same in one step, in place, if nothing has changed since the lock was taken: then nobody
 * sleeps for it, nor has closed. False: something has, and nothing was done.
 */
static inline bool np__fd_mutex_try_unlock(struct fd_mutex *mutex, int side, uint64_t before)
{
	uint64_t locked;

	NP_FORGET(before);
	locked = before + FD_MUTEX_LOCK(side) + FD_MUTEX_REF;
	return atomic_compare_exchange_strong(&mutex->word, &locked, before);
}

/* What the one who destroyed says, and the one who closed waits for. */
void np__fd_mutex_release_closer(struct fd_mutex *mutex);
void np__fd_mutex_wait_destroyed(struct fd_mutex *mutex);

#endif /* NETPARK_CORE_FD_MUTEX_H */
