/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_datagram_faults.c - datagrams and batches of them with a kernel that is short
 * of something, interrupts, or says "again" for no reason.
 */
#include "tests/support/batch_variants.h"
#include "tests/support/call.h"
#include "tests/support/datagram.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(datagram_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* ---- each call, in each way --------------------------------------------------------------- */

static struct np_addr peer; /* of the one who sends */
static char buf[8];
static const struct batch_variant library = BATCH_OF_LIBRARY;

static ssize_t do_recv_from(struct np_fd *fd)
{
	return np_recv_from(fd, buf, sizeof(buf), NULL);
}

static ssize_t do_recv_message(struct np_fd *fd)
{
	return np_recv_message(fd, &(struct np_message){ .data = buf, .room = sizeof(buf) });
}

static ssize_t recv_batch(const struct batch_variant *variant, struct np_fd *fd)
{
	struct np_message message = { .data = buf, .room = sizeof(buf) };
	int n = variant->recv(fd, &message, 1);

	return n < 0 ? n : (ssize_t)message.size;
}

static ssize_t do_recv_messages(struct np_fd *fd)
{
	return recv_batch(&library, fd);
}

static ssize_t do_recv_by_loop(struct np_fd *fd)
{
	return recv_batch(&batch_loop, fd);
}

static ssize_t do_send_to(struct np_fd *fd)
{
	return np_send_to(fd, "data", 4, &peer);
}

static const struct np_message *data(void)
{
	static char text[] = "data";
	static struct np_message message = { .data = text, .size = 4 };

	message.addr = peer;
	return &message;
}

static ssize_t do_send_message(struct np_fd *fd)
{
	return np_send_message(fd, data());
}

static ssize_t do_send_messages(struct np_fd *fd)
{
	int n = np_send_messages(fd, data(), 1, NULL);

	return n == 1 ? 4 : n;
}

static ssize_t do_send_by_loop(struct np_fd *fd)
{
	int n = batch_loop.send(fd, data(), 1, NULL);

	return n == 1 ? 4 : n;
}

