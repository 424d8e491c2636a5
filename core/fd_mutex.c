/* SPDX-License-Identifier: MIT */
/* core/fd_mutex.c - the word, and the semaphores on park and ready. */
#include "core/fd_mutex.h"

#include "core/misuse.h"

#define BIT(n) (UINT64_C(1) << (n))

enum { COUNT_BITS = 20, REFS_SHIFT = 3, SLEEPERS_SHIFT = REFS_SHIFT + COUNT_BITS };

static const uint64_t CLOSED = BIT(0);
static const uint64_t REF = FD_MUTEX_REF;
static const uint64_t REFS = (BIT(COUNT_BITS) - 1) << REFS_SHIFT;
static const char OVERFLOW[] =
	"more than 1048575 calls at a time on one descriptor, or as many asleep for its lock";

static uint64_t lock_bit(int side)
{
	return FD_MUTEX_LOCK(side);
}

static uint64_t one_sleeper(int side)
{
	return BIT(SLEEPERS_SHIFT + side * COUNT_BITS);
}

static uint64_t sleepers(int side)
{
	return (BIT(COUNT_BITS) - 1) << (SLEEPERS_SHIFT + side * COUNT_BITS);
}

/* ---- semaphores --------------------------------------------------------------------------- */

struct sleep {
	struct fd_mutex *mutex;
	struct semaphore *semaphore;
	bool retracted;
};

/* Once the sleeper can be resumed: now the releasers may look. */
static bool unlock_and_sleep(struct np_task *task, void *arg)
{
	const struct sleep *sleep = arg;

	(void)task;
	pthread_mutex_unlock(&sleep->mutex->lock);
	return true;
}

/* Leave the queue; false if a releaser took the task out before. */
static bool wake_up(struct np_task *task, void *arg)
{
	struct sleep *sleep = arg;

	pthread_mutex_lock(&sleep->mutex->lock);
	sleep->retracted = np__task_list_remove(&sleep->semaphore->asleep, task);
	pthread_mutex_unlock(&sleep->mutex->lock);
	return sleep->retracted;
}

static const struct np_wait lock_wait = {
	.what = "descriptor lock",
	.commit = unlock_and_sleep,
	.retract = wake_up,
};

/* Who has closed waits for all the others to leave, even if it is cancelled itself. */
static const struct np_wait close_wait = { .what = "close", .commit = unlock_and_sleep };

/* False if the sleep was cut short: the release is still to come, or will never. */
static bool semaphore_acquire(struct fd_mutex *mutex, struct semaphore *semaphore,
			      const struct np_wait *wait)
{
	struct np_task *self = np_task_self();
	struct sleep sleep = { mutex, semaphore, .retracted = false };

	pthread_mutex_lock(&mutex->lock);
	if (semaphore->releases > 0 || !self->parker->park) {
		if (semaphore->releases > 0)
			semaphore->releases--;
		pthread_mutex_unlock(&mutex->lock);
		return true;
	}
	task_list_append(&semaphore->asleep, self);
	self->parker->park(self, wait, &sleep, NULL);
	return !sleep.retracted;
}

static void semaphore_release(struct fd_mutex *mutex, struct semaphore *semaphore)
{
	struct np_task *task;

	pthread_mutex_lock(&mutex->lock);
	task = task_list_take(&semaphore->asleep);
	if (!task)
		semaphore->releases++;
	pthread_mutex_unlock(&mutex->lock);
	np_ready(task);
}

/* ---- the word ----------------------------------------------------------------------------- */

void np__fd_mutex_init(struct fd_mutex *mutex)
{
	*mutex = (struct fd_mutex){ .word = 0 };
	pthread_mutex_init(&mutex->lock, NULL);
}

void np__fd_mutex_fini(struct fd_mutex *mutex)
{
	pthread_mutex_destroy(&mutex->lock);
}

bool np__fd_mutex_is_closed(struct fd_mutex *mutex)
{
	return atomic_load(&mutex->word) & CLOSED;
}

