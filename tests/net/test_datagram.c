/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_datagram.c - datagram sockets that serve anybody, and those that are connected:
 * one message at a time.
 */
#include "core/fd.h"
#include "core/net/destination.h"
#include "tests/support/call.h"
#include "tests/support/datagram.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <unistd.h>

TestSuite(datagram, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

static int option(struct np_fd *fd, int level, int name)
{
	int value = -1;
	socklen_t length = sizeof(value);

	getsockopt(fd->sysfd, level, name, &value, &length);
	return value;
}

static void expect_text(int error, const char *expected)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	cr_assert_str_eq(text, expected);
}

/* @size bytes of @text arrive at @to, from @from. */
static void expect_message(struct np_fd *to, const char *text, const struct np_addr *from)
{
	char buf[64];
	struct np_addr addr;

	datagram_await(to);
	cr_assert_eq(np_recv_from(to, buf, sizeof(buf), &addr), (ssize_t)strlen(text));
	cr_assert_arr_eq(buf, text, strlen(text));
	cr_assert(np_addr_equal(&addr, from));
	cr_assert_eq(addr.family, from->family);
}

/* ---- listening ---------------------------------------------------------------------------- */

Test(datagram, each_network_listens_in_its_family)
{
	static const struct {
		const char *network, *address;
		int family, v6_only;
	} rows[] = {
		{ "udp", "127.0.0.1:0", AF_INET, -1 },
		{ "udp", "0.0.0.0:0", AF_INET, -1 },
		{ "udp4", ":0", AF_INET, -1 },
		{ "udp4", "[::ffff:127.0.0.1]:0", AF_INET, -1 },
		{ "udp", ":0", AF_INET6, 0 },
		{ "udp", "[::]:0", AF_INET6, 0 },
		{ "udp6", ":0", AF_INET6, 1 },
		{ "udp6", "[::]:0", AF_INET6, 1 },
		{ "udp6", "[::1]:0", AF_INET6, 1 },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_addr addr;
		struct np_fd *fd;

		if (rows[i].family == AF_INET6 && !datagram_has_ipv6())
			continue;
		cr_assert_eq(np_listen_packet(rows[i].network, rows[i].address, &fd), 0);
		cr_assert_eq(fd->family, rows[i].family, "%s %s", rows[i].network, rows[i].address);
		cr_assert_eq(option(fd, IPPROTO_IPV6, IPV6_V6ONLY), rows[i].v6_only, "%s %s",
			     rows[i].network, rows[i].address);
		cr_assert_eq(option(fd, SOL_SOCKET, SO_TYPE), SOCK_DGRAM);
		cr_assert_eq(option(fd, SOL_SOCKET, SO_BROADCAST), 1);
		cr_assert_eq(option(fd, SOL_SOCKET, SO_REUSEADDR), 0);
		cr_assert_eq(np_local_addr(fd, &addr), 0);
		cr_assert_gt(addr.port, 0);
		cr_assert_eq(np_remote_addr(fd, &addr), -ENOTCONN);
		cr_assert_eq(np_close(fd), 0);
	}
}

Test(datagram, an_address_is_one_sockets_alone)
{
	struct np_listen_options options = { .flags = NP_LISTEN_REUSE_PORT };
	struct np_fd *fd, *other = NULL;
	char address[NP_ADDR_TEXT_MAX], expected[256];

	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &fd), 0);
	call_address(fd, address);
	cr_assert_eq(np_listen_packet("udp", address, &other), -EADDRINUSE);
	snprintf(expected, sizeof(expected), "listen udp %s: bind: %s", address,
		 fixture_error(EADDRINUSE));
	expect_text(-EADDRINUSE, expected);
	cr_assert_null(other);
	np_close(fd);
	cr_assert_eq(np_listen_packet("udp", address, &fd), 0);
	np_close(fd);
	/* Unless that is what they want. */
	fixture_needs("SO_REUSEPORT");
	cr_assert_eq(np_listen_packet_with("udp", address, &options, &fd), 0);
	cr_assert_eq(np_listen_packet_with("udp", address, &options, &other), 0);
	np_close(fd);
	np_close(other);
}

