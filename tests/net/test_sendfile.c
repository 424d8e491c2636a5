/* SPDX-License-Identifier: MIT */
/* tests/net/test_sendfile.c - np_sendfile: which bytes of a file arrive, and how many. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { SIZE = (3 << 20) + 4321 };

static unsigned char *bytes;
static struct np_fd *file;
static int number; /* the file's */

static void begin(void)
{
	char path[] = "/tmp/netpark-test-sendfile-XXXXXX";
	uint64_t state;

	fixture_begin();
	state = fixture_seed();
	bytes = malloc(SIZE);
	for (size_t i = 0; i < SIZE; i++)
		bytes[i] = (unsigned char)(fixture_random(&state) >> 32);
	number = mkstemp(path);
	cr_assert_geq(number, 0);
	unlink(path);
	cr_assert_eq(write(number, bytes, SIZE), SIZE);
	cr_assert_eq(lseek(number, 0, SEEK_SET), 0);
	cr_assert_eq(np_fd_open(number, 0, &file), 0);
}

static void end(void)
{
	np_close(file);
	free(bytes);
	fixture_end();
}

TestSuite(sendfile, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3 };

struct send_call {
	struct call call;
	int64_t offset, size, sent;
};

static ssize_t run_send(struct call *call)
{
	struct send_call *send = (struct send_call *)call;

	return (ssize_t)np_sendfile_counted(call->fd, file, send->offset, send->size, &send->sent);
}

static void start_send(struct send_call *send, struct np_fd *to, int64_t offset, int64_t size)
{
	*send = (struct send_call){ .call.fd = to, .offset = offset, .size = size, .sent = -1 };
	call_start(&send->call, run_send);
}

static void expect_bytes(struct np_fd *fd, size_t from, size_t size)
{
	unsigned char *got = malloc(size + 1);

	cr_assert_eq(np_read_full(fd, got, size), (ssize_t)size);
	cr_assert_eq(memcmp(got, bytes + from, size), 0);
	free(got);
}

static void close_both(struct np_fd *fds[2])
{
	np_close(fds[0]);
	np_close(fds[1]);
}

static void expect_sent(struct np_fd *fds[2], int64_t offset, int64_t size, size_t from,
			size_t expected)
{
	struct send_call send;

	start_send(&send, fds[1], offset, size);
	expect_bytes(fds[0], from, expected);
	cr_assert_eq(call_finish(&send.call), (ssize_t)expected, "%s", send.call.text);
	cr_assert_eq(send.sent, (int64_t)expected);
}

Test(sendfile, any_part_from_anywhere)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		expect_sent(fds, 0, -1, 0, SIZE);
		expect_sent(fds, 0, SIZE, 0, SIZE);
		expect_sent(fds, 4097, 1000000, 4097, 1000000);
		expect_sent(fds, SIZE - 5, 100, SIZE - 5, 5);
		expect_sent(fds, SIZE, 100, 0, 0);
		expect_sent(fds, SIZE + 100, -1, 0, 0);
		expect_sent(fds, 17, 0, 0, 0);
		cr_assert_eq(lseek(number, 0, SEEK_CUR), 0);
		close_both(fds);
	}
}

Test(sendfile, what_lies_beyond_32_bits)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		const int64_t beyond = (INT64_C(5) << 30) + 7;
		struct np_fd *fds[2];

		make_pair[kind](fds);
		cr_assert_eq(np_truncate(file, 0), 0);
		cr_assert_eq(np_pwrite(file, bytes, 1000, beyond), 1000);
		expect_sent(fds, beyond + 1, 500, 1, 500);
		cr_assert_eq(np_seek(file, beyond, SEEK_SET, NULL), 0);
		expect_sent(fds, -1, -1, 0, 1000);
		close_both(fds);
	}
}

Test(sendfile, its_position_moves_by_what_was_sent)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		cr_assert_eq(lseek(number, 0, SEEK_SET), 0);
		expect_sent(fds, -1, 1000, 0, 1000);
		expect_sent(fds, -1, 2000000, 1000, 2000000);
		cr_assert_eq(lseek(number, 0, SEEK_CUR), 2001000);
		expect_sent(fds, -1, -1, 2001000, SIZE - 2001000);
		expect_sent(fds, -1, -1, 0, 0);
		close_both(fds);
	}
}

/* Where the kernel has dropped it from memory, if it does that. */
Test(sendfile, a_file_that_is_not_in_memory)
{
#ifdef POSIX_FADV_DONTNEED
	struct np_fd *fds[2];

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(fsync(number), 0);
	posix_fadvise(number, 0, 0, POSIX_FADV_DONTNEED);
	expect_sent(fds, 0, -1, 0, SIZE);
	close_both(fds);
#else
	cr_skip_test("nobody can ask the system for that");
#endif
}

