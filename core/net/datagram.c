/* SPDX-License-Identifier: MIT */
/* core/net/datagram.c - messages, one by one and in batches: the calls. */
#include <netpark/datagram.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/batch.h"
#include "core/net/crowd.h"
#include "core/net/destination.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

/* ---- failures ----------------------------------------------------------------------------- */

/*
 * Add to the record of a failure whom the message was for, and what is wrong with that, if it is
 * not the system call. Asks no handle: who closed may have given it up as the call ended.
 */
static void tell_destination(bool is_packet, const struct np_addr *to, const char *reason)
{
	struct np_failure *failure = np_task_self()->failure;

	if (!failure)
		return;
	if (reason) {
		failure->reason = reason;
		failure->call = NULL;
	}
	if (is_packet && failure->source.family == NP_ADDR_NONE)
		failure->source = failure->address; /* its own name, and not the peer's */
	if (to && to->family != NP_ADDR_NONE)
		failure->address = *to;
	else if (is_packet)
		failure->address.family = NP_ADDR_NONE;
}

/* Before there was a call. */
static int refuse_destination(struct np_fd *fd, const struct np_addr *to, int error,
			      const char *reason)
{
	np__fd_fail_outside(fd, error, "write", NULL);
	tell_destination(fd->is_packet, to, reason);
	return np__spend(error);
}

/* What is wrong with the address of a message that was not sent for @error; NULL for other reasons.
 */
static const char *find_reason(const struct np_fd *fd, const struct np_message *message,
			       ssize_t error)
{
	struct sockaddr_storage name;
	socklen_t length;
	const char *reason;

	if (message->addr.family == NP_ADDR_NONE && !fd->is_packet)
		return NULL;
	return np__destination(fd, &message->addr, &name, &length, &reason) == error ? reason
										     : NULL;
}

/* ---- receive ------------------------------------------------------------------------------ */

/* What a batch found behind its messages, see batch.h. 0 or -errno. */
static int take_later_error(struct np_fd *fd)
{
	int error = -(int)fd->later_error;

	fd->later_error = 0;
	return error;
}

struct reception {
	void *buf;
	size_t size;
	struct sockaddr_storage name;
	socklen_t length;
};

static ssize_t receive_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	struct reception *reception = arg;
	ssize_t n = take_later_error(fd);

	if (n < 0)
		return n;
	reception->length = sizeof(reception->name);
	n = recvfrom(fd->sysfd, reception->buf, reception->size, 0,
		     (struct sockaddr *)&reception->name, &reception->length);
	return n < 0 ? -errno : n;
}

