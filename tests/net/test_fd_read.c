/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_read.c - np_read, np_readv and np_recvmsg: when they wait, what they return,
 * and what end of stream, empty messages, resets and odd arguments look like.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(fd_read, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void close_both(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

static void datagram_pair(struct np_fd *fds[2])
{
	int numbers[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
}

/* Closing throws away what is queued and tells the peer so with a reset. */
static int lose_connection(int sysfd, void *arg)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)arg;
	return setsockopt(sysfd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* The three make pairs of which 0 reads and 1 writes. */
static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3 };

Test(fd_read, what_is_there_is_returned_without_waiting)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char buf[16];

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "hello", 5), 5);
		cr_assert_eq(np_read(fds[0], buf, 2), 2);
		cr_assert_eq(np_read(fds[0], buf + 2, sizeof(buf) - 2), 3);
		cr_assert_eq(memcmp(buf, "hello", 5), 0);
		close_both(fds);
	}
}

Test(fd_read, a_read_waits_for_data_again_and_again)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		for (int i = 0; i < 20; i++) {
			struct call reader = { .fd = fds[0] };

			call_start(&reader, call_read);
			FIXTURE_UNTIL(fixture_parked() == 1);
			cr_assert_eq(np_write(fds[1], "hello", 5), 5);
			cr_assert_eq(call_finish(&reader), 5);
			cr_assert_eq(memcmp(reader.data, "hello", 5), 0);
		}
		close_both(fds);
	}
}

Test(fd_read, the_end_of_the_stream_ends_a_waiting_read_and_every_later_one)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call reader = { .fd = NULL };
		char byte;

		make_pair[kind](fds);
		reader.fd = fds[0];
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_close(fds[1]), 0);
		cr_assert_eq(call_finish(&reader), 0);
		cr_assert_eq(np_read(fds[0], &byte, 1), 0);
		cr_assert_eq(np_read(fds[0], &byte, 1), 0);
		cr_assert_eq(np_close(fds[0]), 0);
	}
}

Test(fd_read, data_comes_before_the_end)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char buf[16];

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "last", 4), 4);
		cr_assert_eq(np_close(fds[1]), 0);
		cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 4);
		cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 0);
		cr_assert_eq(np_close(fds[0]), 0);
	}
}

static void do_nothing(int number)
{
	(void)number;
}

/* Without SA_RESTART, so that every system call that a signal meets says EINTR. */
Test(fd_read, signals_do_not_end_a_read)
{
	const struct sigaction action = { .sa_handler = do_nothing };
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	cr_assert_eq(sigaction(SIGUSR1, &action, NULL), 0);
	fixture_fd_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	for (int i = 0; i < 200; i++) {
		if (i % 20 == 0)
			FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(pthread_kill(reader.thread, SIGUSR1), 0);
	}
	cr_assert_not(atomic_load(&reader.done));
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	close_both(fds);
}

/* ---- resets ------------------------------------------------------------------------------- */

Test(fd_read, a_reset_ends_a_waiting_read_once_and_then_the_stream_is_over)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	char byte;

	fixture_fd_tcp_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_fd_control(fds[1], lose_connection, NULL), 0);
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(call_finish(&reader), -ECONNRESET);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	cr_assert_eq(np_close(fds[0]), 0);
}

Test(fd_read, a_reset_of_a_unix_socket_is_told_too)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	/* The peer closes with data unread. */
	cr_assert_eq(np_write(fds[0], "unread", 6), 6);
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), -ECONNRESET);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	cr_assert_eq(np_close(fds[0]), 0);
}

/* ---- nothing to read ---------------------------------------------------------------------- */

Test(fd_read, a_read_of_no_bytes_takes_nothing)
{
	struct np_fd *fds[2];
	char byte = 0;

	datagram_pair(fds);
	cr_assert_eq(np_read(fds[0], &byte, 0), 0);
	cr_assert_eq(np_read(fds[0], NULL, 0), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 0), 0);
	cr_assert_eq(np_readv(fds[0], NULL, 0), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(byte, 'x');
	close_both(fds);
}

Test(fd_read, a_read_of_no_bytes_ignores_the_deadline_but_not_the_close)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	cr_assert_eq(np_read(fds[0], NULL, 0), 0);
	cr_assert_eq(np_cancel_io(fds[0]), 0);
	cr_assert_eq(np_read(fds[0], NULL, 0), NP_ECLOSED);
	np_unref(fds[0]);
	np_close(fds[1]);
}

