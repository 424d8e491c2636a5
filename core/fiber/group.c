/* SPDX-License-Identifier: MIT */
/* core/fiber/group.c - fibers that are started, joined and cancelled together. */
#include "core/fiber/fiber.h"
#include "core/ticket.h"

#include <errno.h>
#include <sched.h>

/* The holder may have been preempted. */
static void lock(struct np_group *group)
{
	for (unsigned tries = 0; __atomic_exchange_n(&group->lock, 1, __ATOMIC_ACQUIRE); tries++)
		if (tries % 64 == 63)
			sched_yield();
}

static void unlock(struct np_group *group)
{
	__atomic_store_n(&group->lock, 0, __ATOMIC_RELEASE);
}

void np__group_enter(struct np_group *group, struct fiber *fiber)
{
	lock(group);
	fiber->group_next = group->first;
	fiber->group_before = (struct fiber **)&group->first;
	if (fiber->group_next)
		fiber->group_next->group_before = &fiber->group_next;
	group->first = fiber;
	group->members++;
	if (group->canceled)
		atomic_fetch_or(&fiber->state, FIBER_ASKED);
	unlock(group);
}

/* The group may be gone as soon as it is unlocked with nobody in it. */
void np__group_leave(struct np_group *group, struct fiber *fiber, int error)
{
	struct task_list ready = { .head = NULL };

	lock(group);
	*fiber->group_before = fiber->group_next;
	if (fiber->group_next)
		fiber->group_next->group_before = fiber->group_before;
	if (error < 0 && group->error == 0)
		group->error = error;
	if (--group->members == 0 && group->joiner) {
		np__ticket_take(group->joiner, 0, &ready);
		group->joiner = NULL;
	}
	unlock(group);
	np_ready(ready.head);
}

int np_group_go(struct np_group *group, int (*fn)(void *arg), void *arg)
{
	if (!group || !fn)
		return np__invalid("np_group_go: no group, or no function");
	return np__fiber_spawn(NULL, fn, arg, group);
}

/* A member is in the list, so it has not ended: its generation is the present one. */
static void cancel_members(struct np_group *group)
{
	lock(group);
	group->canceled = 1;
	for (struct fiber *fiber = group->first; fiber; fiber = fiber->group_next)
		np__cancel_fiber(fiber, atomic_load(&fiber->state) >> FIBER_STATE_BITS);
	unlock(group);
}

/* The runtime is held for as long as there may be members. In a child they are not there. */
void np_group_cancel(struct np_group *group)
{
	struct runtime *runtime = np__runtime_hold();

	if (group && !np__runtime_is_inherited())
		cancel_members(group);
	if (runtime)
		np__runtime_release();
}

struct join_ticket {
	struct ticket ticket; /* first */
	const struct np_group *group;
};

static int describe(const struct np_wait *wait, void *ticket, char *buf, size_t size)
{
	return np__ticket_describe_object(wait, ((struct join_ticket *)ticket)->group, buf, size);
}

static const struct np_wait join_wait = {
	.what = "group join",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = describe,
};

/* Once it has cancelled the group it waits whatever comes. */
static const struct np_wait last_wait = {
	.what = "group join",
	.commit = np__ticket_commit,
	.describe = describe,
};

/* 0 when all have left, NP_ECANCELED, or an error of the ticket. */
static int wait_for_members(struct np_group *group, const struct np_wait *wait)
{
	struct join_ticket ticket = { .group = group };
	int result = np__runtime_is_inherited() ? NP_EFORKED : np__ticket_draw(&ticket.ticket);

	if (result)
		return result;
	lock(group);
	if (group->members == 0) {
		unlock(group);
		return 0;
	}
	group->joiner = &ticket.ticket;
	unlock(group);
	result = np__ticket_wait(&ticket.ticket, wait, 0);
	lock(group);
	group->joiner = NULL;
	unlock(group);
	return result;
}

int np_group_join(struct np_group *group)
{
	int result;

	if (!group)
		return np__invalid("np_group_join: no group");
	result = wait_for_members(group, &join_wait);
	if (result == NP_ECANCELED) {
		np_group_cancel(group);
		result = wait_for_members(group, &last_wait);
	}
	if (result)
		return result;
	result = group->error;
	*group = (struct np_group){ .first = NULL };
	return result;
}
