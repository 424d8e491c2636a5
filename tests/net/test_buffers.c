/* SPDX-License-Identifier: MIT */
/* tests/net/test_buffers.c - struct np_buffers: what is left is right, however far it got. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

TestSuite(buffers, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static struct iovec piece(const char *text)
{
	return (struct iovec){ (void *)(uintptr_t)text, strlen(text) };
}

static void expect_read(struct np_fd *fd, const char *text)
{
	char buf[64] = "";

	cr_assert_eq(np_read_full(fd, buf, strlen(text)), (ssize_t)strlen(text));
	cr_assert_str_eq(buf, text);
}

Test(buffers, what_was_written_is_consumed)
{
	struct iovec iov[] = { piece(""), piece("one"), piece(""), piece("two"), piece("") };
	struct np_buffers buffers = { iov, 5 };
	struct np_fd *fds[2];

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_buffers_size(&buffers), 6);
	cr_assert_eq(np_buffers_write(fds[1], &buffers), 6);
	cr_assert_eq(buffers.count, 0);
	cr_assert_eq(np_buffers_size(&buffers), 0);
	cr_assert_eq(np_buffers_write(fds[1], &buffers), 0);
	expect_read(fds[0], "onetwo");
	np_close(fds[0]);
	np_close(fds[1]);
}

/* More pieces than a system call takes, and more bytes than the kernel does. */
enum { PIECES = 3000, EACH = 4001 };

static void make_many(struct np_buffers *buffers, unsigned char *bytes)
{
	for (size_t i = 0; i < (size_t)PIECES * EACH; i++)
		bytes[i] = (unsigned char)(i ^ (i >> 8) ^ (i >> 16));
	for (int i = 0; i < PIECES; i++)
		buffers->iov[i] = (struct iovec){ bytes + (size_t)i * EACH, EACH };
	buffers->count = PIECES;
}

static ssize_t call_rest(struct call *call)
{
	return np_buffers_write(call->fd, call->buf);
}

/* Each time it fails it says how much is left, and the next one goes on exactly there. */
Test(buffers, after_an_error_the_rest_can_be_written)
{
	const size_t total = (size_t)PIECES * EACH;
	unsigned char *bytes = malloc(total), *got = malloc(total);
	struct iovec *iov = malloc(PIECES * sizeof(*iov));
	struct np_buffers buffers = { iov, 0 };
	struct call writer = { .buf = &buffers };
	struct np_fd *fds[2];
	size_t left;

	make_many(&buffers, bytes);
	fixture_fd_tcp_pair(fds);
	do {
		cr_assert_eq(np_set_write_deadline(fds[1], np_deadline(2000000)), 0);
		cr_assert_eq(np_buffers_write(fds[1], &buffers), NP_EDEADLINE);
		left = np_buffers_size(&buffers);
	} while (left == total);
	cr_assert_gt(left, 0);
	cr_assert_eq((unsigned char *)buffers.iov->iov_base, bytes + (total - left));
	cr_assert_eq(np_set_write_deadline(fds[1], 0), 0);
	writer.fd = fds[1];
	call_start(&writer, call_rest);
	cr_assert_eq(np_read_full(fds[0], got, total), (ssize_t)total);
	cr_assert_eq(call_finish(&writer), (ssize_t)left);
	cr_assert_eq(memcmp(bytes, got, total), 0);
	np_close(fds[0]);
	np_close(fds[1]);
	free(iov);
	free(bytes);
	free(got);
}

Test(buffers, each_is_a_message_for_a_message_socket)
{
	static char huge[4 << 20];
	struct iovec iov[] = { piece("one"), piece(""), piece("two"), { huge, sizeof(huge) } };
	struct np_buffers buffers = { iov, 4 };
	struct np_fd *fds[2];
	int numbers[2];
	char buf[8];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
	cr_assert_eq(np_buffers_write(fds[1], &buffers), -EMSGSIZE);
	cr_assert_eq(buffers.count, 1);
	cr_assert_eq(buffers.iov, &iov[3]);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 3);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 0);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 3);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(buffers, reading_copies_and_consumes)
{
	struct iovec iov[] = { piece(""), piece("abc"), piece(""), piece("defgh") };
	struct np_buffers buffers = { iov, 4 }, bad = { NULL, 1 };
	struct iovec whole[] = { { iov, SIZE_MAX }, { iov, SIZE_MAX } };
	char buf[16] = "";

	cr_assert_eq(np_buffers_read(&buffers, buf, 0), 0);
	cr_assert_eq(np_buffers_read(&buffers, buf, 4), 4);
	cr_assert_eq(memcmp(buf, "abcd", 4), 0);
	cr_assert_eq(np_buffers_size(&buffers), 4);
	cr_assert_eq(np_buffers_read(&buffers, buf, sizeof(buf)), 4);
	cr_assert_eq(memcmp(buf, "efgh", 4), 0);
	cr_assert_eq(buffers.count, 0);
	cr_assert_eq(np_buffers_read(&buffers, buf, sizeof(buf)), 0);
	cr_assert_eq(np_buffers_read(&bad, buf, sizeof(buf)), -EINVAL);
	cr_assert_eq(np_buffers_read(NULL, buf, 1), -EINVAL);
	cr_assert_eq(np_buffers_write(NULL, &buffers), -EINVAL);
	cr_assert_eq(np_buffers_size(NULL), 0);
	cr_assert_eq(np_buffers_size(&(struct np_buffers){ whole, 2 }), SIZE_MAX);
}