static ssize_t read_nothing(struct call *call)
{
	return np_read(call->fd, NULL, 0);
}

Test(fd_read, a_read_of_no_bytes_queues_behind_a_reader)
{
	struct np_fd *fds[2];
	struct call reader = { .size = 0 }, nothing = { .size = 0 };

	fixture_fd_pair(fds);
	reader.fd = nothing.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	call_start(&nothing, read_nothing);
	FIXTURE_UNTIL(call_queued(fds[0], NP_READ) == 1);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	cr_assert_eq(call_finish(&nothing), 0);
	close_both(fds);
}

Test(fd_read, an_empty_message_is_0_and_not_the_end)
{
	struct np_fd *fds[2];
	char buf[8];

	datagram_pair(fds);
	cr_assert_eq(np_write(fds[1], "", 0), 0);
	cr_assert_eq(np_write(fds[1], "after", 5), 5);
	cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 0);
	cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 5);
	close_both(fds);
}

Test(fd_read, an_empty_message_ends_a_waiting_read)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	datagram_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "", 0), 0);
	cr_assert_eq(call_finish(&reader), 0);
	close_both(fds);
}

Test(fd_read, a_message_is_read_whole_or_cut)
{
	struct np_fd *fds[2];
	char buf[8];

	datagram_pair(fds);
	cr_assert_eq(np_write(fds[1], "long message", 12), 12);
	cr_assert_eq(np_write(fds[1], "next", 4), 4);
	cr_assert_eq(call_read_patiently(fds[0], buf, 4), 4);
	cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 4);
	cr_assert_eq(memcmp(buf, "next", 4), 0);
	close_both(fds);
}

/* ---- several buffers ---------------------------------------------------------------------- */

Test(fd_read, readv_fills_one_buffer_after_the_other)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char a[2], b[3], c[8];
		struct iovec iov[] = { { a, 2 }, { NULL, 0 }, { b, 3 }, { c, 8 } };

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "hello, you", 10), 10);
		cr_assert_eq(np_readv(fds[0], iov, 4), 10);
		cr_assert_eq(memcmp(a, "he", 2), 0);
		cr_assert_eq(memcmp(b, "llo", 3), 0);
		cr_assert_eq(memcmp(c, ", you", 5), 0);
		cr_assert_eq(iov[0].iov_len, 2, "the vector is the caller's");
		close_both(fds);
	}
}

static ssize_t call_readv(struct call *call)
{
	struct iovec iov[2] = { { call->data, 2 }, { call->data + 2, sizeof(call->data) - 2 } };

	return np_readv(call->fd, iov, 2);
}

Test(fd_read, readv_waits)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	fixture_fd_tcp_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_readv);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "hello", 5), 5);
	cr_assert_eq(call_finish(&reader), 5);
	cr_assert_eq(memcmp(reader.data, "hello", 5), 0);
	close_both(fds);
}

Test(fd_read, readv_takes_as_many_buffers_as_the_system_does)
{
	static struct iovec iov[IOV_MAX + 1];
	static char bytes[IOV_MAX + 1];
	struct np_fd *fds[2];

	for (int i = 0; i <= IOV_MAX; i++)
		iov[i] = (struct iovec){ &bytes[i], 1 };
	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "abc", 3), 3);
	cr_assert_eq(np_readv(fds[0], iov, IOV_MAX + 1), -EINVAL);
	cr_assert_eq(np_readv(fds[0], iov, IOV_MAX), 3);
	cr_assert_eq(memcmp(bytes, "abc", 3), 0);
	close_both(fds);
}

Test(fd_read, readv_refuses_what_makes_no_sense)
{
	struct np_fd *fds[2];
	char byte;
	struct iovec overflow[] = { { &byte, SSIZE_MAX }, { &byte, 1 } };
	struct iovec wrap[] = { { &byte, SIZE_MAX }, { &byte, 2 } };

	fixture_fd_pair(fds);
	cr_assert_eq(np_readv(fds[0], overflow, 2), -EINVAL);
	cr_assert_eq(np_readv(fds[0], wrap, 2), -EINVAL);
	cr_assert_eq(np_readv(fds[0], overflow, -1), -EINVAL);
	cr_assert_eq(np_readv(fds[0], NULL, 1), -EINVAL);
	close_both(fds);
}

