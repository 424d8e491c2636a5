/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_resolve.c - what texts resolve to where no server has to be asked: literals,
 * services, malformed names, and a resolver of the program's own. Servers: test_lookup.c.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(resolve, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void expect_text(int error, const char *expected)
{
	char text[512];

	np_error_text(error, text, sizeof(text));
	cr_assert_str_eq(text, expected, "\"%s\"", text);
}

/* @address stands for one address, which is written as @expected. */
static void expect_one(const char *network, const char *address, const char *expected)
{
	struct np_addr addrs[3];
	char text[NP_ADDR_TEXT_MAX];
	int count = np_resolve(network, address, 0, addrs, 3);

	cr_assert_eq(count, 1, "%s %s: %d", network, address, count);
	np_addr_format(&addrs[0], text, sizeof(text));
	cr_assert_str_eq(text, expected, "%s %s: %s", network, address, text);
	cr_assert_eq(np_resolve(network, address, 0, NULL, 0), 1);
}

static void expect_error(const char *network, const char *address, int error, const char *text)
{
	struct np_addr addr;
	int result = np_resolve(network, address, 0, &addr, 1);

	cr_assert_eq(result, error, "%s %s: %d", network, address, result);
	expect_text(error, text);
}

/* ---- literals and ports ------------------------------------------------------------------- */

Test(resolve, literals_are_what_they_say)
{
	struct np_addr addr;

	expect_one("tcp", "127.0.0.1:80", "127.0.0.1:80");
	expect_one("tcp4", "1.2.3.4:", "1.2.3.4:0");
	expect_one("udp6", "[::1]:53", "[::1]:53");
	expect_one("udp", "[fe80::1%1]:1", "[fe80::1%lo]:1");
	expect_one("tcp4", "[::ffff:1.2.3.4]:5", "1.2.3.4:5");
	expect_one("tcp", ":80", ":80");
	expect_one("udp6", ":", ":0");
	expect_one("unix", "/a/b", "/a/b");
	expect_one("unixgram", "@a", "@a");
	/* They do not wait, so it is never too late. */
	cr_assert_eq(np_resolve("tcp", "1.2.3.4:5", -1, &addr, 1), 1);
}

Test(resolve, what_is_no_address_is_told)
{
	char address[600];

	expect_error("tpc", "a:1", NP_ENETWORK, "unknown network tpc");
	expect_error("tcp", "localhost", NP_EADDRESS, "address localhost: missing port in address");
	expect_error("tcp", "a:b:1", NP_EADDRESS, "address a:b:1: too many colons in address");
	expect_error("tcp", "1.2.3.4:70000", NP_EADDRESS, "address 70000: invalid port");
	expect_error("tcp", "1.2.3.4:+", NP_EADDRESS, "address tcp/+: unknown port");
	expect_error("tcp4", "[::1]:1", NP_EADDRESS, "address ::1: no suitable address found");
	expect_error("udp6", "1.2.3.4:1", NP_EADDRESS,
		     "address 1.2.3.4: no suitable address found");
	expect_error("tcp", "[::1::]:1", NP_EADDRESS, "address ::1::: not an IP address");
	expect_error("tcp", "[fe80::1%no_such_zone]:1", NP_EADDRESS,
		     "address fe80::1%no_such_zone: no such zone");
	expect_error("unix", "", NP_EADDRESS, "missing address");
	memset(address, 'a', sizeof(address) - 1);
	address[sizeof(address) - 1] = '\0';
	cr_assert_eq(np_resolve("tcp", address, 0, NULL, 0), NP_EADDRESS);
	cr_assert_eq(np_resolve(NULL, ":1", 0, NULL, 0), -EINVAL);
	cr_assert_eq(np_resolve("tcp", NULL, 0, NULL, 0), -EINVAL);
	cr_assert_eq(np_resolve("tcp", ":1", 0, NULL, 1), -EINVAL);
	expect_text(-EINVAL, "invalid argument: np_resolve: no network, no address, or no place "
			     "for the addresses");
}

/* ---- a resolver of the program's own ------------------------------------------------------ */

struct own_resolver {
	struct np_resolver resolver; /* first */
	const char *answers[40];     /* up to NULL, as "tcp" has them */
	int result;                  /* instead, if not 0 */
	unsigned calls;
	char network[8];
	char host[300];
	int64_t deadline_ns;
};

