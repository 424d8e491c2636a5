/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_lookup.c - names that the system looks up: in files, and at a server that answers,
 * says no, cannot tell, or is silent for longer than anybody would wait.
 */
#include "tests/support/call.h"
#include "tests/support/dns.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static int descriptors;

static void begin(void)
{
	dns_begin();
	fixture_begin();
	fixture_needs("SOCK_NONBLOCK"); /* glibc's resolver does, and knows no other way */
	fixture_needs("sendmmsg");
	descriptors = fixture_count_descriptors();
}

/* What was late has its answer, and is gone with all that it had. */
static void end(void)
{
	dns_release();
	FIXTURE_UNTIL(fixture_count_descriptors() == descriptors);
	fixture_end();
	dns_end();
}

TestSuite(lookup, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

struct lookup {
	struct call call; /* first */
	struct np_addr addrs[64];
};

static ssize_t look_up(struct call *call)
{
	struct lookup *lookup = (struct lookup *)call;
	int result;

	result = np_resolve(call->network, call->address, call->deadline, lookup->addrs, 64);
	if (result < 0)
		np_error_text(result, call->text, sizeof(call->text));
	return result;
}

static struct lookup lookup;

static ssize_t resolve(const char *network, const char *address, int64_t deadline_ns)
{
	memset(&lookup, 0, sizeof(lookup));
	lookup.call.network = network;
	lookup.call.address = address;
	lookup.call.deadline = deadline_ns;
	call_start(&lookup.call, look_up);
	return call_finish(&lookup.call);
}

/* With and without a deadline, which are two ways to go. */
static void expect_error(const char *network, const char *address, int error, const char *text)
{
	for (int i = 0; i < 2; i++) {
		int64_t deadline_ns = i ? np_deadline(60000 * MILLISECOND) : 0;
		ssize_t result = resolve(network, address, deadline_ns);

		cr_assert_eq(result, error, "%s %s: %zd", network, address, result);
		cr_assert_str_eq(lookup.call.text, text, "\"%s\"", lookup.call.text);
	}
}

/* The addresses, in any order. */
static void expect_addrs(const char *network, const char *address, const char *first,
			 const char *second)
{
	ssize_t expected = second ? 2 : 1;
	char texts[2][NP_ADDR_TEXT_MAX];

	for (int i = 0; i < 2; i++) {
		int64_t deadline_ns = i ? np_deadline(60000 * MILLISECOND) : 0;
		ssize_t count = resolve(network, address, deadline_ns);
		int at;

		cr_assert_eq(count, expected, "%s %s: %zd %s", network, address, count,
			     lookup.call.text);
		for (int j = 0; j < count; j++)
			np_addr_format(&lookup.addrs[j], texts[j], sizeof(texts[j]));
		at = strcmp(texts[0], first) != 0;
		cr_assert_str_eq(texts[at], first, "%s", texts[at]);
		if (second)
			cr_assert_str_eq(texts[!at], second, "%s", texts[!at]);
	}
}

/* ---- answers ------------------------------------------------------------------------------ */

Test(lookup, files_are_asked)
{
	expect_addrs("tcp", "both.test:80", "127.0.0.1:80", "[::1]:80");
	expect_addrs("tcp4", "both.test:80", "127.0.0.1:80", NULL);
	expect_addrs("udp6", "both.test:80", "[::1]:80", NULL);
	expect_addrs("tcp", "localhost:80", "127.0.0.1:80", "[::1]:80");
	cr_assert_eq(dns_asked(), 0);
}

Test(lookup, servers_are_asked)
{
	expect_addrs("tcp", "one.test:80", "10.0.0.1:80", "[2001:db8::1]:80");
	expect_addrs("tcp4", "one.test:80", "10.0.0.1:80", NULL);
	expect_addrs("tcp6", "one.test:80", "[2001:db8::1]:80", NULL);
	expect_addrs("udp", "four.test.:80", "10.0.0.1:80", NULL);
	cr_assert_gt(dns_asked(), 0);
}

Test(lookup, all_addresses_are_counted)
{
	struct np_addr addrs[3];

	cr_assert_eq(resolve("tcp", "many.test:80", 0), 40);
	for (int i = 0; i < 40; i++)
		for (int j = 0; j < i; j++)
			cr_assert(!np_addr_equal(&lookup.addrs[i], &lookup.addrs[j]));
	memset(addrs, 0, sizeof(addrs));
	cr_assert_eq(np_resolve("tcp", "many.test:80", 0, addrs, 2), 40);
	cr_assert_eq(addrs[1].family, NP_ADDR_IPV4);
	cr_assert_eq(addrs[1].port, 80);
	cr_assert_eq(addrs[2].family, NP_ADDR_NONE);
	cr_assert_eq(np_resolve("tcp", "many.test:80", 0, NULL, 0), 40);
}

Test(lookup, failures_name_the_host)
{
	expect_error("tcp", "nx.test:80", NP_EHOST, "lookup nx.test: no such host");
	expect_error("tcp6", "four.test:80", NP_EHOST, "lookup four.test: no such host");
	expect_error("tcp", "fail.test:80", NP_ETRYAGAIN,
		     "lookup fail.test: temporary failure in name resolution");
}

static void expect_bound(struct np_fd *fd, const char *ip)
{
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_local_addr(fd, &addr), 0);
	np_ip_format(&addr, text, sizeof(text));
	cr_assert_str_eq(text, ip);
	np_close(fd);
}

