/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_error_text.c - np_error_text(): what failed, on which addresses and why, in the
 * form of Go's OpError; and whose failure it tells.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(error_text, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void expect_text(ssize_t error, const char *expected)
{
	char text[512];
	int length = np_error_text((int)error, text, sizeof(text));

	cr_assert_str_eq(text, expected);
	cr_assert_eq(length, (int)strlen(expected));
}

/* What the system calls @error, as it reads inside a sentence. */
static const char *reason(int error)
{
	static char text[128];

	snprintf(text, sizeof(text), "%s", strerror(error));
	if (text[0] >= 'A' && text[0] <= 'Z' && text[1] >= 'a')
		text[0] = (char)(text[0] - 'A' + 'a');
	return text;
}

/* "tcp 127.0.0.1:5->127.0.0.1:6", this end's address first. */
static const char *names_of(struct np_fd *conn)
{
	static char text[2 * NP_ADDR_TEXT_MAX + 8];
	char local[NP_ADDR_TEXT_MAX], remote[NP_ADDR_TEXT_MAX];
	struct np_addr addr;

	cr_assert_eq(np_local_addr(conn, &addr), 0);
	np_addr_format(&addr, local, sizeof(local));
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	np_addr_format(&addr, remote, sizeof(remote));
	snprintf(text, sizeof(text), "tcp %s->%s", local, remote);
	return text;
}

/* ---- what is wrong with an address -------------------------------------------------------- */

