/* SPDX-License-Identifier: MIT */
/*
 * core/sync/cond.c - a queue and nothing else. A waiter queues before it gives up the mutex, so
 * whoever changes the condition under the mutex afterwards finds it.
 */
#include "core/failure.h"
#include "core/misuse.h"
#include "core/sync/mutex.h"
#include "core/sync/wait.h"

#include <errno.h>

struct cond_ticket {
	struct ticket ticket; /* first */
	const struct np_cond *cond;
};

static int describe(const struct np_wait *wait, void *ticket, char *buf, size_t size)
{
	return np__ticket_describe_object(wait, ((struct cond_ticket *)ticket)->cond, buf, size);
}

static const struct np_wait cond_wait = {
	.what = "condition",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = describe,
};

/* A parked waiter that was claimed may find the condition gone; the mutex is there. */
static int wait_for_signal(struct np_cond *cond, struct np_mutex *mutex, struct ticket *ticket,
			   int64_t deadline_ns)
{
	struct np_waiter self = { .ticket = ticket };
	int result;

	np__spin_lock(&cond->lock);
	wait_queue_push(&cond->waiters, &self);
	if (np__mutex_unlock_unwanted(mutex)) {
		np__ticket_keep(ticket, &cond->lock, 0);
	} else {
		np__spin_unlock(&cond->lock);
		np_mutex_unlock(mutex);
	}
	result = np__sync_wait(&cond->waiters, &cond->lock, &self, &cond_wait, deadline_ns);
	np_mutex_lock(mutex);
	return result;
}

int np_cond_wait_until(struct np_cond *cond, struct np_mutex *mutex, int64_t deadline_ns)
{
	struct cond_ticket ticket;
	int error;

	if (!cond || !mutex)
		return -EINVAL;
	if (!np__mutex_is_locked(mutex))
		return np__misuse("wait on a condition with a mutex that is not locked");
	if (deadline_ns < 0)
		return np__spend(NP_EDEADLINE);
	if (np__task_is_canceled(np__task_self()))
		return np__spend(NP_ECANCELED);
	ticket.cond = cond;
	error = np__ticket_draw(&ticket.ticket);
	return error ? error : wait_for_signal(cond, mutex, &ticket.ticket, deadline_ns);
}

int np_cond_wait(struct np_cond *cond, struct np_mutex *mutex)
{
	return np_cond_wait_until(cond, mutex, 0);
}

int np_cond_signal(struct np_cond *cond)
{
	struct wakeups wakeups;

	np__wakeups_init(&wakeups);
	if (!cond)
		return -EINVAL;
	np__spin_lock(&cond->lock);
	wait_queue_claim(&cond->waiters, &wakeups);
	np__spin_unlock(&cond->lock);
	np__wakeups_send(&wakeups);
	return 0;
}

int np_cond_broadcast(struct np_cond *cond)
{
	struct wakeups wakeups;

	np__wakeups_init(&wakeups);
	if (!cond)
		return -EINVAL;
	np__spin_lock(&cond->lock);
	while (wait_queue_claim(&cond->waiters, &wakeups))
		;
	np__spin_unlock(&cond->lock);
	np__wakeups_send(&wakeups);
	return 0;
}
