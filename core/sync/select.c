/* SPDX-License-Identifier: MIT */
/*
 * core/sync/select.c - one of several operations. All channels are locked, in the order of their
 * addresses so that selects cannot lock each other out, while the call looks for what can be done
 * and, if there is nothing, queues everywhere: so to all others it is one event.
 *
 * When it has waited, the channels are locked one by one to leave their queues. Not the one that
 * ended the wait: there it was taken out, with all cases of that channel, which may be gone.
 */
#include "core/failure.h"
#include "core/sync/channel.h"

struct select_ticket {
	struct ticket ticket; /* first */
	struct np_select_case *sorted;
};

/* "select: receive 0x5581, send 0x5582" */
static int describe(const struct np_wait *wait, void *arg, char *buf, size_t size)
{
	const struct select_ticket *ticket = arg;
	const char *separator = ": ";
	struct text text;

	np__text_init(&text, buf, size);
	np__text_put(&text, wait->what);
	for (const struct np_select_case *one = ticket->sorted; one; one = one->next) {
		np__text_print(&text, "%s%s %p", separator,
			       one->operation == NP_SELECT_SEND ? "send" : "receive",
			       (void *)one->channel);
		separator = ", ";
	}
	return (int)text.length;
}

static const struct np_wait select_wait = {
	.what = "select",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = describe,
};

static bool is_sensible(const struct np_select_case *one)
{
	const struct np_channel *channel = one->channel;

	if (!channel)
		return true;
	if (one->operation == NP_SELECT_RECEIVE)
		return true;
	return one->operation == NP_SELECT_SEND && (one->element || channel->element_size == 0);
}

static bool are_sensible(const struct np_select_case *cases, int count)
{
	if (count < 0 || (count > 0 && !cases))
		return false;
	for (int i = 0; i < count; i++)
		if (!is_sensible(&cases[i]))
			return false;
	return true;
}

/* ---- the order of locking ----------------------------------------------------------------- */

static struct np_select_case *merge(struct np_select_case *left, struct np_select_case *right)
{
	struct np_select_case *merged = NULL;
	struct np_select_case **end = &merged;

	while (left && right) {
		bool from_left = (uintptr_t)left->channel <= (uintptr_t)right->channel;
		struct np_select_case **from = from_left ? &left : &right;

		*end = *from;
		end = &(*from)->next;
		*from = (*from)->next;
	}
	*end = left ? left : right;
	return merged;
}

/* The cases that have a channel, linked by its address. As deep as the count has bits. */
static struct np_select_case *sort(struct np_select_case *cases, int count)
{
	if (count == 0)
		return NULL;
	if (count == 1) {
		cases->next = NULL;
		return cases->channel ? cases : NULL;
	}
	return merge(sort(cases, count / 2), sort(cases + count / 2, count - count / 2));
}

/* Cases of one channel are neighbours: only the last of them counts. */
static bool is_last_of_channel(const struct np_select_case *one)
{
	return !one->next || one->next->channel != one->channel;
}

static void lock_all(struct np_select_case *sorted)
{
	for (struct np_select_case *one = sorted; one; one = one->next)
		if (is_last_of_channel(one))
			np__spin_lock(&one->channel->lock);
}

static void unlock_all(struct np_select_case *sorted)
{
	for (struct np_select_case *one = sorted; one; one = one->next)
		if (is_last_of_channel(one))
			np__spin_unlock(&one->channel->lock);
}

/* ---- under all locks ---------------------------------------------------------------------- */

/* Perhaps not: who waits there may be leaving. */
static bool can_be_done(const struct np_select_case *one)
{
	const struct np_channel *channel = one->channel;

	if (channel->is_closed)
		return true;
	if (one->operation == NP_SELECT_SEND)
		return channel->receivers.first || channel->count < channel->capacity;
	return channel->senders.first || channel->count > 0;
}

/* A linear congruential generator, of which the upper half is good enough. */
static uint32_t random_below(uint64_t *state, uint32_t limit)
{
	*state = *state * UINT64_C(6364136223846793005) + UINT64_C(1442695040888963407);
	return (uint32_t)(((*state >> 32) * limit) >> 32);
}