/* Of IPv6 alone, although IPv4 is what a name is listened on by else. */
Test(lookup, listeners_take_what_is_of_use_to_them)
{
	const struct np_listen_options v6_only = { .flags = NP_LISTEN_V6_ONLY };
	struct np_fd *fd;

	cr_assert_eq(np_listen("tcp", "both.test:0", &fd), 0);
	expect_bound(fd, "127.0.0.1");
	if (np_listen("tcp6", "[::1]:0", &fd) != 0)
		cr_skip_test("no IPv6 here");
	expect_bound(fd, "::1");
	cr_assert_eq(np_listen_with("tcp", "both.test:0", &v6_only, &fd), 0);
	expect_bound(fd, "::1");
	cr_assert_eq(np_listen_packet_with("udp", "both.test:0", &v6_only, &fd), 0);
	expect_bound(fd, "::1");
	cr_assert_eq(np_listen_with("tcp", "four.test:0", &v6_only, &fd), NP_EHOST);
	cr_assert_eq(np_listen_with("tcp4", "both.test:0", &v6_only, &fd), NP_EADDRESS);
	cr_assert_eq(np_listen_with("tcp", ":testing", &v6_only, &fd), 0);
	expect_bound(fd, "::");
}

/* ---- services ----------------------------------------------------------------------------- */

Test(lookup, services_have_ports)
{
	expect_addrs("tcp", "10.0.0.1:testing", "10.0.0.1:1234", NULL);
	expect_addrs("udp", "10.0.0.1:TESTing", "10.0.0.1:4321", NULL);
	expect_addrs("tcp4", "four.test:testing", "10.0.0.1:1234", NULL);
	expect_addrs("tcp", ":testing", ":1234", NULL);
	/* The file before the table. */
	expect_addrs("tcp", ":http", ":8080", NULL);
	expect_addrs("tcp", ":Https", ":443", NULL);
	expect_addrs("tcp", ":domain", ":53", NULL);
	expect_addrs("udp6", ":domain", ":53", NULL);
}

Test(lookup, services_that_are_none_are_told)
{
	expect_error("tcp", "10.0.0.1:nonsense", NP_EADDRESS, "address tcp/nonsense: unknown port");
	expect_error("udp", "10.0.0.1:https", NP_EADDRESS, "address udp/https: unknown port");
	expect_error("udp", "10.0.0.1:no sense", NP_EADDRESS, "address udp/no sense: unknown port");
	/* Before the host, which is not asked for. */
	expect_error("tcp", "nx.test:nonsense", NP_EADDRESS, "address tcp/nonsense: unknown port");
	cr_assert_eq(dns_asked(), 0);
}

