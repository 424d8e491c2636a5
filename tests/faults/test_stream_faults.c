/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_stream_faults.c - listening, accepting, dialing and closing with a kernel that
 * is short of something, interrupts, or plays tricks.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(stream_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static const int64_t SECOND = 1000 * 1000 * 1000;

/* ---- one call that fails ------------------------------------------------------------------ */

struct row {
	const char *name;
	int error;
	const char *call; /* as the text names it; NULL: no system call failed */
};

static void expect_text(const struct row *row, const char *op)
{
	char text[256], part[128];

	np_error_text(-row->error, text, sizeof(text));
	cr_assert_eq(strncmp(text, op, strlen(op)), 0, "%s", text);
	snprintf(part, sizeof(part), ": %s: ", row->call ? row->call : "");
	cr_assert(!row->call == !strstr(text, part), "%s", text);
}

/* Fails as the kernel says, leaves nothing open or allocated, and works the next time. */
static void expect_listen_to_fail(const struct row *row)
{
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *listener = untouched;
	int descriptors = fixture_count_descriptors();
	long allocations = fault_allocations();

	fault_fail(row->name, 1, 1, row->error);
	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), -row->error, "%s", row->name);
	cr_assert_eq(listener, untouched);
	expect_text(row, "listen tcp 127.0.0.1:0: ");
	cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", row->name);
	cr_assert_eq(fault_allocations(), allocations, "%s", row->name);
	fault_clear();
	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_close(listener), 0);
}

Test(stream_faults, a_listen_that_fails_leaves_nothing)
{
	const struct row rows[] = {
		{ "socket", EMFILE, "socket" },
		{ "socket", ENFILE, "socket" },
		{ "socket", ENOBUFS, "socket" },
		{ "socket", ENOMEM, "socket" },
		{ "setsockopt", ENOMEM, "setsockopt" },
		{ "bind", EACCES, "bind" },
		{ "bind", EADDRINUSE, "bind" },
		{ "listen", EADDRINUSE, "listen" },
		{ "getsockname", ENOBUFS, "getsockname" },
		{ "calloc", ENOMEM, NULL },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_listen_to_fail(&rows[i]);
}

/* A path that was bound must not stay when the listener does not come about. */
Test(stream_faults, a_listen_that_fails_leaves_no_path)
{
	struct np_fd *listener;
	char path[64];

	call_unix_path(path);
	fault_fail("calloc", 1, 1, ENOMEM);
	cr_assert_eq(np_listen("unix", path, &listener), -ENOMEM);
	fault_clear();
	cr_assert_eq(access(path, F_OK), -1, "the path is there");
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_close(listener), 0);
}

static void expect_dial_to_fail(const char *address, const struct row *row)
{
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *conn = untouched;
	int descriptors = fixture_count_descriptors();
	long allocations = fault_allocations();
	char op[NP_ADDR_TEXT_MAX + 32];
	int error;

	fault_fail(row->name, 1, FAULT_ALWAYS, row->error);
	error = np_dial("tcp", address, 0, &conn);
	cr_assert_eq(error, -row->error, "%s: %d", row->name, error);
	cr_assert_eq(conn, untouched);
	snprintf(op, sizeof(op), "dial tcp %s: ", address);
	expect_text(row, op);
	cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", row->name);
	cr_assert_eq(fault_allocations(), allocations, "%s: %ld", row->name,
		     fault_allocations() - allocations);
	fault_clear();
}

