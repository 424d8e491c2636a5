/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_namespace_link.c - connections over links that go down, carry little at a time, or
 * lose some of it.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/namespace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

static struct namespace_peer peer;

static void begin(void)
{
	namespace_enter();
	fixture_begin();
	namespace_peer_begin(&peer);
}

static void end(void)
{
	namespace_peer_end(&peer);
	fixture_end();
}

TestSuite(namespace_link, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;
static const int64_t SECOND = 1000 * 1000 * 1000;

/* From here, ends[0], to there. */
static void connect_both(struct np_fd *ends[2])
{
	struct np_fd *listener;
	char text[NP_ADDR_TEXT_MAX];

	namespace_go_far(&peer);
	cr_assert_eq(np_listen("tcp", NAMESPACE_FAR ":0", &listener), 0);
	namespace_come_back(&peer);
	call_address(listener, text);
	cr_assert_eq(np_dial("tcp", text, np_deadline(60 * SECOND), &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	np_close(listener);
}

static void close_both(struct np_fd *ends[2])
{
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(ends[1]), 0);
}

static int count_lost(int sysfd, void *arg)
{
	struct tcp_info info;
	socklen_t length = sizeof(info);

	(void)arg;
	memset(&info, 0, sizeof(info));
	getsockopt(sysfd, IPPROTO_TCP, TCP_INFO, &info, &length);
	return (int)info.tcpi_total_retrans;
}

enum { BULK = 1024 * 1024 };

static ssize_t write_bulk(struct call *call)
{
	return np_write(call->fd, call->buf, BULK);
}

/* Much, and all of it arrives. */
static void expect_bulk(struct np_fd *from, struct np_fd *to)
{
	char *sent = malloc(BULK), *received = calloc(1, BULK);
	struct call writer = { .fd = from, .buf = sent };

	for (size_t i = 0; i < BULK; i++)
		sent[i] = (char)(i * 2654435761u >> 24);
	call_start(&writer, write_bulk);
	cr_assert_eq(np_set_read_deadline(to, np_deadline(100 * SECOND)), 0);
	cr_assert_eq(call_read_full(to, received, BULK), BULK);
	cr_assert_eq(call_finish(&writer), BULK);
	cr_assert_eq(memcmp(sent, received, BULK), 0);
	free(sent);
	free(received);
}

/* ---- down --------------------------------------------------------------------------------- */

/* Nobody is told anything; so it is for deadlines to notice. */
Test(namespace_link, a_connection_whose_link_is_down_has_its_deadlines)
{
	struct np_fd *ends[2];
	char buf[4096] = { 0 };
	ssize_t n;

	connect_both(ends);
	namespace_run("ip link set near down");
	cr_assert_eq(np_set_deadline(ends[0], np_deadline(30 * MILLISECOND)), 0);
	cr_assert_eq(np_read(ends[0], buf, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_deadline(ends[0], np_deadline(30 * MILLISECOND)), 0);
	do
		n = np_write(ends[0], buf, sizeof(buf));
	while (n > 0);
	cr_assert_eq(n, NP_EDEADLINE);
	close_both(ends);
}

Test(namespace_link, a_connection_whose_link_is_down_can_be_closed)
{
	struct np_fd *ends[2];
	struct call reader = { .fd = NULL };

	connect_both(ends);
	reader.fd = ends[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	namespace_run("ip link set near down");
	cr_assert_eq(np_write(ends[0], "lost", 4), 4);
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	cr_assert_eq(np_close(ends[1]), 0);
}

Test(namespace_link, a_connection_goes_on_when_its_link_is_up_again)
{
	struct np_fd *ends[2];
	char buf[8];

	connect_both(ends);
	namespace_run("ip link set near down");
	cr_assert_eq(np_write(ends[0], "late", 4), 4);
	cr_assert_eq(np_set_read_deadline(ends[1], np_deadline(10 * MILLISECOND)), 0);
	cr_assert_eq(np_read(ends[1], buf, sizeof(buf)), NP_EDEADLINE);
	namespace_run("ip link set near up");
	cr_assert_eq(np_set_read_deadline(ends[1], np_deadline(100 * SECOND)), 0);
	cr_assert_eq(call_read_full(ends[1], buf, 4), 4);
	cr_assert_eq(memcmp(buf, "late", 4), 0);
	close_both(ends);
}

/* ---- narrow ------------------------------------------------------------------------------- */

Test(namespace_link, all_arrives_in_small_packets)
{
	struct np_fd *ends[2];

	namespace_run("ip link set near mtu 576");
	connect_both(ends);
	expect_bulk(ends[0], ends[1]);
	expect_bulk(ends[1], ends[0]);
	close_both(ends);
}

/* A queue of a few packets at the entrance of a slow link: what finds it full is dropped. */
Test(namespace_link, all_arrives_though_packets_are_lost)
{
	struct np_fd *ends[2];

	if (!namespace_try("tc qdisc add dev near root tbf rate 200mbit burst 5000 limit 10000"))
		cr_skip_test("this system cannot lose packets on demand (tc, tbf)");
	connect_both(ends);
	expect_bulk(ends[0], ends[1]);
	cr_assert_gt(np_fd_control(ends[0], count_lost, NULL), 0);
	expect_bulk(ends[1], ends[0]);
	close_both(ends);
}