/* After a deadline it can go on where it was: the position says the same as the count. */
Test(sendfile, a_deadline_in_the_middle_tells_what_was_sent)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		int64_t sent = 0;

		make_pair[kind](fds);
		cr_assert_eq(lseek(number, 0, SEEK_SET), 0);
		if (kind != 1)
			cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
		for (int64_t ns = 1000000; sent == 0; ns *= 2) {
			cr_assert_eq(np_set_write_deadline(fds[1], np_deadline(ns)), 0);
			cr_assert_eq(np_sendfile_counted(fds[1], file, -1, -1, &sent),
				     NP_EDEADLINE);
		}
		cr_assert_lt(sent, SIZE);
		cr_assert_eq(lseek(number, 0, SEEK_CUR), (off_t)sent);
		cr_assert_eq(np_set_write_deadline(fds[1], 0), 0);
		expect_bytes(fds[0], 0, (size_t)sent);
		expect_sent(fds, -1, -1, (size_t)sent, SIZE - (size_t)sent);
		close_both(fds);
	}
}

/* Who closes the file does not wait for the peer. */
Test(sendfile, a_file_that_is_closed_in_the_middle)
{
	struct np_fd *fds[2];
	struct send_call send;

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	cr_assert_eq(np_set_read_buffer(fds[0], 65536), 0);
	start_send(&send, fds[1], 0, -1);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_ref(file);
	cr_assert_eq(call_inside(file), 0);
	cr_assert_eq(np_close(file), 0);
	while (!atomic_load(&send.call.done)) {
		char buf[65536];

		cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(1000000)), 0);
		np_read(fds[0], buf, sizeof(buf));
	}
	cr_assert_eq(call_finish(&send.call), NP_ECLOSED);
	cr_assert_eq(strncmp(send.call.text, "read ", 5), 0, "%s", send.call.text);
	cr_assert_lt(send.sent, SIZE);
	cr_assert_eq(np_sendfile(fds[1], file, 0, 1), NP_ECLOSED);
	np_unref(file);
	close_both(fds);
	file = NULL;
}

Test(sendfile, a_connection_that_is_closed_in_the_middle)
{
	struct np_fd *fds[2];
	struct send_call send;

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	cr_assert_eq(np_set_read_buffer(fds[0], 65536), 0);
	start_send(&send, fds[1], 0, -1);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(fds[1]), 0); /* the last reference */
	cr_assert_eq(call_finish(&send.call), NP_ECLOSED);
	cr_assert_eq(strncmp(send.call.text, "write ", 6), 0, "%s", send.call.text);
	cr_assert_gt(send.sent, 0);
	cr_assert_lt(send.sent, SIZE);
	np_close(fds[0]);
}

Test(sendfile, a_peer_that_has_gone_is_an_error_and_no_signal)
{
	signal(SIGPIPE, SIG_DFL);
	for (int i = 0; i < 2; i++) {
		struct np_fd *fds[2];
		int64_t n;

		(i ? fixture_fd_tcp_pair : fixture_fd_pair)(fds);
		np_close(fds[0]);
		n = np_sendfile(fds[1], file, 0, -1);
		cr_assert(n == -EPIPE || n == -ECONNRESET, "%d", (int)n);
		cr_assert_eq(np_sendfile(fds[1], file, 0, -1), -EPIPE);
		np_close(fds[1]);
	}
}

Test(sendfile, what_cannot_be_sent_is_refused)
{
	struct np_fd *fds[2], *pipe[2], *messages[2], *copy;
	int numbers[2];
	char path[] = "/tmp/netpark-test-sendfile-XXXXXX";
	int64_t sent = 7;

	fixture_fd_tcp_pair(fds);
	fixture_fd_pipe(pipe);
	cr_assert_eq(np_sendfile_counted(fds[1], pipe[0], 0, 1, &sent), -ESPIPE);
	cr_assert_eq(sent, 0);
	cr_assert_eq(np_sendfile(NULL, file, 0, 1), -EINVAL);
	cr_assert_eq(np_sendfile(fds[1], NULL, 0, 1), -EINVAL);
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &messages[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &messages[1]), 0);
	cr_assert_eq(np_sendfile(messages[1], file, 0, 1), -EINVAL);
	/* A file is no connection, but it can be written to. */
	numbers[0] = mkstemp(path);
	unlink(path);
	cr_assert_eq(np_fd_open(numbers[0], 0, &copy), 0);
	cr_assert_eq(np_sendfile(copy, file, 3, 100000), 100000);
	cr_assert_eq(lseek(numbers[0], 0, SEEK_SET), 0);
	expect_bytes(copy, 3, 100000);
	np_close(copy);
	close_both(fds);
	close_both(pipe);
	close_both(messages);
}
