/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_write.c - np_write, np_writev and np_sendmsg: everything is written however
 * slow the reader, and what is known when it could not be.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(fd_write, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* More than the kernel keeps for any of the three: a writer without reader has to wait. */
enum { BIG = 8 << 20 };

static void close_both(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* The three make pairs of which 0 reads and 1 writes. */
static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3 };

/* Bytes whose every position can be told from its neighbours, and from those 256 or 4,096 off. */
static unsigned char byte_at(size_t position)
{
	return (unsigned char)(position ^ (position >> 8) ^ (position >> 12));
}

static unsigned char *make_bytes(size_t size)
{
	unsigned char *bytes = malloc(size);

	cr_assert(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i);
	return bytes;
}

/* Read the stream from @position to its end or to @limit, in odd pieces. Returns where it stopped.
 */
static size_t check_stream(struct np_fd *fd, size_t position, size_t limit)
{
	static unsigned char buf[70000];
	size_t piece = 1;

	while (position < limit) {
		size_t size = piece < limit - position ? piece : limit - position;
		ssize_t n = np_read(fd, buf, size);

		cr_assert_geq(n, 0);
		if (n == 0)
			break;
		for (size_t i = 0; i < (size_t)n; i++)
			cr_assert_eq(buf[i], byte_at(position + i), "byte %zu", position + i);
		position += (size_t)n;
		piece = (piece * 7 + 3) % sizeof(buf);
		if (piece < 100)
			piece += 1000;
	}
	return position;
}

/* ---- all of it ---------------------------------------------------------------------------- */

Test(fd_write, a_large_write_ends_when_a_slow_reader_has_made_room)
{
	unsigned char *bytes = make_bytes(BIG);

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call writer = { .buf = bytes, .size = BIG };

		make_pair[kind](fds);
		writer.fd = fds[1];
		call_start(&writer, call_write);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(check_stream(fds[0], 0, BIG), BIG);
		cr_assert_eq(call_finish(&writer), BIG);
		cr_assert_eq(writer.written, BIG);
		close_both(fds);
	}
	free(bytes);
}

Test(fd_write, a_write_without_a_count_is_the_same)
{
	struct np_fd *fds[2];
	size_t written = 7;
	char buf[8];

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "one", 3), 3);
	cr_assert_eq(np_write_counted(fds[1], "two", 3, NULL), 3);
	cr_assert_eq(np_write_counted(fds[1], "3", 1, &written), 1);
	cr_assert_eq(written, 1);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 7);
	cr_assert_eq(memcmp(buf, "onetwo3", 7), 0);
	close_both(fds);
}

static void datagram_pair(struct np_fd *fds[2])
{
	int numbers[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
}

Test(fd_write, writing_no_bytes_to_a_stream_writes_nothing)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char buf[2];

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "", 0), 0);
		cr_assert_eq(np_write(fds[1], NULL, 0), 0);
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 1);
		close_both(fds);
	}
}

/* Each is one system call, so each is one message, and errors come to light. */
Test(fd_write, writing_no_bytes_to_a_message_socket_sends_an_empty_message)
{
	struct np_fd *fds[2];
	char byte;

	datagram_pair(fds);
	cr_assert_eq(np_write(fds[1], NULL, 0), 0);
	cr_assert_eq(np_write(fds[1], NULL, 0), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_write(fds[1], NULL, 0), -ECONNREFUSED);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* A Unix datagram socket is full after a few messages, and has room when one was received. */
Test(fd_write, a_message_waits_for_room)
{
	struct np_fd *fds[2];
	struct call writer = { .buf = (char[]){ 'z' }, .size = 1 };
	char byte;
	int full;

	datagram_pair(fds);
	full = call_fill(fds[1], 1);
	cr_assert_gt(full, 0);
	writer.fd = fds[1];
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 1);
	for (int i = 0; i < full; i++)
		cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(call_finish(&writer), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(byte, 'z');
	close_both(fds);
}

Test(fd_write, a_message_goes_out_whole_or_not_at_all)
{
	struct np_fd *fds[2];
	size_t written = 1;
	char *bytes = calloc(1, BIG);

	datagram_pair(fds);
	cr_assert_eq(np_write_counted(fds[1], bytes, BIG, &written), -EMSGSIZE);
	cr_assert_eq(written, 0);
	free(bytes);
	close_both(fds);
}

/* ---- a part of it ------------------------------------------------------------------------- */

/* Returns how much went out: not all, and something, even where the deadline comes too soon at
 * first. */
static size_t write_until_timeout(struct np_fd *fd, const unsigned char *bytes)
{
	size_t written = 0;

	for (int64_t wait = 30 * 1000 * 1000; written == 0; wait *= 2) {
		cr_assert_eq(np_set_write_deadline(fd, np_deadline(wait)), 0);
		cr_assert_eq(np_write_counted(fd, bytes, BIG, &written), NP_EDEADLINE);
	}
	cr_assert_lt(written, BIG);
	cr_assert_eq(np_set_write_deadline(fd, 0), 0);
	return written;
}

Test(fd_write, a_timeout_tells_what_went_out_and_the_rest_can_follow)
{
	unsigned char *bytes = make_bytes(BIG);

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call rest = { .buf = bytes };
		size_t written;

		make_pair[kind](fds);
		written = write_until_timeout(fds[1], bytes);
		rest.fd = fds[1];
		rest.buf = bytes + written;
		rest.size = BIG - written;
		call_start(&rest, call_write);
		cr_assert_eq(check_stream(fds[0], 0, BIG), BIG);
		cr_assert_eq(call_finish(&rest), (ssize_t)(BIG - written));
		close_both(fds);
	}
	free(bytes);
}