Test(datagram, what_cannot_be_listened_on_is_told)
{
	struct np_listen_options unknown = { .flags = 1U << 30 };
	struct np_fd *fd = NULL;

	cr_assert_eq(np_listen_packet("tcp", "127.0.0.1:1", &fd), NP_EADDRESS);
	expect_text(NP_EADDRESS,
		    "listen tcp 127.0.0.1:1: address 127.0.0.1:1: unexpected address type");
	cr_assert_eq(np_listen_packet("unix", "/no-such-folder/socket", &fd), NP_EADDRESS);
	cr_assert_eq(np_listen_packet("unixpacket", "/no-such-folder/socket", &fd), NP_EADDRESS);
	cr_assert_eq(np_listen_packet("udp6", "127.0.0.1:1", &fd), NP_EADDRESS);
	cr_assert_eq(np_listen_packet("upd", "127.0.0.1:1", &fd), NP_ENETWORK);
	cr_assert_eq(np_listen_packet("udp", "192.0.2.1:1", &fd), -EADDRNOTAVAIL);
	cr_assert_eq(np_listen_packet(NULL, "127.0.0.1:1", &fd), -EINVAL);
	cr_assert_eq(np_listen_packet("udp", NULL, &fd), -EINVAL);
	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:1", NULL), -EINVAL);
	cr_assert_eq(np_listen_packet_with("udp", "127.0.0.1:0", &unknown, &fd), -EINVAL);
	cr_assert_null(fd);
}

static int refuse(int sysfd, const char *network, const char *address, void *arg)
{
	(void)sysfd;
	snprintf(arg, 128, "%s %s", network, address);
	return -EPERM;
}

Test(datagram, a_control_function_sees_the_socket_and_may_refuse_it)
{
	char seen[128];
	struct np_listen_options options = { .control = refuse, .control_arg = seen };
	struct np_fd *fd = NULL;

	cr_assert_eq(np_listen_packet_with("udp", "127.0.0.1:7", &options, &fd), -EPERM);
	cr_assert_str_eq(seen, "udp4 127.0.0.1:7");
	cr_assert_null(fd);
}

/* ---- there and back ----------------------------------------------------------------------- */

static void expect_exchange(struct np_fd *a, struct np_fd *b)
{
	struct np_addr addr_a, addr_b;

	cr_assert_eq(np_local_addr(a, &addr_a), 0);
	cr_assert_eq(np_local_addr(b, &addr_b), 0);
	cr_assert_eq(np_send_to(a, "question", 8, &addr_b), 8);
	expect_message(b, "question", &addr_a);
	cr_assert_eq(np_send_to(b, "", 0, &addr_a), 0);
	expect_message(a, "", &addr_b);
	np_close(a);
	np_close(b);
}

Test(datagram, messages_go_there_and_back)
{
	struct np_fd *a, *b;
	char paths[2][64];

	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &a), 0);
	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &b), 0);
	expect_exchange(a, b);
	if (datagram_has_ipv6()) {
		cr_assert_eq(np_listen_packet("udp", "[::1]:0", &a), 0);
		cr_assert_eq(np_listen_packet("udp6", "[::1]:0", &b), 0);
		expect_exchange(a, b);
	}
	call_unix_path(paths[0]);
	call_unix_path(paths[1]);
	cr_assert_eq(np_listen_packet("unixgram", paths[0], &a), 0);
	cr_assert_eq(np_listen_packet("unixgram", paths[1], &b), 0);
	expect_exchange(a, b);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(unlink(paths[i]), 0, "a path goes with its socket");
}

#ifdef __linux__
Test(datagram, an_abstract_name_is_found_for_who_wants_any)
{
	struct np_fd *a, *b;
	struct np_addr addr;

	cr_assert_eq(np_listen_packet("unixgram", "", &a), 0);
	cr_assert_eq(np_local_addr(a, &addr), 0);
	cr_assert_eq(addr.path_size, 6);
	cr_assert_eq(np_listen_packet("unixgram", "", &b), 0);
	expect_exchange(a, b);
}
#endif

