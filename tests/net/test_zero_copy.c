/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_zero_copy.c - np_write_zero_copy: the buffer is ours again when it returns, and
 * not before. So each test spoils it at once, and looks at what arrives.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(zero_copy, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

enum { BIG = (3 << 20) + 12345 };

static unsigned char byte_at(size_t position)
{
	return (unsigned char)(1 + (position ^ (position >> 8) ^ (position >> 16)) % 255);
}

static unsigned char *make_bytes(size_t size)
{
	unsigned char *bytes = malloc(size);

	cr_assert(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = byte_at(i);
	return bytes;
}

/* Zeros are in no message. */
static ssize_t lend_and_spoil(struct call *call)
{
	ssize_t n = np_write_zero_copy(call->fd, call->buf, call->size);

	memset(call->buf, 0, call->size);
	return n;
}

/* Read to the end, or @limit. */
static size_t expect_stream(struct np_fd *fd, size_t limit)
{
	static unsigned char buf[50000];
	size_t position = 0;

	while (position < limit) {
		size_t size = limit - position < sizeof(buf) ? limit - position : sizeof(buf);
		ssize_t n = np_read(fd, buf, size);

		if (n <= 0)
			break;
		for (ssize_t i = 0; i < n; i++)
			cr_assert_eq(buf[i], byte_at(position + (size_t)i), "byte %zu",
				     position + (size_t)i);
		position += (size_t)n;
	}
	return position;
}

/* So little room that most of it is still the writer's when the reader has begun. */
static void narrow_pair(struct np_fd *fds[2])
{
	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_set_read_buffer(fds[0], 65536), 0);
}

static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
	narrow_pair,
};

Test(zero_copy, the_buffer_is_not_given_back_too_early)
{
	static const size_t sizes[] = { 1, 16 << 10, 100000, BIG };

	for (size_t kind = 0; kind < sizeof(make_pair) / sizeof(make_pair[0]); kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct call writer = { .buf = make_bytes(sizes[i]), .size = sizes[i] };

			writer.fd = fds[1];
			call_start(&writer, lend_and_spoil);
			cr_assert_eq(expect_stream(fds[0], sizes[i]), sizes[i]);
			cr_assert_eq(call_finish(&writer), (ssize_t)sizes[i]);
			free(writer.buf);
		}
		np_close(fds[0]);
		np_close(fds[1]);
	}
}

/*
 * The answers are reported as errors, and with little room and a slow peer as nothing else. Who
 * waits on the same socket for reading must neither see them nor lose what comes.
 */
Test(zero_copy, readers_of_the_same_socket_are_left_alone)
{
	struct np_fd *fds[2];
	struct call reader = { .size = 5 };
	struct call writer = { .buf = make_bytes(BIG), .size = BIG };
	char buf[20000];
	size_t position = 0;

	narrow_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 300000), 0);
	reader.fd = writer.fd = fds[1];
	call_start(&reader, call_read);
	call_start(&writer, lend_and_spoil);
	while (position < BIG) {
		size_t size = BIG - position < sizeof(buf) ? BIG - position : sizeof(buf);

		cr_assert_eq(np_read_full(fds[0], buf, size), (ssize_t)size);
		for (size_t i = 0; i < size; i++)
			cr_assert_eq((unsigned char)buf[i], byte_at(position + i));
		position += size;
		cr_assert(!atomic_load(&reader.done), "%s", reader.text);
		FIXTURE_UNTIL(fixture_parked() == 2 || atomic_load(&writer.done) ||
			      atomic_load(&reader.done));
	}
	cr_assert_eq(call_finish(&writer), BIG, "%s", writer.text);
	cr_assert_eq(np_write(fds[0], "hello", 5), 5);
	cr_assert_eq(call_finish(&reader), 5, "%s", reader.text);
	np_close(fds[0]);
	np_close(fds[1]);
	free(writer.buf);
}

static bool is_lent(void)
{
	return strcmp(fixture_backend()->name, "epoll") == 0 &&
	       !fixture_is_refused("SO_ZEROCOPY") && !fixture_is_refused("MSG_ZEROCOPY");
}

/* What the peer gets after that is right as far as it goes, however the buffer looks by then. */
static void expect_reset(struct np_fd *fds[2], struct call *writer, int error)
{
	char byte;

	cr_assert_eq(call_finish(writer), error, "%s", writer->text);
	cr_assert_lt(expect_stream(fds[0], BIG), BIG);
	if (is_lent())
		cr_assert_eq(np_read(fds[0], &byte, 1), 0);
	free(writer->buf);
}

Test(zero_copy, a_deadline_gives_the_buffer_back)
{
	struct np_fd *fds[2];
	struct call writer = { .buf = make_bytes(BIG), .size = BIG };

	narrow_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	writer.fd = fds[1];
	call_start(&writer, lend_and_spoil);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_set_write_deadline(fds[1], -1), 0);
	if (!is_lent()) {
		cr_assert_eq(call_finish(&writer), NP_EDEADLINE);
		free(writer.buf);
	} else {
		expect_reset(fds, &writer, NP_EDEADLINE);
	}
	/* before the first byte nothing happens to the connection */
	writer.buf = make_bytes(BIG);
	cr_assert_eq(np_write_zero_copy(fds[1], writer.buf, BIG), NP_EDEADLINE);
	free(writer.buf);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(zero_copy, a_close_gives_the_buffer_back)
{
	struct np_fd *fds[2];
	struct call writer = { .buf = make_bytes(BIG), .size = BIG };

	narrow_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	writer.fd = fds[1];
	call_start(&writer, lend_and_spoil);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(fds[1]), 0);
	expect_reset(fds, &writer, NP_ECLOSED);
	np_close(fds[0]);
}

/* Whose connection it is. Static, so that the child, as it ends, has lost nothing. */
Test(zero_copy, a_child_resets_nothing)
{
	static struct np_fd *fds[2];
	static unsigned char *bytes;
	int status;
	pid_t child;

	bytes = make_bytes(BIG);
	narrow_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	call_register(fds[1]);
	child = fork();
	if (child == 0)
		_exit(np_write_zero_copy(fds[1], bytes, BIG) != NP_EFORKED);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert_eq(np_close_write(fds[1]), 0);
	cr_assert_gt(expect_stream(fds[0], BIG), 0);
	np_close(fds[0]);
	np_close(fds[1]);
	free(bytes);
}

Test(zero_copy, a_peer_that_has_gone_is_an_error_and_no_signal)
{
	struct np_fd *fds[2];
	struct call writer = { .buf = make_bytes(BIG), .size = BIG };

	signal(SIGPIPE, SIG_DFL);
	narrow_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	writer.fd = fds[1];
	call_start(&writer, lend_and_spoil);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_close(fds[0]);
	call_finish(&writer);
	cr_assert(writer.result == -EPIPE || writer.result == -ECONNRESET, "%s", writer.text);
	cr_assert_eq(np_write_zero_copy(fds[1], writer.buf, BIG), -EPIPE);
	cr_assert_eq(np_write_zero_copy(NULL, writer.buf, BIG), -EINVAL);
	np_close(fds[1]);
	free(writer.buf);
}
