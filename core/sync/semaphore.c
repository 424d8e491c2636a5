/* SPDX-License-Identifier: MIT */
/*
 * core/sync/semaphore.c - permits, handed to the first who waits as soon as there are enough. One
 * who waits has not got a permit before the wait ends: leaving early gives nothing back, but who
 * stood behind may be content with what was too little for the one in front.
 */
#include "core/failure.h"
#include "core/sync/wait.h"

#include <errno.h>

struct buyer {
	struct np_waiter waiter; /* first */
	uint64_t permits;
};

static const struct np_wait acquire_wait = {
	.what = "semaphore acquire",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

/* Under the lock. */
static bool take_permits(struct np_semaphore *semaphore, uint64_t permits)
{
	if (permits && (semaphore->waiters.first || semaphore->count < permits))
		return false;
	semaphore->count -= permits;
	return true;
}

/* Under the lock: serve those in front, while there is enough for them. */
static void serve(struct np_semaphore *semaphore, struct wakeups *wakeups)
{
	struct np_waiter *first;

	while ((first = semaphore->waiters.first)) {
		uint64_t permits = ((struct buyer *)first)->permits;

		if (permits > semaphore->count)
			break;
		wait_queue_pop(&semaphore->waiters, first);
		if (np__ticket_claim(first->ticket, 0, wakeups))
			semaphore->count -= permits;
	}
}

/* With the wait given up, the next in line may have enough. */
static void leave(struct np_semaphore *semaphore, struct buyer *self)
{
	struct wakeups wakeups;

	np__wakeups_init(&wakeups);
	np__spin_lock(&semaphore->lock);
	wait_queue_remove(&semaphore->waiters, &self->waiter);
	serve(semaphore, &wakeups);
	np__spin_unlock(&semaphore->lock);
	np__wakeups_send(&wakeups);
}

/* With the lock, which is given. */
static int wait_for_permits(struct np_semaphore *semaphore, uint64_t permits, int64_t deadline_ns)
{
	struct ticket ticket;
	struct buyer self = { .waiter.ticket = &ticket, .permits = permits };
	int result = np__ticket_draw(&ticket);

	if (result) {
		np__spin_unlock(&semaphore->lock);
		return result;
	}
	np__ticket_keep(&ticket, &semaphore->lock, 0);
	wait_queue_push(&semaphore->waiters, &self.waiter);
	result = np__ticket_wait(&ticket, &acquire_wait, deadline_ns);
	if (result < 0)
		leave(semaphore, &self);
	return result;
}

int np_semaphore_acquire(struct np_semaphore *semaphore, uint64_t permits)
{
	return np_semaphore_acquire_until(semaphore, permits, 0);
}

int np_semaphore_acquire_until(struct np_semaphore *semaphore, uint64_t permits,
			       int64_t deadline_ns)
{
	struct np_task *self = np__task_self();

	if (deadline_ns < 0) {
		int error = np_semaphore_try_acquire(semaphore, permits);

		return error == -EAGAIN ? NP_EDEADLINE : error;
	}
	if (!semaphore)
		return -EINVAL;
	if (np__task_is_canceled(self))
		return np__spend(NP_ECANCELED);
	np__spin_lock(&semaphore->lock);
	if (!take_permits(semaphore, permits))
		return wait_for_permits(semaphore, permits, deadline_ns);
	np__spin_unlock(&semaphore->lock);
	np__task_spend(self);
	return 0;
}

int np_semaphore_try_acquire(struct np_semaphore *semaphore, uint64_t permits)
{
	bool taken;

	if (!semaphore)
		return -EINVAL;
	np__spin_lock(&semaphore->lock);
	taken = take_permits(semaphore, permits);
	np__spin_unlock(&semaphore->lock);
	np__task_spend(np__task_self());
	return taken ? 0 : -EAGAIN;
}

int np_semaphore_release(struct np_semaphore *semaphore, uint64_t permits)
{
	struct wakeups wakeups;
	bool overflows;

	np__wakeups_init(&wakeups);
	if (!semaphore)
		return -EINVAL;
	np__spin_lock(&semaphore->lock);
	overflows = permits > UINT64_MAX - semaphore->count;
	if (!overflows) {
		semaphore->count += permits;
		serve(semaphore, &wakeups);
	}
	np__spin_unlock(&semaphore->lock);
	np__wakeups_send(&wakeups);
	return overflows ? -EOVERFLOW : 0;
}
