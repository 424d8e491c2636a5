/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_resolve_faults.c - lookups and lists of interfaces without memory, threads or
 * descriptors: an error that names what was looked up, and nothing left behind.
 */
#include "core/detach.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char address[] = "localhost:80";

/* A lookup like any other: what the poller needs for its first timer it has then. */
static void begin(void)
{
	fixture_begin();
	cr_assert_gt(np_resolve("tcp", address, np_deadline(INT64_C(20) * 1000000000), NULL, 0), 0);
	FIXTURE_UNTIL(np__stragglers() == 0);
}

static void end(void)
{
	fault_clear();
	fixture_end();
}

TestSuite(resolve_faults, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* Threads drop what they have a moment after the answer. */
static void expect_nothing_left(long before)
{
	FIXTURE_UNTIL(np__stragglers() == 0);
	cr_assert_eq(fault_allocations(), before, "%s", fault_last());
}

static void expect_text(int error, const char *expected)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	cr_assert_str_eq(text, expected, "%s", text);
}

Test(resolve_faults, each_call_of_a_lookup_may_fail)
{
	int failures = 0;
	long before = fault_allocations();

	for (int nth = 1;; nth++) {
		struct np_addr addr;
		int result;

		fault_fail_any(nth);
		result =
			np_resolve("tcp", address, np_deadline(INT64_C(20) * 1000000000), &addr, 1);
		cr_assert(result > 0 || result == -ENOMEM || result == -EAGAIN, "%s: %d",
			  fault_last(), result);
		failures += result < 0;
		if (fault_met() == 0)
			break;
		fault_clear();
		expect_nothing_left(before);
	}
	cr_assert_geq(failures, 3); /* the record, the thread, the answer */
}

Test(resolve_faults, without_threads_only_what_has_to_end_in_time_fails)
{
	struct np_addr addr;

	fault_fail("pthread_create", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(np_resolve("tcp", address, INT64_MAX, &addr, 1), -EAGAIN);
	expect_text(-EAGAIN, "lookup localhost: resource temporarily unavailable");
	cr_assert_eq(np_resolve("tcp", "1.2.3.4:no_service", INT64_MAX, &addr, 1), -EAGAIN);
	expect_text(-EAGAIN, "lookup no_service: resource temporarily unavailable");
	cr_assert_gt(np_resolve("tcp", address, 0, &addr, 1), 0);
	cr_assert_eq(np_resolve("tcp", "1.2.3.4:5", INT64_MAX, &addr, 1), 1);
}

/* ---- an own resolver ---------------------------------------------------------------------- */

static int many(const struct np_resolver *self, const char *network, const char *host,
		int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	(void)self;
	(void)network;
	(void)host;
	(void)deadline_ns;
	for (size_t i = 0; i < max && i < 40; i++) {
		ret_addrs[i] = (struct np_addr){ .family = NP_ADDR_IPV4 };
		ret_addrs[i].ip[3] = (uint8_t)i;
	}
	return 40;
}

Test(resolve_faults, an_answer_needs_memory)
{
	static const struct np_resolver resolver = { .lookup = many };
	long before = fault_allocations();
	struct np_addr addrs[40];

	fault_fail("calloc", 1, 1, ENOMEM);
	cr_assert_eq(np_resolve_with("tcp", "h:1", &resolver, 0, addrs, 40), -ENOMEM);
	fault_fail("realloc", 1, 1, ENOMEM);
	cr_assert_eq(np_resolve_with("tcp", "h:1", &resolver, 0, addrs, 40), -ENOMEM);
	expect_text(-ENOMEM, "lookup h: cannot allocate memory");
	cr_assert_eq(np_resolve_with("tcp", "h:1", &resolver, 0, addrs, 40), 40);
	expect_nothing_left(before);
}

/* ---- order, interfaces -------------------------------------------------------------------- */

Test(resolve_faults, without_sockets_the_order_is_that_of_the_table)
{
	struct np_addr addrs[2];
	long before = fault_allocations();

	cr_assert_eq(np_ip_parse("127.0.0.1", &addrs[0]), 0);
	cr_assert_eq(np_ip_parse("::1", &addrs[1]), 0);
	fault_fail("calloc", 1, 1, ENOMEM);
	cr_assert_eq(np_addrs_sort(addrs, 2), -ENOMEM);
	cr_assert_eq(addrs[0].family, NP_ADDR_IPV4);
	fault_fail("socket", 1, FAULT_ALWAYS, EMFILE);
	cr_assert_eq(np_addrs_sort(addrs, 2), 0);
	cr_assert_eq(addrs[0].family, NP_ADDR_IPV6);
	fault_fail("getsockname", 1, FAULT_ALWAYS, ENOBUFS);
	cr_assert_eq(np_addrs_sort(addrs, 2), 0); /* and no descriptor is left */
	cr_assert_eq(addrs[0].family, NP_ADDR_IPV6);
	expect_nothing_left(before);
}

Test(resolve_faults, interfaces_need_a_socket)
{
	struct np_interface interface = { .index = 7 };

	fault_fail("socket", 1, FAULT_ALWAYS, EMFILE);
	cr_assert_eq(np_interfaces(&interface, 1), -EMFILE);
	expect_text(-EMFILE, "interface: socket: too many open files");
	cr_assert_eq(np_interface_by_name("lo", &interface), -EMFILE);
	expect_text(-EMFILE, "interface lo: socket: too many open files");
	cr_assert_eq(interface.index, 7);
}
