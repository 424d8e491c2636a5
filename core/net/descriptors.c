/* SPDX-License-Identifier: MIT */
/* core/net/descriptors.c - descriptors that travel with a message: SCM_RIGHTS. */
#include <netpark/unix.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/next_control.h"
#include "core/net/unix.h"
#include "core/poll_desc.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/uio.h>

/*
 * Room for the most, whatever the caller expects: some systems lose track of descriptors that have
 * none. And for the sender's credentials and label, which the program may have asked the socket
 * for, and which come first. The kernels of BSDs and macOS have no more than 2048 bytes in all, of
 * more descriptors than we would send.
 */
enum { OTHERS_MAX = 1536 };

union control {
	struct cmsghdr header; /* for its alignment */
	char bytes[CMSG_SPACE(NP_FDS_MAX * sizeof(int)) + OTHERS_MAX];
};

/* One of the sender itself, if the program has asked the socket for it. */
#ifdef __linux__
enum { OF_SENDER = 4 }; /* SCM_PIDFD, since 6.5 */
#else
enum { OF_SENDER = -1 };
#endif

/* ---- sending ------------------------------------------------------------------------------ */

struct sending {
	struct msghdr header; /* its control goes with the first byte */
	struct iovec rest;
};

static void pack(struct msghdr *header, union control *control, const int *fds, size_t count)
{
	struct cmsghdr *rights;

	if (count == 0)
		return;
	memset(control, 0, CMSG_SPACE(count * sizeof(int)));
	header->msg_control = control;
	header->msg_controllen =
		(__typeof__(header->msg_controllen))CMSG_SPACE(count * sizeof(int));
	rights = CMSG_FIRSTHDR(header);
	rights->cmsg_level = SOL_SOCKET;
	rights->cmsg_type = SCM_RIGHTS;
	rights->cmsg_len = (__typeof__(rights->cmsg_len))CMSG_LEN(count * sizeof(int));
	memcpy(CMSG_DATA(rights), fds, count * sizeof(int));
}

/* All that is left, if it has to be; what was sent before stays sent when a later piece waits. */
static ssize_t send_pieces(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	struct sending *sending = arg;

	do {
		struct iovec piece = sending->rest;
		ssize_t n;
		int error;

		if (fd->is_stream && piece.iov_len > FD_IO_MAX)
			piece.iov_len = FD_IO_MAX;
		sending->header.msg_iov = &piece;
		n = sendmsg(fd->sysfd, &sending->header, MSG_NOSIGNAL);
		if (n < 0)
			return -errno;
		error = np__judge_write((size_t)n, piece.iov_len);
		if (error)
			return error;
		sending->header.msg_control = NULL;
		sending->header.msg_controllen = 0;
		if (n > 0) /* else there may be no buffer */
			sending->rest.iov_base = (char *)sending->rest.iov_base + n;
		sending->rest.iov_len -= (size_t)n;
	} while (fd->is_stream && sending->rest.iov_len > 0);
	return 0;
}

ssize_t np_send_fds(struct np_fd *conn, const void *buf, size_t size, const int *fds, size_t count)
{
	struct sending sending = { .rest = { (void *)(uintptr_t)buf, size } };
	union control control;
	char dummy = '\0';
	ssize_t n;

	if (!conn || (!buf && size > 0) || size > SSIZE_MAX || (!fds && count > 0) ||
	    count > NP_FDS_MAX)
		return np__invalid("np_send_fds: no connection, no buffer, or descriptors that are "
				   "none or too many");
	if (!np__fd_is_unix(conn))
		return np__invalid("np_send_fds: no Unix socket");
	if (size == 0 && count > 0 && strcmp(conn->network, "unixgram") != 0)
		sending.rest = (struct iovec){ &dummy, 1 };
	sending.header.msg_iovlen = 1;
	pack(&sending.header, &control, fds, count);
	n = np__fd_run(conn, SIDE_WRITE, "write", "sendmsg", send_pieces, &sending);
	return n < 0 ? n : (ssize_t)size;
}