static int look_up(const struct np_resolver *self, const char *network, const char *host,
		   int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	struct own_resolver *own = (struct own_resolver *)(uintptr_t)self;
	int count = 0;

	own->calls++;
	snprintf(own->network, sizeof(own->network), "%s", network);
	snprintf(own->host, sizeof(own->host), "%s", host);
	own->deadline_ns = deadline_ns;
	for (; own->answers[count]; count++)
		if ((size_t)count < max &&
		    np_addr_parse(own->answers[count][0] == '/' ? "unix" : "tcp",
				  own->answers[count], &ret_addrs[count]))
			abort();
	return own->result ? own->result : count;
}

static struct own_resolver own = { .resolver.lookup = look_up };

static int resolve_with(const char *network, const char *address, struct np_addr *addrs, size_t max)
{
	own.calls = 0;
	return np_resolve_with(network, address, &own.resolver, 0, addrs, max);
}

static void set_answers(const char *first, const char *second, const char *third)
{
	own.answers[0] = first;
	own.answers[1] = second;
	own.answers[2] = third;
	own.answers[3] = NULL;
}

static void expect_addr(const struct np_addr *addr, const char *expected)
{
	char text[NP_ADDR_TEXT_MAX];

	np_addr_format(addr, text, sizeof(text));
	cr_assert_str_eq(text, expected, "%s", text);
}

Test(resolve, an_own_resolver_is_asked_for_names_alone)
{
	struct np_addr addrs[3];

	set_answers("9.9.9.9:1", "[2001:db8::1]:2", NULL);
	cr_assert_eq(resolve_with("tcp", "1.2.3.4:80", addrs, 3), 1);
	cr_assert_eq(resolve_with("tcp", ":80", addrs, 3), 1);
	cr_assert_eq(resolve_with("unix", "/tmp/x", addrs, 3), 1);
	cr_assert_eq(resolve_with("tcp", "a b:80", addrs, 3), NP_EADDRESS);
	cr_assert_eq(own.calls, 0);
	cr_assert_eq(np_resolve_with("tcp", "a.b:80", &own.resolver, -1, addrs, 3), NP_EDEADLINE);
	expect_text(NP_EDEADLINE, "lookup a.b: i/o timeout");
	cr_assert_eq(own.calls, 0);
	cr_assert_eq(np_resolve_with("tcp", "a.b:80", &own.resolver, INT64_MAX, addrs, 3), 2);
	cr_assert_eq(own.calls, 1);
	cr_assert_eq(own.deadline_ns, INT64_MAX);
	cr_assert_str_eq(own.network, "ip");
	cr_assert_str_eq(own.host, "a.b");
	expect_addr(&addrs[0], "9.9.9.9:80"); /* in its order, with our port */
	expect_addr(&addrs[1], "[2001:db8::1]:80");
}

Test(resolve, of_an_answer_what_suits_is_kept_once)
{
	struct np_addr addrs[3];

	set_answers("[2001:db8::1]:0", "1.1.1.1:0", "[::ffff:2.2.2.2]:0");
	cr_assert_eq(resolve_with("udp4", "h:5", addrs, 3), 2);
	cr_assert_str_eq(own.network, "ip4");
	expect_addr(&addrs[0], "1.1.1.1:5");
	expect_addr(&addrs[1], "2.2.2.2:5");
	cr_assert_eq(resolve_with("tcp6", "h:5", addrs, 3), 1);
	cr_assert_str_eq(own.network, "ip6");
	expect_addr(&addrs[0], "[2001:db8::1]:5");

	set_answers("1.1.1.1:4", "[::ffff:1.1.1.1]:5", "1.1.1.1:0");
	cr_assert_eq(resolve_with("tcp", "h:5", addrs, 3), 1);
	expect_addr(&addrs[0], "1.1.1.1:5");
	cr_assert_eq(resolve_with("tcp6", "h:5", addrs, 3), NP_EADDRESS);
	expect_text(NP_EADDRESS, "address h: no suitable address found");

	/* Nor is what can be no host. */
	set_answers("/tmp/socket", ":80", "3.3.3.3:0");
	cr_assert_eq(resolve_with("tcp", "h:5", addrs, 3), 1);
	expect_addr(&addrs[0], "3.3.3.3:5");
}