/* Both families on one socket. */
Test(datagram, ipv4_is_ipv4_also_on_a_socket_of_ipv6)
{
	struct np_fd *both, *v4, *v6;
	struct np_addr addr4, addr6, to, mapped = { .family = NP_ADDR_IPV6 };
	struct sockaddr_storage name;
	socklen_t length;
	const char *reason;
	char buf[8];

	if (!datagram_has_ipv6())
		cr_skip_test("this host has no IPv6");
	cr_assert_eq(np_listen_packet("udp", ":0", &both), 0);
	cr_assert_eq(np_local_addr(both, &to), 0);
	cr_assert_eq(np_listen_packet("udp4", "127.0.0.1:0", &v4), 0);
	cr_assert_eq(np_listen_packet("udp6", "[::1]:0", &v6), 0);
	cr_assert_eq(np_local_addr(v4, &addr4), 0);
	cr_assert_eq(np_local_addr(v6, &addr6), 0);
	/* A wildcard as a destination is this host. */
	to.family = NP_ADDR_WILDCARD;
	cr_assert_eq(np_send_to(v4, "four", 4, &to), 4);
	expect_message(both, "four", &addr4);
	cr_assert_eq(np_send_to(v6, "six", 3, &to), 3);
	expect_message(both, "six", &addr6);
	/* Both forms of an address can be sent to. */
	cr_assert_eq(np_send_to(both, "a", 1, &addr4), 1);
	mapped.port = addr4.port;
	mapped.ip[10] = mapped.ip[11] = 0xff;
	memcpy(mapped.ip + 12, addr4.ip, 4);
	cr_assert_eq(np_send_to(both, "b", 1, &mapped), 1);
	cr_assert_eq(np_send_to(v4, "c", 1, &mapped), 1);
	for (int i = 0; i < 3; i++) {
		datagram_await(v4);
		cr_assert_eq(np_recv_from(v4, buf, sizeof(buf), NULL), 1);
		cr_assert_eq(buf[0], 'a' + i);
	}
	/* 0.0.0.0 is this host to the kernel, and becomes the other family's. */
	to = (struct np_addr){ .family = NP_ADDR_IPV4, .port = to.port };
	cr_assert_eq(np__destination(both, &to, &name, &length, &reason), 0);
	cr_assert(IN6_IS_ADDR_UNSPECIFIED(&((struct sockaddr_in6 *)&name)->sin6_addr));
	cr_assert_eq(np_send_to(both, "self", 4, &to), 4);
	datagram_await(both);
	cr_assert_eq(np_recv_from(both, buf, sizeof(buf), &to), 4);
	np_close(both);
	np_close(v4);
	np_close(v6);
}

Test(datagram, an_address_that_the_socket_cannot_reach_is_told)
{
	static const struct np_addr none = { .family = NP_ADDR_NONE };
	struct np_addr unix_addr, v6, from;
	char address[NP_ADDR_TEXT_MAX], expected[256], path[64];
	struct np_fd *fd, *unix_fd;

	call_unix_path(path);
	cr_assert_eq(np_addr_parse("unixgram", path, &unix_addr), 0);
	cr_assert_eq(np_addr_parse("udp", "[::1]:9", &v6), 0);
	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &fd), 0);
	call_address(fd, address);
	cr_assert_eq(np_send_to(fd, "x", 1, &v6), NP_EADDRESS);
	snprintf(expected, sizeof(expected), "write udp %s->[::1]:9: non-IPv4 address", address);
	expect_text(NP_EADDRESS, expected);
	cr_assert_eq(np_send_to(fd, "x", 1, NULL), NP_EADDRESS);
	snprintf(expected, sizeof(expected), "write udp %s: missing address", address);
	expect_text(NP_EADDRESS, expected);
	cr_assert_eq(np_send_to(fd, "x", 1, &none), NP_EADDRESS);
	expect_text(NP_EADDRESS, expected);
	cr_assert_eq(np_send_message(fd, &(struct np_message){ .size = 0 }), NP_EADDRESS);
	expect_text(NP_EADDRESS, expected);
	cr_assert_eq(np_send_to(fd, "x", 1, &unix_addr), NP_EADDRESS);
	snprintf(expected, sizeof(expected), "write udp %s->%s: unexpected address type", address,
		 path);
	expect_text(NP_EADDRESS, expected);
	cr_assert_eq(np_write(fd, "x", 1), -EDESTADDRREQ, "the kernel knows");
	cr_assert_eq(np_listen_packet("unixgram", path, &unix_fd), 0);
	cr_assert_eq(np_send_to(unix_fd, "x", 1, &v6), NP_EADDRESS);
	cr_assert_eq(np_local_addr(fd, &from), 0);
	cr_assert_eq(np_send_to(unix_fd, "x", 1, &from), NP_EADDRESS);
	unix_addr.path_size = 0;
	cr_assert_eq(np_send_to(unix_fd, "x", 1, &unix_addr), NP_EADDRESS, "nobody's name");
	np_close(unix_fd);
	np_close(fd);
	unlink(path);
}