Test(error_text, of_addresses_that_cannot_be_used)
{
	static const struct {
		const char *network;
		const char *address;
		int error;
		const char *text; /* after "dial " or "listen " */
	} rows[] = {
		{ "tpc", "127.0.0.1:1", NP_ENETWORK, "tpc: unknown network tpc" },
		{ "tcp", "1.2.3.4", NP_EADDRESS, "tcp: address 1.2.3.4: missing port in address" },
		{ "tcp", "", NP_EADDRESS, "tcp: missing port in address" },
		{ "tcp", "::1:80", NP_EADDRESS, "tcp: address ::1:80: too many colons in address" },
		{ "tcp", "[::1:80", NP_EADDRESS, "tcp: address [::1:80: missing ']' in address" },
		{ "tcp", "127.0.0.1:99999", NP_EADDRESS, "tcp: address 99999: invalid port" },
		{ "tcp4", "[::1]:80", NP_EADDRESS, "tcp4: address ::1: no suitable address found" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_fd *fd = NULL;
		char expected[256];

		snprintf(expected, sizeof(expected), "dial %s", rows[i].text);
		cr_assert_eq(np_dial(rows[i].network, rows[i].address, 0, &fd), rows[i].error);
		expect_text(rows[i].error, expected);
		snprintf(expected, sizeof(expected), "listen %s", rows[i].text);
		cr_assert_eq(np_listen(rows[i].network, rows[i].address, &fd), rows[i].error);
		expect_text(rows[i].error, expected);
	}
}

/* ---- what went wrong with a connection ---------------------------------------------------- */

/* A port that is bound, so nobody else takes it, and not listened on. */
static int reserve_port(char text[static 32])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);
	int sysfd = socket(AF_INET, SOCK_STREAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(sysfd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(getsockname(sysfd, (struct sockaddr *)&addr, &length), 0);
	snprintf(text, 32, "127.0.0.1:%d", ntohs(addr.sin_port));
	return sysfd;
}

Test(error_text, of_dials)
{
	struct np_fd *conn;
	char address[32], expected[256], path[64];
	int reserved = reserve_port(address);

	cr_assert_eq(np_dial("tcp", address, 0, &conn), -ECONNREFUSED);
	snprintf(expected, sizeof(expected), "dial tcp %s: connect: %s", address,
		 reason(ECONNREFUSED));
	expect_text(-ECONNREFUSED, expected);
	cr_assert_eq(np_dial("tcp4", address, -1, &conn), NP_EDEADLINE);
	snprintf(expected, sizeof(expected), "dial tcp4 %s: i/o timeout", address);
	expect_text(NP_EDEADLINE, expected);
	call_unix_path(path);
	cr_assert_eq(np_dial("unix", path, 0, &conn), -ENOENT);
	snprintf(expected, sizeof(expected), "dial unix %s: connect: %s", path, reason(ENOENT));
	expect_text(-ENOENT, expected);
	close(reserved);
}

Test(error_text, of_listeners)
{
	struct np_fd *listener = call_listen(), *other;
	char address[NP_ADDR_TEXT_MAX], expected[256];

	call_address(listener, address);
	cr_assert_eq(np_listen("tcp", address, &other), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "listen tcp %s: bind: %s", address,
		 reason(EADDRINUSE));
	expect_text(-EADDRINUSE, expected);
	cr_assert_eq(np_set_deadline(listener, -1), 0);
	cr_assert_eq(np_accept(listener, &other), NP_EDEADLINE);
	snprintf(expected, sizeof(expected), "accept tcp %s: i/o timeout", address);
	expect_text(NP_EDEADLINE, expected);
	cr_assert_eq(np_cancel_io(listener), 0);
	cr_assert_eq(np_accept(listener, &other), NP_ECLOSED);
	snprintf(expected, sizeof(expected), "accept tcp %s: use of closed descriptor", address);
	expect_text(NP_ECLOSED, expected);
	cr_assert_eq(np_set_deadline(listener, 0), NP_ECLOSED);
	snprintf(expected, sizeof(expected), "set tcp %s: use of closed descriptor", address);
	expect_text(NP_ECLOSED, expected);
	np_unref(listener);
}

Test(error_text, of_reads_and_writes)
{
	struct np_fd *listener = call_listen(), *ends[2];
	char expected[512], byte = 0;

	call_connect(listener, ends);
	for (int i = 0; i < 2; i++) {
		const char *names = names_of(ends[i]);

		cr_assert_eq(np_set_deadline(ends[i], -1), 0);
		cr_assert_eq(np_read(ends[i], &byte, 1), NP_EDEADLINE);
		snprintf(expected, sizeof(expected), "read %s: i/o timeout", names);
		expect_text(NP_EDEADLINE, expected);
		cr_assert_eq(np_write(ends[i], &byte, 1), NP_EDEADLINE);
		snprintf(expected, sizeof(expected), "write %s: i/o timeout", names);
		expect_text(NP_EDEADLINE, expected);
		cr_assert_eq(np_set_deadline(ends[i], 0), 0);
		cr_assert_eq(np_close_write(ends[i]), 0);
		cr_assert_eq(np_write(ends[i], &byte, 1), -EPIPE);
		snprintf(expected, sizeof(expected), "write %s: send: %s", names, reason(EPIPE));
		expect_text(-EPIPE, expected);
	}
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

/* Closed, the number may be somebody else's, and so may its address: only what was kept is told. */
Test(error_text, of_what_is_closed)
{
	struct np_fd *listener = call_listen(), *ends[2], *successors[2];
	char address[NP_ADDR_TEXT_MAX], expected[256], byte;

	call_connect(listener, ends);
	call_address(listener, address);
	cr_assert_eq(np_cancel_io(ends[0]), 0);
	call_connect(listener, successors); /* the first takes the number */
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_ECLOSED);
	snprintf(expected, sizeof(expected), "read tcp %s: use of closed descriptor", address);
	expect_text(NP_ECLOSED, expected);
	cr_assert_eq(np_close(ends[0]), NP_ECLOSED);
	snprintf(expected, sizeof(expected), "close tcp %s: use of closed descriptor", address);
	expect_text(NP_ECLOSED, expected);
	np_close(ends[1]);
	np_close(successors[0]);
	np_close(successors[1]);
	np_close(listener);
}

Test(error_text, of_files)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pipe(fds);
	cr_assert_eq(np_set_deadline(fds[0], -1), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	expect_text(NP_EDEADLINE, "read file: i/o timeout");
	cr_assert_eq(np_read(fds[1], &byte, 1), -EBADF);
	{
		char expected[128];

		snprintf(expected, sizeof(expected), "read file: read: %s", reason(EBADF));
		expect_text(-EBADF, expected);
	}
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(error_text, of_what_takes_no_deadline)
{
	struct np_fd *fd;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), 0);
	cr_assert_eq(np_set_deadline(fd, 0), NP_ENODEADLINE);
	expect_text(NP_ENODEADLINE, "set file: file type does not support deadline");
	np_close(fd);
	close(fds[1]);
}

/* ---- whose failure it is ------------------------------------------------------------------ */

Test(error_text, of_another_task_is_not_told)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	char byte;

	fixture_fd_pipe(fds);
	reader.fd = fds[0];
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	cr_assert_eq(np_write(fds[1], "", 0), 0);
	call_start(&reader, call_read);
	cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
	cr_assert_str_eq(reader.text, "read file: i/o timeout");
	expect_text(NP_EDEADLINE, "i/o timeout"); /* we had none */
	cr_assert_eq(np_set_write_deadline(fds[1], -1), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	expect_text(NP_EDEADLINE, "write file: i/o timeout"); /* ours, not the reader's */
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	expect_text(NP_EDEADLINE, "read file: i/o timeout");
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(error_text, of_another_error_than_the_last_is_short)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pipe(fds);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	expect_text(NP_ECLOSED, "use of closed descriptor");
	expect_text(-EINVAL, strerror(EINVAL));
	expect_text(0, np_strerror(0));
	expect_text(NP_EDEADLINE, "read file: i/o timeout");
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(error_text, of_arguments_that_make_no_sense)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_read(fds[0], NULL, 5), -EINVAL);
	expect_text(-EINVAL,
		    "invalid argument: np_read: no handle, no buffer, or a size above SSIZE_MAX");
	cr_assert_eq(np_listen("tcp", NULL, &fds[0]), -EINVAL);
	expect_text(-EINVAL, "invalid argument: dial, listen: no network or no address");
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- the buffer --------------------------------------------------------------------------- */

