/* SPDX-License-Identifier: MIT */
/*
 * netpark/sync.h - mutex, condition, semaphore, wait group, once: Go's package sync for tasks.
 *
 * Everything here works between tasks of any kind: fibers of any worker, plain threads, tasks of
 * the host's. Who has to wait is parked; a fiber's worker runs others meanwhile.
 *
 * The objects are plain structs whose zero value is ready for use, as in Go, and which own nothing:
 *
 *	static struct np_mutex lock;
 *	struct np_semaphore slots = { .count = 8 };
 *
 * There is nothing to destroy. The memory may be given back as soon as nobody will begin a call
 * any more and nobody waits; the call that let the last one go may still be on its way out. They
 * must not be copied or moved while in use. Their fields are netpark's. They are for one process.
 *
 * Waiting. Calls named _until take an absolute deadline of np_time(): 0 for none; below 0 the call
 * never waits. A call that need not wait succeeds, whatever the deadline. In a task that was
 * cancelled calls that might wait return NP_ECANCELED, also the one under way; a call that never
 * waits, np_mutex_lock() and np_cond_wait()'s return to the mutex are exempt. Whoever waits is
 * served in the order of arrival, but for mutexes, see there.
 *
 * A plain thread that waits with a deadline uses its poller for it (np_task_use_poller()), or the
 * default one.
 *
 * Unless said otherwise: any thread or task may call, results are 0 or a negative error, NULL is
 * -EINVAL. Each call that may wait can also return
 *	-EDEADLK   the task's parker cannot park (callbacks), and it would have to
 *	-ENOMEM    no room for the timer of a deadline; -EMFILE, -ENFILE: no default poller for it
 * and has then done nothing.
 */
#ifndef NETPARK_SYNC_H
#define NETPARK_SYNC_H

#include <netpark/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/** One who waits, in memory of the waiter's, and those who wait for one thing. All netpark's. */
struct np_waiter {
	struct np_waiter *next, *previous;
	void *ticket;
	int result;
	int is_queued;
};

struct np_wait_queue {
	struct np_waiter *first, *last;
};

/* ---- mutex -------------------------------------------------------------------------------- */

/**
 * struct np_mutex - one at a time. Go: sync.Mutex
 *
 * Not recursive. It belongs to no task in particular: one may lock it and another unlock it.
 *
 * Fairness. A mutex that is given up while somebody waits is free until the first who waits has
 * woken up, and others may take it meanwhile: a mutex that goes only to those who sleep is idle
 * most of the time. But the one who comes too late waits in front of all others and is handed
 * the mutex next, so each place in the queue costs a wake-up at most twice.
 */
struct np_mutex {
	uint32_t state;
	struct np_wait_queue waiters;
};

/**
 * np_mutex_lock() - lock, however long that takes. Go: Mutex.Lock
 *
 * Not interrupted by cancellation, so that cleaning up can rely on it. Return: 0.
 */
NP_API int np_mutex_lock(struct np_mutex *mutex);

/** np_mutex_lock_until() - lock by the deadline. Return: 0; NP_EDEADLINE; NP_ECANCELED. */
NP_API int np_mutex_lock_until(struct np_mutex *mutex, int64_t deadline_ns);

/** np_mutex_try_lock() - lock if nobody has it. Go: Mutex.TryLock. Return: 0; -EAGAIN. */
NP_API int np_mutex_try_lock(struct np_mutex *mutex);

/**
 * np_mutex_unlock() - give it up. Go: Mutex.Unlock
 *
 * Never waits. Return: 0. Of one that is not locked: misuse, told to the hook, NP_EMISUSE.
 */
NP_API int np_mutex_unlock(struct np_mutex *mutex);

/* ---- condition ---------------------------------------------------------------------------- */

/**
 * struct np_cond - where tasks wait for a change of what a mutex guards. Go: sync.Cond
 *
 *	np_mutex_lock(&mutex);
 *	while (!condition && !error)
 *		error = np_cond_wait(&cond, &mutex);
 *	...
 *	np_mutex_unlock(&mutex);
 *
 * No wait ends without a signal, a deadline or cancellation; but others may have had the mutex
 * between signal and return, so ask again.
 */
struct np_cond {
	uint32_t lock;
	struct np_wait_queue waiters;
};