Test(fd_write, a_close_tells_what_went_out)
{
	unsigned char *bytes = make_bytes(BIG);

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call writer = { .buf = bytes, .size = BIG };

		make_pair[kind](fds);
		writer.fd = fds[1];
		call_start(&writer, call_write);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_close(fds[1]), 0);
		cr_assert_eq(call_finish(&writer), NP_ECLOSED);
		cr_assert_gt(writer.written, 0);
		cr_assert_eq(check_stream(fds[0], 0, BIG), writer.written);
		cr_assert_eq(np_close(fds[0]), 0);
	}
	free(bytes);
}

Test(fd_write, a_peer_that_goes_tells_what_went_out)
{
	unsigned char *bytes = make_bytes(BIG);

	signal(SIGPIPE, SIG_IGN); /* the pipe's */
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call writer = { .buf = bytes, .size = BIG };

		make_pair[kind](fds);
		writer.fd = fds[1];
		call_start(&writer, call_write);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(check_stream(fds[0], 0, 10), 10);
		cr_assert_eq(np_close(fds[0]), 0);
		call_finish(&writer);
		cr_assert(writer.result == -EPIPE || writer.result == -ECONNRESET, "%zd",
			  writer.result);
		cr_assert_gt(writer.written, 10);
		cr_assert_lt(writer.written, BIG);
		cr_assert_eq(np_close(fds[1]), 0);
	}
	free(bytes);
}

Test(fd_write, what_fails_before_it_begins_counts_nothing)
{
	struct np_fd *fds[2];
	size_t written = 7;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write_counted(fds[1], NULL, 1, &written), -EINVAL);
	cr_assert_eq(written, 0);
	written = 7;
	cr_assert_eq(np_write_counted(fds[1], "x", (size_t)SSIZE_MAX + 1, &written), -EINVAL);
	cr_assert_eq(written, 0);
	written = 7;
	cr_assert_eq(np_set_write_deadline(fds[1], -1), 0);
	cr_assert_eq(np_write_counted(fds[1], "x", 1, &written), NP_EDEADLINE);
	cr_assert_eq(written, 0);
	written = 7;
	cr_assert_eq(np_cancel_io(fds[1]), 0);
	cr_assert_eq(np_write_counted(fds[1], "x", 1, &written), NP_ECLOSED);
	cr_assert_eq(written, 0);
	np_unref(fds[1]);
	np_close(fds[0]);
}

/* ---- nobody to write to ------------------------------------------------------------------- */

/* The signal keeps its default, which would end the test. */
static void expect_no_signal(struct np_fd *fds[2])
{
	struct iovec iov = { (char[]){ 'v' }, 1 };
	struct msghdr message = { .msg_iov = &(struct iovec){ (char[]){ 'm' }, 1 },
				  .msg_iovlen = 1 };
	ssize_t n;

	signal(SIGPIPE, SIG_DFL);
	cr_assert_eq(np_close(fds[0]), 0);
	/* TCP learns that the peer has gone from the answer to the first write. */
	do
		n = np_write(fds[1], "x", 1);
	while (n == 1);
	cr_assert(n == -EPIPE || n == -ECONNRESET);
	cr_assert_eq(np_write(fds[1], "x", 1), -EPIPE);
	cr_assert_eq(np_writev(fds[1], &iov, 1), -EPIPE);
	cr_assert_eq(np_sendmsg(fds[1], &message, 0), -EPIPE);
	cr_assert_eq(np_close(fds[1]), 0);
}