Test(error_text, is_cut_to_the_buffer_and_its_whole_length_returned)
{
	static const char whole[] = "dial tcp: address 1.2.3.4: missing port in address";
	struct np_fd *conn;

	cr_assert_eq(np_dial("tcp", "1.2.3.4", 0, &conn), NP_EADDRESS);
	cr_assert_eq(np_error_text(NP_EADDRESS, NULL, 0), (int)strlen(whole));
	for (size_t size = 1; size <= sizeof(whole) + 1; size++) {
		/* Allocated, so that a sanitizer sees a byte too many. */
		char *text = malloc(size);

		memset(text, '#', size);
		cr_assert_eq(np_error_text(NP_EADDRESS, text, size), (int)strlen(whole));
		cr_assert_lt(strlen(text), size);
		cr_assert_eq(strncmp(text, whole, size - 1), 0);
		cr_assert(size > strlen(whole) || strlen(text) == size - 1);
		free(text);
	}
}

Test(error_text, of_an_input_that_is_too_long_is_cut)
{
	char *input = malloc(5000), text[256];
	struct np_fd *conn;
	int length;

	memset(input, 'x', 4999);
	input[4999] = '\0';
	cr_assert_eq(np_dial("tcp", input, 0, &conn), NP_EADDRESS);
	free(input);
	length = np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_geq(length, 0);
	cr_assert_eq(strncmp(text, "dial tcp: address xxx", 21), 0);
	cr_assert(strstr(text, ": missing port in address"));
}

/* ---- the caller's strings ----------------------------------------------------------------- */

/* They are the caller's to change or free as soon as the call has returned. */
Test(error_text, does_not_look_at_the_callers_network_again)
{
	char *network = strdup("tcp");
	struct np_fd *listener, *conn;
	char address[NP_ADDR_TEXT_MAX], expected[256];

	cr_assert_eq(np_listen(network, "127.0.0.1:0", &listener), 0);
	call_address(listener, address);
	memcpy(network, "xyz", 3);
	cr_assert_eq(np_set_deadline(listener, -1), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE);
	snprintf(expected, sizeof(expected), "accept tcp %s: i/o timeout", address);
	expect_text(NP_EDEADLINE, expected);
	np_close(listener);
	free(network);
}

Test(error_text, does_not_look_at_an_unknown_network_again)
{
	char *network = strdup("tpc");
	struct np_fd *conn;

	cr_assert_eq(np_dial(network, "127.0.0.1:1", 0, &conn), NP_ENETWORK);
	memcpy(network, "xyz", 3);
	expect_text(NP_ENETWORK, "dial tpc: unknown network tpc");
	free(network);
}

/* ---- short texts -------------------------------------------------------------------------- */

Test(error_text, every_error_has_a_short_text)
{
	for (int error = NP_ELIMIT; error <= NP_ECLOSED; error++) {
		const char *text = np_strerror(error);

		cr_assert(text && *text);
		cr_assert_str_neq(text, "not an error code");
		for (int other = NP_ELIMIT; other < error; other++)
			cr_assert_str_neq(text, np_strerror(other));
	}
	cr_assert_str_eq(np_strerror(-ECONNREFUSED), strerror(ECONNREFUSED));
	cr_assert_str_eq(np_strerror(5), "not an error code");
	cr_assert_str_eq(np_strerror(-20000), "not an error code");
}

Test(error_text, timeouts_are_known_as_such)
{
	const int timeouts[] = { NP_EDEADLINE, -ETIMEDOUT, -EAGAIN, -EWOULDBLOCK };
	const int others[] = { 0, NP_ECLOSED, -ECONNRESET, -EINTR, ETIMEDOUT, EAGAIN };

	for (size_t i = 0; i < sizeof(timeouts) / sizeof(timeouts[0]); i++)
		cr_assert(np_is_timeout(timeouts[i]));
	for (size_t i = 0; i < sizeof(others) / sizeof(others[0]); i++)
		cr_assert_not(np_is_timeout(others[i]));
}
