/* SPDX-License-Identifier: MIT */
/*
 * core/net/batch_mmsg.c - see batch.h: recvmmsg(2) and sendmmsg(2), of Linux and OpenBSD.
 *
 * What goes wrong after the first message these keep for the next call, when they receive. When
 * they send they forget, but who sends the rest hears of it again. Others with such calls have
 * batch_loop.c all the same: FreeBSD's are loops in its C library that forget what goes wrong, and
 * NetBSD's leave EAGAIN behind as the socket's error, which the next call of any kind then gives
 * back with nobody to wake who waits after it. And it is the loop's, where these are refused.
 */
#include "core/net/batch.h"

#include "core/fd.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>

const char np__batch_receive_call[] = "recvmmsg";
const char np__batch_send_call[] = "sendmmsg";

int np__batch_receive(struct np_fd *fd, struct np_message *messages, int count)
{
	NP_UNCANCELLED;
	struct envelope envelopes[NP_MESSAGES_MAX];
	struct mmsghdr headers[NP_MESSAGES_MAX];
	int n;

	for (int i = 0; i < count; i++)
		np__message_to_receive(&messages[i], &envelopes[i], &headers[i].msg_hdr);
	n = (int)recvmmsg(fd->sysfd, headers, (unsigned)count, MSG_WAITFORONE | MSG_CMSG_CLOEXEC,
			  NULL);
	if (n < 0)
		return np__sys_is_refusal(-errno) ? np__batch_receive_each(fd, messages, count)
						  : -errno;
	for (int i = 0; i < n; i++)
		np__message_received(&messages[i], &headers[i].msg_hdr, headers[i].msg_len);
	return n;
}

int np__batch_send(struct np_fd *fd, const struct np_message *messages, int count)
{
	NP_UNCANCELLED;
	struct envelope envelopes[NP_MESSAGES_MAX];
	struct mmsghdr headers[NP_MESSAGES_MAX];
	int fit = 0;
	int error = 0;
	int n;

	while (fit < count && !error) {
		error = np__message_to_send(fd, &messages[fit], &envelopes[fit],
					    &headers[fit].msg_hdr);
		fit += !error;
	}
	if (fit == 0)
		return error;
	n = (int)sendmmsg(fd->sysfd, headers, (unsigned)fit, MSG_NOSIGNAL);
	if (n < 0)
		return np__sys_is_refusal(-errno) ? np__batch_send_each(fd, messages, fit) : -errno;
	return n;
}