/**
 * np_cond_wait() - give up @mutex, wait for a signal, lock @mutex again. Go: Cond.Wait
 * @mutex: locked by the caller; locked again in every case, whatever is returned
 *
 * A signal sent after @mutex was given up is not missed. A signal that is given to a wait is not
 * lost: that wait returns 0.
 *
 * Return: 0; NP_ECANCELED. With a mutex that is not locked: misuse, told to the hook, NP_EMISUSE.
 */
NP_API int np_cond_wait(struct np_cond *cond, struct np_mutex *mutex);

/** np_cond_wait_until() - the same until the deadline. Return: also NP_EDEADLINE. */
NP_API int np_cond_wait_until(struct np_cond *cond, struct np_mutex *mutex, int64_t deadline_ns);

/** np_cond_signal() - end the longest wait, if there is one. Mutex locked or not. Go: Cond.Signal
 */
NP_API int np_cond_signal(struct np_cond *cond);

/** np_cond_broadcast() - end all waits that have begun. Mutex locked or not. Go: Cond.Broadcast */
NP_API int np_cond_broadcast(struct np_cond *cond);

/* ---- semaphore ---------------------------------------------------------------------------- */

/**
 * struct np_semaphore - a number of permits. Go: golang.org/x/sync/semaphore.Weighted
 *
 * Begins with as many as count is given at first, 0 by default.
 */
struct np_semaphore {
	uint32_t lock;
	uint64_t count;
	struct np_wait_queue waiters;
};

/**
 * np_semaphore_acquire() - take @permits, all at once. Go: Weighted.Acquire
 *
 * First come, first served, whatever the numbers: one who wants many is not overtaken by those who
 * want few. 0 permits are always there. Return: 0; NP_ECANCELED.
 */
NP_API int np_semaphore_acquire(struct np_semaphore *semaphore, uint64_t permits);

/** np_semaphore_acquire_until() - the same by the deadline. Return: also NP_EDEADLINE. */
NP_API int np_semaphore_acquire_until(struct np_semaphore *semaphore, uint64_t permits,
				      int64_t deadline_ns);

/**
 * np_semaphore_try_acquire() - take them if they are there and nobody waits. Go: TryAcquire
 *
 * Return: 0; -EAGAIN.
 */
NP_API int np_semaphore_try_acquire(struct np_semaphore *semaphore, uint64_t permits);

/**
 * np_semaphore_release() - give permits, those acquired before or new ones. Go: Weighted.Release
 *
 * Never waits. Return: 0; -EOVERFLOW, and nothing done, if they were more than UINT64_MAX.
 */
NP_API int np_semaphore_release(struct np_semaphore *semaphore, uint64_t permits);

/* ---- wait group --------------------------------------------------------------------------- */

/**
 * struct np_wait_group - wait until a number of things have been done. Go: sync.WaitGroup
 *
 *	np_wait_group_add(&group, 1);      before the task that will call done is started
 *	np_go(work, &group);               calls np_wait_group_done() at its end
 *	np_wait_group_wait(&group);
 *
 * After its wait has returned 0 the group may be used again, or its memory be given back.
 */
struct np_wait_group {
	uint32_t lock;
	int64_t count;
	struct np_wait_queue waiters;
};

/**
 * np_wait_group_add() - there are @delta more to wait for, or fewer. Go: WaitGroup.Add
 *
 * At 0 every wait ends. Below 0, or beyond INT64_MAX: misuse, told to the hook, NP_EMISUSE and
 * nothing done. Never waits. Return: 0.
 */
NP_API int np_wait_group_add(struct np_wait_group *group, int64_t delta);

/** np_wait_group_done() - one has been done: adds -1. Go: WaitGroup.Done */
NP_API int np_wait_group_done(struct np_wait_group *group);

/** np_wait_group_wait() - wait until the count is 0. Go: WaitGroup.Wait. Return: 0; NP_ECANCELED.
 */
NP_API int np_wait_group_wait(struct np_wait_group *group);

/** np_wait_group_wait_until() - the same until the deadline. Return: also NP_EDEADLINE. */
NP_API int np_wait_group_wait_until(struct np_wait_group *group, int64_t deadline_ns);

/* ---- once --------------------------------------------------------------------------------- */

/** struct np_once - for what is to be done only once. Go: sync.Once */
struct np_once {
	uint32_t is_done;
	struct np_mutex mutex;
};

/**
 * np_once_do() - call @fn if this is the first call for @once, else wait until that has returned
 *
 * Not interrupted by cancellation. @fn must not call np_once_do() on the same @once: it would wait
 * for itself. Return: 0.
 */
NP_API int np_once_do(struct np_once *once, void (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_SYNC_H */
