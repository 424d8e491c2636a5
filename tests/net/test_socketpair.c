/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_socketpair.c - pairs of each Unix network: what they are called, where messages
 * end and where everything does; and that a socket from elsewhere is as good as one of our own.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(socketpair, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void open_pair(const char *network, struct np_fd *ends[2])
{
	cr_assert_eq(np_socketpair(network, ends), 0);
}

static void close_pair(struct np_fd *ends[2])
{
	np_close(ends[0]);
	np_close(ends[1]);
}

static int ask_flags(int sysfd, void *arg)
{
	(void)arg;
	return (fcntl(sysfd, F_GETFD) & FD_CLOEXEC) && (fcntl(sysfd, F_GETFL) & O_NONBLOCK);
}

static int ask_type(int sysfd, void *arg)
{
	int type = 0;
	socklen_t length = sizeof(type);

	(void)arg;
	return getsockopt(sysfd, SOL_SOCKET, SO_TYPE, &type, &length) < 0 ? -errno : type;
}

static void expect_text(ssize_t error, const char *expected)
{
	char text[512];

	np_error_text((int)error, text, sizeof(text));
	cr_assert_str_eq(text, expected);
}

Test(socketpair, of_each_network_is_what_it_is_called)
{
	static const struct {
		const char *network;
		int type;
	} rows[] = {
		{ "unix", SOCK_STREAM },
		{ "unixgram", SOCK_DGRAM },
		{ "unixpacket", SOCK_SEQPACKET },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_fd *ends[2];
		char buf[8], expected[64];

		open_pair(rows[i].network, ends);
		for (int end = 0; end < 2; end++) {
			cr_assert_eq(np_fd_control(ends[end], ask_flags, NULL), 1);
			cr_assert_eq(np_fd_control(ends[end], ask_type, NULL), rows[i].type);
			cr_assert_eq(np_write(ends[end], "over", 4), 4);
			cr_assert_eq(np_read(ends[1 - end], buf, sizeof(buf)), 4);
			cr_assert_eq(memcmp(buf, "over", 4), 0);
		}
		cr_assert_eq(np_set_read_deadline(ends[0], -1), 0);
		cr_assert_eq(np_read(ends[0], buf, 1), NP_EDEADLINE);
		snprintf(expected, sizeof(expected), "read %s @->@: i/o timeout", rows[i].network);
		expect_text(NP_EDEADLINE, expected);
		close_pair(ends);
	}
}

Test(socketpair, of_other_networks_is_refused)
{
	struct np_fd *ends[2] = { NULL };

	cr_assert_eq(np_socketpair("tcp", ends), NP_ENETWORK);
	expect_text(NP_ENETWORK, "unknown network tcp");
	cr_assert_eq(np_socketpair(NULL, ends), -EINVAL);
	cr_assert_eq(np_socketpair("unix", NULL), -EINVAL);
	cr_assert_null(ends[0]);
	cr_assert_null(ends[1]);
}

/* ---- where messages end ------------------------------------------------------------------- */

Test(socketpair, messages_keep_their_borders_and_streams_do_not)
{
	const char *const networks[] = { "unix", "unixgram", "unixpacket" };

	for (int i = 0; i < 3; i++) {
		struct np_fd *ends[2];
		char buf[8];

		open_pair(networks[i], ends);
		cr_assert_eq(np_write(ends[0], "abc", 3), 3);
		cr_assert_eq(np_write(ends[0], "de", 2), 2);
		cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), i == 0 ? 5 : 3);
		if (i > 0) {
			cr_assert_eq(np_write(ends[0], "fg", 2), 2);
			cr_assert_eq(np_read(ends[1], buf, 1), 1, "%s", networks[i]);
			cr_assert_eq(buf[0], 'd');
			/* The rest of it had no room. */
			cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), 2);
			cr_assert_eq(memcmp(buf, "fg", 2), 0);
		}
		close_pair(ends);
	}
}

Test(socketpair, an_empty_message_is_one)
{
	const char *const networks[] = { "unixgram", "unixpacket" };

	for (int i = 0; i < 2; i++) {
		struct np_fd *ends[2];
		struct call reader = { .fd = NULL };
		char buf[8];

		open_pair(networks[i], ends);
		reader.fd = ends[1];
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(ends[0], NULL, 0), 0);
		cr_assert_eq(call_finish(&reader), 0);
		cr_assert_eq(np_write(ends[0], "x", 1), 1);
		cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), 1, "no end yet");
		close_pair(ends);
	}
}

Test(socketpair, a_closed_end_is_the_end_of_packets_and_streams)
{
	const char *const networks[] = { "unix", "unixpacket" };

	for (int i = 0; i < 2; i++) {
		struct np_fd *ends[2];
		struct call reader = { .fd = NULL };
		char buf[8];

		open_pair(networks[i], ends);
		reader.fd = ends[1];
		cr_assert_eq(np_write(ends[0], "last", 4), 4);
		cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), 4);
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		np_close(ends[0]);
		cr_assert_eq(call_finish(&reader), 0);
		cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), 0, "and stays the end");
		cr_assert_eq(np_write(ends[1], "x", 1), -EPIPE);
		np_close(ends[1]);
	}
}

