/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_tcp.c - listening, accepting and dialing over TCP: networks and addresses, the
 * options of what is made, half-closes, and the ways in which a dial fails.
 */
#include "core/sys.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(tcp, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t SECOND = 1000 * 1000 * 1000;

static void close_all(struct np_fd *listener, struct np_fd *ends[2])
{
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert_eq(np_close(listener), 0);
}

static bool has_ipv6(void)
{
	struct np_fd *listener;

	if (np_listen("tcp6", "[::1]:0", &listener) != 0)
		return false;
	np_close(listener);
	return true;
}

/* ---- networks and addresses --------------------------------------------------------------- */

/* Listen on @listen, dial @host with the port that came of it, and talk both ways. */
static void expect_connection(const char *listen_network, const char *listen_address,
			      const char *dial_network, const char *host)
{
	struct np_fd *listener, *ends[2];
	struct np_addr addr, local, remote;
	char text[64], byte;
	int error = np_listen(listen_network, listen_address, &listener);

	cr_assert_eq(error, 0, "listen %s %s: %d", listen_network, listen_address, error);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	cr_assert_neq(addr.port, 0);
	snprintf(text, sizeof(text), "%s:%d", host, addr.port);
	error = np_dial(dial_network, text, 0, &ends[0]);
	cr_assert_eq(error, 0, "dial %s %s: %d", dial_network, text, error);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_write(ends[i], "x", 1), 1);
		cr_assert_eq(np_read(ends[1 - i], &byte, 1), 1);
		cr_assert_eq(np_local_addr(ends[i], &local), 0);
		cr_assert_eq(np_remote_addr(ends[1 - i], &remote), 0);
		cr_assert(np_addr_equal(&local, &remote));
	}
	cr_assert_eq(np_remote_addr(ends[0], &remote), 0);
	cr_assert_eq(remote.port, addr.port);
	close_all(listener, ends);
}

Test(tcp, ipv4_connects)
{
	expect_connection("tcp", "127.0.0.1:0", "tcp", "127.0.0.1");
	expect_connection("tcp4", "127.0.0.1:0", "tcp4", "127.0.0.1");
	expect_connection("tcp4", ":0", "tcp", "127.0.0.1");
	expect_connection("tcp", "0.0.0.0:0", "tcp", "127.0.0.1");
	/* IPv4 in the clothes of IPv6. */
	expect_connection("tcp", "127.0.0.1:0", "tcp", "[::ffff:127.0.0.1]");
	expect_connection("tcp", "[::ffff:127.0.0.1]:0", "tcp", "127.0.0.1");
	expect_connection("tcp4", "[::ffff:127.0.0.1]:0", "tcp4", "[::ffff:127.0.0.1]");
}

Test(tcp, a_dial_without_host_goes_to_this_one)
{
	expect_connection("tcp", "127.0.0.1:0", "tcp", "");
	expect_connection("tcp4", "127.0.0.1:0", "tcp4", "");
	if (has_ipv6())
		expect_connection("tcp6", "[::1]:0", "tcp6", "");
}

Test(tcp, ipv6_connects_where_there_is_one)
{
	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	expect_connection("tcp", "[::1]:0", "tcp", "[::1]");
	expect_connection("tcp6", "[::1]:0", "tcp6", "[::1]");
	expect_connection("tcp6", ":0", "tcp6", "[::1]");
}

Test(tcp, any_address_serves_both_families_where_there_are_two)
{
	expect_connection("tcp", ":0", "tcp", "127.0.0.1");
	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	expect_connection("tcp", ":0", "tcp", "[::1]");
	expect_connection("tcp", "[::]:0", "tcp", "[::1]");
	expect_connection("tcp", "[::]:0", "tcp", "127.0.0.1");
}

