/* SPDX-License-Identifier: MIT */
/* core/fd_mutex.c - the word, and the sleep of those who find it taken. */
#include "core/fd_mutex.h"

#include "core/misuse.h"
#include "core/spin.h"
#include "core/ticket.h"

static const uint64_t CLOSED = FD_MUTEX_CLOSED_BIT;
static const uint64_t REF = FD_MUTEX_REF;
static const uint64_t REFS = FD_MUTEX_REFS;
static const char OVERFLOW[] =
	"more than 1048575 calls at a time on one descriptor, or as many asleep for its lock";

/* ---- sleep -------------------------------------------------------------------------------- */

struct fd_sleeper {
	struct fd_sleeper *next;
	enum fd_mutex_sleep what;
	struct ticket ticket;
};

static const struct np_wait lock_wait = {
	.what = "descriptor lock",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

/* Who has closed waits for all the others to leave, even if it is cancelled itself. */
static const struct np_wait close_wait = { .what = "close", .commit = np__ticket_commit };

static void append(struct fd_mutex *mutex, struct fd_sleeper *sleeper)
{
	struct fd_sleeper **link = &mutex->sleepers;

	while (*link)
		link = &(*link)->next;
	*link = sleeper;
}

/* Take @sleeper out, if it is there. */
static void step_out(struct fd_mutex *mutex, struct fd_sleeper *sleeper)
{
	struct fd_sleeper **link = &mutex->sleepers;

	while (*link && *link != sleeper)
		link = &(*link)->next;
	if (*link)
		*link = sleeper->next;
}

/* Sleep until released. False if that was cut short: the release is still to come, or will never.
 */
static bool sleep_for(struct fd_mutex *mutex, enum fd_mutex_sleep what, const struct np_wait *wait)
{
	struct fd_sleeper sleeper = { .what = what };
	int result;

	if (np__ticket_draw(&sleeper.ticket))
		return true; /* its parker cannot park: as good as released */
	np__spin_lock(&mutex->lock);
	if (mutex->releases[what] > 0) {
		mutex->releases[what]--;
		np__spin_unlock(&mutex->lock);
		return true;
	}
	append(mutex, &sleeper);
	np__ticket_keep(&sleeper.ticket, &mutex->lock, 0);
	result = np__ticket_wait(&sleeper.ticket, wait, 0);
	if (result == 0)
		return true;
	np__spin_lock(&mutex->lock);
	step_out(mutex, &sleeper);
	np__spin_unlock(&mutex->lock);
	return false;
}

/* The first that sleeps for @what and has not woken of itself is claimed and taken out. */
static bool claim_one(struct fd_mutex *mutex, enum fd_mutex_sleep what, struct wakeups *wakeups)
{
	struct fd_sleeper **link = &mutex->sleepers;

	while (*link) {
		struct fd_sleeper *sleeper = *link;

		if (sleeper->what != what) {
			link = &sleeper->next;
			continue;
		}
		*link = sleeper->next;
		if (np__ticket_claim(&sleeper->ticket, 0, wakeups))
			return true;
	}
	return false;
}

static void release(struct fd_mutex *mutex, enum fd_mutex_sleep what)
{
	struct wakeups wakeups;

	np__wakeups_init(&wakeups);
	np__spin_lock(&mutex->lock);
	if (!claim_one(mutex, what, &wakeups))
		mutex->releases[what]++;
	np__spin_unlock(&mutex->lock);
	np__wakeups_send(&wakeups);
}

/* ---- the word ----------------------------------------------------------------------------- */

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
	const uint64_t all_sleepers = FD_MUTEX_SLEEPERS(SIDE_READ) | FD_MUTEX_SLEEPERS(SIDE_WRITE);
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
		for (; old & FD_MUTEX_SLEEPERS(side); old -= FD_MUTEX_SLEEPER(side))
			release(mutex, (enum fd_mutex_sleep)side);
	return true;
}

bool np__fd_mutex_is_last(uint64_t old)
{
	if (!(old & REFS))
		np__misuse("a descriptor is released more often than it was used");
	return is_abandoned(old - REF);
}

enum fd_mutex_result np__fd_mutex_try_lock(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);

	do {
		if (old & CLOSED)
			return FD_MUTEX_CLOSED;
		if (old & FD_MUTEX_LOCK(side))
			return FD_MUTEX_BUSY;
		if ((old & REFS) == REFS) {
			np__misuse(OVERFLOW);
			return FD_MUTEX_CLOSED;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old,
					       (old | FD_MUTEX_LOCK(side)) + REF));
	return FD_MUTEX_LOCKED;
}

/* Count as asleep, unless the lock has become free or closed meanwhile. */
static bool fall_asleep(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load(&mutex->word);

	do {
		if (old & CLOSED || !(old & FD_MUTEX_LOCK(side)))
			return false;
		if ((old & FD_MUTEX_SLEEPERS(side)) == FD_MUTEX_SLEEPERS(side)) {
			np__misuse(OVERFLOW);
			return false;
		}
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, old + FD_MUTEX_SLEEPER(side)));
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
		if (!(old & FD_MUTEX_SLEEPERS(side)))
			return;
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, old - FD_MUTEX_SLEEPER(side)));
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
		    !sleep_for(mutex, (enum fd_mutex_sleep)side, &lock_wait))
			leave_queue(mutex, side);
	}
}

bool np__fd_mutex_unlock(struct fd_mutex *mutex, int side)
{
	uint64_t old = atomic_load_explicit(&mutex->word, memory_order_relaxed);
	uint64_t new;
	bool wakes;

	do {
		if (!(old & FD_MUTEX_LOCK(side)) || !(old & REFS)) {
			np__misuse(
				"a descriptor's lock is released by somebody who does not hold it");
			return false;
		}
		wakes = old & FD_MUTEX_SLEEPERS(side);
		new = (old & ~FD_MUTEX_LOCK(side)) - (wakes ? FD_MUTEX_SLEEPER(side) : REF);
	} while (!atomic_compare_exchange_weak(&mutex->word, &old, new));
	if (!wakes)
		return is_abandoned(new);
	/* Before the reference goes: the sleeper may wake of itself, and take the memory along. */
	release(mutex, (enum fd_mutex_sleep)side);
	return np__fd_mutex_decref(mutex);
}

void np__fd_mutex_release_closer(struct fd_mutex *mutex)
{
	release(mutex, SLEEP_DESTROYED);
}

void np__fd_mutex_wait_destroyed(struct fd_mutex *mutex)
{
	sleep_for(mutex, SLEEP_DESTROYED, &close_wait);
}
