/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_batch.c - messages in batches, by the system calls for that and by a loop: each
 * test sees both do the same.
 */
#include "core/fd.h"
#include "tests/support/batch_variants.h"
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
#include <unistd.h>

TestSuite(batch, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

enum { MANY = 100 };

/* Messages of one byte each, a number, or with room for that and no more. */
struct row {
	struct np_message messages[MANY];
	unsigned char bytes[MANY];
};

static void make_row(struct row *row, const struct np_addr *to)
{
	memset(row, 0, sizeof(*row));
	for (int i = 0; i < MANY; i++) {
		row->bytes[i] = (unsigned char)i;
		row->messages[i].data = &row->bytes[i];
		row->messages[i].room = row->messages[i].size = 1;
		if (to)
			row->messages[i].addr = *to;
	}
}

static void each_variant(void (*test)(const struct batch_variant *variant))
{
	static const struct batch_variant library = BATCH_OF_LIBRARY;

	test(&library);
	test(&batch_loop);
}

/* The numbers from @first on, from @from. */
static void expect_numbers(const struct row *row, int first, int count, const struct np_addr *from)
{
	for (int i = 0; i < count; i++) {
		cr_assert_eq(row->messages[i].size, 1);
		cr_assert_eq(row->messages[i].flags, 0);
		cr_assert_eq(row->bytes[i], first + i);
		cr_assert(np_addr_equal(&row->messages[i].addr, from));
	}
}

/* ---- as many as there are ----------------------------------------------------------------- */

static void send_all_receive_what_is_there(const struct batch_variant *variant)
{
	struct np_addr from, to;
	struct np_fd *fds[2];
	struct row row;
	int sent = -1;

	datagram_pair(fds);
	cr_assert_eq(np_local_addr(fds[0], &from), 0);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	make_row(&row, &to);
	cr_assert_eq(variant->send(fds[0], row.messages, 3, NULL), 3);
	datagram_await(fds[1]);
	cr_assert_eq(variant->recv(fds[1], row.messages, MANY), 3, "%s", variant->name);
	expect_numbers(&row, 0, 3, &from);
	/* More than goes at once, in both directions. */
	make_row(&row, &to);
	cr_assert_eq(variant->send(fds[0], row.messages, MANY, &sent), MANY);
	cr_assert_eq(sent, MANY);
	for (int n, first = 0; first < MANY; first += n) {
		datagram_await(fds[1]);
		n = variant->recv(fds[1], row.messages, MANY);
		cr_assert_eq(n, first + NP_MESSAGES_MAX < MANY ? NP_MESSAGES_MAX : MANY - first);
		expect_numbers(&row, first, n, &from);
	}
	/* Fewer than there are. */
	make_row(&row, &to);
	cr_assert_eq(variant->send(fds[0], row.messages, 3, NULL), 3);
	datagram_await(fds[1]);
	cr_assert_eq(variant->recv(fds[1], row.messages, 2), 2);
	cr_assert_eq(variant->recv(fds[1], row.messages, 2), 1);
	expect_numbers(&row, 2, 1, &from);
	datagram_close(fds);
}

Test(batch, all_are_sent_and_what_is_there_is_received)
{
	each_variant(send_all_receive_what_is_there);
}

static void each_has_its_own(const struct batch_variant *variant)
{
	struct np_addr froms[2], to;
	struct np_fd *fds[2], *server;
	char a[4], b[8], c[2];
	struct np_message messages[3] = {
		{ .data = a, .room = sizeof(a) },
		{ .iov = &(struct iovec){ b, sizeof(b) }, .iov_count = 1, .flags = -1 },
		{ .data = c, .room = sizeof(c), .flags = -1 },
	};

	datagram_pair(fds);
	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &server), 0);
	cr_assert_eq(np_local_addr(server, &to), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_local_addr(fds[i], &froms[i]), 0);
	cr_assert_eq(np_send_to(fds[0], "one", 3, &to), 3);
	cr_assert_eq(np_send_to(fds[1], NULL, 0, &to), 0);
	cr_assert_eq(np_send_to(fds[0], "three", 5, &to), 5);
	datagram_await(server);
	cr_assert_eq(variant->recv(server, messages, 3), 3);
	cr_assert_eq(messages[0].size, 3);
	cr_assert_eq(messages[1].size, 0);
	cr_assert_eq(messages[1].flags, 0);
	cr_assert_eq(messages[2].size, 2);
	cr_assert_eq(messages[2].flags, NP_MESSAGE_CUT);
	cr_assert(np_addr_equal(&messages[0].addr, &froms[0]));
	cr_assert(np_addr_equal(&messages[1].addr, &froms[1]));
	/* An echo needs nothing more; what came in pieces goes as these. */
	messages[1].iov = NULL;
	messages[1].iov_count = 0;
	cr_assert_eq(variant->send(server, messages, 3, NULL), 3);
	datagram_await(fds[0]);
	cr_assert_eq(np_recv_from(fds[0], b, sizeof(b), NULL), 3);
	cr_assert_arr_eq(b, "one", 3);
	cr_assert_eq(np_recv_from(fds[0], b, sizeof(b), NULL), 2);
	cr_assert_arr_eq(b, "th", 2);
	cr_assert_eq(np_recv_from(fds[1], b, sizeof(b), NULL), 0);
	datagram_close(fds);
	np_close(server);
}