/* Listen for IPv6 on any port, and then for IPv4 on the same. */
static bool listen_side_by_side(void)
{
	struct np_fd *six, *four, *conn;
	struct np_addr addr;
	char text[32];
	bool done;
	int error;

	cr_assert_eq(np_listen("tcp6", ":0", &six), 0);
	cr_assert_eq(np_local_addr(six, &addr), 0);
	snprintf(text, sizeof(text), "127.0.0.1:%d", addr.port);
	error = np_dial("tcp", text, 0, &conn);
	if (error == 0)
		np_close(conn);
	snprintf(text, sizeof(text), ":%d", addr.port);
	done = error == -ECONNREFUSED && np_listen("tcp4", text, &four) == 0;
	if (done)
		np_close(four);
	np_close(six);
	return done;
}

/* Some other program may have the port for IPv4 already; not every time. */
Test(tcp, tcp6_leaves_ipv4_to_others)
{
	bool done = false;

	if (!has_ipv6())
		cr_skip_test("no IPv6 here");
	for (int tries = 0; tries < 20 && !done; tries++)
		done = listen_side_by_side();
	cr_assert(done);
}

Test(tcp, the_network_has_to_fit_the_address)
{
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *fd = untouched;

	cr_assert_eq(np_listen("tcp4", "[::1]:0", &fd), NP_EADDRESS);
	cr_assert_eq(np_dial("tcp4", "[::1]:1", 0, &fd), NP_EADDRESS);
	cr_assert_eq(np_listen("tcp6", "127.0.0.1:0", &fd), NP_EADDRESS);
	cr_assert_eq(np_dial("tcp6", "127.0.0.1:1", 0, &fd), NP_EADDRESS);
	cr_assert_eq(np_listen("tpc", "127.0.0.1:0", &fd), NP_ENETWORK);
	cr_assert_eq(np_dial("", "127.0.0.1:1", 0, &fd), NP_ENETWORK);
	cr_assert_eq(np_dial("tcp5", "127.0.0.1:1", 0, &fd), NP_ENETWORK);
	cr_assert_eq(np_listen("tcp", "nonsense", &fd), NP_EADDRESS);
	cr_assert_eq(np_dial("tcp", "1.2.3.4", 0, &fd), NP_EADDRESS);
	cr_assert_eq(np_listen(NULL, "127.0.0.1:0", &fd), -EINVAL);
	cr_assert_eq(np_listen("tcp", NULL, &fd), -EINVAL);
	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", NULL), -EINVAL);
	cr_assert_eq(np_dial(NULL, "127.0.0.1:1", 0, &fd), -EINVAL);
	cr_assert_eq(np_dial("tcp", NULL, 0, &fd), -EINVAL);
	cr_assert_eq(np_dial("tcp", "127.0.0.1:1", 0, NULL), -EINVAL);
	cr_assert_eq(fd, untouched, "written on failure");
}

Test(tcp, what_is_no_listener_accepts_nothing)
{
	struct np_fd *listener = call_listen(), *ends[2], *conn = NULL;

	call_connect(listener, ends);
	cr_assert_eq(np_accept(ends[0], &conn), -EINVAL);
	cr_assert_eq(np_accept(listener, NULL), -EINVAL);
	close_all(listener, ends);
}

/* ---- listening ---------------------------------------------------------------------------- */

Test(tcp, a_port_that_is_listened_on_is_in_use)
{
	struct np_fd *listener = call_listen(), *second = NULL;
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	cr_assert_eq(np_listen("tcp", text, &second), -EADDRINUSE);
	cr_assert_null(second);
	cr_assert_eq(np_close(listener), 0);
}

/* Our end closed first, so it is the port's own connection that lingers. */
Test(tcp, a_port_with_an_old_connection_can_be_listened_on)
{
	struct np_fd *listener = call_listen(), *ends[2];
	char text[NP_ADDR_TEXT_MAX], byte;

	call_address(listener, text);
	call_connect(listener, ends);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert_eq(np_read(ends[0], &byte, 1), 0);
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(listener), 0);
	cr_assert_eq(np_listen("tcp", text, &listener), 0);
	cr_assert_eq(np_close(listener), 0);
}