ssize_t np_recv_from(struct np_fd *socket, void *buf, size_t size, struct np_addr *ret_from)
{
	struct reception reception = { .buf = buf, .size = size };
	ssize_t n;

	if (!socket || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_recv_from: no handle, no buffer, or a size above SSIZE_MAX");
	reception.name.ss_family = AF_UNSPEC;
	n = np__fd_run(socket, SIDE_READ, "read", "recvfrom", receive_once, &reception);
	if (n >= 0 && ret_from)
		np__origin(&reception.name, reception.length, ret_from);
	return n;
}

struct batch {
	struct np_message *messages;
	int count;
	int done;
	int64_t pause_ns;   /* see crowd.h */
	const char *reason; /* as find_reason() has it */
};

static ssize_t receive_message_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	struct np_message *message = arg;
	struct envelope envelope;
	struct msghdr header;
	ssize_t n = take_later_error(fd);

	if (n < 0)
		return n;
	np__message_to_receive(message, &envelope, &header);
	n = recvmsg(fd->sysfd, &header, MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	np__message_received(message, &header, (size_t)n);
	return n;
}

/* Pointers that are missing; the kernel would say EFAULT, or believe them. */
static bool is_bad(const struct np_message *message, size_t size, size_t control_size)
{
	return message->iov_count < 0 || message->iov_count > IOV_MAX ||
	       (message->iov_count > 0 ? !message->iov : !message->data && size > 0) ||
	       (!message->control && control_size > 0);
}

ssize_t np_recv_message(struct np_fd *socket, struct np_message *message)
{
	if (!socket || !message || is_bad(message, message->room, message->control_room))
		return np__invalid("np_recv_message: no handle, no message, or one without room");
	return np__fd_run(socket, SIDE_READ, "read", "recvmsg", receive_message_once, message);
}

static ssize_t receive_batch_once(struct np_fd *fd, void *arg)
{
	const struct batch *batch = arg;
	int error = take_later_error(fd);

	return error ? error : np__batch_receive(fd, batch->messages, batch->count);
}

int np_recv_messages(struct np_fd *socket, struct np_message *messages, int count)
{
	struct batch batch = { .messages = messages,
			       .count = count < NP_MESSAGES_MAX ? count : NP_MESSAGES_MAX };
	bool bad = !socket || (!messages && count > 0) || count < 0;

	for (int i = 0; !bad && i < batch.count; i++)
		bad = is_bad(&messages[i], messages[i].room, messages[i].control_room);
	if (bad)
		return np__invalid("np_recv_messages: no handle, or messages without room");
	if (count == 0)
		return 0;
	return (int)np__fd_run(socket, SIDE_READ, "read", np__batch_receive_call,
			       receive_batch_once, &batch);
}

/* ---- send --------------------------------------------------------------------------------- */

struct transmission {
	const void *buf;
	size_t size;
	struct sockaddr_storage name;
	socklen_t length;
	int64_t pause_ns; /* see crowd.h */
};

static ssize_t call_sendto(int sysfd, const struct transmission *transmission)
{
	NP_UNCANCELLED;
	ssize_t n = sendto(sysfd, transmission->buf, transmission->size, MSG_NOSIGNAL,
			   (const struct sockaddr *)&transmission->name, transmission->length);

	return n < 0 ? -errno : n;
}

static ssize_t send_once(struct np_fd *fd, void *arg)
{
	struct transmission *transmission = arg;
	ssize_t n = call_sendto(fd->sysfd, transmission);

	return n < 0 ? np__crowd_judge(fd, n, &transmission->pause_ns) : n;
}

ssize_t np_send_to(struct np_fd *socket, const void *buf, size_t size, const struct np_addr *to)
{
	struct transmission transmission = { .buf = buf, .size = size };
	const char *reason;
	bool is_packet;
	ssize_t n;

	if (!socket || (!buf && size > 0) || size > SSIZE_MAX || socket->is_stream)
		return np__invalid("np_send_to: no handle of datagrams, no buffer, or a size above "
				   "SSIZE_MAX");
	n = np__destination(socket, to, &transmission.name, &transmission.length, &reason);
	if (n < 0)
		return refuse_destination(socket, to, (int)n, reason);
	is_packet = socket->is_packet;
	n = np__fd_run(socket, SIDE_WRITE, "write", "sendto", send_once, &transmission);
	if (n < 0)
		tell_destination(is_packet, to, NULL);
	return n;
}

/* What the attempt shall return: who has no address waits for its own peer, which is reported. */
static ssize_t judge(struct np_fd *fd, const struct np_message *message, ssize_t n,
		     int64_t *pause_ns)
{
	return message->addr.family == NP_ADDR_NONE ? n : np__crowd_judge(fd, n, pause_ns);
}

struct message_transmission {
	const struct np_message *message;
	int64_t pause_ns;
	const char *reason;
};

static ssize_t call_sendmsg(int sysfd, const struct msghdr *header)
{
	NP_UNCANCELLED;
	ssize_t n = sendmsg(sysfd, header, MSG_NOSIGNAL);

	return n < 0 ? -errno : n;
}

static ssize_t send_message_once(struct np_fd *fd, void *arg)
{
	struct message_transmission *transmission = arg;
	struct envelope envelope;
	struct msghdr header;
	ssize_t n = np__message_to_send(fd, transmission->message, &envelope, &header);

	if (n < 0) {
		transmission->reason = find_reason(fd, transmission->message, n);
		return n;
	}
	n = call_sendmsg(fd->sysfd, &header);
	return n < 0 ? judge(fd, transmission->message, n, &transmission->pause_ns) : n;
}

ssize_t np_send_message(struct np_fd *socket, const struct np_message *message)
{
	struct message_transmission transmission = { .message = message };
	bool is_packet;
	ssize_t n;

	if (!socket || !message || is_bad(message, message->size, message->control_size))
		return np__invalid("np_send_message: no handle, no message, or one of nothing");
	is_packet = socket->is_packet;
	n = np__fd_run(socket, SIDE_WRITE, "write", "sendmsg", send_message_once, &transmission);
	if (n < 0)
		tell_destination(is_packet, &message->addr, transmission.reason);
	return n;
}

/* Goes on behind what was sent. A device takes any number without a pause: others may want one. */
static ssize_t send_batch(struct np_fd *fd, void *arg)
{
	struct batch *batch = arg;

	while (batch->done < batch->count) {
		int rest = batch->count - batch->done;
		int n = np__batch_send(fd, batch->messages + batch->done,
				       rest < NP_MESSAGES_MAX ? rest : NP_MESSAGES_MAX);

		if (n < 0) {
			const struct np_message *first = &batch->messages[batch->done];

			batch->reason = find_reason(fd, first, n);
			return judge(fd, first, n, &batch->pause_ns);
		}
		batch->done += n;
		batch->pause_ns = 0;
		if (batch->done < batch->count)
			np__task_spend(np_task_self());
	}
	return batch->count;
}

/* What messages, which are whole, are told by. */
static int find_bad(const struct np_message *messages, int count)
{
	int i = 0;

	while (i < count && !is_bad(&messages[i], messages[i].size, messages[i].control_size))
		i++;
	return i;
}

int np_send_messages(struct np_fd *socket, const struct np_message *messages, int count,
		     int *ret_sent)
{
	struct batch batch = { .messages = (struct np_message *)(uintptr_t)messages,
			       .count = count };
	bool is_packet;
	ssize_t n;

	if (ret_sent)
		*ret_sent = 0;
	if (!socket || (!messages && count > 0) || count < 0 || find_bad(messages, count) < count)
		return np__invalid("np_send_messages: no handle, or messages of nothing");
	if (count == 0)
		return 0;
	is_packet = socket->is_packet;
	n = np__fd_run(socket, SIDE_WRITE, "write", np__batch_send_call, send_batch, &batch);
	if (n < 0)
		tell_destination(is_packet, &messages[batch.done].addr, batch.reason);
	if (ret_sent)
		*ret_sent = batch.done;
	return (int)n;
}