Test(datagram, a_connected_socket_is_told_no_address)
{
	char address[NP_ADDR_TEXT_MAX], expected[256], buf[8];
	struct np_fd *server, *client, *pair[2];
	struct np_addr to, from, client_addr;
	struct np_message message = { .data = buf, .size = 3 };

	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &server), 0);
	call_address(server, address);
	cr_assert_eq(np_local_addr(server, &to), 0);
	cr_assert_eq(np_dial("udp", address, 0, &client), 0);
	cr_assert_eq(np_local_addr(client, &client_addr), 0);
	cr_assert_eq(np_send_to(client, "no", 2, &to), -EISCONN);
	snprintf(expected, sizeof(expected),
		 "write udp %s: an address for a socket that is connected", address);
	expect_text(-EISCONN, expected);
	message.addr = to;
	cr_assert_eq(np_send_message(client, &message), -EISCONN);
	message.addr.family = NP_ADDR_NONE;
	memcpy(buf, "yes", 3);
	cr_assert_eq(np_send_message(client, &message), 3);
	expect_message(server, "yes", &client_addr);
	cr_assert_eq(np_write(client, "also", 4), 4);
	expect_message(server, "also", &client_addr);
	cr_assert_eq(np_send_to(server, "answer", 6, &client_addr), 6);
	datagram_await(client);
	cr_assert_eq(np_recv_from(client, buf, sizeof(buf), &from), 6);
	cr_assert(np_addr_equal(&from, &to));
	np_close(server);
	np_close(client);
	/* A stream has no messages. */
	fixture_fd_pair(pair);
	cr_assert_eq(np_send_to(pair[0], "x", 1, &to), -EINVAL);
	np_close(pair[0]);
	np_close(pair[1]);
}

/* Where the kernel knows more: descriptors from elsewhere. */
Test(datagram, sockets_of_other_origin_work_as_they_are)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6 };
	struct np_fd *fds[2], *both, *v4;
	struct np_addr addr;
	int sysfds[2];
	char buf[8] = "ab";

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, sysfds), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_fd_open(sysfds[i], 0, &fds[i]), 0);
	cr_assert_eq(np_send_message(fds[0], &(struct np_message){ .data = buf, .size = 2 }), 2);
	cr_assert_eq(np_recv_from(fds[1], buf, sizeof(buf), &addr), 2);
	cr_assert_eq(addr.family, NP_ADDR_NONE, "it has no name");
	np_close(fds[0]);
	np_close(fds[1]);
	if (!datagram_has_ipv6())
		return;
	sysfds[0] = socket(AF_INET6, SOCK_DGRAM, 0);
	cr_assert_eq(bind(sysfds[0], (struct sockaddr *)&name, sizeof(name)), 0);
	cr_assert_eq(np_fd_open(sysfds[0], 0, &both), 0);
	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &v4), 0);
	cr_assert_eq(np_local_addr(v4, &addr), 0);
	cr_assert_eq(np_send_to(both, "x", 1, &addr), 1);
	datagram_await(v4);
	cr_assert_eq(np_recv_from(v4, buf, sizeof(buf), &addr), 1);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(both);
	np_close(v4);
}

/* ---- sizes -------------------------------------------------------------------------------- */

Test(datagram, nothing_is_a_message_and_what_has_no_room_is_lost)
{
	static char big[70000];
	struct np_addr to;
	struct np_fd *fds[2];
	char buf[8] = "";

	datagram_pair(fds);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	cr_assert_eq(np_send_to(fds[0], "first", 5, &to), 5);
	cr_assert_eq(np_send_to(fds[0], NULL, 0, &to), 0);
	cr_assert_eq(np_send_to(fds[0], "third", 5, &to), 5);
	cr_assert_eq(np_send_to(fds[0], "fourth", 6, &to), 6);
	datagram_await(fds[1]);
	cr_assert_eq(np_read(fds[1], buf, 0), 0, "takes none");
	cr_assert_eq(np_recv_from(fds[1], buf, 3, NULL), 3);
	cr_assert_arr_eq(buf, "fir", 4);
	cr_assert_eq(np_recv_from(fds[1], buf, 8, NULL), 0);
	cr_assert_eq(np_recv_from(fds[1], NULL, 0, NULL), 0, "takes one");
	cr_assert_eq(np_recv_from(fds[1], buf, 8, NULL), 6);
	cr_assert_arr_eq(buf, "fourth", 6);
	cr_assert_eq(np_send_to(fds[0], big, sizeof(big), &to), -EMSGSIZE);
	cr_assert_eq(np_recv_from(fds[1], NULL, 1, NULL), -EINVAL);
	cr_assert_eq(np_recv_from(NULL, buf, 1, NULL), -EINVAL);
	cr_assert_eq(np_send_to(fds[0], NULL, 1, &to), -EINVAL);
	cr_assert_eq(np_send_to(NULL, "x", 1, &to), -EINVAL);
	datagram_close(fds);
}