Test(tcp, accept_waits_for_a_connection_again_and_again)
{
	struct np_fd *listener = call_listen();
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	for (int i = 0; i < 20; i++) {
		struct call acceptor = { .fd = listener };
		struct np_fd *client;

		call_start(&acceptor, call_accept);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_dial("tcp", text, 0, &client), 0);
		cr_assert_eq(call_finish(&acceptor), 0);
		cr_assert_eq(np_close(acceptor.conn), 0);
		cr_assert_eq(np_close(client), 0);
	}
	cr_assert_eq(np_close(listener), 0);
}

Test(tcp, many_connections_wait_in_the_queue)
{
	enum { MANY = 100 };
	struct np_fd *listener = call_listen(), *clients[MANY], *conn;
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	for (int i = 0; i < MANY; i++)
		cr_assert_eq(np_dial("tcp", text, np_deadline(60 * SECOND), &clients[i]), 0);
	for (int i = 0; i < MANY; i++) {
		cr_assert_eq(np_accept(listener, &conn), 0);
		cr_assert_eq(np_close(conn), 0);
		cr_assert_eq(np_close(clients[i]), 0);
	}
	cr_assert_eq(np_close(listener), 0);
}

static int lose_connection(int sysfd, void *arg)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	(void)arg;
	return setsockopt(sysfd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
}

/* Linux hands it out all the same, others do not: the listener has to survive either. */
Test(tcp, a_client_that_resets_before_it_is_accepted_does_not_harm_the_listener)
{
	struct np_fd *listener = call_listen(), *client, *second, *conn;
	char text[NP_ADDR_TEXT_MAX], byte;
	ssize_t n;

	call_address(listener, text);
	cr_assert_eq(np_dial("tcp", text, 0, &client), 0);
	cr_assert_eq(np_fd_control(client, lose_connection, NULL), 0);
	cr_assert_eq(np_close(client), 0);
	cr_assert_eq(np_dial("tcp", text, 0, &second), 0);
	cr_assert_eq(np_write(second, "2", 1), 1);
	cr_assert_eq(np_accept(listener, &conn), 0);
	n = call_read_patiently(conn, &byte, 1);
	if (n == -ECONNRESET) {
		cr_assert_eq(np_close(conn), 0);
		cr_assert_eq(np_accept(listener, &conn), 0);
		n = call_read_patiently(conn, &byte, 1);
	}
	cr_assert_eq(n, 1);
	np_close(conn);
	np_close(second);
	np_close(listener);
}

Test(tcp, the_address_of_a_peer_that_reset_is_still_known)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct np_addr before, after;
	char byte;

	call_connect(listener, ends);
	cr_assert_eq(np_local_addr(ends[0], &before), 0);
	cr_assert_eq(np_fd_control(ends[0], lose_connection, NULL), 0);
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(call_read_patiently(ends[1], &byte, 1), -ECONNRESET);
	cr_assert_eq(np_remote_addr(ends[1], &after), 0);
	cr_assert(np_addr_equal(&before, &after));
	np_close(ends[1]);
	np_close(listener);
}

Test(tcp, a_listener_has_an_address_and_no_peer)
{
	struct np_fd *listener = call_listen();
	struct np_addr addr;

	cr_assert_eq(np_local_addr(listener, &addr), 0);
	cr_assert_eq(np_local_addr(listener, NULL), -EINVAL);
	cr_assert_eq(np_remote_addr(listener, &addr), -ENOTCONN);
	np_close(listener);
}

/* ---- what is made ------------------------------------------------------------------------- */

struct options {
	int no_delay;
	bool close_on_exec;
	bool nonblocking;
};

static int ask_options(int sysfd, void *arg)
{
	struct options *options = arg;
	socklen_t length = sizeof(options->no_delay);

	options->no_delay = -1;
	getsockopt(sysfd, IPPROTO_TCP, TCP_NODELAY, &options->no_delay, &length);
	options->close_on_exec = fcntl(sysfd, F_GETFD) & FD_CLOEXEC;
	options->nonblocking = fcntl(sysfd, F_GETFL) & O_NONBLOCK;
	return 0;
}