/* ---- lateness ----------------------------------------------------------------------------- */

Test(lookup, deadline_is_kept_whatever_the_server_does)
{
	cr_assert_eq(resolve("tcp", "slow.test:80", np_deadline(100 * MILLISECOND)), NP_EDEADLINE);
	cr_assert_str_eq(lookup.call.text, "lookup slow.test: i/o timeout");
	/* The server answers at the end of the test, if it was asked by now. */
	cr_assert_eq(resolve("tcp", "slow.test:80", np_deadline(1)), NP_EDEADLINE);
	cr_assert_eq(resolve("tcp", "four.test:80", np_deadline(60000 * MILLISECOND)), 1);
}

Test(lookup, deadline_that_has_passed_asks_nobody)
{
	cr_assert_eq(resolve("tcp", "four.test:80", -1), NP_EDEADLINE);
	cr_assert_eq(resolve("tcp", "four.test:80", np_time()), NP_EDEADLINE);
	cr_assert_eq(resolve("tcp", "10.0.0.1:http", -1), NP_EDEADLINE);
	cr_assert_eq(dns_asked(), 0);
}

/* Several that give up while the server holds their questions, and one that waits on. */
Test(lookup, late_answers_are_for_who_still_waits)
{
	static struct lookup lookups[8];

	for (int i = 0; i < 8; i++) {
		lookups[i].call.network = "tcp4";
		lookups[i].call.address = "slow.test:80";
		if (i > 0)
			lookups[i].call.deadline = np_deadline(300 * MILLISECOND);
		call_start(&lookups[i].call, look_up);
	}
	FIXTURE_UNTIL(dns_held() > 0);
	for (int i = 1; i < 8; i++)
		cr_assert_eq(call_finish(&lookups[i].call), NP_EDEADLINE);
	cr_assert(!atomic_load(&lookups[0].call.done));
	dns_release();
	cr_assert_eq(call_finish(&lookups[0].call), 1);
}

/* 0, or which of them has failed. */
static int look_up_in_child(void)
{
	struct np_addr addr;

	np_task_use_poller(NULL); /* that of the test was inherited */
	if (np_resolve("tcp4", "four.test:80", 0, &addr, 1) != 1)
		return 1;
	/* glibc has threads of a child ask through sockets of those that the parent had. */
	if (np_resolve("tcp4", "both.test:80", np_deadline(60000 * MILLISECOND), &addr, 1) != 1)
		return 2;
	return np_resolve("tcp4", "both.test:80", -1, &addr, 1) == NP_EDEADLINE ? 0 : 3;
}

/*
 * A child has none of its parent's threads, and nobody who would tell it of their answers. What
 * these had is lost in it, so its exit status is Valgrind's.
 */
Test(lookup, child_of_a_process_that_looks_up_can_look_up)
{
	static struct lookup lookups[3];
	int fds[2], result = -1;
	pid_t child;

	for (int i = 0; i < 3; i++) {
		lookups[i].call.network = "tcp4";
		lookups[i].call.address = "slow.test:80";
		lookups[i].call.deadline = np_deadline(60000 * MILLISECOND);
		call_start(&lookups[i].call, look_up);
	}
	FIXTURE_UNTIL(dns_held() > 0);
	cr_assert_eq(pipe(fds), 0);
	child = fork();
	if (child == 0) {
		result = look_up_in_child();
		_exit(write(fds[1], &result, sizeof(result)) < 0);
	}
	close(fds[1]);
	cr_assert_eq(read(fds[0], &result, sizeof(result)), (ssize_t)sizeof(result));
	close(fds[0]);
	cr_assert_eq(result, 0, "%d", result);
	cr_assert_eq(waitpid(child, NULL, 0), child);
	dns_release();
	for (int i = 0; i < 3; i++)
		cr_assert_eq(call_finish(&lookups[i].call), 1);
}
