/* SPDX-License-Identifier: MIT */
/* tests/net/test_read_full.c - np_read_full and np_peek: all of it, or how much; and a look. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(read_full, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3, PIPES = 1 };

static ssize_t call_full(struct call *call)
{
	return np_read_full_counted(call->fd, call->data, call->size, &call->written);
}

static ssize_t call_peek(struct call *call)
{
	return np_peek(call->fd, call->data, call->size);
}

/* ---- all of it ---------------------------------------------------------------------------- */

Test(read_full, it_waits_for_the_last_byte_and_takes_no_more)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call reader = { .size = 6 };
		char rest[8];

		make_pair[kind](fds);
		reader.fd = fds[0];
		call_start(&reader, call_full);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "one", 3), 3);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "two and", 7), 7);
		cr_assert_eq(call_finish(&reader), 6);
		cr_assert_eq(reader.written, 6);
		cr_assert_eq(memcmp(reader.data, "onetwo", 6), 0);
		cr_assert_eq(np_read(fds[0], rest, sizeof(rest)), 4);
		cr_assert_eq(np_read_full(fds[0], rest, 0), 0);
		np_close(fds[0]);
		np_close(fds[1]);
	}
}

Test(read_full, an_end_before_the_first_byte_is_none_and_after_it_an_error)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char buf[8] = "", text[128];
		size_t read = 7;

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "ten bytes.", 10), 10);
		np_close(fds[1]);
		cr_assert_eq(np_read_full(fds[0], buf, 4), 4);
		cr_assert_eq(np_read_full_counted(fds[0], buf, 8, &read), NP_EEOF);
		np_error_text(NP_EEOF, text, sizeof(text));
		cr_assert(strncmp(text, "read ", 5) == 0 && strstr(text, "unexpected end"), "%s",
			  text);
		cr_assert_eq(read, 6);
		cr_assert_eq(memcmp(buf, "bytes.", 6), 0);
		cr_assert_eq(np_read_full_counted(fds[0], buf, 8, &read), 0);
		cr_assert_eq(read, 0);
		cr_assert_eq(np_read_full(fds[0], buf, 8), 0);
		np_close(fds[0]);
	}
}

Test(read_full, a_deadline_or_a_close_in_the_middle_tells_what_came_before)
{
	struct np_fd *fds[2];
	struct call reader = { .size = 8 };
	size_t read = 7;
	char buf[8];

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_write(fds[1], "abc", 3), 3);
	for (int64_t timeout_ns = 1000000;; timeout_ns *= 2) {
		cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(timeout_ns)), 0);
		cr_assert_eq(np_read_full_counted(fds[0], buf, 8, &read), NP_EDEADLINE);
		if (read > 0)
			break;
	}
	cr_assert_eq(read, 3);
	cr_assert_eq(np_set_read_deadline(fds[0], 0), 0);
	cr_assert_eq(np_write(fds[1], "de", 2), 2);
	reader.fd = fds[0];
	call_start(&reader, call_full);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_close(fds[0]); /* the last reference, too */
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	cr_assert_leq(reader.written, 2);
	np_close(fds[1]);
	cr_assert_eq(np_read_full(NULL, buf, 1), -EINVAL);
	cr_assert_eq(np_peek(NULL, buf, 1), -EINVAL);
}

/* ---- a look ------------------------------------------------------------------------------- */

Test(read_full, a_peek_waits_and_leaves_everything)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call peeker = { .size = 4 };
		char buf[16];

		if (kind == PIPES)
			continue;
		make_pair[kind](fds);
		peeker.fd = fds[0];
		call_start(&peeker, call_peek);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "hello", 5), 5);
		cr_assert_eq(call_finish(&peeker), 4);
		cr_assert_eq(memcmp(peeker.data, "hell", 4), 0);
		cr_assert_eq(np_peek(fds[0], buf, 0), 0);
		cr_assert_eq(np_peek(fds[0], buf, sizeof(buf)), 5);
		cr_assert_eq(np_wait(fds[0], NP_READ), 0);
		cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 5);
		np_close(fds[1]);
		cr_assert_eq(np_peek(fds[0], buf, sizeof(buf)), 0);
		cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 0);
		np_close(fds[0]);
	}
}

/*
 * The shortcut: a read that took all there was lets the next one wait at once. A peek takes the
 * report of what it saw; the read after it must find that all the same, and the one after that must
 * wait.
 */
Test(read_full, reads_after_a_peek_find_what_it_saw)
{
	struct np_fd *fds[2];
	char buf[16];

	fixture_fd_tcp_pair(fds);
	call_register(fds[0]);
	for (int i = 0; i < 8; i++) {
		cr_assert_eq(np_write(fds[1], "ab", 2), 2);
		cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 2);
		cr_assert_eq(np_write(fds[1], "cde", 3), 3);
		if (!fixture_has_worker() && i & 1)
			cr_assert_geq(np_poller_turn(test_poller, 0), 0);
		cr_assert_eq(np_peek(fds[0], buf, 1), 1);
		cr_assert_eq(call_read_patiently(fds[0], buf, 2), 2);
		cr_assert_eq(np_peek(fds[0], buf, sizeof(buf)), 1);
		cr_assert_eq(buf[0], 'e');
		cr_assert_eq(call_read_patiently(fds[0], buf, sizeof(buf)), 1);
	}
	cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(1000000)), 0);
	cr_assert_eq(np_peek(fds[0], buf, 1), NP_EDEADLINE);
	np_close(fds[0]);
	cr_assert_eq(np_peek(fds[1], buf, 1), 0);
	np_close(fds[1]);
}

Test(read_full, only_sockets_can_be_peeked_at)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pipe(fds);
	cr_assert_eq(np_peek(fds[0], &byte, 1), -ENOTSOCK);
	np_close(fds[0]);
	np_close(fds[1]);
}
