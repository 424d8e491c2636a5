/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_addr_order.c - the order in which destinations are tried, for hosts that have
 * addresses as the examples of RFC 6724, section 10.2, do; and for this one.
 */
#include "core/net/addr_order.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netpark.h>
#include <stdio.h>
#include <stdlib.h>

enum { MOST = 6 };

/* Destinations in the expected order, each with where it would be reached from, or NULL. */
struct example {
	const char *rule;
	const char *pairs[MOST][2];
};

static const struct example examples[] = {
	{ "scope: IPv4 has a link-local source",
	  { { "2001:db8:1::1", "2001:db8:1::2" }, { "198.51.100.121", "169.254.13.78" } } },
	{ "scope: IPv6 has a link-local source",
	  { { "198.51.100.121", "198.51.100.117" }, { "2001:db8:1::1", "fe80::1" } } },
	{ "precedence", { { "2001:db8:1::1", "2001:db8:1::2" }, { "10.1.2.3", "10.1.2.4" } } },
	{ "smaller scope", { { "fe80::1", "fe80::2" }, { "2001:db8:1::1", "2001:db8:1::2" } } },
	{ "longest prefix",
	  { { "2001:db8:1::1", "2001:db8:1::2" }, { "2001:db8:3ffe::1", "2001:db8:3f44::2" } } },
	{ "label",
	  { { "2002:c633:6401::1", "2002:c633:6401::2" }, { "2001:db8:1::1", "fe80::2" } } },
	{ "label, and precedence that says otherwise",
	  { { "2002:c633:6401::1", "2002:c633:6401::2" },
	    { "2001:db8:1::1", "2002:c633:6401::2" } } },
	{ "precedence of 6to4",
	  { { "2001:db8:1::1", "2001:db8:1::2" }, { "2002:c633:6401::1", "2002:c633:6401::2" } } },
	{ "loopback", { { "::1", "::1" }, { "127.0.0.1", "127.0.0.1" } } },
	{ "mapped is IPv4",
	  { { "2001:db8:1::1", "2001:db8:1::2" }, { "::ffff:1.2.3.4", "1.2.3.1" } } },
	{ "every kind there is",
	  { { "::1", "::1" },
	    { "2001:db8::1", "2001:db8::2" },
	    { "1.2.3.4", "1.2.3.5" },
	    { "2002::1", "2002::2" },
	    { "2001::1", "2001::2" }, /* Teredo */
	    { "fc00::1", "fc00::2" } } },
	{ "unique local before what was given up",
	  { { "fd00::1", "fd00::2" }, { "fec0::1", "fec0::2" }, { "3ffe::1", "3ffe::2" } } },
};

static const struct example *example; /* at hand */

static struct np_addr parse(const char *text)
{
	struct np_addr addr;

	cr_assert_eq(np_ip_parse(text, &addr), 0, "%s", text);
	return addr;
}

static bool find_source(const struct np_addr *destination, struct np_addr *ret_source)
{
	for (int i = 0; i < MOST && example->pairs[i][0]; i++) {
		struct np_addr addr = parse(example->pairs[i][0]);

		if (!np_addr_equal(&addr, destination))
			continue;
		if (example->pairs[i][1])
			*ret_source = parse(example->pairs[i][1]);
		return example->pairs[i][1];
	}
	abort();
}

/* Sort @given, which are numbers of the example's destinations. */
static void expect_order(const int *given, int count)
{
	struct np_addr addrs[MOST];

	for (int i = 0; i < count; i++)
		addrs[i] = parse(example->pairs[given[i]][0]);
	cr_assert_eq(np__addrs_order(addrs, (size_t)count, find_source), 0);
	for (int i = 0; i < count; i++) {
		struct np_addr expected = parse(example->pairs[i][0]);

		cr_assert(np_addr_equal(&addrs[i], &expected), "%s: place %d", example->rule, i);
	}
}

/* From each rotation of the order, and of its reverse. Equals are of one order only. */
static void expect_example(void)
{
	int given[MOST];
	int count = 0;

	while (count < MOST && example->pairs[count][0])
		count++;
	for (int turn = 0; turn < 2 * count; turn++) {
		for (int i = 0; i < count; i++) {
			int place = (i + turn) % count;

			given[i] = turn < count ? place : count - 1 - place;
		}
		expect_order(given, count);
	}
}

Test(addr_order, is_that_of_the_examples)
{
	for (size_t i = 0; i < sizeof(examples) / sizeof(examples[0]); i++) {
		example = &examples[i];
		expect_example();
	}
}

Test(addr_order, unreachable_ones_come_last_and_still_in_order)
{
	static const struct example unreachable = {
		"reachability",
		{ { "10.1.2.3", "10.1.2.4" }, { "fe80::1", NULL }, { "2001:db8:1::1", NULL } },
	};

	example = &unreachable;
	expect_example();
}

/* Name servers rotate them, so that each gets its share. */
Test(addr_order, of_equals_is_kept)
{
	static const struct example equals = {
		"equals",
		{ { "10.0.0.1", "10.0.0.77" },
		  { "9.9.9.9", "10.0.0.77" },
		  { "10.0.0.76", "10.0.0.77" },
		  { "8.8.8.8", "10.0.0.77" } },
	};
	static const struct example equals6 = {
		"equals beyond 64 bits",
		{ { "2001:db8::9", "2001:db8::1" }, { "2001:db8::2", "2001:db8::1" } },
	};

	example = &equals;
	expect_order((int[]){ 0, 1, 2, 3 }, 4);
	example = &equals6;
	expect_order((int[]){ 0, 1 }, 2);
}

Test(addr_order, none_and_what_is_no_address_of_a_host)
{
	struct np_addr addr = { .family = NP_ADDR_WILDCARD };

	cr_assert_eq(np_addrs_sort(NULL, 0), 0);
	cr_assert_eq(np_addrs_sort(NULL, 1), -EINVAL);
	cr_assert_eq(np_addrs_sort(&addr, 1), -EINVAL);
}

Test(addr_order, of_this_host_has_what_it_can_reach_in_front)
{
	struct np_addr addrs[3];

	addrs[0] = parse("fe80::1"); /* without a zone */
	addrs[1] = parse("127.0.0.1");
	addrs[2] = addrs[1];
	addrs[1].port = 80;
	cr_assert_eq(np_addrs_sort(addrs, 3), 0);
	cr_assert_eq(addrs[0].family, NP_ADDR_IPV4);
	cr_assert_eq(addrs[0].port, 80); /* as it was given */
	cr_assert_eq(addrs[1].port, 0);
	cr_assert_eq(addrs[2].family, NP_ADDR_IPV6);
}
