/* SPDX-License-Identifier: MIT */
/* core/ticket.c - drawing, taking, and waiting with a deadline. */
#include "core/ticket.h"

#include "core/poller.h"

#include <errno.h>

int np__ticket_draw(struct ticket *ticket)
{
	struct np_task *self = np_task_self();

	if (!self->parker->park)
		return -EDEADLK;
	ticket->task = self;
	atomic_init(&ticket->state, TICKET_OPEN);
	ticket->was_parked = false;
	ticket->timer = (struct timer){ .owner = TIMER_OF_TICKET };
	return 0;
}

bool np__ticket_take(struct ticket *ticket, int result, struct task_list *ready)
{
	struct np_task *task = ticket->task; /* now: with the ticket taken it may be gone */
	int state = atomic_load(&ticket->state);

	do {
		if (state != TICKET_OPEN && state != TICKET_PARKED)
			return false;
	} while (!atomic_compare_exchange_weak(&ticket->state, &state, result));
	if (state == TICKET_PARKED)
		task_list_append(ready, task);
	return true;
}

bool np__ticket_commit(struct np_task *task, void *arg)
{
	struct ticket *ticket = arg;
	int expected = TICKET_OPEN;

	(void)task;
	ticket->was_parked =
		atomic_compare_exchange_strong(&ticket->state, &expected, TICKET_PARKED);
	return ticket->was_parked;
}

bool np__ticket_retract(struct np_task *task, void *arg)
{
	struct ticket *ticket = arg;
	int expected = TICKET_PARKED;

	(void)task;
	return atomic_compare_exchange_strong(&ticket->state, &expected, NP_ECANCELED);
}

static int park(struct ticket *ticket, const struct np_wait *wait, struct np_poller *poller)
{
	struct np_task *self = ticket->task;

	self->parker->park(self, wait, ticket, poller);
	return atomic_load(&ticket->state);
}

/* With a timer in the poller of the task, which a thread that parks has to turn for it. */
static int park_until(struct ticket *ticket, const struct np_wait *wait, int64_t deadline_ns)
{
	struct np_poller *poller = ticket->task->poller;
	int error = poller ? 0 : np_poller_default(&poller);
	int result;

	if (!error)
		error = np__timers_admit(&poller->timers, 1);
	if (error)
		return error;
	np__poller_arm_ticket(poller, ticket, deadline_ns);
	result = park(ticket, wait, poller);
	pthread_mutex_lock(&poller->timers.lock);
	np__timers_disarm(&poller->timers, &ticket->timer);
	pthread_mutex_unlock(&poller->timers.lock);
	np__timers_dismiss(&poller->timers, 1);
	return result;
}

/* The waiter takes its own ticket; a taker who was faster wins. */
static int give_up(struct ticket *ticket, int error)
{
	struct task_list nobody = { .head = NULL };

	np__ticket_take(ticket, error, &nobody);
	return atomic_load(&ticket->state);
}

int np__ticket_wait(struct ticket *ticket, const struct np_wait *wait, int64_t deadline_ns)
{
	int result;

	if (wait->retract && np__task_is_canceled(ticket->task))
		return give_up(ticket, NP_ECANCELED);
	if (deadline_ns < 0)
		return give_up(ticket, NP_EDEADLINE);
	if (deadline_ns == 0)
		return park(ticket, wait, NULL);
	result = park_until(ticket, wait, deadline_ns);
	return result == -ENOMEM ? give_up(ticket, result) : result;
}
