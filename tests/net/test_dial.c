/* SPDX-License-Identifier: MIT */
/* tests/net/test_dial.c - what a dial can be told: where from, with what options, by what name. */
#include "core/fd.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/hosts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(dial_with, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static bool has_ipv6(void)
{
	struct np_fd *listener;

	if (np_listen("tcp6", "[::1]:0", &listener) != 0)
		return false;
	np_close(listener);
	return true;
}

/* ---- names -------------------------------------------------------------------------------- */

Test(dial_with, a_name_is_looked_up)
{
	struct np_fd *listener, *conn = NULL;
	struct np_addr addr;
	struct hosts hosts;
	const struct np_dial_options options = { .resolver = &hosts.resolver };
	unsigned port;
	char name[32];

	listener = hosts_listen(&port, name);
	hosts_init(&hosts, (const char *[]){ "127.0.0.1", NULL });
	cr_assert_eq(np_dial_with("tcp", name, &options, &conn), 0);
	cr_assert_eq(hosts.asked, 1);
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	cr_assert_eq(addr.port, port);
	np_close(conn);
	np_close(listener);
}

Test(dial_with, localhost_is_known)
{
	struct np_fd *listener = call_listen(), *conn = NULL;
	struct np_addr addr;
	char text[32];

	cr_assert_eq(np_local_addr(listener, &addr), 0);
	snprintf(text, sizeof(text), "localhost:%u", addr.port);
	cr_assert_eq(np_dial("tcp", text, np_deadline(INT64_C(60) * 1000000000), &conn), 0);
	np_close(conn);
	np_close(listener);
}

/* It is this host, which may be listening in IPv4 alone. */
Test(dial_with, a_name_of_no_address_in_particular_is_this_host)
{
	struct np_fd *listener, *conn = NULL;
	struct hosts hosts;
	const struct np_dial_options options = { .resolver = &hosts.resolver };
	unsigned port;
	char name[32];

	listener = hosts_listen(&port, name);
	hosts_init(&hosts, (const char *[]){ "::", NULL });
	cr_assert_eq(np_dial_with("tcp", name, &options, &conn), 0);
	np_close(conn);
	np_close(listener);
}

Test(dial_with, a_literal_is_not_looked_up)
{
	struct np_fd *listener = call_listen(), *conn = NULL;
	struct hosts hosts;
	const struct np_dial_options options = { .resolver = &hosts.resolver };
	char text[NP_ADDR_TEXT_MAX];

	hosts_init(&hosts, (const char *[]){ "127.0.0.9", NULL });
	call_address(listener, text);
	cr_assert_eq(np_dial_with("tcp", text, &options, &conn), 0);
	cr_assert_eq(hosts.asked, 0);
	np_close(conn);
	np_close(listener);
}

/* ---- from where --------------------------------------------------------------------------- */

/* A free port of 127.0.0.1, a moment ago. */
static unsigned free_port(void)
{
	struct np_fd *listener;
	struct np_addr addr;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	np_close(listener);
	return addr.port;
}

static int dial_from(const char *local, const char *address, struct np_fd **ret_conn)
{
	const struct np_dial_options options = { .local_address = local };

	return np_dial_with("tcp", address, &options, ret_conn);
}

/* The peer sees @local, or what it begins with. Returns -EADDRINUSE if somebody has it. */
static int expect_source(const char *local, const char *expected)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct np_addr seen;
	char text[NP_ADDR_TEXT_MAX];
	int error;

	call_address(listener, text);
	error = dial_from(local, text, &ends[0]);
	if (error == -EADDRINUSE) {
		np_close(listener);
		return error;
	}
	cr_assert_eq(error, 0, "%s: %s", local, np_strerror(error));
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	cr_assert_eq(np_remote_addr(ends[1], &seen), 0);
	np_addr_format(&seen, text, sizeof(text));
	cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
	return 0;
}

Test(dial_with, it_comes_from_the_local_address)
{
	cr_assert_eq(expect_source("127.0.0.5:0", "127.0.0.5:"), 0);
	cr_assert_eq(expect_source("[::ffff:127.0.0.5]:0", "127.0.0.5:"), 0);
	cr_assert_eq(expect_source(":0", "127.0.0.1:"), 0);
	cr_assert_eq(expect_source("0.0.0.0:0", "127.0.0.1:"), 0);
	cr_assert_eq(expect_source("[::]:0", "127.0.0.1:"), 0);
}