Test(tcp, everything_is_close_on_exec_and_connections_do_not_delay)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct options options;

	call_connect(listener, ends);
	for (int i = 0; i < 3; i++) {
		struct np_fd *fd = i == 2 ? listener : ends[i];

		cr_assert_eq(np_fd_control(fd, ask_options, &options), 0);
		cr_assert(options.close_on_exec);
		cr_assert(options.nonblocking);
		cr_assert(i == 2 || options.no_delay > 0);
	}
	close_all(listener, ends);
}

Test(tcp, no_delay_can_be_turned_off_and_on)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct options options;

	call_connect(listener, ends);
	cr_assert_eq(np_set_no_delay(ends[0], false), 0);
	cr_assert_eq(np_fd_control(ends[0], ask_options, &options), 0);
	cr_assert_eq(options.no_delay, 0);
	cr_assert_eq(np_set_no_delay(ends[0], true), 0);
	cr_assert_eq(np_fd_control(ends[0], ask_options, &options), 0);
	cr_assert_gt(options.no_delay, 0);
	close_all(listener, ends);
}

/* ---- half-closes -------------------------------------------------------------------------- */

Test(tcp, closing_the_writing_side_leaves_the_other_direction_open)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct call reader = { .fd = NULL };
	char buf[8];

	call_connect(listener, ends);
	reader.fd = ends[1];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close_write(ends[0]), 0);
	cr_assert_eq(call_finish(&reader), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), -EPIPE);
	cr_assert_eq(np_write(ends[1], "answer", 6), 6);
	cr_assert_eq(call_read_patiently(ends[0], buf, sizeof(buf)), 6);
	close_all(listener, ends);
}

Test(tcp, closing_the_reading_side_ends_a_read_and_leaves_writing)
{
	struct np_fd *listener = call_listen(), *ends[2];
	struct call reader = { .fd = NULL };
	char byte;

	call_connect(listener, ends);
	reader.fd = ends[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close_read(ends[0]), 0);
	cr_assert_eq(call_finish(&reader), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), 1);
	cr_assert_eq(call_read_patiently(ends[1], &byte, 1), 1);
	close_all(listener, ends);
}

/* ---- dials that fail ---------------------------------------------------------------------- */

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

Test(tcp, a_dial_that_nobody_listens_to_is_refused)
{
	char text[32];
	int reserved = reserve_port(text);
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *conn = untouched;

	cr_assert_eq(np_dial("tcp", text, 0, &conn), -ECONNREFUSED);
	cr_assert_eq(np_dial("tcp", text, np_deadline(60 * SECOND), &conn), -ECONNREFUSED);
	cr_assert_eq(conn, untouched, "written on failure");
	close(reserved);
}