Test(fd_write, sockets_say_broken_pipe_without_a_signal)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	expect_no_signal(fds);
	fixture_fd_tcp_pair(fds);
	expect_no_signal(fds);
}

Test(fd_write, a_pipe_says_broken_pipe_to_who_ignores_the_signal)
{
	struct np_fd *fds[2];
	struct iovec iov = { (char[]){ 'v' }, 1 };

	signal(SIGPIPE, SIG_IGN);
	fixture_fd_pipe(fds);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), -EPIPE);
	cr_assert_eq(np_writev(fds[1], &iov, 1), -EPIPE);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* ---- several buffers ---------------------------------------------------------------------- */

/* Cut @bytes into @count buffers of odd sizes, every seventh empty. Returns the sum. */
static size_t cut(unsigned char *bytes, struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++) {
		size_t size = i % 7 == 0 ? 0 : (size_t)(i * 37 % 5000);

		iov[i] = (struct iovec){ bytes + total, size };
		total += size;
	}
	return total;
}

static size_t sum(const struct iovec *iov, int count)
{
	size_t total = 0;

	for (int i = 0; i < count; i++)
		total += iov[i].iov_len;
	return total;
}

enum { VECTOR = 3000 }; /* three system calls at least */

struct vector_write {
	struct call call; /* first */
	struct iovec iov[VECTOR];
};

static ssize_t call_writev(struct call *call)
{
	return np_writev(call->fd, ((struct vector_write *)call)->iov, VECTOR);
}

Test(fd_write, writev_writes_more_buffers_than_a_system_call_takes)
{
	unsigned char *bytes = make_bytes(BIG);
	struct vector_write *writer = calloc(1, sizeof(*writer));

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		size_t total = cut(bytes, writer->iov, VECTOR);

		make_pair[kind](fds);
		writer->call.fd = fds[1];
		call_start(&writer->call, call_writev);
		cr_assert_eq(check_stream(fds[0], 0, total), total);
		cr_assert_eq(call_finish(&writer->call), (ssize_t)total);
		cr_assert_eq(sum(writer->iov, VECTOR), 0, "the vector is not used up");
		close_both(fds);
	}
	free(writer);
	free(bytes);
}

/* What is left is the tail of what was given: its first byte follows the last that went out. */
static void expect_advanced(const struct vector_write *writer, const unsigned char *bytes,
			    size_t total, size_t received)
{
	int first = 0;

	cr_assert_gt(received, 0);
	cr_assert_eq(sum(writer->iov, VECTOR), total - received);
	while (writer->iov[first].iov_len == 0)
		first++;
	cr_assert_eq((const unsigned char *)writer->iov[first].iov_base, bytes + received);
}

Test(fd_write, writev_is_advanced_to_where_a_timeout_stopped_it)
{
	unsigned char *bytes = make_bytes(BIG);
	struct vector_write *writer = calloc(1, sizeof(*writer));

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		size_t total = cut(bytes, writer->iov, VECTOR);
		size_t left = total;

		make_pair[kind](fds);
		for (int64_t wait = 30 * 1000 * 1000; left == total; wait *= 2) {
			cr_assert_eq(np_set_write_deadline(fds[1], np_deadline(wait)), 0);
			cr_assert_eq(np_writev(fds[1], writer->iov, VECTOR), NP_EDEADLINE);
			left = sum(writer->iov, VECTOR);
		}
		expect_advanced(writer, bytes, total, total - left);
		/* And goes on from there. */
		cr_assert_eq(np_set_write_deadline(fds[1], 0), 0);
		writer->call.fd = fds[1];
		call_start(&writer->call, call_writev);
		cr_assert_eq(check_stream(fds[0], 0, total), total);
		cr_assert_eq(call_finish(&writer->call), (ssize_t)left);
		close_both(fds);
	}
	free(writer);
	free(bytes);
}

Test(fd_write, writev_is_advanced_to_where_a_close_stopped_it)
{
	unsigned char *bytes = make_bytes(BIG);
	struct vector_write *writer = calloc(1, sizeof(*writer));
	size_t total = cut(bytes, writer->iov, VECTOR);
	struct np_fd *fds[2];

	fixture_fd_tcp_pair(fds);
	writer->call.fd = fds[1];
	call_start(&writer->call, call_writev);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(call_finish(&writer->call), NP_ECLOSED);
	expect_advanced(writer, bytes, total, check_stream(fds[0], 0, total));
	cr_assert_eq(np_close(fds[0]), 0);
	free(writer);
	free(bytes);
}