Test(batch, each_message_has_its_address_size_and_flags)
{
	each_variant(each_has_its_own);
}

/* ---- errors ------------------------------------------------------------------------------- */

static void stop_at_the_first_error(const struct batch_variant *variant)
{
	static char big[70000];
	char address[NP_ADDR_TEXT_MAX], text[256], expected[256];
	struct np_addr from, to;
	struct np_fd *fds[2];
	struct row row;
	int sent = -1;

	datagram_pair(fds);
	call_address(fds[0], address);
	cr_assert_eq(np_local_addr(fds[0], &from), 0);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	make_row(&row, &to);
	/* The kernel's. */
	row.messages[40].data = big;
	row.messages[40].size = sizeof(big);
	cr_assert_eq(variant->send(fds[0], row.messages, MANY, &sent), -EMSGSIZE);
	cr_assert_eq(sent, 40, "%s", variant->name);
	/* Ours: of IPv6. */
	row.messages[40].data = &row.bytes[40];
	row.messages[40].size = 1;
	cr_assert_eq(np_addr_parse("udp", "[::1]:9", &row.messages[42].addr), 0);
	cr_assert_eq(variant->send(fds[0], row.messages + 40, MANY - 40, &sent), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	snprintf(expected, sizeof(expected), "write udp %s->[::1]:9: non-IPv4 address", address);
	cr_assert_str_eq(text, expected);
	cr_assert_eq(sent, 2);
	cr_assert_eq(variant->send(fds[0], row.messages + 42, MANY - 42, &sent), NP_EADDRESS);
	cr_assert_eq(sent, 0);
	/* All up to there, and none behind. */
	make_row(&row, &to);
	datagram_await(fds[1]);
	cr_assert_eq(variant->recv(fds[1], row.messages, MANY), NP_MESSAGES_MAX);
	cr_assert_eq(variant->recv(fds[1], row.messages, MANY), 42 - NP_MESSAGES_MAX);
	expect_numbers(&row, NP_MESSAGES_MAX, 42 - NP_MESSAGES_MAX, &from);
	/* One that makes no sense is found before anything is sent. */
	make_row(&row, &to);
	row.messages[99].data = NULL;
	cr_assert_eq(variant->send(fds[0], row.messages, MANY, &sent), -EINVAL);
	cr_assert_eq(sent, 0);
	row.messages[1].data = NULL;
	cr_assert_eq(variant->recv(fds[1], row.messages, 2), -EINVAL);
	cr_assert_eq(variant->recv(fds[1], row.messages, -1), -EINVAL);
	cr_assert_eq(variant->send(fds[1], row.messages, -1, NULL), -EINVAL);
	cr_assert_eq(variant->recv(fds[1], NULL, 1), -EINVAL);
	cr_assert_eq(variant->send(fds[1], NULL, 1, NULL), -EINVAL);
	cr_assert_eq(variant->recv(NULL, row.messages, 1), -EINVAL);
	cr_assert_eq(variant->send(NULL, row.messages, 1, NULL), -EINVAL);
	/* None is no call at all. */
	cr_assert_eq(variant->recv(fds[1], NULL, 0), 0);
	cr_assert_eq(variant->send(fds[1], NULL, 0, NULL), 0);
	cr_assert_eq(np_set_read_deadline(fds[1], np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_recv_from(fds[1], text, sizeof(text), NULL), NP_EDEADLINE, "nothing left");
	datagram_close(fds);
}

Test(batch, sending_stops_at_the_first_that_fails)
{
	each_variant(stop_at_the_first_error);
}

static void pass_on_a_refusal(const struct batch_variant *variant)
{
	char address[NP_ADDR_TEXT_MAX];
	struct np_fd *client, *server;
	struct np_addr to;
	struct row row;

	cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &server), 0);
	call_address(server, address);
	cr_assert_eq(np_local_addr(server, &to), 0);
	np_close(server);
	cr_assert_eq(np_dial("udp", address, 0, &client), 0);
	make_row(&row, NULL);
	cr_assert_eq(np_write(client, "x", 1), 1);
	cr_assert_eq(variant->recv(client, row.messages, 2), -ECONNREFUSED);
	make_row(&row, &to);
	cr_assert_eq(variant->send(client, row.messages, 2, NULL), -EISCONN);
	np_close(client);
}

Test(batch, a_connected_socket_hears_of_what_was_not_delivered)
{
	each_variant(pass_on_a_refusal);
}

/* ---- waiting ------------------------------------------------------------------------------ */

/* A batch in a task of its own. */
struct batch_call {
	struct call call;
	const struct batch_variant *variant;
	struct row *row;
	int count;
	int sent;
};

static ssize_t call_recv_batch(struct call *call)
{
	struct batch_call *batch = (struct batch_call *)call;

	return batch->variant->recv(call->fd, batch->row->messages, batch->count);
}