/* Others may be given the port before we ask for it: then another. */
Test(dial_with, it_comes_from_the_local_port)
{
	int error = -EADDRINUSE;
	char text[64];

	for (int i = 0; i < 20 && error == -EADDRINUSE; i++) {
		snprintf(text, sizeof(text), "127.0.0.6:%u", free_port());
		error = expect_source(text, text);
	}
	cr_assert_eq(error, 0, "%s: %s", text, np_strerror(error));
}

Test(dial_with, it_comes_from_the_local_path)
{
	struct np_fd *listener, *ends[2];
	struct np_dial_options options = { .local_address = NULL };
	struct np_addr seen;
	char path[64], ours[80], text[NP_ADDR_TEXT_MAX];

	call_unix_path(path);
	snprintf(ours, sizeof(ours), "%s.client", path);
	options.local_address = ours;
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_dial_with("unix", path, &options, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	cr_assert_eq(np_remote_addr(ends[1], &seen), 0);
	np_addr_format(&seen, text, sizeof(text));
	cr_assert_str_eq(text, ours);
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
	cr_assert_eq(unlink(ours), 0);
}

/* Who is not reached is told who wanted to, as well. */
struct refusal {
	const char *network, *address, *local;
	int error;
	const char *text; /* before what the system calls it, if it does */
};

Test(dial_with, a_local_address_that_does_not_fit_is_refused)
{
	const struct refusal rows[] = {
		{ "tcp", "127.0.0.1:1", "/tmp/x", NP_EADDRESS,
		  "dial tcp: address /tmp/x: mismatched local address type" },
		{ "udp", "127.0.0.1:1", "@x", NP_EADDRESS,
		  "dial udp: address @x: mismatched local address type" },
		{ "tcp", "127.0.0.1:1", "[::1]:0", NP_EADDRESS,
		  "dial tcp: address [::1]:0: no suitable address found" },
		{ "tcp6", "[::1]:1", "127.0.0.1:0", NP_EADDRESS,
		  "dial tcp6: address 127.0.0.1:0: no suitable address found" },
		{ "tcp", "127.0.0.1:1", "127.0.0.1", NP_EADDRESS,
		  "dial tcp: address 127.0.0.1: missing port in address" },
		{ "tcp", "127.0.0.1:1", "192.0.2.1:0", -EADDRNOTAVAIL,
		  "dial tcp 192.0.2.1:0->127.0.0.1:1: bind: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		const struct np_dial_options options = { .local_address = rows[i].local };
		struct np_fd *conn = NULL;
		char text[256], expected[256];

		cr_assert_eq(np_dial_with(rows[i].network, rows[i].address, &options, &conn),
			     rows[i].error, "%s", rows[i].text);
		cr_assert_null(conn);
		np_error_text(rows[i].error, text, sizeof(text));
		snprintf(expected, sizeof(expected), "%s%s", rows[i].text,
			 rows[i].error == NP_EADDRESS ? "" : fixture_error(-rows[i].error));
		cr_assert_str_eq(text, expected);
	}
}

/* The program's own wish, and nothing to be tried again with. */
Test(dial_with, who_asks_for_it_is_connected_to_itself)
{
	int error = -EADDRINUSE;
	struct np_fd *conn;
	char text[32], byte;

	for (int i = 0; i < 20 && error == -EADDRINUSE; i++) {
		snprintf(text, sizeof(text), "127.0.0.1:%u", free_port());
		error = dial_from(text, text, &conn);
	}
	cr_assert_eq(error, 0, "%s: %s", text, np_strerror(error));
	cr_assert_eq(np_write(conn, "x", 1), 1);
	cr_assert_eq(np_read(conn, &byte, 1), 1);
	np_close(conn);
}

/* Without a host this one is dialed in the family that it is dialed from. */
Test(dial_with, this_host_has_the_family_of_the_local_address)
{
	const struct np_dial_options options = { .local_address = "[::1]:0" };
	struct np_fd *listener, *conn;
	struct np_addr addr;
	char text[32];

	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	cr_assert_eq(np_listen("tcp6", "[::1]:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	snprintf(text, sizeof(text), ":%u", addr.port);
	cr_assert_eq(np_dial_with("tcp", text, &options, &conn), 0);
	np_close(conn);
	snprintf(text, sizeof(text), "0.0.0.0:%u", addr.port);
	cr_assert_eq(np_dial_with("tcp", text, &options, &conn), 0);
	np_close(conn);
	np_close(listener);
}

/* ---- control ------------------------------------------------------------------------------ */

struct seen {
	int calls;
	int result;
	bool is_bound;
	char network[16];
	char address[NP_ADDR_TEXT_MAX];
};

static int see(int sysfd, const char *network, const char *address, void *arg)
{
	struct seen *seen = arg;
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);

	seen->calls++;
	getsockname(sysfd, (struct sockaddr *)&name, &length);
	seen->is_bound = name.sin_port != 0;
	snprintf(seen->network, sizeof(seen->network), "%s", network);
	snprintf(seen->address, sizeof(seen->address), "%s", address);
	return seen->result;
}

Test(dial_with, the_control_function_sees_the_socket_before_anything_else)
{
	struct seen seen = { .is_bound = true };
	const struct np_dial_options options = {
		.local_address = "127.0.0.1:0",
		.control = see,
		.control_arg = &seen,
	};
	struct np_fd *listener = call_listen(), *conn;
	char text[NP_ADDR_TEXT_MAX], path[64];

	call_address(listener, text);
	cr_assert_eq(np_dial_with("tcp", text, &options, &conn), 0);
	np_close(conn);
	np_close(listener);
	cr_assert_eq(seen.calls, 1);
	cr_assert(!seen.is_bound);
	cr_assert_str_eq(seen.network, "tcp4");
	cr_assert_str_eq(seen.address, text);
	cr_assert_eq(np_dial_with("udp", "127.0.0.1:9", &options, &conn), 0);
	np_close(conn);
	cr_assert_str_eq(seen.network, "udp4");
	call_unix_path(path);
	cr_assert_eq(np_dial_with("unix", path,
				  &(struct np_dial_options){ .control = see, .control_arg = &seen },
				  &conn),
		     -ENOENT);
	cr_assert_str_eq(seen.network, "unix");
	cr_assert_str_eq(seen.address, path);
}

Test(dial_with, the_control_function_can_refuse)
{
	struct seen seen = { .result = -EXDEV };
	const struct np_dial_options options = { .control = see, .control_arg = &seen };
	struct np_fd *listener = call_listen(), *conn = NULL;
	char text[NP_ADDR_TEXT_MAX], told[256], expected[256];

	call_address(listener, text);
	cr_assert_eq(np_dial_with("tcp", text, &options, &conn), -EXDEV);
	cr_assert_null(conn);
	np_error_text(-EXDEV, told, sizeof(told));
	snprintf(expected, sizeof(expected), "dial tcp %s: %s", text, fixture_error(EXDEV));
	cr_assert_str_eq(told, expected);
	cr_assert_eq(np_set_read_deadline(listener, np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE, "it was connected");
	np_close(listener);
}

/* Each write would look for it, as long as the connection lives. */
Test(dial_with, the_deadline_of_a_dial_is_not_left_to_the_connection)
{
	struct np_fd *listener = call_listen(), *conn;
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	cr_assert_eq(np_dial("tcp", text, np_deadline(INT64_C(3600) * 1000000000), &conn), 0);
	cr_assert(!atomic_load(&conn->has_deadlines));
	np_close(conn);
	np_close(listener);
}

/* ---- others ------------------------------------------------------------------------------- */

Test(dial_with, messages_are_dialed_the_same_way)
{
	const struct np_dial_options options = { .local_address = "127.0.0.1:0" };
	struct np_fd *conn;
	struct np_addr addr;

	cr_assert_eq(np_dial_with("udp", "127.0.0.1:9", &options, &conn), 0);
	cr_assert_eq(np_local_addr(conn, &addr), 0);
	cr_assert_neq(addr.port, 0);
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	cr_assert_eq(addr.port, 9);
	np_close(conn);
}

#ifdef __linux__
/* Others wait, or refuse. */
Test(dial_with, a_unix_listener_without_room_is_an_error)
{
	const struct np_listen_options options = { .backlog = 1 };
	struct np_fd *listener, *clients[8];
	char path[64];
	int count = 0, error = 0;

	call_unix_path(path);
	cr_assert_eq(np_listen_with("unix", path, &options, &listener), 0);
	while (count < 8 && !error) {
		error = np_dial("unix", path, 0, &clients[count]);
		count += !error;
	}
	cr_assert_eq(error, -EAGAIN);
	for (int i = 0; i < count; i++)
		np_close(clients[i]);
	np_close(listener);
}
#endif