/* ---- whole messages ----------------------------------------------------------------------- */

Test(datagram, a_message_comes_in_pieces_and_tells_what_was_cut)
{
	struct np_addr from, to;
	struct np_fd *fds[2];
	char a[4], b[4];
	struct iovec in[2] = { { a, 2 }, { b, 3 } };
	struct iovec out[2] = { { (char[]){ "ab" }, 2 }, { (char[]){ "cdef" }, 4 } };
	struct np_message message = { .iov = in, .iov_count = 2, .flags = -1 };
	struct np_message sent = { .iov = out, .iov_count = 1 };

	datagram_pair(fds);
	cr_assert_eq(np_local_addr(fds[0], &from), 0);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	sent.addr = to;
	cr_assert_eq(np_send_message(fds[0], &sent), 2);
	sent.iov_count = 2;
	cr_assert_eq(np_send_message(fds[0], &sent), 6);
	datagram_await(fds[1]);
	cr_assert_eq(np_recv_message(fds[1], &message), 2);
	cr_assert_eq(message.size, 2);
	cr_assert_eq(message.flags, 0);
	cr_assert_eq(message.control_size, 0);
	cr_assert(np_addr_equal(&message.addr, &from));
	cr_assert_eq(np_recv_message(fds[1], &message), 5);
	cr_assert_eq(message.size, 5);
	cr_assert_eq(message.flags, NP_MESSAGE_CUT);
	cr_assert_arr_eq(a, "ab", 2);
	cr_assert_arr_eq(b, "cde", 3);
	datagram_close(fds);
}

Test(datagram, a_message_that_makes_no_sense_is_told)
{
	char buf[1];
	struct np_message rows[] = {
		{ .room = 1, .size = 1 },
		{ .iov_count = 1 },
		{ .data = buf, .iov_count = -1 },
		{ .iov = &(struct iovec){ buf, 1 }, .iov_count = 1 << 20 },
		{ .data = buf, .control_room = 1, .control_size = 1 },
	};
	struct np_fd *fds[2];

	datagram_pair(fds);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(np_local_addr(fds[1], &rows[i].addr), 0);
		cr_assert_eq(np_recv_message(fds[0], &rows[i]), -EINVAL, "row %zu", i);
		cr_assert_eq(np_send_message(fds[0], &rows[i]), -EINVAL, "row %zu", i);
		cr_assert_eq(np_recv_messages(fds[0], &rows[i], 1), -EINVAL, "row %zu", i);
		cr_assert_eq(np_send_messages(fds[0], &rows[i], 1, NULL), -EINVAL, "row %zu", i);
	}
	cr_assert_eq(np_recv_message(fds[0], NULL), -EINVAL);
	cr_assert_eq(np_recv_message(NULL, &rows[0]), -EINVAL);
	cr_assert_eq(np_send_message(fds[0], NULL), -EINVAL);
	cr_assert_eq(np_send_message(NULL, &rows[0]), -EINVAL);
	datagram_close(fds);
}

