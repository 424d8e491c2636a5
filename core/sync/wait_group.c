/* SPDX-License-Identifier: MIT */
/*
 * core/sync/wait_group.c - a count, and who waits for it to be 0. A wait that finds 0 has had the
 * lock after whoever made it so: the memory is the caller's again.
 */
#include "core/failure.h"
#include "core/misuse.h"
#include "core/sync/wait.h"

#include <errno.h>

static const struct np_wait group_wait = {
	.what = "wait group",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

/* Under the lock. False if the count would leave its range. */
static bool add(struct np_wait_group *group, int64_t delta)
{
	if (delta > 0 ? group->count > INT64_MAX - delta : group->count + delta < 0)
		return false;
	group->count += delta;
	return true;
}

int np_wait_group_add(struct np_wait_group *group, int64_t delta)
{
	struct wakeups wakeups;
	bool added;

	np__wakeups_init(&wakeups);
	if (!group)
		return -EINVAL;
	np__spin_lock(&group->lock);
	added = add(group, delta);
	while (group->count == 0 && wait_queue_claim(&group->waiters, &wakeups))
		;
	np__spin_unlock(&group->lock);
	np__wakeups_send(&wakeups);
	return added ? 0 : np__misuse("the count of a wait group left its range");
}

int np_wait_group_done(struct np_wait_group *group)
{
	return np_wait_group_add(group, -1);
}

int np_wait_group_wait(struct np_wait_group *group)
{
	return np_wait_group_wait_until(group, 0);
}

/* With the lock, which is given. */
static int wait_for_zero(struct np_wait_group *group, int64_t deadline_ns)
{
	struct ticket ticket;
	struct np_waiter self = { .ticket = &ticket };
	int error = deadline_ns < 0 ? NP_EDEADLINE : np__ticket_draw(&ticket);

	if (error) {
		np__spin_unlock(&group->lock);
		return np__spend(error);
	}
	np__ticket_keep(&ticket, &group->lock, 0);
	wait_queue_push(&group->waiters, &self);
	return np__sync_wait(&group->waiters, &group->lock, &self, &group_wait, deadline_ns);
}

int np_wait_group_wait_until(struct np_wait_group *group, int64_t deadline_ns)
{
	if (!group)
		return -EINVAL;
	if (deadline_ns >= 0 && np__task_is_canceled(np__task_self()))
		return np__spend(NP_ECANCELED);
	np__spin_lock(&group->lock);
	if (group->count)
		return wait_for_zero(group, deadline_ns);
	np__spin_unlock(&group->lock);
	return 0;
}
