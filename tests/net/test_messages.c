/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_messages.c - dialing and listening over networks that keep the borders of
 * messages: "udp", "unixgram" and "unixpacket".
 */
#include "core/fd.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(messages, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int option(struct np_fd *fd, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	cr_assert_eq(getsockopt(fd->sysfd, SOL_SOCKET, name, &value, &length), 0);
	return value;
}

/* A plain socket of UDP on a free port of this host, and its address. */
static int open_udp_peer(char text[NP_ADDR_TEXT_MAX], uint16_t *port)
{
	struct sockaddr_in name = { .sin_family = AF_INET };
	socklen_t length = sizeof(name);
	int peer = socket(AF_INET, SOCK_DGRAM, 0);

	name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(peer, (struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(getsockname(peer, (struct sockaddr *)&name, &length), 0);
	*port = ntohs(name.sin_port);
	snprintf(text, NP_ADDR_TEXT_MAX, "127.0.0.1:%u", *port);
	return peer;
}

/* Two messages sent are two messages read, each cut to the buffer. */
static void expect_borders(struct np_fd *fd, int peer)
{
	char text[64];

	cr_assert_eq(np_write(fd, "first", 5), 5);
	cr_assert_eq(np_write(fd, "second", 6), 6);
	cr_assert_eq(recv(peer, text, sizeof(text), 0), 5);
	cr_assert_eq(recv(peer, text, 3, 0), 3);
	cr_assert_arr_eq(text, "sec", 3);
	cr_assert_eq(recv(peer, text, sizeof(text), MSG_DONTWAIT), -1);
}

Test(messages, udp_is_dialed_and_answers_come_from_there_alone)
{
	struct sockaddr_storage ours;
	socklen_t length = sizeof(ours);
	char text[NP_ADDR_TEXT_MAX], other_text[NP_ADDR_TEXT_MAX], buf[8];
	uint16_t port, other_port;
	int peer = open_udp_peer(text, &port), other = open_udp_peer(other_text, &other_port);
	struct np_addr addr;
	struct np_fd *fd;

	cr_assert_eq(np_dial("udp", text, 0, &fd), 0);
	cr_assert_eq(np_remote_addr(fd, &addr), 0);
	cr_assert_eq(addr.port, port);
	cr_assert_eq(option(fd, SO_TYPE), SOCK_DGRAM);
	cr_assert_neq(option(fd, SO_BROADCAST), 0);
	expect_borders(fd, peer);
	cr_assert_eq(getsockname(fd->sysfd, (struct sockaddr *)&ours, &length), 0);
	cr_assert_eq(sendto(other, "no", 2, 0, (struct sockaddr *)&ours, length), 2);
	cr_assert_eq(sendto(peer, "yes", 3, 0, (struct sockaddr *)&ours, length), 3);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), 3);
	cr_assert_eq(np_close(fd), 0);
	close(peer);
	close(other);
}

Test(messages, udp_without_a_host_is_this_host)
{
	static const char *const networks[] = { "udp", "udp4" };
	char text[NP_ADDR_TEXT_MAX];
	uint16_t port;
	int peer = open_udp_peer(text, &port);
	struct np_fd *fd;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_dial(networks[i], strchr(text, ':'), 0, &fd), 0);
		expect_borders(fd, peer);
		cr_assert_eq(np_close(fd), 0);
	}
	close(peer);
}

/* Dialing asks nobody; it is the answer to a datagram that tells. */
Test(messages, udp_where_nobody_is_fails_when_something_was_sent)
{
	char text[NP_ADDR_TEXT_MAX], buf[8];
	uint16_t port;
	struct np_fd *fd;

	close(open_udp_peer(text, &port));
	cr_assert_eq(np_dial("udp4", text, 0, &fd), 0);
	cr_assert_eq(np_write(fd, "x", 1), 1);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), -ECONNREFUSED);
	cr_assert_eq(np_close(fd), 0);
}

Test(messages, unixgram_is_dialed)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	int peer = socket(AF_UNIX, SOCK_DGRAM, 0);
	struct np_fd *fd;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_dial("unixgram", path, 0, &fd), -ENOENT);
	strcpy(name.sun_path, path);
	cr_assert_eq(bind(peer, (struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(np_dial("unix", path, 0, &fd), -EPROTOTYPE, "that is a stream");
	cr_assert_eq(np_dial("unixgram", path, 0, &fd), 0);
	expect_borders(fd, peer);
	cr_assert_eq(np_close(fd), 0);
	close(peer);
	unlink(path);
}

Test(messages, unixpacket_listens_accepts_and_dials)
{
	struct call acceptor = { 0 };
	struct np_fd *fd;
	char path[64], byte;

	call_unix_path(path);
	cr_assert_eq(np_listen("unixpacket", path, &acceptor.fd), 0);
	call_start(&acceptor, call_accept);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_dial("unixpacket", path, 0, &fd), 0);
	cr_assert_eq(call_finish(&acceptor), 0);
	cr_assert_eq(option(fd, SO_TYPE), SOCK_SEQPACKET);
	expect_borders(fd, acceptor.conn->sysfd);
	expect_borders(acceptor.conn, fd->sysfd);
	cr_assert_eq(np_close(fd), 0);
	cr_assert_eq(np_read(acceptor.conn, &byte, 1), 0, "the end");
	cr_assert_eq(np_close(acceptor.conn), 0);
	cr_assert_eq(np_close(acceptor.fd), 0);
	cr_assert_neq(access(path, F_OK), 0, "the path went with the listener");
}

/* A short read of a message says nothing about the next one. */
Test(messages, a_read_that_was_short_does_not_hide_the_next_message)
{
	struct call acceptor = { 0 };
	struct np_fd *fd, *conn;
	char path[64], buf[8];

	call_unix_path(path);
	cr_assert_eq(np_listen("unixpacket", path, &acceptor.fd), 0);
	cr_assert_eq(np_dial("unixpacket", path, 0, &fd), 0);
	cr_assert_eq(np_accept(acceptor.fd, &conn), 0);
	call_register(conn);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(np_write(fd, "x", 1), 1);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(call_read_patiently(conn, buf, sizeof(buf)), 1);
	cr_assert_eq(np_close(fd), 0);
	cr_assert_eq(np_close(conn), 0);
	cr_assert_eq(np_close(acceptor.fd), 0);
}

Test(messages, nobody_listens_for_datagrams)
{
	static const struct {
		const char *network, *address, *text;
	} rows[] = {
		{ "udp", "127.0.0.1:1",
		  "listen udp 127.0.0.1:1: address 127.0.0.1:1: unexpected address type" },
		{ "udp4", ":0", "listen udp4 :0: address :0: unexpected address type" },
		{ "udp6", "[::1]:0",
		  "listen udp6 [::1]:0: address [::1]:0: unexpected address type" },
		{ "unixgram", "/no-such-folder/socket",
		  "listen unixgram /no-such-folder/socket: "
		  "address /no-such-folder/socket: unexpected address type" },
	};
	struct np_fd *fd = NULL;
	char text[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(np_listen(rows[i].network, rows[i].address, &fd), NP_EADDRESS);
		np_error_text(NP_EADDRESS, text, sizeof(text));
		cr_expect_str_eq(text, rows[i].text, "%s", text);
	}
	cr_assert_null(fd);
}