Test(fd_write, writev_of_nothing_sends_nothing)
{
	struct np_fd *fds[2];
	struct iovec empty[3] = { { NULL, 0 }, { NULL, 0 }, { NULL, 0 } };
	char byte;

	datagram_pair(fds);
	cr_assert_eq(np_writev(fds[1], empty, 3), 0);
	cr_assert_eq(np_writev(fds[1], empty, 0), 0);
	cr_assert_eq(np_writev(fds[1], NULL, 0), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	close_both(fds);
}

Test(fd_write, writev_of_a_message_is_one_message)
{
	struct np_fd *fds[2];
	struct iovec iov[3] = { { (char[]){ 'a' }, 1 }, { NULL, 0 }, { (char[]){ 'b' }, 1 } };
	char buf[8];

	datagram_pair(fds);
	cr_assert_eq(np_writev(fds[1], iov, 3), 2);
	cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 2);
	close_both(fds);
}

Test(fd_write, writev_refuses_what_makes_no_sense)
{
	struct np_fd *fds[2];
	char byte = 'x';
	struct iovec overflow[] = { { &byte, SSIZE_MAX }, { &byte, 1 } };
	struct iovec wrap[] = { { &byte, SIZE_MAX }, { &byte, 2 } };

	fixture_fd_pair(fds);
	cr_assert_eq(np_writev(fds[1], overflow, 2), -EINVAL);
	cr_assert_eq(np_writev(fds[1], wrap, 2), -EINVAL);
	cr_assert_eq(np_writev(fds[1], overflow, -1), -EINVAL);
	cr_assert_eq(np_writev(fds[1], NULL, 1), -EINVAL);
	cr_assert_eq(overflow[0].iov_len, SSIZE_MAX, "the vector was changed");
	cr_assert_eq(np_write(fds[1], NULL, 1), -EINVAL);
	cr_assert_eq(np_write(fds[1], &byte, (size_t)-1), -EINVAL);
	cr_assert_eq(np_sendmsg(fds[1], NULL, 0), -EINVAL);
	close_both(fds);
}

/* ---- messages ----------------------------------------------------------------------------- */

static ssize_t call_sendmsg(struct call *call)
{
	struct iovec iov = { call->buf, call->size };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return np_sendmsg(call->fd, &message, 0);
}

Test(fd_write, sendmsg_waits_for_room_and_may_write_a_part)
{
	unsigned char *bytes = make_bytes(BIG);
	struct np_fd *fds[2];
	struct call writer = { .buf = bytes, .size = BIG };
	size_t first, second;

	fixture_fd_tcp_pair(fds);
	first = write_until_timeout(fds[1], bytes);
	writer.fd = fds[1];
	writer.buf = bytes + first;
	writer.size = BIG - first;
	call_start(&writer, call_sendmsg);
	/* Not parked if TCP's buffers have grown meanwhile. */
	FIXTURE_UNTIL(fixture_parked() == 1 || atomic_load(&writer.done));
	cr_assert_eq(check_stream(fds[0], 0, first), first);
	cr_assert_gt(call_finish(&writer), 0);
	second = (size_t)writer.result;
	cr_assert_leq(second, BIG - first);
	cr_assert_eq(np_close_write(fds[1]), 0);
	cr_assert_eq(check_stream(fds[0], first, BIG), first + second);
	close_both(fds);
	free(bytes);
}

Test(fd_write, sendmsg_goes_where_it_is_told)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);
	int receiver = socket(AF_INET, SOCK_DGRAM, 0);
	struct iovec iov = { (char[]){ 'x' }, 1 };
	struct msghdr message = {
		.msg_name = &addr,
		.msg_namelen = sizeof(addr),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	struct np_fd *fds[2];
	char byte;

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(receiver, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(getsockname(receiver, (struct sockaddr *)&addr, &length), 0);
	cr_assert_eq(np_fd_open(receiver, 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(socket(AF_INET, SOCK_DGRAM, 0), 0, &fds[1]), 0);
	cr_assert_eq(np_sendmsg(fds[1], &message, 0), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(np_write(fds[1], "x", 1), -EDESTADDRREQ);
	close_both(fds);
}
