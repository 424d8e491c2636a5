/* SPDX-License-Identifier: MIT */
/*
 * core/sync/channel.h - a channel, and what can be done with it at once.
 *
 * Under the lock: elements are in the ring, or wait with their senders when that is full; who waits
 * to receive finds both empty. So there are never senders and receivers waiting at the same time,
 * but for those of one select, which does not meet itself: it queues only when none of its cases
 * can be done.
 *
 * Who waits is a case of a select; a plain send or receive is a select of one case.
 */
#ifndef NETPARK_CORE_SYNC_CHANNEL_H
#define NETPARK_CORE_SYNC_CHANNEL_H

#include "core/sync/wait.h"

#include <netpark/channel.h>

#include <errno.h>
#include <string.h>

struct np_channel {
	uint32_t lock;
	bool is_closed;
	size_t element_size, capacity; /* constant */
	size_t count, head;            /* of the ring */
	struct np_wait_queue senders, receivers;
	uint64_t random; /* where the choices of selects come from */
	unsigned char ring[];
};

/* Of the sizes that matter most, a pointer and a number, without a call. */
static inline void channel_copy(const struct np_channel *channel, void *to, const void *from)
{
	if (!to || !from) /* dropped, or of no size */
		return;
	if (channel->element_size == sizeof(uint64_t))
		memcpy(to, from, sizeof(uint64_t));
	else if (channel->element_size == sizeof(uint32_t))
		memcpy(to, from, sizeof(uint32_t));
	else if (channel->element_size)
		memcpy(to, from, channel->element_size);
}

static inline void channel_put(struct np_channel *channel, const void *element)
{
	size_t place = channel->head + channel->count;

	if (place >= channel->capacity)
		place -= channel->capacity;
	channel_copy(channel, channel->ring + place * channel->element_size, element);
	channel->count++;
}

static inline void channel_get(struct np_channel *channel, void *ret_element)
{
	channel_copy(channel, ret_element, channel->ring + channel->head * channel->element_size);
	channel->count--;
	if (++channel->head == channel->capacity)
		channel->head = 0;
}

/* Take the other cases of @chosen's select out of the queues of its channel, under its lock. */
NP_RARE void np__select_take_out_twins(struct np_select_case *chosen);

/*
 * The first of @queue that still waits, claimed, with its case done. Nothing of its wait is left in
 * the channel, which may be gone when it wakes up.
 */
static inline struct np_select_case *channel_claim(struct np_wait_queue *queue, int result,
						   struct wakeups *wakeups)
{
	struct np_waiter *waiter = wait_queue_claim(queue, wakeups);
	struct np_select_case *other;

	if (!waiter)
		return NULL;
	other = container_of(waiter, struct np_select_case, waiter);
	other->result = result;
	if (other->has_twins)
		np__select_take_out_twins(other);
	return other;
}

/* Under the lock. 0, NP_ECLOSED, or -EAGAIN. */
static inline int channel_send_now(struct np_channel *channel, const void *element,
				   struct wakeups *wakeups)
{
	struct np_select_case *receiver;

	if (channel->is_closed)
		return NP_ECLOSED;
	receiver = channel_claim(&channel->receivers, 0, wakeups);
	if (receiver)
		channel_copy(channel, receiver->element, element);
	else if (channel->count < channel->capacity)
		channel_put(channel, element);
	else
		return -EAGAIN;
	return 0;
}

/* Under the lock. 0, NP_ECLOSED, or -EAGAIN. A sender moves up into the place that became free. */
static inline int channel_receive_now(struct np_channel *channel, void *ret_element,
				      struct wakeups *wakeups)
{
	struct np_select_case *sender;

	if (channel->count) {
		channel_get(channel, ret_element);
		sender = channel_claim(&channel->senders, 0, wakeups);
		if (sender)
			channel_put(channel, sender->element);
		return 0;
	}
	sender = channel_claim(&channel->senders, 0, wakeups);
	if (!sender)
		return channel->is_closed ? NP_ECLOSED : -EAGAIN;
	channel_copy(channel, ret_element, sender->element);
	return 0;
}

static inline struct np_wait_queue *channel_queue(struct np_channel *channel, int operation)
{
	return operation == NP_SELECT_SEND ? &channel->senders : &channel->receivers;
}

#endif /* NETPARK_CORE_SYNC_CHANNEL_H */