#ifdef IP_PKTINFO
/* Where a message was sent to, and that the answer comes from there: of 127.0.0.0/8 all is ours. */
Test(datagram, control_data_goes_with_a_message_and_tells_if_it_was_cut)
{
	union {
		struct cmsghdr header;
		char bytes[CMSG_SPACE(sizeof(struct in_pktinfo))];
	} control;
	char buf[8];
	struct np_message message = {
		.data = buf,
		.room = sizeof(buf),
		.control = &control,
		.control_room = sizeof(control),
	};
	struct np_addr asked, from, to;
	struct np_fd *server, *client;
	const int on = 1;

	cr_assert_eq(np_listen_packet("udp4", ":0", &server), 0);
	cr_assert_eq(setsockopt(server->sysfd, IPPROTO_IP, IP_PKTINFO, &on, sizeof(on)), 0);
	cr_assert_eq(np_listen_packet("udp4", "127.0.0.1:0", &client), 0);
	cr_assert_eq(np_local_addr(server, &asked), 0);
	cr_assert_eq(np_local_addr(client, &to), 0);
	memcpy(asked.ip, (uint8_t[]){ 127, 0, 0, 2 }, 4);
	cr_assert_eq(np_send_to(client, "who?", 4, &asked), 4);
	datagram_await(server);
	cr_assert_eq(np_recv_message(server, &message), 4);
	cr_assert_eq(message.flags, 0);
	cr_assert_eq(message.control_size, sizeof(control));
	cr_assert_eq(control.header.cmsg_type, IP_PKTINFO);
	/* As it is: its size, whom it came from, and where it was. */
	cr_assert_eq(np_send_message(server, &message), 4);
	datagram_await(client);
	cr_assert_eq(np_recv_from(client, buf, sizeof(buf), &from), 4);
	cr_assert(np_addr_equal(&from, &asked), "it was asked at 127.0.0.2");
	/* Two more, for which there is no room. */
	cr_assert_eq(np_send_to(client, "a", 1, &asked), 1);
	cr_assert_eq(np_send_to(client, "b", 1, &asked), 1);
	datagram_await(server);
	message.control_room = sizeof(struct cmsghdr) + 1;
	cr_assert_eq(np_recv_message(server, &message), 1);
	cr_assert_eq(message.flags, NP_MESSAGE_CONTROL_CUT);
	message.control_room = 0;
	cr_assert_eq(np_recv_message(server, &message), 1);
	cr_assert_eq(message.control_size, 0);
	np_close(server);
	np_close(client);
}
#endif

/* ---- errors of the network ---------------------------------------------------------------- */

Test(datagram, what_was_not_delivered_is_told_once)
{
	char address[NP_ADDR_TEXT_MAX], buf[8];
	struct np_fd *server, *client;
	struct np_addr from;

	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &server), 0);
	call_address(server, address);
	np_close(server);
	cr_assert_eq(np_dial("udp", address, 0, &client), 0);
	cr_assert_eq(np_write(client, "x", 1), 1);
	cr_assert_eq(np_recv_from(client, buf, sizeof(buf), &from), -ECONNREFUSED);
	cr_assert_eq(np_write(client, "x", 1), 1);
	cr_assert_eq(np_write(client, "x", 1), -ECONNREFUSED);
	cr_assert_eq(np_listen_packet("udp", address, &server), 0);
	cr_assert_eq(np_local_addr(client, &from), 0);
	cr_assert_eq(np_write(client, "there", 5), 5);
	expect_message(server, "there", &from);
	np_close(server);
	np_close(client);
}

/* ---- waiting ------------------------------------------------------------------------------ */

Test(datagram, a_receiver_waits_for_a_message_its_deadline_or_a_close)
{
	char address[NP_ADDR_TEXT_MAX], expected[256];
	struct from_call receiver = { .call = { .size = 8 } };
	struct np_addr to, from;
	struct np_fd *fds[2];

	datagram_pair(fds);
	receiver.call.fd = fds[1];
	call_address(fds[1], address);
	cr_assert_eq(np_local_addr(fds[0], &from), 0);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	call_start(&receiver.call, call_recv_from);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_send_to(fds[0], "hello", 5, &to), 5);
	cr_assert_eq(call_finish(&receiver.call), 5);
	cr_assert(np_addr_equal(&receiver.addr, &from));

	cr_assert_eq(np_set_read_deadline(fds[1], np_deadline(MILLISECOND)), 0);
	call_start(&receiver.call, call_recv_from);
	cr_assert_eq(call_finish(&receiver.call), NP_EDEADLINE);
	snprintf(expected, sizeof(expected), "read udp %s: i/o timeout", address);
	cr_assert_str_eq(receiver.call.text, expected);
	cr_assert_eq(np_send_to(fds[0], "x", 1, &to), 1);
	cr_assert_eq(np_recv_from(fds[1], receiver.call.data, 8, NULL), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[1], 0), 0);
	cr_assert_eq(np_recv_from(fds[1], receiver.call.data, 8, NULL), 1);

	call_start(&receiver.call, call_recv_from);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_cancel_io(fds[1]), 0);
	cr_assert_eq(call_finish(&receiver.call), NP_ECLOSED);
	cr_assert_eq(np_send_to(fds[1], "x", 1, &from), NP_ECLOSED);
	cr_assert_eq(np_recv_from(fds[1], receiver.call.data, 8, NULL), NP_ECLOSED);
	np_unref(fds[1]);
	np_close(fds[0]);
}