Test(stream_faults, a_dial_that_fails_leaves_nothing)
{
	const struct row rows[] = {
		{ "socket", EMFILE, "socket" },       { "socket", ENFILE, "socket" },
		{ "socket", ENOBUFS, "socket" },      { "connect", ENETUNREACH, "connect" },
		{ "connect", EACCES, "connect" },     { "connect", EADDRNOTAVAIL, "connect" },
		{ "getsockopt", ENOBUFS, "connect" }, { "calloc", ENOMEM, NULL },
	};
	struct np_fd *listener = call_listen(), *ends[2];
	char address[NP_ADDR_TEXT_MAX];

	/* The poller keeps what it allocates for its first descriptor: not to be counted as a leak.
	 */
	call_connect(listener, ends);
	call_address(listener, address);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		expect_dial_to_fail(address, &rows[i]);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
	listener = call_listen();
	call_connect(listener, ends);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

Test(stream_faults, an_accept_that_fails_leaves_the_connection_in_the_queue)
{
	const int errors[] = { EMFILE, ENFILE, ENOBUFS, ENOMEM };
	struct np_fd *listener = call_listen(), *client, *conn = NULL;
	char address[NP_ADDR_TEXT_MAX], op[NP_ADDR_TEXT_MAX + 32];

	call_address(listener, address);
	snprintf(op, sizeof(op), "accept tcp %s: accept: ", address);
	cr_assert_eq(np_dial("tcp", address, 0, &client), 0);
	for (int i = 0; i < 4; i++) {
		const struct row row = { "accept4", errors[i], "accept" };

		fault_fail(row.name, 1, 1, row.error);
		cr_assert_eq(np_accept(listener, &conn), -row.error);
		cr_assert_null(conn);
		expect_text(&row, op);
	}
	cr_assert_eq(np_accept(listener, &conn), 0);
	cr_assert_eq(np_write(client, "x", 1), 1);
	np_close(conn);
	np_close(client);
	np_close(listener);
}

/* Here it is ours to lose: the peer is told by the end of the stream, and nothing leaks. */
Test(stream_faults, an_accept_without_memory_closes_what_it_accepted)
{
	struct np_fd *listener = call_listen(), *client, *conn = NULL;
	char address[NP_ADDR_TEXT_MAX], byte;
	int descriptors;

	call_address(listener, address);
	cr_assert_eq(np_dial("tcp", address, 0, &client), 0);
	descriptors = fixture_count_descriptors();
	fault_fail("calloc", 1, 1, ENOMEM);
	cr_assert_eq(np_accept(listener, &conn), -ENOMEM);
	cr_assert_null(conn);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
	cr_assert_eq(call_read_patiently(client, &byte, 1), 0);
	np_close(client);
	cr_assert_eq(np_dial("tcp", address, 0, &client), 0);
	cr_assert_eq(np_accept(listener, &conn), 0);
	np_close(conn);
	np_close(client);
	np_close(listener);
}

/* ---- what is retried ---------------------------------------------------------------------- */

Test(stream_faults, connections_that_died_in_the_queue_are_skipped)
{
	struct np_fd *listener = call_listen(), *ends[2];

	fault_fail("accept4", 1, 100, ECONNABORTED);
	call_connect(listener, ends);
	cr_assert_eq(fault_met(), 100);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

Test(stream_faults, an_accept_is_made_again_after_signals)
{
	struct np_fd *listener = call_listen(), *ends[2];

	fault_fail("accept4", 1, 100, EINTR);
	call_connect(listener, ends);
	cr_assert_eq(fault_met(), 100);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

/* The connect goes on by itself: one call, not two, and then a wait. */
Test(stream_faults, a_connect_that_a_signal_interrupts_goes_on)
{
	struct np_fd *listener = call_listen(), *ends[2];

	fault_spoil("connect", 1, 1, EINTR);
	call_connect(listener, ends);
	cr_assert_eq(fault_met(), 1);
	cr_assert_eq(fault_calls("connect"), 1);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

/* Who has no peer is not connected, whatever SO_ERROR says. */
Test(stream_faults, no_error_is_no_proof_of_a_connection)
{
	struct np_fd *listener = call_listen(), *conn = NULL;
	char address[NP_ADDR_TEXT_MAX];
	int error;

	call_address(listener, address);
	fault_fail("getpeername", 1, FAULT_ALWAYS, ENOTCONN);
	error = np_dial("tcp", address, np_deadline(20 * 1000 * 1000), &conn);
	cr_assert_eq(error, NP_EDEADLINE);
	cr_assert_null(conn);
	fault_fail("getpeername", 1, FAULT_ALWAYS, ENOBUFS);
	cr_assert_eq(np_dial("tcp", address, 0, &conn), -ENOBUFS);
	np_close(listener);
}

/* ---- a socket that connected to itself ---------------------------------------------------- */

static int binds_left;
static int connects;

/* The port that is asked for becomes our own: TCP then opens from both sides at once. */
static void become_the_target(int fd, const struct sockaddr *addr, socklen_t length)
{
	const int on = 1;

	connects++;
	if (binds_left-- <= 0)
		return;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	if (bind(fd, addr, length) < 0)
		connects = -1000;
}

/* An address that nobody listens on, and may be bound. */
static void free_address(char address[static NP_ADDR_TEXT_MAX])
{
	struct np_fd *listener = call_listen();

	call_address(listener, address);
	np_close(listener);
}

Test(stream_faults, a_socket_that_connected_to_itself_is_no_connection)
{
	struct np_fd *conn = NULL;
	char address[NP_ADDR_TEXT_MAX];
	int descriptors = fixture_count_descriptors();

	free_address(address);
	binds_left = 1000;
	fault_before_connect(become_the_target);
	cr_assert_eq(np_dial("tcp", address, np_deadline(60 * SECOND), &conn), -EADDRNOTAVAIL);
	cr_assert_null(conn);
	cr_assert_eq(connects, 3, "it is tried again, twice");
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

Test(stream_faults, after_a_connection_to_itself_the_next_try_counts)
{
	struct np_fd *conn = NULL;
	char address[NP_ADDR_TEXT_MAX];

	free_address(address);
	binds_left = 1;
	fault_before_connect(become_the_target);
	cr_assert_eq(np_dial("tcp", address, np_deadline(60 * SECOND), &conn), -ECONNREFUSED);
	cr_assert_eq(connects, 2);
}

/* ---- closing ------------------------------------------------------------------------------ */

/* The number is free whatever close(2) says, so it is called once. */
Test(stream_faults, a_close_that_a_signal_interrupts_is_done)
{
	struct np_fd *fds[2];
	int descriptors = fixture_count_descriptors();

	fixture_fd_pair(fds);
	fault_spoil("close", 1, 1, EINTR);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(fault_calls("close"), 1);
	fault_clear();
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

Test(stream_faults, a_close_that_fails_says_so_and_has_closed)
{
	struct np_fd *fds[2], *other;
	char text[128], byte;
	int descriptors = fixture_count_descriptors();

	fixture_fd_pair(fds);
	other = np_ref(fds[0]);
	fault_spoil("close", 1, 1, EIO);
	cr_assert_eq(np_close(fds[0]), -EIO);
	np_error_text(-EIO, text, sizeof(text));
	cr_assert_eq(strncmp(text, "close unix @: close: ", 21), 0, "%s", text);
	cr_assert_eq(fault_calls("close"), 1);
	fault_clear();
	cr_assert_eq(np_read(other, &byte, 1), NP_ECLOSED);
	cr_assert_eq(np_close(other), NP_ECLOSED);
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

/* The number may be somebody else's as soon as it is closed, and then so is its name. */
Test(stream_faults, a_failed_close_does_not_tell_another_sockets_name)
{
	struct np_fd *listener = call_listen(), *ends[2];
	int names;

	call_connect(listener, ends);
	fault_spoil("close", 1, 1, EIO);
	names = fault_calls("getsockname");
	cr_assert_eq(np_close(ends[0]), -EIO);
	cr_assert_eq(fault_calls("getsockname"), names, "asked for the name of a closed number");
	fault_clear();
	np_close(ends[1]);
	np_close(listener);
}

Test(stream_faults, what_a_stream_is_asked_may_fail)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct np_addr addr;

	call_connect(listener, ends);
	fault_fail("setsockopt", 1, 1, ENOBUFS);
	cr_assert_eq(np_set_no_delay(ends[0], false), -ENOBUFS);
	fault_fail("shutdown", 1, 2, ENOTCONN);
	cr_assert_eq(np_close_write(ends[0]), -ENOTCONN);
	cr_assert_eq(np_close_read(ends[0]), -ENOTCONN);
	fault_fail("getsockname", 1, 1, ENOBUFS);
	cr_assert_eq(np_local_addr(ends[0], &addr), -ENOBUFS);
	cr_assert_eq(np_local_addr(ends[0], &addr), 0);
	cr_assert_eq(np_close_write(ends[0]), 0);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}