Test(socketpair, datagrams_to_nobody_are_refused)
{
	struct np_fd *ends[2];

	open_pair("unixgram", ends);
	np_close(ends[0]);
	cr_assert_eq(np_write(ends[1], "x", 1), -ECONNREFUSED);
	np_close(ends[1]);
}

/* ---- sockets from elsewhere --------------------------------------------------------------- */

/* A second handle, of a duplicate: nothing but the socket says what it is. */
static struct np_fd *reopen(struct np_fd *fd)
{
	struct np_fd *again;
	int sysfd = -1;

	cr_assert_eq(np_fd_duplicate(fd, &sysfd), 0);
	cr_assert(fcntl(sysfd, F_GETFD) & FD_CLOEXEC);
	cr_assert_eq(np_fd_open(sysfd, 0, &again), 0);
	return again;
}

/* The text of a call that fails the same way on either. */
static void expect_same_text(struct np_fd *fd, struct np_fd *again)
{
	char text[2][512];
	struct np_fd *fds[2] = { fd, again };

	for (int i = 0; i < 2; i++) {
		char byte;

		cr_assert_eq(np_set_read_deadline(fds[i], -1), 0);
		cr_assert_eq(np_read(fds[i], &byte, 1), NP_EDEADLINE);
		np_error_text(NP_EDEADLINE, text[i], sizeof(text[i]));
	}
	cr_assert_str_eq(text[0], text[1]);
}

static void expect_accepts(struct np_fd *listener, const char *network, const char *address)
{
	struct np_fd *ends[2], *again;

	cr_assert_eq(np_dial(network, address, 0, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	for (int i = 0; i < 2; i++) {
		again = reopen(ends[i]);
		expect_same_text(ends[i], again);
		np_close(again);
	}
	close_pair(ends);
}

static void expect_listener_as_good(const char *network, const char *name)
{
	struct np_fd *listener, *again, *conn;
	char address[NP_ADDR_TEXT_MAX], text[2][512];

	cr_assert_eq(np_listen(network, name, &listener), 0);
	call_address(listener, address);
	again = reopen(listener);
	expect_accepts(again, network, address);
	for (int i = 0; i < 2; i++) {
		struct np_fd *which = i ? again : listener;

		cr_assert_eq(np_set_read_deadline(which, -1), 0);
		cr_assert_eq(np_accept(which, &conn), NP_EDEADLINE);
		np_error_text(NP_EDEADLINE, text[i], sizeof(text[i]));
	}
	cr_assert_str_eq(text[0], text[1]);
	cr_assert_not_null(strstr(text[1], address), "%s", text[1]);
	np_close(again);
	np_close(listener);
}

Test(socketpair, sockets_from_elsewhere_tell_what_they_are)
{
	struct np_fd *ends[2], *again;
	char path[64];

	expect_listener_as_good("tcp", "127.0.0.1:0");
	call_unix_path(path);
	expect_listener_as_good("unix", path);
	expect_listener_as_good("unixpacket", path);
	cr_assert_eq(np_dial("udp", "127.0.0.1:9", 0, &ends[0]), 0);
	again = reopen(ends[0]);
	expect_same_text(ends[0], again);
	np_close(again);
	np_close(ends[0]);
	open_pair("unixgram", ends);
	again = reopen(ends[0]);
	expect_same_text(ends[0], again);
	np_close(again);
	close_pair(ends);
}

Test(socketpair, a_handed_listener_removes_its_path_if_told_to)
{
	struct np_fd *listener, *again, *ends[2];
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	again = reopen(listener);
	cr_assert_eq(np_set_unlink_on_close(listener, false), 0);
	np_close(listener);
	cr_assert_eq(access(path, F_OK), 0);
	cr_assert_eq(np_set_unlink_on_close(again, true), 0);
	np_cancel_io(again);
	cr_assert_eq(access(path, F_OK), -1);
	cr_assert_eq(np_set_unlink_on_close(again, true), NP_ECLOSED);
	np_unref(again);
	open_pair("unix", ends);
	cr_assert_eq(np_set_unlink_on_close(ends[0], true), -EINVAL);
	cr_assert_eq(np_set_unlink_on_close(NULL, true), -EINVAL);
	close_pair(ends);
}

Test(socketpair, a_duplicate_outlives_its_handle)
{
	struct np_fd *ends[2];
	int sysfd = -1;
	char byte;

	open_pair("unix", ends);
	cr_assert_eq(np_fd_duplicate(ends[0], &sysfd), 0);
	np_cancel_io(ends[0]);
	cr_assert_eq(np_fd_duplicate(ends[0], &sysfd), NP_ECLOSED);
	cr_assert_eq(np_fd_duplicate(NULL, &sysfd), -EINVAL);
	cr_assert_eq(write(sysfd, "x", 1), 1);
	cr_assert_eq(np_read(ends[1], &byte, 1), 1);
	close(sysfd);
	cr_assert_eq(np_read(ends[1], &byte, 1), 0);
	np_unref(ends[0]);
	np_close(ends[1]);
}