static ssize_t call_send_batch(struct call *call)
{
	struct batch_call *batch = (struct batch_call *)call;

	return batch->variant->send(call->fd, batch->row->messages, batch->count, &batch->sent);
}

static void wait_for_the_first(const struct batch_variant *variant)
{
	struct row row;
	struct batch_call receiver = { .variant = variant, .row = &row, .count = MANY };
	struct np_addr from, to;
	struct np_fd *fds[2];

	datagram_pair(fds);
	receiver.call.fd = fds[1];
	cr_assert_eq(np_local_addr(fds[0], &from), 0);
	cr_assert_eq(np_local_addr(fds[1], &to), 0);
	make_row(&row, NULL);
	call_start(&receiver.call, call_recv_batch);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_send_to(fds[0], "\7", 1, &to), 1);
	cr_assert_eq(call_finish(&receiver.call), 1);
	expect_numbers(&row, 7, 1, &from);
	cr_assert_eq(np_set_read_deadline(fds[1], np_deadline(MILLISECOND)), 0);
	call_start(&receiver.call, call_recv_batch);
	cr_assert_eq(call_finish(&receiver.call), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[1], 0), 0);
	call_start(&receiver.call, call_recv_batch);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(fds[1]), 0);
	cr_assert_eq(call_finish(&receiver.call), NP_ECLOSED);
	np_close(fds[0]);
}

Test(batch, a_receiver_waits_for_the_first_message_its_deadline_or_a_close)
{
	each_variant(wait_for_the_first);
}

/* A blocking descriptor must not wait for the second message either. */
static void take_what_a_blocking_one_has(const struct batch_variant *variant)
{
	struct np_fd *fds[2];
	struct row row;
	int sysfds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, sysfds), 0);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_fd_open(sysfds[i], NP_FD_BLOCKING, &fds[i]), 0);
	make_row(&row, NULL);
	cr_assert_eq(variant->send(fds[0], row.messages, 2, NULL), 2);
	cr_assert_eq(variant->recv(fds[1], row.messages, 3), 2);
	cr_assert_eq(row.bytes[1], 1);
	cr_assert_eq(row.messages[1].addr.family, NP_ADDR_NONE);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(batch, a_blocking_descriptor_waits_for_no_more_than_one)
{
	each_variant(take_what_a_blocking_one_has);
}

/* @count messages of no bytes. */
static void take(struct np_fd *fd, int count)
{
	for (int i = 0; i < count; i++)
		cr_assert_eq(np_recv_from(fd, NULL, 0, NULL), 0);
}

/* Full in the middle: of a Unix receiver that it is connected to, and of one that it is not. */
static void wait_in_the_middle(const struct batch_variant *variant, bool connected)
{
	enum { ROOM = 3 };
	struct row row, received;
	struct batch_call sender = { .variant = variant, .row = &row, .count = MANY };
	char paths[2][64];
	struct np_addr addr;
	struct np_fd *to;
	int old;

	call_unix_path(paths[0]);
	call_unix_path(paths[1]);
	cr_assert_eq(np_listen_packet("unixgram", paths[0], &to), 0);
	cr_assert_eq(np_local_addr(to, &addr), 0);
	make_row(&row, connected ? NULL : &addr);
	if (connected)
		cr_assert_eq(np_dial("unixgram", paths[0], 0, &sender.call.fd), 0);
	else
		cr_assert_eq(np_listen_packet("unixgram", paths[1], &sender.call.fd), 0);
	old = datagram_fill(sender.call.fd, connected ? NULL : &addr);
	cr_assert_geq(old, ROOM);
	take(to, ROOM);
	call_start(&sender.call, call_send_batch);
	take(to, old - ROOM);
	make_row(&received, NULL);
	for (int n, first = 0; first < MANY; first += n) {
		n = np_recv_messages(to, received.messages, MANY);
		cr_assert_gt(n, 0);
		for (int i = 0; i < n; i++)
			cr_assert_eq(received.bytes[i], first + i);
	}
	cr_assert_eq(call_finish(&sender.call), MANY, "%s", variant->name);
	cr_assert_eq(sender.sent, MANY);
	/* Nobody reads any more. */
	old = datagram_fill(sender.call.fd, connected ? NULL : &addr);
	take(to, ROOM);
	call_start(&sender.call, call_send_batch);
	FIXTURE_UNTIL(datagram_is_full(paths[0]));
	cr_assert_eq(np_set_write_deadline(sender.call.fd, np_deadline(-1)), 0);
	cr_assert_eq(call_finish(&sender.call), NP_EDEADLINE);
	cr_assert_eq(sender.sent, ROOM);
	np_close(sender.call.fd);
	np_close(to);
	unlink(paths[0]);
	unlink(paths[1]);
}

static void wait_in_the_middle_connected(const struct batch_variant *variant)
{
	wait_in_the_middle(variant, true);
}

static void wait_in_the_middle_unconnected(const struct batch_variant *variant)
{
	wait_in_the_middle(variant, false);
}

Test(batch, a_sender_waits_in_the_middle_and_tells_how_far_it_came)
{
	each_variant(wait_in_the_middle_connected);
	each_variant(wait_in_the_middle_unconnected);
}