static const struct row {
	const char *call;
	const char *op;
	ssize_t (*make)(struct np_fd *fd);
} rows[] = {
	{ "recvfrom", "read", do_recv_from },      { "recvmsg", "read", do_recv_message },
	{ "recvmmsg", "read", do_recv_messages },  { "recvmsg", "read", do_recv_by_loop },
	{ "sendto", "write", do_send_to },         { "sendmsg", "write", do_send_message },
	{ "sendmmsg", "write", do_send_messages }, { "sendmsg", "write", do_send_by_loop },
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* One with a message there, and its peer. */
static void begin(struct np_fd *fds[2])
{
	struct np_addr addr;

	datagram_pair(fds);
	cr_assert_eq(np_local_addr(fds[0], &addr), 0);
	cr_assert_eq(np_local_addr(fds[1], &peer), 0);
	cr_assert_eq(np_send_to(fds[1], "data", 4, &addr), 4);
	datagram_await(fds[0]);
	fault_clear();
}

static void expect_success_after(int count, int error)
{
	for (int i = 0; i < ROWS; i++) {
		struct np_fd *fds[2];

		begin(fds);
		fault_fail(rows[i].call, 1, count, error);
		cr_assert_eq(rows[i].make(fds[0]), 4, "%s", rows[i].call);
		cr_assert_eq(fault_met(), count, "%s", rows[i].call);
		fault_clear();
		datagram_close(fds);
	}
}

Test(datagram_faults, what_a_signal_interrupts_is_tried_again)
{
	expect_success_after(100, EINTR);
}

Test(datagram_faults, again_for_no_reason_is_waited_out)
{
	expect_success_after(1, EAGAIN);
}

Test(datagram_faults, other_errors_are_passed_on_and_told)
{
	for (int i = 0; i < ROWS; i++) {
		char text[256], address[NP_ADDR_TEXT_MAX], expected[256];
		struct np_fd *fds[2];
		int n;

		begin(fds);
		call_address(fds[0], address);
		fault_fail(rows[i].call, 1, 1, ENOBUFS);
		cr_assert_eq(rows[i].make(fds[0]), -ENOBUFS, "%s", rows[i].call);
		np_error_text(-ENOBUFS, text, sizeof(text));
		n = snprintf(expected, sizeof(expected), "%s udp %s", rows[i].op, address);
		cr_assert_eq(strncmp(text, expected, (size_t)n), 0, "%s", text);
		snprintf(expected, sizeof(expected), ": %s: no buffer space available",
			 rows[i].call);
		cr_assert_not_null(strstr(text, expected), "%s", text);
		if (strcmp(rows[i].op, "write") == 0) {
			np_addr_format(&peer, address, sizeof(address));
			snprintf(expected, sizeof(expected), "->%s: ", address);
			cr_assert_not_null(strstr(text, expected), "%s", text);
		}
		cr_assert_eq(rows[i].make(fds[0]), 4, "it works on");
		fault_clear();
		datagram_close(fds);
	}
}

/* One system call, and none to find out what kind of socket it is. */
Test(datagram_faults, a_message_costs_one_system_call)
{
	static const char *const others[] = { "getsockname", "getpeername", "getsockopt",
					      "setsockopt",  "poll",        "malloc",
					      "calloc" };

	for (int i = 0; i < ROWS; i++) {
		struct np_fd *fds[2];

		begin(fds);
		cr_assert_eq(rows[i].make(fds[0]), 4);
		cr_assert_eq(fault_calls(rows[i].call), 1, "%s", rows[i].call);
		for (size_t j = 0; j < sizeof(others) / sizeof(others[0]); j++)
			cr_assert_eq(fault_calls(others[j]), 0, "%s: %s", rows[i].call, others[j]);
		datagram_close(fds);
	}
}

/* ---- batches ------------------------------------------------------------------------------ */

enum { MANY = 70 };

static void make_many(struct np_message messages[MANY], char bytes[MANY])
{
	for (int i = 0; i < MANY; i++)
		messages[i] = (struct np_message){
			.addr = peer,
			.data = &bytes[i],
			.room = 1,
			.size = 1,
		};
}

Test(datagram_faults, a_batch_costs_as_few_system_calls_as_it_can)
{
	struct np_message messages[MANY];
	struct np_fd *fds[2];
	char bytes[MANY] = { 0 };

	begin(fds);
	make_many(messages, bytes);
	cr_assert_eq(np_send_messages(fds[0], messages, MANY, NULL), MANY);
	cr_assert_eq(fault_calls("sendmmsg"), (MANY + NP_MESSAGES_MAX - 1) / NP_MESSAGES_MAX);
	datagram_await(fds[1]);
	fault_clear();
	cr_assert_eq(np_recv_messages(fds[1], messages, MANY), NP_MESSAGES_MAX);
	cr_assert_eq(fault_calls("recvmmsg"), 1);
	cr_assert_eq(fault_calls("recvmsg"), 0);
	cr_assert_eq(fault_calls("malloc") + fault_calls("calloc"), 0);
	datagram_close(fds);
}

static void expect_stop(const struct batch_variant *variant, const char *call, int first, int sent)
{
	struct np_message messages[MANY];
	struct np_fd *fds[2];
	char bytes[MANY] = { 0 };
	int told = -1;

	begin(fds);
	make_many(messages, bytes);
	fault_fail(call, first, FAULT_ALWAYS, ENOBUFS);
	cr_assert_eq(variant->send(fds[0], messages, MANY, &told), -ENOBUFS, "%s", call);
	cr_assert_eq(told, sent, "%s", call);
	fault_clear();
	cr_assert_eq(variant->send(fds[0], messages + told, MANY - told, &told), MANY - sent);
	datagram_close(fds);
}

Test(datagram_faults, a_batch_that_stops_tells_where)
{
	expect_stop(&library, "sendmmsg", 1, 0);
	expect_stop(&library, "sendmmsg", 3, 2 * NP_MESSAGES_MAX);
	expect_stop(&batch_loop, "sendmsg", 1, 0);
	expect_stop(&batch_loop, "sendmsg", 6, 5);
	expect_stop(&batch_loop, "sendmsg", NP_MESSAGES_MAX + 1, NP_MESSAGES_MAX);
}

/* Where each message is a call of its own, an error has left the kernel: who comes next gets it. */
static ssize_t after_a_later_error(ssize_t (*make)(struct np_fd *fd), int error)
{
	struct np_message messages[MANY];
	struct np_fd *fds[2];
	char bytes[MANY] = { 0 };
	ssize_t n;

	begin(fds);
	make_many(messages, bytes);
	for (int i = 0; i < MANY; i++)
		messages[i].room = 1;
	cr_assert_eq(np_local_addr(fds[0], &peer), 0);
	cr_assert_eq(np_send_to(fds[1], "data", 4, &peer), 4);
	cr_assert_eq(np_send_to(fds[1], "data", 4, &peer), 4);
	fault_fail("recvmsg", 2, 1, error);
	cr_assert_eq(batch_loop.recv(fds[0], messages, MANY), 1);
	n = make(fds[0]);
	if (n < 0)
		cr_assert_eq(make(fds[0]), 4, "it is told once");
	fault_clear();
	datagram_close(fds);
	return n;
}

static ssize_t do_loops_recv_from(struct np_fd *fd)
{
	return batch_loop.recv_from(fd, buf, sizeof(buf), NULL);
}

static ssize_t do_loops_recv_message(struct np_fd *fd)
{
	return batch_loop.recv_message(fd,
				       &(struct np_message){ .data = buf, .room = sizeof(buf) });
}

Test(datagram_faults, what_goes_wrong_behind_the_first_message_is_the_next_calls_error)
{
	cr_assert_eq(after_a_later_error(do_recv_by_loop, ECONNREFUSED), -ECONNREFUSED);
	cr_assert_eq(after_a_later_error(do_loops_recv_from, ECONNREFUSED), -ECONNREFUSED);
	cr_assert_eq(after_a_later_error(do_loops_recv_message, EHOSTUNREACH), -EHOSTUNREACH);
	/* A signal, and that there is no more, are no errors. */
	cr_assert_eq(after_a_later_error(do_recv_by_loop, EINTR), 4);
	cr_assert_eq(after_a_later_error(do_recv_by_loop, EAGAIN), 4);
}

/* ---- listening and options ---------------------------------------------------------------- */

Test(datagram_faults, a_socket_that_does_not_come_about_leaves_nothing)
{
	static const struct {
		const char *name;
		int nth, error;
		const char *address;
	} table[] = {
		{ "socket", 1, EMFILE, "127.0.0.1:0" },
		{ "socket", 1, ENOBUFS, "127.0.0.1:0" },
		{ "calloc", 1, ENOMEM, "127.0.0.1:0" },
		{ "setsockopt", 1, ENOMEM, "127.0.0.1:0" },   /* SO_BROADCAST */
		{ "setsockopt", 2, ENOMEM, "239.255.7.1:0" }, /* SO_REUSEADDR */
		{ "bind", 1, EACCES, "127.0.0.1:0" },
		{ "getsockname", 1, ENOBUFS, "127.0.0.1:0" },
	};
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;

	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct np_fd *fd = untouched;
		int descriptors = fixture_count_descriptors();
		long allocations = fault_allocations();

		fault_fail(table[i].name, table[i].nth, 1, table[i].error);
		cr_assert_eq(np_listen_packet("udp", table[i].address, &fd), -table[i].error, "%s",
			     table[i].name);
		cr_assert_eq(fd, untouched);
		cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", table[i].name);
		cr_assert_eq(fault_allocations(), allocations, "%s", table[i].name);
		fault_clear();
		cr_assert_eq(np_listen_packet("udp", table[i].address, &fd), 0);
		cr_assert_eq(np_close(fd), 0);
	}
}

