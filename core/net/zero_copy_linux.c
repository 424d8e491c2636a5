/* SPDX-License-Identifier: MIT */
/*
 * core/net/zero_copy_linux.c - MSG_ZEROCOPY: the kernel sends from the caller's memory, and says in
 * the socket's error queue when it has let go of it.
 *
 * The write lock is held until it has let go of everything, so whatever is in the queue is about
 * us, and there need be no more than a count. Who gives up earlier, for a deadline or a close,
 * resets the connection: nothing else makes the kernel let go before the peer has acknowledged.
 *
 * Each answer is reported as an error of the socket, to who waits for reading, too. That is a wake
 * in vain, and not a descriptor that cannot be polled: INFO_IS_ANSWERED. A poller that asks for
 * each report anew would be told again and again that there is room, while we wait for an answer;
 * there everything is copied.
 */
#include <netpark/stream.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/next_control.h"
#include "core/sys_calls.h"
#include "core/task.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <limits.h>
#include <linux/errqueue.h>
#include <netinet/in.h>
#include <string.h>

/* Below this a copy costs less than to be told that there was none. */
enum { WORTH_IT = 16 << 10 };

struct lending {
	const char *data;
	size_t left;      /* of the bytes */
	unsigned pending; /* calls that have not been answered */
	bool copies;      /* the kernel wants no more lent */
};

/* How many calls an entry of the queue answers. */
static unsigned answered_by(struct msghdr *message)
{
	unsigned count = 0;

	for (struct cmsghdr *part = CMSG_FIRSTHDR(message); part;
	     part = next_control(message, part)) {
		struct sock_extended_err answer;

		if (!(part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_RECVERR) &&
		    !(part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_RECVERR))
			continue;
		memcpy(&answer, CMSG_DATA(part), sizeof(answer));
		if (answer.ee_origin == SO_EE_ORIGIN_ZEROCOPY && answer.ee_errno == 0)
			count += answer.ee_data - answer.ee_info + 1;
	}
	return count;
}

/* Take what is in the queue. True if that was any answer. */
static bool take_answers(struct np_fd *fd, struct lending *lending)
{
	NP_UNCANCELLED;
	const unsigned before = lending->pending;
	union {
		struct cmsghdr align;
		char bytes[256];
	} control;
	struct msghdr message;

	for (;;) {
		unsigned count;

		message = (struct msghdr){ .msg_control = &control,
					   .msg_controllen = sizeof(control) };
		if (recvmsg(fd->sysfd, &message, MSG_ERRQUEUE | MSG_DONTWAIT) < 0) {
			if (errno == EINTR)
				continue;
			return lending->pending < before;
		}
		count = answered_by(&message);
		lending->pending -= count < lending->pending ? count : lending->pending;
	}
}

static int send_piece(struct np_fd *fd, struct lending *lending)
{
	size_t size = lending->left < FD_IO_MAX ? lending->left : FD_IO_MAX;
	ssize_t n = np__call_send(fd->sysfd, lending->data, size,
				  MSG_NOSIGNAL | (lending->copies ? 0 : MSG_ZEROCOPY));

	if (n < 0)
		return (int)n;
	if (n == 0)
		return NP_ESHORTWRITE;
	lending->pending += !lending->copies;
	lending->data += n;
	lending->left -= (size_t)n;
	return 0;
}

/*
 * Too many calls that wait for an answer, or locked memory: some have to come back. Or a socket
 * that encrypts in the kernel.
 */
static bool is_refusal(int error)
{
	return error == -ENOBUFS || error == -EOPNOTSUPP;
}

/* Until all is sent and answered: 0, -EAGAIN to wait, or an error. */
static int lend_all(struct np_fd *fd, struct lending *lending)
{
	while (lending->left > 0) {
		int error = send_piece(fd, lending);

		if (is_refusal(error) && !lending->copies) {
			if (!take_answers(fd, lending))
				lending->copies = true;
		} else if (error == -EAGAIN) {
			take_answers(fd, lending); /* or the queue would grow */
			return error;
		} else if (error && error != -EINTR) {
			return error;
		}
	}
	if (lending->pending > 0)
		take_answers(fd, lending);
	return lending->pending > 0 ? -EAGAIN : 0;
}

static void reset(const struct np_fd *fd)
{
	NP_UNCANCELLED;
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };

	connect(fd->sysfd, &nobody, sizeof(nobody));
}

/* The kernel drops what it has not sent; of what is on its way the device lets go in a moment. */
static void reclaim(struct np_fd *fd, struct lending *lending, struct np_poll_desc *desc)
{
	reset(fd);
	take_answers(fd, lending);
	while (lending->pending > 0 && np_poll_wait_canceled(desc, NP_WRITE) == 0)
		take_answers(fd, lending);
}

static int lend_locked(struct np_fd *fd, struct lending *lending, struct np_poll_desc *desc,
		       struct np_task *self)
{
	int error = np__task_is_canceled(self) ? NP_ECANCELED : np__poll_check(desc, SIDE_WRITE);

	if (!error)
		error = lend_all(fd, lending);
	while (error == -EAGAIN) {
		error = np__poll_wait_quickly(desc, SIDE_WRITE, self);
		if (!error)
			error = lend_all(fd, lending);
	}
	if (lending->pending > 0)
		reclaim(fd, lending, desc);
	return error;
}

/* May it be lent at all? @desc is made for that, and told what reports will mean. */
static bool can_lend(struct np_fd *fd, struct np_poll_desc **ret_desc)
{
	const int on = 1;

	if (setsockopt(fd->sysfd, SOL_SOCKET, SO_ZEROCOPY, &on, sizeof(on)) < 0 ||
	    np__fd_desc(fd, ret_desc) != 0 ||
	    atomic_load(&(*ret_desc)->info) & (INFO_NEEDS_ARM | INFO_IS_VAGUE))
		return false;
	atomic_fetch_or(&(*ret_desc)->info, INFO_IS_ANSWERED);
	return true;
}

static ssize_t lend(struct np_fd *fd, const void *buf, size_t size)
{
	struct lending lending = { .data = buf, .left = size };
	struct np_task *self = np__task_self();
	struct np_poll_desc *desc;
	uint64_t before;
	int error = np__fd_lock(fd, SIDE_WRITE, "write", &before);

	if (error)
		return error;
	if (!can_lend(fd, &desc)) {
		np__fd_unlock(fd, SIDE_WRITE, FD_MUTEX_UNKNOWN);
		return np_write(fd, buf, size);
	}
	error = lend_locked(fd, &lending, desc, self);
	if (error)
		np__fd_fail(fd, error, "write", "send");
	np__fd_unlock(fd, SIDE_WRITE, FD_MUTEX_UNKNOWN);
	error = np__spend(error);
	return error ? error : (ssize_t)size;
}

/*
 * The answers of vsock have a form of their own. In a child some would go to the parent, and a
 * reset would be that of its connection.
 */
static bool is_candidate(const struct np_fd *fd, size_t size)
{
	return size >= WORTH_IT && size <= SSIZE_MAX && fd->is_socket && fd->is_stream &&
	       !fd->is_blocking && (fd->family == AF_INET || fd->family == AF_INET6) &&
	       !np__fd_is_inherited(fd);
}

ssize_t np_write_zero_copy(struct np_fd *fd, const void *buf, size_t size)
{
	ssize_t n;

	if (!fd || !buf || !is_candidate(fd, size))
		return np_write(fd, buf, size);
	np__fd_keep(fd);
	n = lend(fd, buf, size);
	np__fd_drop(fd);
	return n;
}