Test(resolve, more_than_there_is_room_for_is_counted)
{
	struct np_addr addrs[31];
	char texts[31][24];

	set_answers("1.1.1.1:0", "1.1.1.1:0", "2.2.2.2:0");
	memset(addrs, 0, sizeof(addrs));
	cr_assert_eq(resolve_with("tcp", "h:5", addrs, 1), 2);
	cr_assert_eq(own.calls, 1);
	expect_addr(&addrs[0], "1.1.1.1:5");
	cr_assert_eq(addrs[1].family, NP_ADDR_NONE);
	cr_assert_eq(resolve_with("tcp", "h:5", NULL, 0), 2);

	for (int i = 0; i < 31; i++) {
		snprintf(texts[i], sizeof(texts[i]), "1.1.1.%d:0", i / 2);
		own.answers[i] = texts[i];
	}
	own.answers[31] = NULL;
	cr_assert_eq(resolve_with("tcp", "h:5", addrs, 31), 16);
	cr_assert_eq(own.calls, 2);
	expect_addr(&addrs[15], "1.1.1.15:5");
}

Test(resolve, failures_of_an_own_resolver_name_the_host)
{
	static const struct {
		int error;
		const char *text;
	} failures[] = {
		{ NP_EHOST, "lookup h: no such host" },
		{ NP_ETRYAGAIN, "lookup h: temporary failure in name resolution" },
		{ NP_ERESOLVE, "lookup h: name resolution failed" },
		{ NP_EDEADLINE, "lookup h: i/o timeout" },
		{ NP_ECANCELED, "lookup h: task cancelled" },
		{ -ECONNREFUSED, "lookup h: connection refused" },
	};

	set_answers("1.1.1.1:0", NULL, NULL);
	for (size_t i = 0; i < sizeof(failures) / sizeof(failures[0]); i++) {
		own.result = failures[i].error;
		cr_assert_eq(resolve_with("tcp", "h:5", NULL, 0), failures[i].error);
		expect_text(failures[i].error, failures[i].text);
	}
	own.result = 0;
	set_answers(NULL, NULL, NULL);
	cr_assert_eq(resolve_with("tcp", "h:5", NULL, 0), NP_EHOST);
	expect_text(NP_EHOST, "lookup h: no such host");
}

/* ---- names -------------------------------------------------------------------------------- */

static void expect_no_name(const char *host, const char *reason)
{
	char address[600], text[600];
	int result;

	snprintf(address, sizeof(address), "%s:1", host);
	result = resolve_with("tcp", address, NULL, 0);
	cr_assert_eq(result, NP_EADDRESS, "%s: %d", host, result);
	cr_assert_eq(own.calls, 0);
	np_error_text(result, text, sizeof(text));
	cr_assert(strstr(text, reason), "%s: %s", host, text);
}

static void expect_name(const char *host)
{
	char address[600];

	snprintf(address, sizeof(address), "%s:1", host);
	cr_assert_eq(resolve_with("tcp", address, NULL, 0), 1, "%s", host);
	cr_assert_str_eq(own.host, host);
}

/* "aaa.aaa. ..." */
static void make_name(char *name, size_t length, size_t label)
{
	for (size_t i = 0; i < length; i++)
		name[i] = i % (label + 1) == label ? '.' : 'a';
	name[length] = '\0';
}

Test(resolve, nonsense_is_asked_of_nobody)
{
	static const char *const nonsense[] = { "a b",  "a..b",   ".",    ".a",    "a/b", "-a.b",
						"a-.b", "a%eth0", "a\nb", "a\x7f", "a@b", "*.a" };
	static const char *const numbers[] = { "127.1", "1",        "1.2.3.4.5", "0x7f.0x1",
					       "1.2.3", "01.2.3.4", "1.2.3.4.",  "0X" };
	char name[300];

	set_answers("1.1.1.1:0", NULL, NULL);
	for (size_t i = 0; i < sizeof(nonsense) / sizeof(nonsense[0]); i++)
		expect_no_name(nonsense[i], "not a host name");
	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		expect_no_name(numbers[i], "not an IP address");
	make_name(name, 254, 61);
	expect_no_name(name, "host name too long");
	make_name(name, 64, 64);
	expect_no_name(name, "not a host name");
}

Test(resolve, names_are_taken_as_they_are)
{
	static const char *const names[] = { "a",      "A.b.",    "1a.b2", "a_b",
					     "x--y.z", "0xg",     "_a.b",  "b\xc3\xbc.x",
					     "a.1",    "1.2.3.x", "x.0x7f" };
	char name[300];

	set_answers("1.1.1.1:0", NULL, NULL);
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		expect_name(names[i]);
	make_name(name, 253, 63);
	expect_name(name);
	strcat(name, ".");
	expect_name(name);
}