static bool is_abandoned(uint64_t word)
{
	return (word & (CLOSED | REFS)) == CLOSED;
}

bool np__fd_mutex_incref(struct fd_mutex *mutex)
{
	uint64_t old = atomic_load(&mutex->word);

	do {
		if (old & CLOSED)
			return false;
		if ((old & REFS) == REFS) {
			np__misuse(OVERFLOW);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, old + REF));
	return true;
}

bool np__fd_mutex_incref_and_close(struct fd_mutex *mutex)
{
	const uint64_t all_sleepers = sleepers(SIDE_READ) | sleepers(SIDE_WRITE);
	uint64_t old = atomic_load(&mutex->word);

	do {
		if (old & CLOSED)
			return false;
		if ((old & REFS) == REFS) {
			np__misuse(OVERFLOW);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old,
					       ((old | CLOSED) & ~all_sleepers) + REF));
	for (int side = SIDE_READ; side < SIDES; side++)
		for (; old & sleepers(side); old -= one_sleeper(side))
			semaphore_release(mutex, &mutex->lock_free[side]);
	return true;
}

bool np__fd_mutex_decref(struct fd_mutex *mutex)
{
	uint64_t old = atomic_fetch_sub(&mutex->word, REF);

	if (!(old & REFS))
		np__misuse("a descriptor is released more often than it was used");
	return is_abandoned(old - REF);
}

enum fd_mutex_result np__fd_mutex_try_lock_slowly(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);

	do {
		if (old & CLOSED)
			return FD_MUTEX_CLOSED;
		if (old & lock_bit(side))
			return FD_MUTEX_BUSY;
		if ((old & REFS) == REFS) {
			np__misuse(OVERFLOW);
			return FD_MUTEX_CLOSED;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, (old | lock_bit(side)) + REF));
	return FD_MUTEX_LOCKED;
}

/* Count as asleep, unless the lock has become free or closed meanwhile. */
static bool fall_asleep(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load(&mutex->word);

	do {
		if (old & CLOSED || !(old & lock_bit(side)))
			return false;
		if ((old & sleepers(side)) == sleepers(side)) {
			np__misuse(OVERFLOW);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, old + one_sleeper(side)));
	return true;
}

/*
 * No longer asleep, and not because somebody unlocked. Where the count has gone to 0 already an
 * unlocker's release is on its way to nobody: the next sleeper takes it and looks again.
 */
static void leave_queue(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load(&mutex->word);

	do {
		if (!(old & sleepers(side)))
			return;
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, old - one_sleeper(side)));
}

enum fd_mutex_result np__fd_mutex_lock(struct fd_mutex *mutex, int side)
{
	struct np_task *self = np_task_self();

	for (;;) {
		enum fd_mutex_result result = np__fd_mutex_try_lock(mutex, side);

		if (result != FD_MUTEX_BUSY)
			return result;
		if (np__task_is_canceled(self))
			return FD_MUTEX_CANCELED;
		if (fall_asleep(mutex, side) &&
		    !semaphore_acquire(mutex, &mutex->lock_free[side], &lock_wait))
			leave_queue(mutex, side);
	}
}

bool np__fd_mutex_unlock_slowly(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);
	uint64_t new;

	do {
		if (!(old & lock_bit(side)) || !(old & REFS)) {
			np__misuse(
				"a descriptor's lock is released by somebody who does not hold it");
			return false;
		}
		new = (old & ~lock_bit(side)) - REF;
		if (old & sleepers(side))
			new -= one_sleeper(side);
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, new));
	if (old & sleepers(side))
		semaphore_release(mutex, &mutex->lock_free[side]);
	return is_abandoned(new);
}

void np__fd_mutex_release_closer(struct fd_mutex *mutex)
{
	semaphore_release(mutex, &mutex->destroyed);
}

void np__fd_mutex_wait_destroyed(struct fd_mutex *mutex)
{
	semaphore_acquire(mutex, &mutex->destroyed, &close_wait);
}