Test(tcp, a_dial_whose_deadline_has_passed_tries_nothing)
{
	struct np_fd *listener = call_listen(), *conn = NULL;
	char text[NP_ADDR_TEXT_MAX];

	call_address(listener, text);
	cr_assert_eq(np_dial("tcp", text, -1, &conn), NP_EDEADLINE);
	cr_assert_eq(np_dial("tcp", text, np_time(), &conn), NP_EDEADLINE);
	cr_assert_null(conn);
	cr_assert_eq(np_set_read_deadline(listener, np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE, "something was connected");
	np_close(listener);
}

/*
 * A listener whose queue is full: Linux drops what asks to connect, which then asks again after a
 * second, two, and so on. Nothing leaves the host, and nothing answers.
 */
struct crowd {
	int listener;
	int clients[8];
	char address[32];
};

static int count_connected(const struct crowd *crowd)
{
	struct sockaddr_storage peer;
	int count = 0;

	for (int i = 0; i < 8; i++) {
		socklen_t length = sizeof(peer);

		count += getpeername(crowd->clients[i], (struct sockaddr *)&peer, &length) == 0;
	}
	return count;
}

/* Returns false where queues do not fill up like this. */
static bool make_crowd(struct crowd *crowd)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);

	crowd->listener = np__sys_socket(AF_INET, SOCK_STREAM, 0);
	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(crowd->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(crowd->listener, 0), 0);
	cr_assert_eq(getsockname(crowd->listener, (struct sockaddr *)&addr, &length), 0);
	snprintf(crowd->address, sizeof(crowd->address), "127.0.0.1:%d", ntohs(addr.sin_port));
	for (int i = 0; i < 8; i++) {
		crowd->clients[i] = np__sys_socket(AF_INET, SOCK_STREAM, 0);
		connect(crowd->clients[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	FIXTURE_UNTIL(count_connected(crowd) > 0);
	return count_connected(crowd) < 8;
}

static void empty_queue(struct crowd *crowd)
{
	int accepted;

	while ((accepted = accept(crowd->listener, NULL, NULL)) >= 0)
		close(accepted);
	cr_assert_eq(errno, EAGAIN);
}

static void end_crowd(struct crowd *crowd)
{
	close(crowd->listener);
	for (int i = 0; i < 8; i++)
		close(crowd->clients[i]);
}

Test(tcp, a_dial_that_nobody_answers_ends_with_its_deadline)
{
	struct np_fd *conn = NULL;
	struct crowd crowd;

	if (make_crowd(&crowd)) {
		int64_t deadline = np_deadline(30 * 1000 * 1000);

		cr_assert_eq(np_dial("tcp", crowd.address, deadline, &conn), NP_EDEADLINE);
		cr_assert_geq(np_time(), deadline);
		cr_assert_null(conn);
	}
	end_crowd(&crowd);
}

/* The second time it asks there is room: the dial has to have waited, and to learn of it. */
Test(tcp, a_dial_waits_until_it_is_answered)
{
	struct call dialer = { .network = "tcp" };
	struct crowd crowd;

	if (make_crowd(&crowd)) {
		dialer.address = crowd.address;
		call_start(&dialer, call_dial);
		FIXTURE_UNTIL(fixture_parked() == 1);
		/* Again and again: those who came before ask again, too. */
		FIXTURE_UNTIL((empty_queue(&crowd), atomic_load(&dialer.done)));
		cr_assert_eq(call_finish(&dialer), 0, "%s", dialer.text);
		np_close(dialer.conn);
	}
	end_crowd(&crowd);
}

Test(tcp, several_dials_wait_at_once)
{
	enum { DIALERS = 4 };
	struct call dialers[DIALERS];
	struct crowd crowd;

	if (make_crowd(&crowd)) {
		for (int i = 0; i < DIALERS; i++) {
			dialers[i] = (struct call){
				.network = "tcp",
				.address = crowd.address,
				.deadline = np_deadline((200 + 10 * i) * 1000 * 1000),
			};
			call_start(&dialers[i], call_dial);
		}
		for (int i = 0; i < DIALERS; i++) {
			cr_assert_eq(call_finish(&dialers[i]), NP_EDEADLINE);
			cr_assert_geq(dialers[i].ended_at, dialers[i].deadline);
		}
	}
	end_crowd(&crowd);
}

/* What is dialed is no address of anybody's; the connection has one. */
Test(tcp, a_dial_to_any_address_knows_whom_it_reached)
{
	struct np_fd *listener, *conn;
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_listen("tcp4", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	snprintf(text, sizeof(text), "0.0.0.0:%u", addr.port);
	cr_assert_eq(np_dial("tcp", text, 0, &conn), 0);
	np_close(conn);
	/* Where there is no IPv6, or nobody listens in it, "::" means this host all the same. */
	snprintf(text, sizeof(text), "[::]:%u", addr.port);
	cr_assert_eq(np_dial("tcp", text, 0, &conn), 0);
	cr_assert_eq(np_remote_addr(conn, &addr), 0);
	np_addr_format(&addr, text, sizeof(text));
	cr_assert_eq(strncmp(text, "127.0.0.1:", 10), 0, "%s", text);
	np_close(conn);
	np_close(listener);
}