/* Full of another's messages, for whose end no report comes: see core/net/crowd.h. */
Test(datagram, a_full_unix_receiver_is_waited_for)
{
	char paths[3][64], buf[8];
	struct from_call sender = { .call = { .buf = (char[]){ "late" }, .size = 4 } };
	struct np_fd *from, *to, *other;
	int count;

	for (int i = 0; i < 3; i++)
		call_unix_path(paths[i]);
	cr_assert_eq(np_listen_packet("unixgram", paths[0], &from), 0);
	cr_assert_eq(np_listen_packet("unixgram", paths[1], &to), 0);
	cr_assert_eq(np_listen_packet("unixgram", paths[2], &other), 0);
	cr_assert_eq(np_local_addr(to, &sender.addr), 0);
	sender.call.fd = from;
	count = datagram_fill(other, &sender.addr);
	cr_assert_eq(np_set_write_deadline(from, np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_send_to(from, "x", 1, &sender.addr), NP_EDEADLINE);
	cr_assert_eq(np_set_write_deadline(from, 0), 0);

	call_start(&sender.call, call_send_to);
	FIXTURE_UNTIL(call_inside(from) == 1);
	for (int i = 0; i < count; i++)
		cr_assert_eq(np_recv_from(to, buf, sizeof(buf), NULL), 0);
	cr_assert_eq(call_finish(&sender.call), 4);
	cr_assert_eq(np_recv_from(to, buf, sizeof(buf), NULL), 4);

	datagram_fill(other, &sender.addr);
	call_start(&sender.call, call_send_to);
	FIXTURE_UNTIL(call_inside(from) == 1);
	cr_assert_eq(np_set_write_deadline(from, np_deadline(-1)), 0);
	cr_assert_eq(call_finish(&sender.call), NP_EDEADLINE);
	cr_assert_eq(np_set_write_deadline(from, 0), 0);

	call_start(&sender.call, call_send_to);
	FIXTURE_UNTIL(call_inside(from) == 1);
	cr_assert_eq(np_close(from), 0);
	cr_assert_eq(call_finish(&sender.call), NP_ECLOSED);
	np_close(to);
	np_close(other);
	for (int i = 0; i < 3; i++)
		unlink(paths[i]);
}

Test(datagram, a_connected_unix_sender_waits_as_for_any_descriptor)
{
	struct call sender = { .buf = (char[]){ "late" }, .size = 4 };
	char path[64], buf[8];
	struct np_fd *to;

	call_unix_path(path);
	cr_assert_eq(np_listen_packet("unixgram", path, &to), 0);
	cr_assert_eq(np_dial("unixgram", path, 0, &sender.fd), 0);
	datagram_fill(sender.fd, NULL);
	call_start(&sender, call_send_message);
	FIXTURE_UNTIL(fixture_parked() == 1);
	while (np_recv_from(to, buf, sizeof(buf), NULL) == 0)
		;
	cr_assert_arr_eq(buf, "late", 4);
	cr_assert_eq(call_finish(&sender), 4);
	np_close(sender.fd);
	np_close(to);
	unlink(path);
}

/* Reads and writes do not wait for each other. */
Test(datagram, one_receives_while_another_sends)
{
	struct from_call receiver = { .call = { .size = 8 } };
	struct np_addr to;
	struct np_fd *fds[2];

	datagram_pair(fds);
	receiver.call.fd = fds[0];
	cr_assert_eq(np_local_addr(fds[0], &to), 0);
	call_start(&receiver.call, call_recv_from);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_send_to(fds[0], "self", 4, &to), 4);
	cr_assert_eq(call_finish(&receiver.call), 4);
	cr_assert(np_addr_equal(&receiver.addr, &to));
	datagram_close(fds);
}

/* A megabyte of sockets is ten thousand. */
Test(datagram, a_handle_of_ip_is_small)
{
	cr_assert_leq(sizeof(struct np_fd) + sizeof(struct sockaddr_in), 104);
}
