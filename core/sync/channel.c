/* SPDX-License-Identifier: MIT */
/* core/sync/channel.c - the life of a channel, and sending and receiving by themselves. */
#include "core/failure.h"
#include "core/sync/channel.h"

#include "core/misuse.h"

#include <stdlib.h>

static const struct np_wait send_wait = {
	.what = "channel send",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

static const struct np_wait receive_wait = {
	.what = "channel receive",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

int np_channel_create(size_t element_size, size_t capacity, struct np_channel **ret_channel)
{
	struct np_channel *channel;

	if (!ret_channel)
		return -EINVAL;
	if (element_size && capacity > (PTRDIFF_MAX - sizeof(*channel)) / element_size)
		return -ENOMEM;
	channel = malloc(sizeof(*channel) + element_size * capacity);
	if (!channel)
		return -ENOMEM;
	*channel = (struct np_channel){
		.element_size = element_size,
		.capacity = capacity,
		.random = (uintptr_t)channel,
	};
	*ret_channel = channel;
	return 0;
}

/* The lock is not given again: who had it last, a sender for example, has left. */
int np_channel_destroy(struct np_channel *channel)
{
	if (!channel)
		return 0;
	np__spin_lock(&channel->lock);
	if (channel->senders.first || channel->receivers.first) {
		np__spin_unlock(&channel->lock);
		return np__misuse("destroying a channel on which somebody waits");
	}
	free(channel);
	return 0;
}

int np_channel_close(struct np_channel *channel)
{
	struct wakeups wakeups;
	int result;

	np__wakeups_init(&wakeups);
	if (!channel)
		return -EINVAL;
	np__spin_lock(&channel->lock);
	result = channel->is_closed ? NP_ECLOSED : 0;
	channel->is_closed = true;
	while (channel_claim(&channel->receivers, NP_ECLOSED, &wakeups) ||
	       channel_claim(&channel->senders, NP_ECLOSED, &wakeups))
		;
	np__spin_unlock(&channel->lock);
	np__wakeups_send(&wakeups);
	return result;
}

/* With the lock, which is given. Of its case others look at nothing but what is set here. */
static NP_IN_PLACE int wait_in(struct np_channel *channel, struct np_wait_queue *queue,
			       void *element, const struct np_wait *kind, int64_t deadline_ns)
{
	struct np_select_case self;
	struct ticket ticket;
	int result = np__ticket_draw(&ticket);

	if (result) {
		np__spin_unlock(&channel->lock);
		return result;
	}
	np__ticket_keep(&ticket, &channel->lock, 0);
	self.element = element;
	self.result = 0;
	self.has_twins = false;
	self.waiter.ticket = &ticket;
	self.waiter.result = 0;
	wait_queue_push(queue, &self.waiter);
	result = np__sync_wait(queue, &channel->lock, &self.waiter, kind, deadline_ns);
	return result ? result : self.result;
}

static NP_APART int wait_to_send(struct np_channel *channel, const void *element,
				 int64_t deadline_ns)
{
	void *only_read = (void *)(uintptr_t)element;

	return wait_in(channel, &channel->senders, only_read, &send_wait, deadline_ns);
}

static NP_APART int wait_to_receive(struct np_channel *channel, void *ret_element,
				    int64_t deadline_ns)
{
	return wait_in(channel, &channel->receivers, ret_element, &receive_wait, deadline_ns);
}

/* -EAGAIN where a deadline below 0 forbids to wait. */
static inline int send_by(struct np_channel *channel, const void *element, int64_t deadline_ns)
{
	struct np_task *self = np__task_self();
	struct wakeups wakeups;
	int result;

	np__wakeups_init(&wakeups);
	if (!channel || (!element && channel->element_size))
		return -EINVAL;
	if (deadline_ns >= 0 && np__task_is_canceled(self))
		return np__spend(NP_ECANCELED);
	np__spin_lock(&channel->lock);
	result = channel_send_now(channel, element, &wakeups);
	if (result == -EAGAIN && deadline_ns >= 0)
		return wait_to_send(channel, element, deadline_ns);
	np__spin_unlock(&channel->lock);
	np__wakeups_send(&wakeups);
	np__task_spend(self);
	return result;
}

static inline int receive_by(struct np_channel *channel, void *ret_element, int64_t deadline_ns)
{
	struct np_task *self = np__task_self();
	struct wakeups wakeups;
	int result;

	np__wakeups_init(&wakeups);
	if (!channel)
		return -EINVAL;
	if (deadline_ns >= 0 && np__task_is_canceled(self))
		return np__spend(NP_ECANCELED);
	np__spin_lock(&channel->lock);
	result = channel_receive_now(channel, ret_element, &wakeups);
	if (result == -EAGAIN && deadline_ns >= 0)
		return wait_to_receive(channel, ret_element, deadline_ns);
	np__spin_unlock(&channel->lock);
	np__wakeups_send(&wakeups);
	np__task_spend(self);
	return result;
}

int np_channel_send(struct np_channel *channel, const void *element)
{
	return send_by(channel, element, 0);
}

int np_channel_send_until(struct np_channel *channel, const void *element, int64_t deadline_ns)
{
	int result = send_by(channel, element, deadline_ns);

	return result == -EAGAIN ? NP_EDEADLINE : result;
}

int np_channel_try_send(struct np_channel *channel, const void *element)
{
	return send_by(channel, element, -1);
}

int np_channel_receive(struct np_channel *channel, void *ret_element)
{
	return receive_by(channel, ret_element, 0);
}

int np_channel_receive_until(struct np_channel *channel, void *ret_element, int64_t deadline_ns)
{
	int result = receive_by(channel, ret_element, deadline_ns);

	return result == -EAGAIN ? NP_EDEADLINE : result;
}

int np_channel_try_receive(struct np_channel *channel, void *ret_element)
{
	return receive_by(channel, ret_element, -1);
}

size_t np_channel_length(struct np_channel *channel)
{
	size_t length;

	if (!channel)
		return 0;
	np__spin_lock(&channel->lock);
	length = channel->count;
	np__spin_unlock(&channel->lock);
	return length;
}

size_t np_channel_capacity(const struct np_channel *channel)
{
	return channel ? channel->capacity : 0;
}
