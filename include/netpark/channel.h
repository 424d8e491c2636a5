/* SPDX-License-Identifier: MIT */
/*
 * netpark/channel.h - channels and select: Go's chan for tasks of any kind.
 *
 *	struct np_channel *numbers;
 *
 *	np_channel_create(sizeof(int), 16, &numbers);
 *	np_channel_send(numbers, &number);               by some tasks
 *	while (np_channel_receive(numbers, &number) == 0)  by others
 *		...
 *	np_channel_close(numbers);                       nothing will be sent any more
 *	np_channel_destroy(numbers);                     nobody will use it any more
 *
 * Elements are copied, bytewise: from the sender's memory into the channel, or straight into that
 * of a receiver who waits. What is sent arrives once, in the order of sending; who waits is served
 * in the order of arrival.
 *
 * Waiting, deadlines, cancellation, who may call and the errors of every call that may wait are
 * those of netpark/sync.h. Calls that do not have to wait count as I/O: a fiber that goes on making
 * them is put behind the others of its worker now and then.
 *
 * A channel is in use by a call from its beginning until it returns, with one exception: who has
 * received the last element, or was told that the channel is closed, may destroy it without asking
 * whether the call that sent, or closed, has returned.
 */
#ifndef NETPARK_CHANNEL_H
#define NETPARK_CHANNEL_H

#include <netpark/base.h>
#include <netpark/sync.h>

#ifdef __cplusplus
extern "C" {
#endif

struct np_channel;

/**
 * np_channel_create() - make a channel. Go: make(chan T, capacity)
 * @element_size: bytes of an element; 0 for mere signals
 * @capacity:     elements that it holds while nobody receives; 0: sender and receiver meet
 *
 * All memory that it will ever need is taken now. Return: 0; -ENOMEM, also for sizes beyond all
 * memory.
 */
NP_API int np_channel_create(size_t element_size, size_t capacity, struct np_channel **ret_channel);

/**
 * np_channel_destroy() - give back its memory
 *
 * Elements that nobody received are dropped. With somebody waiting: misuse, told to the hook,
 * NP_EMISUSE, nothing done. Return: 0, also for NULL.
 */
NP_API int np_channel_destroy(struct np_channel *channel);

/**
 * np_channel_close() - nothing will be sent any more. Go: close(c)
 *
 * Receivers get what is there, then NP_ECLOSED. Senders get NP_ECLOSED at once, those who wait,
 * too, and their elements have not been sent. Return: 0; NP_ECLOSED if it was closed already.
 */
NP_API int np_channel_close(struct np_channel *channel);

/**
 * np_channel_send() - wait for room or for a receiver, and send. Go: c <- element
 * @element: element_size bytes; may be NULL if that is 0
 *
 * Return: 0; NP_ECLOSED, where Go panics; NP_ECANCELED. Not sent unless 0.
 */
NP_API int np_channel_send(struct np_channel *channel, const void *element);

/** np_channel_send_until() - the same by the deadline. Return: also NP_EDEADLINE. */
NP_API int np_channel_send_until(struct np_channel *channel, const void *element,
				 int64_t deadline_ns);

/** np_channel_try_send() - send if that can be done now. Return: 0; NP_ECLOSED; -EAGAIN. */
NP_API int np_channel_try_send(struct np_channel *channel, const void *element);

/**
 * np_channel_receive() - wait for an element, and take it. Go: element, ok = <-c
 * @ret_element: element_size bytes, written only on success; NULL drops the element
 *
 * Return: 0; NP_ECLOSED once it is closed and empty; NP_ECANCELED.
 */
NP_API int np_channel_receive(struct np_channel *channel, void *ret_element);

/** np_channel_receive_until() - the same by the deadline. Return: also NP_EDEADLINE. */
NP_API int np_channel_receive_until(struct np_channel *channel, void *ret_element,
				    int64_t deadline_ns);

/** np_channel_try_receive() - take one if there is one. Return: 0; NP_ECLOSED; -EAGAIN. */
NP_API int np_channel_try_receive(struct np_channel *channel, void *ret_element);

/** np_channel_length() - elements that it holds now. Go: len(c). 0 for NULL. */
NP_API size_t np_channel_length(struct np_channel *channel);

/** np_channel_capacity() - Go: cap(c). 0 for NULL. */
NP_API size_t np_channel_capacity(const struct np_channel *channel);

/* ---- select ------------------------------------------------------------------------------- */

enum np_select_operation { NP_SELECT_RECEIVE, NP_SELECT_SEND };

/** struct np_select_case - one thing that a select may do. Go: reflect.SelectCase */
struct np_select_case {
	struct np_channel *channel; /* NULL: this case is left out, as Go's nil channel */
	void *element;              /* as that of receive or send, which does not write to it */
	int operation;              /* of enum np_select_operation */
	int result;                 /* of the chosen one: 0; NP_ECLOSED */

	/* netpark's; need not be set */
	struct np_waiter waiter;
	struct np_select_case *next;
	int has_twins;
};

/**
 * np_select() - wait until one of several operations can be done, and do that one. Go: select
 * @cases: the caller's memory, used until the call returns; the same channel may be in several
 * @count: with no cases it waits for deadline or cancellation alone
 * @deadline_ns: below 0: if none can be done now, do none (Go: default)
 *
 * Of those that can be done one is chosen at random, each as likely as the others. An operation on
 * a closed channel can be done: its result is NP_ECLOSED. The choice is one event: there is no
 * moment at which one operation could be done and the call does not see it.
 *
 * Takes time in the order of @count * log(@count); locks each of the channels once, and again each
 * but the chosen if it had to wait.
 *
 * Return: the index of the chosen case, whose result is set; NP_EDEADLINE; NP_ECANCELED; -EINVAL
 * for an unknown operation, or an element that is NULL where one is sent.
 */
NP_API int np_select(struct np_select_case *cases, int count, int64_t deadline_ns);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_CHANNEL_H */