/* ---- receiving ---------------------------------------------------------------------------- */

struct receiving {
	struct iovec buffer;
	int *fds;
	size_t max;
	size_t count;
};

static void close_all(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		np__sys_close(fds[i]);
}

/* The bytes that are there of @piece: of one that they cut, some kernels tell the whole length. */
static size_t payload(const struct msghdr *header, struct cmsghdr *piece)
{
	const char *end = (const char *)header->msg_control + header->msg_controllen;
	const char *data = (const char *)CMSG_DATA(piece);
	size_t told = piece->cmsg_len - CMSG_LEN(0);
	size_t there = data < end ? (size_t)(end - data) : 0;

	return told < there ? told : there;
}

/*
 * The descriptors of one piece of control data. How many, all of them close-on-exec. One that
 * nobody has sent is closed: the caller would not know it from the others.
 */
static size_t unpack(const struct msghdr *header, struct cmsghdr *piece, int *fds)
{
	size_t count = payload(header, piece) / sizeof(int);
	bool is_of_sender = piece->cmsg_type == OF_SENDER;

	if (piece->cmsg_level != SOL_SOCKET || (piece->cmsg_type != SCM_RIGHTS && !is_of_sender))
		return 0;
	memcpy(fds, CMSG_DATA(piece), count * sizeof(int));
	if (is_of_sender) {
		close_all(fds, count);
		return 0;
	}
	for (size_t i = 0; i < count && !MSG_CMSG_CLOEXEC; i++)
		fcntl(fds[i], F_SETFD, FD_CLOEXEC);
	return count;
}

/* Take what arrived with a message, or close it. 0, or why not. */
static int take(struct msghdr *header, struct receiving *receiving)
{
	int fds[sizeof(union control) / sizeof(int)]; /* in one piece or in several */
	size_t count = 0;
	int error = 0;

	for (struct cmsghdr *each = CMSG_FIRSTHDR(header); each; each = next_control(header, each))
		count += unpack(header, each, fds + count);
	if (count > receiving->max)
		error = NP_ELIMIT;
	else if (header->msg_flags & MSG_CTRUNC)
		error = -EMFILE;
	if (error) {
		close_all(fds, count);
		return error;
	}
	if (count > 0)
		memcpy(receiving->fds, fds, count * sizeof(int));
	receiving->count = count;
	return 0;
}

static ssize_t receive_fds_once(struct np_fd *fd, void *arg)
{
	NP_UNCANCELLED;
	struct receiving *receiving = arg;
	union control control;
	struct msghdr header = {
		.msg_iov = &receiving->buffer,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = sizeof(control),
	};
	ssize_t n = recvmsg(fd->sysfd, &header, MSG_CMSG_CLOEXEC);
	int error;

	if (n < 0)
		return -errno;
	error = take(&header, receiving);
	return error ? error : n;
}

ssize_t np_recv_fds(struct np_fd *conn, void *buf, size_t size, int *ret_fds, size_t max,
		    size_t *ret_count)
{
	struct receiving receiving = { { buf, size }, ret_fds, max, 0 };
	char dummy;
	ssize_t n;

	if (ret_count)
		*ret_count = 0;
	if (!conn || !ret_count || (!buf && size > 0) || size > SSIZE_MAX ||
	    (!ret_fds && max > 0) || max > NP_FDS_MAX)
		return np__invalid("np_recv_fds: no connection, no buffer, or no room for what "
				   "arrives");
	if (!np__fd_is_unix(conn))
		return np__invalid("np_recv_fds: no Unix socket");
	if (size == 0)
		receiving.buffer = (struct iovec){ &dummy, 1 };
	else if (conn->is_stream && size > FD_IO_MAX)
		receiving.buffer.iov_len = FD_IO_MAX;
	n = np__fd_run(conn, SIDE_READ, "read", "recvmsg", receive_fds_once, &receiving);
	if (n >= 0)
		*ret_count = receiving.count;
	return n;
}