/* Of n that can be done, the last is chosen with probability 1/n, else one of those before. */
static struct np_select_case *choose(struct np_select_case *sorted)
{
	struct np_select_case *chosen = NULL;
	uint32_t seen = 0;

	for (struct np_select_case *one = sorted; one; one = one->next) {
		if (!can_be_done(one))
			continue;
		if (++seen == 1 || random_below(&sorted->channel->random, seen) == 0)
			chosen = one;
	}
	return chosen;
}

static int perform(struct np_select_case *one, struct wakeups *wakeups)
{
	if (one->operation == NP_SELECT_SEND)
		return channel_send_now(one->channel, one->element, wakeups);
	return channel_receive_now(one->channel, one->element, wakeups);
}

/* The case that was done, or NULL. One that fails does not seem possible any more. */
static struct np_select_case *perform_any(struct np_select_case *sorted, struct wakeups *wakeups)
{
	struct np_select_case *chosen;

	while ((chosen = choose(sorted))) {
		chosen->result = perform(chosen, wakeups);
		if (chosen->result != -EAGAIN)
			return chosen;
	}
	return NULL;
}

/* ---- waiting ------------------------------------------------------------------------------ */

static void queue_all(struct np_select_case *cases, struct np_select_case *sorted,
		      struct ticket *ticket)
{
	const struct np_select_case *before = NULL;

	for (struct np_select_case *one = sorted; one; before = one, one = one->next) {
		one->has_twins = (before && before->channel == one->channel) ||
				 (one->next && one->next->channel == one->channel);
		one->waiter.ticket = ticket;
		one->waiter.result = (int)(one - cases);
		wait_queue_push(channel_queue(one->channel, one->operation), &one->waiter);
	}
}

void np__select_take_out_twins(struct np_select_case *chosen)
{
	const struct select_ticket *ticket = chosen->waiter.ticket;

	for (struct np_select_case *one = ticket->sorted; one; one = one->next)
		if (one->channel == chosen->channel)
			wait_queue_remove(channel_queue(one->channel, one->operation),
					  &one->waiter);
}

static void leave_all(struct np_select_case *sorted, const struct np_select_case *chosen)
{
	for (struct np_select_case *one = sorted; one; one = one->next) {
		if (chosen && one->channel == chosen->channel)
			continue;
		np__spin_lock(&one->channel->lock);
		wait_queue_remove(channel_queue(one->channel, one->operation), &one->waiter);
		np__spin_unlock(&one->channel->lock);
	}
}

/* With all locks, which are given. */
static int wait_for_any(struct np_select_case *cases, struct np_select_case *sorted,
			int64_t deadline_ns)
{
	struct select_ticket ticket;
	int result = np__ticket_draw(&ticket.ticket);

	ticket.sorted = sorted;
	if (!result)
		queue_all(cases, sorted, &ticket.ticket);
	unlock_all(sorted);
	if (result)
		return result;
	result = np__ticket_wait(&ticket.ticket, &select_wait, deadline_ns);
	leave_all(sorted, result < 0 ? NULL : &cases[result]);
	return result;
}

int np_select(struct np_select_case *cases, int count, int64_t deadline_ns)
{
	struct np_task *self = np__task_self();
	struct wakeups wakeups;
	struct np_select_case *sorted, *chosen;

	np__wakeups_init(&wakeups);
	if (!are_sensible(cases, count))
		return -EINVAL;
	if (deadline_ns >= 0 && np__task_is_canceled(self))
		return np__spend(NP_ECANCELED);
	sorted = sort(cases, count);
	lock_all(sorted);
	chosen = perform_any(sorted, &wakeups);
	if (!chosen && deadline_ns >= 0)
		return wait_for_any(cases, sorted, deadline_ns);
	unlock_all(sorted);
	np__wakeups_send(&wakeups);
	np__task_spend(self);
	return chosen ? (int)(chosen - cases) : NP_EDEADLINE;
}