Test(fd_read, read_refuses_what_makes_no_sense)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_read(fds[0], NULL, 1), -EINVAL);
	cr_assert_eq(np_read(fds[0], &byte, (size_t)SSIZE_MAX + 1), -EINVAL);
	cr_assert_eq(np_read(fds[0], &byte, (size_t)-1), -EINVAL);
	cr_assert_eq(np_recvmsg(fds[0], NULL, 0), -EINVAL);
	close_both(fds);
}

/* ---- messages ----------------------------------------------------------------------------- */

static ssize_t call_recvmsg(struct call *call)
{
	struct iovec iov = { call->data, sizeof(call->data) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return np_recvmsg(call->fd, &message, 0);
}

Test(fd_read, recvmsg_waits)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	datagram_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_recvmsg);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "hello", 5), 5);
	cr_assert_eq(call_finish(&reader), 5);
	close_both(fds);
}

Test(fd_read, recvmsg_of_no_bytes_takes_a_message)
{
	struct np_fd *fds[2];
	struct msghdr message = { .msg_iov = NULL };
	char buf[8];

	datagram_pair(fds);
	cr_assert_eq(np_write(fds[1], "first", 5), 5);
	cr_assert_eq(np_write(fds[1], "2nd", 3), 3);
	cr_assert_eq(np_recvmsg(fds[0], &message, 0), 0);
	cr_assert(message.msg_flags & MSG_TRUNC);
	cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 3);
	close_both(fds);
}

Test(fd_read, recvmsg_tells_who_sent_and_passes_flags)
{
	struct sockaddr_in addr = { .sin_family = AF_INET }, from;
	socklen_t length = sizeof(addr);
	int receiver = socket(AF_INET, SOCK_DGRAM, 0);
	int sender = socket(AF_INET, SOCK_DGRAM, 0);
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr message = { .msg_name = &from, .msg_iov = &iov, .msg_iovlen = 1 };
	struct np_fd *fd;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(receiver, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(getsockname(receiver, (struct sockaddr *)&addr, &length), 0);
	cr_assert_eq(connect(sender, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(send(sender, "peek", 4, 0), 4);
	cr_assert_eq(getsockname(sender, (struct sockaddr *)&addr, &length), 0);
	cr_assert_eq(np_fd_open(receiver, 0, &fd), 0);
	for (int i = 0; i < 2; i++) {
		message.msg_namelen = sizeof(from);
		cr_assert_eq(np_recvmsg(fd, &message, i == 0 ? MSG_PEEK : 0), 4);
		cr_assert_eq(from.sin_port, addr.sin_port);
	}
	cr_assert_eq(np_close(fd), 0);
	close(sender);
}

/* The union aligns the bytes as the header wants them. */
union control {
	char bytes[CMSG_SPACE(sizeof(int))];
	struct cmsghdr aligned;
};

static ssize_t send_descriptor(struct np_fd *fd, int sysfd)
{
	union control control;
	struct iovec iov = { (char[]){ 'd' }, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	memset(&control, 0, sizeof(control));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(sysfd));
	memcpy(CMSG_DATA(header), &sysfd, sizeof(sysfd));
	return np_sendmsg(fd, &message, 0);
}

static int receive_descriptor(struct np_fd *fd)
{
	union control control;
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	int sysfd = -1;

	cr_assert_eq(np_recvmsg(fd, &message, 0), 1);
	cr_assert(CMSG_FIRSTHDR(&message));
	memcpy(&sysfd, CMSG_DATA(CMSG_FIRSTHDR(&message)), sizeof(sysfd));
	return sysfd;
}

Test(fd_read, descriptors_that_arrive_are_close_on_exec_and_the_callers)
{
	struct np_fd *fds[2];
	int passed[2], arrived;

	fixture_fd_pair(fds);
	cr_assert_eq(pipe(passed), 0);
	cr_assert_eq(send_descriptor(fds[1], passed[1]), 1);
	arrived = receive_descriptor(fds[0]);
	cr_assert(fcntl(arrived, F_GETFD) & FD_CLOEXEC);
	close_both(fds);
	cr_assert_eq(write(arrived, "x", 1), 1);
	close(arrived);
	close(passed[0]);
	close(passed[1]);
}
