/* SPDX-License-Identifier: MIT */
/* core/ticket.c - drawing, taking, and waiting with a deadline. */
#include "core/ticket.h"

#include "core/failure.h"
#include "core/poller.h"

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

/* The exchange is what the waiter may be waiting for: whatever else is needed is read before. */
void np__wakeups_settle(struct wakeups *wakeups)
{
	struct ticket *ticket = wakeups->claimed;

	while (ticket) {
		struct ticket *next = ticket->next_claimed;
		struct np_task *task = ticket->task;

		if (atomic_exchange(&ticket->state, ticket->result) == TICKET_CLAIMED_PARKED)
			np__wakeups_append(wakeups, task);
		ticket = next;
	}
}

bool np__ticket_commit(struct np_task *task, void *arg)
{
	struct ticket *ticket = arg;
	int state = TICKET_OPEN;

	if (ticket->lock) {
		np__ticket_publish(ticket, task->parker->stop ? np__this_thread() : NULL);
		return true;
	}
	if (atomic_compare_exchange_strong(&ticket->state, &state, TICKET_PARKED))
		return true;
	return state == TICKET_CLAIMED &&
	       atomic_compare_exchange_strong(&ticket->state, &state, TICKET_CLAIMED_PARKED);
}

bool np__ticket_retract(struct np_task *task, void *arg)
{
	struct ticket *ticket = arg;
	int expected = TICKET_PARKED;

	(void)task;
	return atomic_compare_exchange_strong(&ticket->state, &expected, NP_ECANCELED);
}

/* ---- for people --------------------------------------------------------------------------- */

int np__ticket_describe_object(const struct np_wait *wait, const void *object, char *buf,
			       size_t size)
{
	struct text text;

	np__text_init(&text, buf, size);
	np__text_put(&text, wait->what);
	if (object)
		np__text_print(&text, " %p", object);
	return (int)text.length;
}

/* The lock is the first thing in every object that has one. */
int np__ticket_describe(const struct np_wait *wait, void *arg, char *buf, size_t size)
{
	const struct ticket *ticket = arg;

	return np__ticket_describe_object(wait, ticket->lock, buf, size);
}

/* A wait with a deadline: whatever it is, and what a ticket does not tell of itself. */
struct timed_wait {
	struct np_wait wait; /* first */
	const struct np_wait *kind;
	const void *object; /* whose lock has been given already, or NULL */
};

static int describe_timed(const struct np_wait *wait, void *arg, char *buf, size_t size)
{
	const struct timed_wait *timed = (const struct timed_wait *)wait;
	const struct ticket *ticket = arg;
	struct text text;

	np__text_init(&text, buf, size);
	np__wait_describe(timed->kind, arg, &text);
	if (timed->object)
		np__text_print(&text, " %p", timed->object);
	np__text_print_deadline(&text, atomic_load(&ticket->timer.when));
	return (int)text.length;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static int park(struct ticket *ticket, const struct np_wait *wait, struct np_poller *poller)
{
	struct np_task *self = ticket->task;

	self->parker->park(self, wait, ticket, poller);
	return atomic_load(&ticket->state);
}

/*
 * The waiter takes its own ticket. A taker who was faster wins, and may have yet to tell. Who waits
 * for what fails at once, again and again, has not parked and would keep its thread.
 */
static int give_up(struct ticket *ticket, const struct np_wait *wait, int error)
{
	struct task_list nobody = { .head = NULL };

	if (!np__ticket_take(ticket, error, &nobody))
		return park(ticket, wait, NULL);
	np__fail_spend(ticket->task);
	return error;
}

/* With a timer in the poller of the task, which a thread that parks has to turn for it. */
static int park_until(struct ticket *ticket, const struct np_wait *wait, const void *object,
		      int64_t deadline_ns)
{
	struct timed_wait timed = { .wait = *wait, .kind = wait, .object = object };
	struct np_poller *poller = ticket->task->poller;
	int error = poller ? 0 : np_poller_default(&poller);
	int result;

	if (!error && np__poller_is_inherited(poller))
		error = NP_EFORKED;
	if (!error && poller != ticket->task->home && ticket->task->parker->attend)
		error = ticket->task->parker->attend(ticket->task, poller);
	if (!error)
		error = np__timers_admit(&poller->timers, 1);
	if (error)
		return give_up(ticket, wait, error);
	ticket->timer = (struct timer){ .owner = TIMER_OF_TICKET };
	np__poller_arm_ticket(poller, ticket, deadline_ns);
	timed.wait.describe = describe_timed;
	result = park(ticket, &timed.wait, poller);
	pthread_mutex_lock(&poller->timers.lock);
	np__timers_disarm(&poller->timers, &ticket->timer);
	pthread_mutex_unlock(&poller->timers.lock);
	np__timers_dismiss(&poller->timers, 1);
	return result;
}

static void unlock(struct ticket *ticket)
{
	if (ticket->lock)
		__atomic_store_n(ticket->lock, ticket->given, __ATOMIC_RELEASE);
	ticket->lock = NULL;
}

int np__ticket_wait_slowly(struct ticket *ticket, const struct np_wait *wait, int64_t deadline_ns)
{
	bool is_canceled = wait->retract && np__task_is_canceled(ticket->task);
	const void *object = ticket->lock;

	if (deadline_ns == 0 && !is_canceled)
		return park(ticket, wait, NULL);
	unlock(ticket);
	if (is_canceled)
		return give_up(ticket, wait, NP_ECANCELED);
	if (deadline_ns < 0)
		return give_up(ticket, wait, NP_EDEADLINE);
	return park_until(ticket, wait, object, deadline_ns);
}