/* One family is what is left where the system has no IPv6, or cannot serve both. */
Test(datagram_faults, without_ipv6_a_port_is_ipv4s)
{
	struct np_addr addr;
	struct np_fd *fd;

	fault_fail("socket", 1, 1, EAFNOSUPPORT);
	cr_assert_eq(np_listen_packet("udp", ":0", &fd), 0);
	cr_assert_eq(np_local_addr(fd, &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(fd);
	fault_fail("bind", 1, 1, EADDRNOTAVAIL);
	cr_assert_eq(np_listen_packet("udp", ":0", &fd), 0);
	cr_assert_eq(np_local_addr(fd, &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	np_close(fd);
}

Test(datagram_faults, options_that_the_kernel_refuses_are_told)
{
	struct np_addr group;
	struct np_fd *fds[2];
	char text[256];

	begin(fds);
	cr_assert_eq(np_ip_parse("239.255.7.1", &group), 0);
	fault_fail("setsockopt", 1, 7, ENOBUFS);
	cr_assert_eq(np_multicast_join(fds[0], &group, 0, NULL), -ENOBUFS);
	np_error_text(-ENOBUFS, text, sizeof(text));
	cr_assert_eq(strncmp(text, "set udp ", 8), 0, "%s", text);
	cr_assert_not_null(strstr(text, ": setsockopt: no buffer space available"), "%s", text);
	cr_assert_eq(np_multicast_leave(fds[0], &group, 0, NULL), -ENOBUFS);
	cr_assert_eq(np_set_multicast_interface(fds[0], 1), -ENOBUFS);
	cr_assert_eq(np_set_multicast_ttl(fds[0], 1), -ENOBUFS);
	cr_assert_eq(np_set_multicast_loop(fds[0], true), -ENOBUFS);
	cr_assert_eq(np_set_ttl(fds[0], 1), -ENOBUFS);
	cr_assert_eq(np_set_broadcast(fds[0], true), -ENOBUFS);
	cr_assert_eq(fault_met(), 7);
	cr_assert_eq(np_set_broadcast(fds[0], true), 0);
	datagram_close(fds);
}
