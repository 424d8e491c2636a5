/* SPDX-License-Identifier: MIT */
/*
 * core/sync/mutex.c - a word that says whether it is locked, and a queue under a bit of that word.
 *
 * While GUARDED is set the word changes only by who has set it: every other change is a
 * compare-and-swap from a word without it. So whoever looks at the queue also knows whether the
 * mutex is locked, and gives up mutex and queue with one and the same store, its last access.
 *
 * WOKEN: one who waited has been woken to compete for the mutex and has not come yet; until then
 * nobody else is woken. It comes, always: it takes the mutex, or queues again in front, and then it
 * wants to be handed the mutex, which stays locked from one to the other.
 */
#include "core/failure.h"
#include "core/sync/mutex.h"

#include "core/misuse.h"
#include "core/sync/wait.h"

#include <errno.h>

enum { LOCKED = 1, GUARDED = 2, WAITED_FOR = 4, WOKEN = 8 };

/* What a waiter is woken with. */
enum { COMPETE, HANDED };

struct contender {
	struct np_waiter waiter; /* first */
	bool has_lost;           /* was woken, and came too late */
};

static const struct np_wait lock_wait = {
	.what = "mutex lock",
	.commit = np__ticket_commit,
	.describe = np__ticket_describe,
};

static const struct np_wait lock_until_wait = {
	.what = "mutex lock",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

static bool replace(struct np_mutex *mutex, uint32_t *state, uint32_t next)
{
	return __atomic_compare_exchange_n(&mutex->state, state, next, false, __ATOMIC_ACQUIRE,
					   __ATOMIC_RELAXED);
}

/* @state as it has to be published with the queue as it is. */
static uint32_t unguarded(const struct np_mutex *mutex, uint32_t state)
{
	state &= ~(uint32_t)(GUARDED | WAITED_FOR);
	return mutex->waiters.first ? state | WAITED_FOR : state;
}

/* Give the queue, and whatever else @state leaves out. */
static void publish(struct np_mutex *mutex, uint32_t state)
{
	__atomic_store_n(&mutex->state, unguarded(mutex, state), __ATOMIC_RELEASE);
}

/* Take the queue. Returns the word without the guard. */
static uint32_t guard(struct np_mutex *mutex)
{
	uint32_t state = __atomic_load_n(&mutex->state, __ATOMIC_RELAXED);
	unsigned turns = 0;

	for (;;) {
		if (!(state & GUARDED) && replace(mutex, &state, state | GUARDED))
			return state;
		np__spin_pause(&turns);
		state = __atomic_load_n(&mutex->state, __ATOMIC_RELAXED);
	}
}

/* Under the guard: take the mutex, if it is free, and give the guard. */
static bool lock_guarded(struct np_mutex *mutex, uint32_t state)
{
	if (state & LOCKED)
		return false;
	publish(mutex, state | LOCKED);
	return true;
}

/* Wait for one wake-up. 0: compete again; HANDED; or an error. The guard is given. */
static int wait_for_turn(struct np_mutex *mutex, uint32_t state, struct contender *self,
			 const struct np_wait *kind, int64_t deadline_ns)
{
	struct ticket ticket;
	int result = np__ticket_draw(&ticket);

	if (result) {
		publish(mutex, state);
		return result;
	}
	self->waiter.ticket = &ticket;
	if (self->has_lost)
		wait_queue_push_front(&mutex->waiters, &self->waiter);
	else
		wait_queue_push(&mutex->waiters, &self->waiter);
	np__ticket_keep(&ticket, &mutex->state, unguarded(mutex, state));
	result = np__ticket_wait(&ticket, kind, deadline_ns);
	if (result < 0) {
		state = guard(mutex);
		wait_queue_remove(&mutex->waiters, &self->waiter);
		publish(mutex, state);
	}
	return result;
}

static int lock_slowly(struct np_mutex *mutex, const struct np_wait *kind, int64_t deadline_ns)
{
	struct contender self = { .has_lost = false };
	uint32_t state = guard(mutex);
	int result;

	while (!lock_guarded(mutex, state)) {
		result = wait_for_turn(mutex, state, &self, kind, deadline_ns);
		if (result)
			return result == HANDED ? 0 : result;
		self.has_lost = true;
		state = guard(mutex) & ~(uint32_t)WOKEN;
	}
	return 0;
}

static bool lock_at_once(struct np_mutex *mutex)
{
	uint32_t state = 0;

	return replace(mutex, &state, LOCKED);
}

int np_mutex_lock(struct np_mutex *mutex)
{
	if (!mutex)
		return -EINVAL;
	return lock_at_once(mutex) ? 0 : lock_slowly(mutex, &lock_wait, 0);
}

int np_mutex_lock_until(struct np_mutex *mutex, int64_t deadline_ns)
{
	if (deadline_ns < 0) {
		int error = np_mutex_try_lock(mutex);

		return error == -EAGAIN ? NP_EDEADLINE : error;
	}
	if (!mutex)
		return -EINVAL;
	if (np__task_is_canceled(np__task_self()))
		return np__spend(NP_ECANCELED);
	return lock_at_once(mutex) ? 0 : lock_slowly(mutex, &lock_until_wait, deadline_ns);
}

int np_mutex_try_lock(struct np_mutex *mutex)
{
	uint32_t state;

	if (!mutex)
		return -EINVAL;
	if (lock_at_once(mutex))
		return 0;
	state = guard(mutex);
	if (lock_guarded(mutex, state))
		return 0;
	publish(mutex, state);
	np__task_spend(np__task_self()); /* who has it may be on this worker */
	return -EAGAIN;
}

/*
 * Under the guard, of a locked mutex that is given up: choose who is next. Returns the new word:
 * still locked, for one who has lost before; else free.
 */
static uint32_t pass_on(struct np_mutex *mutex, uint32_t state, struct wakeups *wakeups)
{
	struct np_waiter *first;

	if (state & WOKEN)
		return state & ~(uint32_t)LOCKED;
	while ((first = mutex->waiters.first)) {
		bool has_lost = ((struct contender *)first)->has_lost;

		wait_queue_pop(&mutex->waiters, first);
		if (np__ticket_claim(first->ticket, has_lost ? HANDED : COMPETE, wakeups))
			return has_lost ? state : (state | WOKEN) & ~(uint32_t)LOCKED;
	}
	return state & ~(uint32_t)LOCKED;
}

static int unlock_slowly(struct np_mutex *mutex)
{
	struct wakeups wakeups;
	uint32_t state = guard(mutex);

	np__wakeups_init(&wakeups);
	if (!(state & LOCKED)) {
		publish(mutex, state);
		return np__misuse("unlock of a mutex that is not locked");
	}
	publish(mutex, pass_on(mutex, state, &wakeups));
	np__wakeups_send(&wakeups);
	return 0;
}

bool np__mutex_unlock_unwanted(struct np_mutex *mutex)
{
	uint32_t state = LOCKED;

	return __atomic_compare_exchange_n(&mutex->state, &state, 0, false, __ATOMIC_RELEASE,
					   __ATOMIC_RELAXED);
}

int np_mutex_unlock(struct np_mutex *mutex)
{
	if (!mutex)
		return -EINVAL;
	return np__mutex_unlock_unwanted(mutex) ? 0 : unlock_slowly(mutex);
}

bool np__mutex_is_locked(const struct np_mutex *mutex)
{
	return __atomic_load_n(&mutex->state, __ATOMIC_RELAXED) & LOCKED;
}
