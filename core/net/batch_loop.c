/* SPDX-License-Identifier: MIT */
/*
 * core/net/batch_loop.c - see batch.h: with recvmsg(2) and sendmsg(2), which every system has.
 *
 * What goes wrong with the second message, or a later one, has left the kernel, and the messages
 * before it have to be told of first. So it is kept for the next call.
 */
#include "core/net/batch.h"

#include "core/fd.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>

/* One message. 0 or -errno. */
static int receive_one(struct np_fd *fd, struct np_message *message, int flags)
{
	NP_UNCANCELLED;
	struct envelope envelope;
	struct msghdr header;
	ssize_t n;

	np__message_to_receive(message, &envelope, &header);
	n = recvmsg(fd->sysfd, &header, flags | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return -errno;
	np__message_received(message, &header, (size_t)n);
	return 0;
}

int np__batch_receive_each(struct np_fd *fd, struct np_message *messages, int count)
{
	int error = receive_one(fd, &messages[0], 0);
	int n = 0;

	if (error)
		return error;
	while (!error && ++n < count)
		error = receive_one(fd, &messages[n], MSG_DONTWAIT);
	if (error && error != -EAGAIN && error != -EWOULDBLOCK)
		fd->later_error = (uint8_t)-error;
	return n;
}

static int send_one(struct np_fd *fd, const struct np_message *message)
{
	NP_UNCANCELLED;
	struct envelope envelope;
	struct msghdr header;
	int error = np__message_to_send(fd, message, &envelope, &header);

	if (!error && sendmsg(fd->sysfd, &header, MSG_NOSIGNAL) < 0)
		error = -errno;
	return error;
}

/* The first that fails is tried again by the next call, unless it is this one's first. */
int np__batch_send_each(struct np_fd *fd, const struct np_message *messages, int count)
{
	int error = 0;
	int n = 0;

	while (n < count && !error) {
		error = send_one(fd, &messages[n]);
		n += !error;
	}
	return n > 0 ? n : error;
}
