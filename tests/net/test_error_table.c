/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_error_table.c - what each call says of a handle that is closed, whose deadline has
 * passed, or that is none: one row a call. And which errors are what.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(error_table, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* ---- calls -------------------------------------------------------------------------------- */

static char byte;
static struct iovec one_byte = { &byte, 1 };

static struct msghdr header(void)
{
	return (struct msghdr){ .msg_iov = &one_byte, .msg_iovlen = 1 };
}

static ssize_t do_read(struct np_fd *fd)
{
	return np_read(fd, &byte, 1);
}

static ssize_t do_read_much(struct np_fd *fd)
{
	return np_read(fd, NULL, 0);
}

static ssize_t do_write(struct np_fd *fd)
{
	return np_write(fd, &byte, 1);
}

static ssize_t do_write_counted(struct np_fd *fd)
{
	size_t written = 5;
	ssize_t n = np_write_counted(fd, &byte, 1, &written);

	cr_assert_eq(written, n < 0 ? 0 : 1);
	return n;
}

static ssize_t do_readv(struct np_fd *fd)
{
	return np_readv(fd, &one_byte, 1);
}

static ssize_t do_writev(struct np_fd *fd)
{
	struct iovec iov = one_byte;

	return np_writev(fd, &iov, 1);
}

static ssize_t do_recvmsg(struct np_fd *fd)
{
	struct msghdr message = header();

	return np_recvmsg(fd, &message, 0);
}

static ssize_t do_sendmsg(struct np_fd *fd)
{
	struct msghdr message = header();

	return np_sendmsg(fd, &message, 0);
}

static ssize_t do_read_full(struct np_fd *fd)
{
	return np_read_full(fd, &byte, 1);
}

static ssize_t do_peek(struct np_fd *fd)
{
	return np_peek(fd, &byte, 1);
}

static ssize_t do_buffers_write(struct np_fd *fd)
{
	struct iovec iov = one_byte;
	struct np_buffers buffers = { &iov, 1 };

	return np_buffers_write(fd, &buffers);
}

static ssize_t do_recv_from(struct np_fd *fd)
{
	struct np_addr from;

	return np_recv_from(fd, &byte, 1, &from);
}

static ssize_t do_recv_message(struct np_fd *fd)
{
	struct np_message message = { .data = &byte, .room = 1 };

	return np_recv_message(fd, &message);
}

static ssize_t do_recv_messages(struct np_fd *fd)
{
	struct np_message message = { .data = &byte, .room = 1 };

	return np_recv_messages(fd, &message, 1);
}

static ssize_t do_wait_read(struct np_fd *fd)
{
	return np_wait(fd, NP_READ);
}

static ssize_t do_wait_write(struct np_fd *fd)
{
	return np_wait(fd, NP_WRITE);
}

static bool say_done(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return true;
}

static ssize_t do_raw_read(struct np_fd *fd)
{
	return np_raw_read(fd, say_done, NULL);
}

static ssize_t do_raw_write(struct np_fd *fd)
{
	return np_raw_write(fd, say_done, NULL);
}

static int do_nothing(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return 0;
}

static ssize_t do_control(struct np_fd *fd)
{
	return np_fd_control(fd, do_nothing, NULL);
}

static ssize_t do_set_deadline(struct np_fd *fd)
{
	return np_set_deadline(fd, -1);
}

static ssize_t do_set_no_delay(struct np_fd *fd)
{
	return np_set_no_delay(fd, true);
}

static ssize_t do_set_keep_alive(struct np_fd *fd)
{
	return np_set_keep_alive(fd, NULL);
}

static ssize_t do_set_linger(struct np_fd *fd)
{
	return np_set_linger(fd, -1);
}

static ssize_t do_set_read_buffer(struct np_fd *fd)
{
	return np_set_read_buffer(fd, 65536);
}

static ssize_t do_set_write_buffer(struct np_fd *fd)
{
	return np_set_write_buffer(fd, 65536);
}

static ssize_t do_set_option(struct np_fd *fd)
{
	return np_set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

static ssize_t do_get_option(struct np_fd *fd)
{
	int value;

	return np_get_option(fd, SOL_SOCKET, SO_KEEPALIVE, &value);
}

static ssize_t do_local_addr(struct np_fd *fd)
{
	struct np_addr addr;

	return np_local_addr(fd, &addr);
}

static ssize_t do_remote_addr(struct np_fd *fd)
{
	struct np_addr addr;

	return np_remote_addr(fd, &addr);
}

static ssize_t do_close_read(struct np_fd *fd)
{
	return np_close_read(fd);
}

static ssize_t do_close_write(struct np_fd *fd)
{
	return np_close_write(fd);
}

static ssize_t do_cancel_io(struct np_fd *fd)
{
	return np_cancel_io(fd);
}

static ssize_t do_write_zero_copy(struct np_fd *fd)
{
	return np_write_zero_copy(fd, &byte, 1);
}

static ssize_t do_duplicate(struct np_fd *fd)
{
	int sysfd;
	int error = np_fd_duplicate(fd, &sysfd);

	if (!error)
		close(sysfd);
	return error;
}

static ssize_t do_set_ttl(struct np_fd *fd)
{
	return np_set_ttl(fd, 64);
}

/* ---- handles ------------------------------------------------------------------------------ */

enum {
	WAITS = 1,  /* it has deadlines, and a byte to read or room to write does not help */
	CLOSES = 2, /* and is no call for who wants to go on */
};

static const struct row {
	const char *name;
	const char *op; /* the word for it in texts */
	ssize_t (*call)(struct np_fd *fd);
	int flags;
} rows[] = {
	{ "np_read", "read", do_read, WAITS },
	{ "np_read of nothing", "read", do_read_much, 0 },
	{ "np_write", "write", do_write, WAITS },
	{ "np_write_counted", "write", do_write_counted, WAITS },
	{ "np_readv", "read", do_readv, WAITS },
	{ "np_writev", "write", do_writev, WAITS },
	{ "np_recvmsg", "read", do_recvmsg, WAITS },
	{ "np_sendmsg", "write", do_sendmsg, WAITS },
	{ "np_read_full", "read", do_read_full, WAITS },
	{ "np_peek", "read", do_peek, WAITS },
	{ "np_buffers_write", "write", do_buffers_write, WAITS },
	{ "np_write_zero_copy", "write", do_write_zero_copy, WAITS },
	{ "np_recv_from", "read", do_recv_from, WAITS },
	{ "np_recv_message", "read", do_recv_message, WAITS },
	{ "np_recv_messages", "read", do_recv_messages, WAITS },
	{ "np_wait for reading", "wait", do_wait_read, WAITS },
	{ "np_wait for writing", "wait", do_wait_write, WAITS },
	{ "np_raw_read", "raw-read", do_raw_read, WAITS },
	{ "np_raw_write", "raw-write", do_raw_write, WAITS },
	{ "np_fd_control", "raw-control", do_control, 0 },
	{ "np_set_deadline", "set", do_set_deadline, 0 },
	{ "np_set_no_delay", "set", do_set_no_delay, 0 },
	{ "np_set_keep_alive", "set", do_set_keep_alive, 0 },
	{ "np_set_linger", "set", do_set_linger, 0 },
	{ "np_set_read_buffer", "set", do_set_read_buffer, 0 },
	{ "np_set_write_buffer", "set", do_set_write_buffer, 0 },
	{ "np_set_option", "set", do_set_option, 0 },
	{ "np_get_option", "get", do_get_option, 0 },
	{ "np_set_ttl", "set", do_set_ttl, 0 },
	{ "np_fd_duplicate", "file", do_duplicate, 0 },
	{ "np_local_addr", "address", do_local_addr, 0 },
	{ "np_remote_addr", "address", do_remote_addr, 0 },
	{ "np_close_read", "close", do_close_read, CLOSES },
	{ "np_close_write", "close", do_close_write, CLOSES },
	{ "np_cancel_io", "close", do_cancel_io, CLOSES },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

static void expect_text(const struct row *row, ssize_t error, const char *names, const char *reason)
{
	char text[512], expected[512];

	np_error_text((int)error, text, sizeof(text));
	snprintf(expected, sizeof(expected), "%s tcp %s: %s", row->op, names, reason);
	cr_assert_str_eq(text, expected, "%s: \"%s\" and not \"%s\"", row->name, text, expected);
}

/* "127.0.0.1:5->127.0.0.1:6", or only the peer. */
static void names_of(struct np_fd *conn, bool both, char text[static 2 * NP_ADDR_TEXT_MAX + 2])
{
	struct np_addr addr;
	int length = 0;

	if (both) {
		cr_assert_eq(np_local_addr(conn, &addr), 0);
		length = np_addr_format(&addr, text, NP_ADDR_TEXT_MAX);
		memcpy(text + length, "->", 2);
		length += 2;
	}
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	np_addr_format(&addr, text + length, NP_ADDR_TEXT_MAX);
}

static void begin(struct np_fd **listener, struct np_fd *ends[2])
{
	*listener = call_listen();
	call_connect(*listener, ends);
}

static void end(struct np_fd *listener, struct np_fd *ends[2])
{
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

Test(error_table, of_a_closed_handle)
{
	char names[2 * NP_ADDR_TEXT_MAX + 2];
	struct np_fd *listener, *ends[2];

	begin(&listener, ends);
	names_of(ends[0], false, names);
	cr_assert_eq(np_cancel_io(ends[0]), 0);
	for (int i = 0; i < ROWS; i++) {
		ssize_t result = rows[i].call(ends[0]);

		cr_assert_eq(result, NP_ECLOSED, "%s: %zd", rows[i].name, result);
		expect_text(&rows[i], result, names, "use of closed descriptor");
	}
	end(listener, ends);
}

Test(error_table, of_an_expired_deadline)
{
	char names[2 * NP_ADDR_TEXT_MAX + 2];
	struct np_fd *listener, *ends[2];

	begin(&listener, ends);
	names_of(ends[0], true, names);
	/* Not only what would have to wait: there is something to read, and room to write. */
	cr_assert_eq(np_write(ends[1], "0123456789", 10), 10);
	cr_assert_eq(np_wait(ends[0], NP_READ), 0);
	cr_assert_eq(np_set_deadline(ends[0], -1), 0);
	for (int i = 0; i < ROWS; i++) {
		ssize_t result;

		if (rows[i].flags & CLOSES)
			continue;
		result = rows[i].call(ends[0]);
		if (!(rows[i].flags & WAITS)) {
			cr_assert_geq(result, 0, "%s: %zd", rows[i].name, result);
			continue;
		}
		cr_assert_eq(result, NP_EDEADLINE, "%s: %zd", rows[i].name, result);
		expect_text(&rows[i], result, names, "i/o timeout");
	}
	end(listener, ends);
}

Test(error_table, of_no_handle)
{
	char text[256];

	for (int i = 0; i < ROWS; i++) {
		ssize_t result = rows[i].call(NULL);

		cr_assert_eq(result, -EINVAL, "%s: %zd", rows[i].name, result);
		np_error_text((int)result, text, sizeof(text));
		cr_assert_eq(strncmp(text, "invalid argument: np_", 21), 0, "%s: %s", rows[i].name,
			     text);
	}
}

static void call_all_canceled(void *arg)
{
	char names[2 * NP_ADDR_TEXT_MAX + 2];
	struct np_fd *fd = arg;

	names_of(fd, true, names);
	np_cancel(np_self());
	for (int i = 0; i < ROWS; i++) {
		ssize_t result;

		if (rows[i].flags & CLOSES)
			continue;
		result = rows[i].call(fd);
		if (!(rows[i].flags & WAITS)) {
			cr_assert_geq(result, 0, "%s: %zd", rows[i].name, result);
			continue;
		}
		cr_assert_eq(result, NP_ECANCELED, "%s: %zd", rows[i].name, result);
		expect_text(&rows[i], result, names, "task cancelled");
	}
}

static int run_canceled(void *arg)
{
	call_all_canceled(arg);
	return 0;
}

Test(error_table, of_a_cancelled_fiber)
{
	const struct np_run_options options = { .workers = 1, .backend = fixture_backend() };
	struct np_fd *listener, *ends[2];

	if (fixture_has_worker())
		return; /* there can be one runtime only */
	begin(&listener, ends);
	cr_assert_eq(np_write(ends[1], "0123456789", 10), 10);
	cr_assert_eq(np_wait(ends[0], NP_READ), 0);
	cr_assert_eq(np_run(run_canceled, ends[0], &options), 0);
	end(listener, ends);
}

/* ---- a peer that resets ------------------------------------------------------------------- */

/* The kernel tells of a reset once. */
Test(error_table, of_a_reset)
{
	struct np_fd *listener, *ends[2];
	char names[2 * NP_ADDR_TEXT_MAX + 2];
	const struct row reading = { .name = "np_read", .op = "read" };
	const struct row writing = { .name = "np_write", .op = "write" };

	begin(&listener, ends);
	names_of(ends[0], true, names);
	cr_assert_eq(np_set_linger(ends[1], 0), 0);
	cr_assert_eq(np_cancel_io(ends[1]), 0);
	cr_assert_eq(np_wait(ends[0], NP_READ), 0);
	cr_assert_eq(np_read(ends[0], &byte, 1), -ECONNRESET);
	expect_text(&reading, -ECONNRESET, names, "recv: connection reset by peer");
	cr_assert_eq(np_read(ends[0], &byte, 1), 0);
	cr_assert_eq(np_write(ends[0], &byte, 1), -EPIPE);
	expect_text(&writing, -EPIPE, names, "send: broken pipe");
	end(listener, ends);
}

/* ---- between two handles ------------------------------------------------------------------ */

/* The text tells which of the two it was. */
Test(error_table, of_copies)
{
	char names[2 * NP_ADDR_TEXT_MAX + 2];
	struct np_fd *listener, *ends[2], *others[2];
	const struct row reading = { .name = "np_copy from", .op = "read" };
	const struct row writing = { .name = "np_copy to", .op = "write" };

	begin(&listener, ends);
	call_connect(listener, others);
	names_of(ends[0], true, names);
	cr_assert_eq(np_set_deadline(ends[0], -1), 0);
	cr_assert_eq(np_copy(others[0], ends[0], -1), NP_EDEADLINE);
	expect_text(&reading, NP_EDEADLINE, names, "i/o timeout");
	cr_assert_eq(np_write(others[1], "x", 1), 1);
	cr_assert_eq(np_copy(ends[0], others[0], -1), NP_EDEADLINE);
	expect_text(&writing, NP_EDEADLINE, names, "i/o timeout");
	names_of(ends[0], false, names);
	cr_assert_eq(np_cancel_io(ends[0]), 0);
	cr_assert_eq(np_copy(others[0], ends[0], -1), NP_ECLOSED);
	expect_text(&reading, NP_ECLOSED, names, "use of closed descriptor");
	cr_assert_eq(np_copy(NULL, ends[0], -1), -EINVAL);
	cr_assert_eq(np_copy(ends[0], NULL, -1), -EINVAL);
	np_close(others[0]);
	np_close(others[1]);
	end(listener, ends);
}

/* ---- which errors are what ---------------------------------------------------------------- */

Test(error_table, of_kinds)
{
	static const struct {
		int error;
		bool is_timeout, is_temporary;
	} kinds[] = {
		{ 0, false, false },
		{ NP_EDEADLINE, true, true },
		{ -ETIMEDOUT, true, true },
		{ -EAGAIN, true, true },
		{ -EWOULDBLOCK, true, true },
		{ NP_ETRYAGAIN, false, true },
		{ -EINTR, false, true },
		{ -EMFILE, false, true },
		{ -ENFILE, false, true },
		{ -ENOBUFS, false, true },
		{ -ENOMEM, false, true },
		{ -ECONNABORTED, false, true },
		{ NP_ECLOSED, false, false },
		{ NP_ECANCELED, false, false },
		{ NP_EHOST, false, false },
		{ NP_EEOF, false, false },
		{ -ECONNREFUSED, false, false },
		{ -ECONNRESET, false, false },
		{ -EPIPE, false, false },
		{ -EINVAL, false, false },
		{ EMFILE, false, false }, /* no error of ours */
		{ ETIMEDOUT, false, false },
	};

	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		cr_assert_eq(np_is_timeout(kinds[i].error), kinds[i].is_timeout, "%d",
			     kinds[i].error);
		cr_assert_eq(np_is_temporary(kinds[i].error), kinds[i].is_temporary, "%d",
			     kinds[i].error);
	}
}
