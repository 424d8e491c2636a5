/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_namespace_dial.c - dials on hosts with only half an Internet, or worse: without
 * IPv4, without IPv6, with addresses where everything gets lost, with routes that say no.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/hosts.h"
#include "tests/support/namespace.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void begin(void)
{
	namespace_enter();
	fixture_begin();
}

TestSuite(namespace_dial, .init = begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;
static const int64_t SECOND = 1000 * 1000 * 1000;
static const int64_t HOUR = INT64_C(3600) * 1000 * 1000 * 1000;

#define IPS(...) ((const char *const[]){ __VA_ARGS__, NULL })

/* Listen on @listen, and dial a host that has @ips; returns the dial's result. */
static int dial_host(const char *listen, const char *const *ips, int64_t delay_ns,
		     char peer[static NP_ADDR_TEXT_MAX])
{
	struct np_fd *listener, *conn;
	struct np_addr addr;
	struct hosts hosts;
	const struct np_dial_options options = {
		.resolver = &hosts.resolver,
		.fallback_delay_ns = delay_ns,
		.deadline_ns = np_deadline(60 * SECOND),
	};
	char name[32];
	int error = np_listen("tcp", listen, &listener);

	cr_assert_eq(error, 0, "listen on %s: %d", listen, error);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	snprintf(name, sizeof(name), "any.name:%u", addr.port);
	hosts_init(&hosts, ips);
	error = np_dial_with("tcp", name, &options, &conn);
	if (!error) {
		cr_assert_eq(np_remote_addr(conn, &addr), 0);
		np_ip_format(&addr, peer, NP_ADDR_TEXT_MAX);
		np_close(conn);
	}
	np_close(listener);
	return error;
}

static void expect_peer(const char *listen, const char *const *ips, int64_t delay_ns,
			const char *expected)
{
	char peer[NP_ADDR_TEXT_MAX] = "";
	int error = dial_host(listen, ips, delay_ns, peer);

	cr_assert_eq(error, 0, "%d", error);
	cr_assert_str_eq(peer, expected);
}

static void require_ipv6(void)
{
	if (access("/proc/sys/net/ipv6", F_OK) != 0)
		cr_skip_test("this system has no IPv6");
	fixture_needs("AF_INET6");
	fixture_needs("IPV6_V6ONLY");
}

/* ---- one family alone --------------------------------------------------------------------- */

Test(namespace_dial, a_host_with_ipv6_alone)
{
	struct np_fd *listener = NULL;

	require_ipv6();
	namespace_run("ip -4 address flush dev lo");
	expect_peer(":0", IPS("127.0.0.1", "::1"), HOUR, "::1");
	expect_peer("[::]:0", IPS("::1", "127.0.0.1"), HOUR, "::1");
	expect_peer("[::1]:0", IPS("192.0.2.1", "192.0.2.2", "::1"), HOUR, "::1");
	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), -EADDRNOTAVAIL);
	cr_assert_null(listener);
}

Test(namespace_dial, a_host_without_ipv6)
{
	struct np_fd *listener = NULL;
	char peer[NP_ADDR_TEXT_MAX];

	require_ipv6();
	namespace_run("echo 1 >/proc/sys/net/ipv6/conf/all/disable_ipv6");
	expect_peer(":0", IPS("::1", "127.0.0.1"), HOUR, "127.0.0.1");
	expect_peer("[::]:0", IPS("2001:db8::1", "::1", "127.0.0.1"), HOUR, "127.0.0.1");
	expect_peer(":0", IPS("::"), HOUR, "127.0.0.1");
	cr_assert_lt(dial_host(":0", IPS("::1", "2001:db8::1"), HOUR, peer), 0);
	cr_assert_eq(np_listen("tcp6", "[::1]:0", &listener), -EADDRNOTAVAIL);
	cr_assert_null(listener);
}

/* ---- black holes -------------------------------------------------------------------------- */

Test(namespace_dial, what_gets_lost_is_overtaken)
{
	require_ipv6();
	namespace_add_silence();
	expect_peer(":0", IPS(NAMESPACE_SILENT6, "127.0.0.1"), 10 * MILLISECOND, "127.0.0.1");
	expect_peer(":0", IPS(NAMESPACE_SILENT4, "::1"), 10 * MILLISECOND, "::1");
	expect_peer(":0", IPS("fd00:99::7", "10.99.0.7", "fd00:99::8", "10.99.0.1"),
		    10 * MILLISECOND, "10.99.0.1");
	/* The usual delay. */
	expect_peer(":0", IPS(NAMESPACE_SILENT6, "127.0.0.1"), 0, "127.0.0.1");
}

Test(namespace_dial, what_gets_lost_ends_with_the_deadline)
{
	struct np_fd *conn = NULL;
	char text[256];

	namespace_add_silence();
	cr_assert_eq(np_dial("tcp", NAMESPACE_SILENT4 ":80", np_deadline(20 * MILLISECOND), &conn),
		     NP_EDEADLINE);
	cr_assert_null(conn);
	np_error_text(NP_EDEADLINE, text, sizeof(text));
	cr_assert_str_eq(text, "dial tcp " NAMESPACE_SILENT4 ":80: i/o timeout");
}

/* With the connect under way, whoever is connected to wakes up too late. */
Test(namespace_dial, what_gets_lost_can_be_cancelled)
{
	struct np_dial_cancel cancel = { .is_canceled = 0 };
	const struct np_dial_options options = { .cancel = &cancel };
	struct call dialer = {
		.network = "tcp",
		.address = NAMESPACE_SILENT4 ":80",
		.options = &options,
	};

	namespace_add_silence();
	call_start(&dialer, call_dial);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_dial_cancel(&cancel);
	cr_assert_eq(call_finish(&dialer), NP_ECANCELED);
}

/* ---- routes that say no ------------------------------------------------------------------- */

/* An hour's delay: it must not matter. */
Test(namespace_dial, what_cannot_be_reached_brings_the_next_at_once)
{
	namespace_run("ip route add unreachable 10.1.0.0/24");
	namespace_run("ip route add prohibit 10.2.0.0/24");
	namespace_run("ip route add blackhole 10.3.0.0/24");
	expect_peer(":0", IPS("10.1.0.1", "10.2.0.1", "10.3.0.1", "10.4.0.1", "127.0.0.1"), HOUR,
		    "127.0.0.1");
}

struct row {
	const char *address;
	int error;
};

Test(namespace_dial, what_cannot_be_reached_is_told)
{
	const struct row rows[] = {
		{ "10.1.0.1:1", -EHOSTUNREACH },
		{ "10.2.0.1:1", -EACCES },
		{ "10.4.0.1:1", -ENETUNREACH },
	};

	namespace_run("ip route add unreachable 10.1.0.0/24");
	namespace_run("ip route add prohibit 10.2.0.0/24");
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_fd *conn = NULL;
		char text[256], expected[256];

		cr_assert_eq(np_dial("tcp", rows[i].address, 0, &conn), rows[i].error, "%s",
			     rows[i].address);
		np_error_text(rows[i].error, text, sizeof(text));
		snprintf(expected, sizeof(expected), "dial tcp %s: connect: %s", rows[i].address,
			 fixture_error(-rows[i].error));
		cr_assert_str_eq(text, expected);
	}
}
