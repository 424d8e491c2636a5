/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_fiber_lookup.c - lookups by fibers: a worker runs others meanwhile, who is
 * cancelled returns at once, and the end of all fibers waits for no server.
 */
#include "tests/fiber/fiber_fixture.h"
#include "tests/support/dns.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
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

static void end(void)
{
	dns_release();
	FIXTURE_UNTIL(fixture_count_descriptors() == descriptors);
	fixture_end();
	dns_end();
}

TestSuite(fiber_lookup, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static int run(int (*body)(void *arg))
{
	const struct np_run_options options = { .workers = 1, .backend = fixture_backend() };

	return np_run(body, NULL, &options);
}

static int look_up_slow(void *arg)
{
	char text[128];
	int result = np_resolve("tcp4", "slow.test:80", 0, NULL, 0);

	(void)arg;
	if (result < 0) {
		np_error_text(result, text, sizeof(text));
		cr_assert_str_eq(text, "lookup slow.test: task cancelled", "%s", text);
	}
	return result;
}

static int cancel_lookups(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < 4; i++)
		cr_assert_eq(np_group_go(&group, look_up_slow, NULL), 0);
	FIBER_UNTIL(dns_held() == 4); /* which others can do: the worker is free */
	np_group_cancel(&group);
	cr_assert_eq(np_group_join(&group), NP_ECANCELED);
	cr_assert_eq(dns_held(), 4); /* and nobody has answered */
	return 0;
}

Test(fiber_lookup, that_is_cancelled_returns)
{
	cr_assert_eq(run(cancel_lookups), 0);
	cr_assert_eq(dns_held(), 4); /* nor was that waited for */
}

static int canceled_results[3];

static int look_up_canceled(void *arg)
{
	(void)arg;
	FIBER_UNTIL(np_is_canceled());
	canceled_results[0] = np_resolve("tcp4", "slow.test:80", 0, NULL, 0);
	canceled_results[1] = np_resolve("tcp4", "1.2.3.4:80", 0, NULL, 0);
	np_shield(true);
	canceled_results[2] = np_resolve("tcp4", "four.test:80", 0, NULL, 0);
	np_shield(false);
	return 0;
}

static int start_canceled(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	cr_assert_eq(np_group_go(&group, look_up_canceled, NULL), 0);
	np_group_cancel(&group);
	return np_group_join(&group);
}

Test(fiber_lookup, of_who_is_cancelled_asks_nobody)
{
	cr_assert_eq(run(start_canceled), 0);
	cr_assert_eq(canceled_results[0], NP_ECANCELED);
	cr_assert_eq(canceled_results[1], 1); /* which is no wait */
	cr_assert_eq(canceled_results[2], 1);
	cr_assert_eq(dns_asked(), 1);
}

/* The main fiber returns while another is in a lookup, which ends it: all others are cancelled. */
static void look_up_and_note(void *arg)
{
	*(int *)arg = look_up_slow(NULL);
}

static int result;

static int leave_lookup(void *arg)
{
	(void)arg;
	cr_assert_eq(np_go(look_up_and_note, &result), 0);
	FIBER_UNTIL(dns_held() == 1);
	return 3;
}

Test(fiber_lookup, holds_up_no_end)
{
	for (int i = 0; i < 3; i++) {
		result = 0;
		cr_assert_eq(run(leave_lookup), 3);
		cr_assert_eq(result, NP_ECANCELED);
		cr_assert_eq(dns_held(), 1);
		dns_release_held();
	}
}

/* ---- a dump ------------------------------------------------------------------------------- */

static char dump[4096];

static int dump_lookup(void *arg)
{
	struct np_group group = { 0 };
	int fds[2];
	ssize_t n;

	(void)arg;
	cr_assert_eq(np_group_go(&group, look_up_slow, NULL), 0);
	FIBER_UNTIL(dns_held() == 1);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(np_dump(fds[1]), 0);
	n = read(fds[0], dump, sizeof(dump) - 1);
	cr_assert_gt(n, 0);
	close(fds[0]);
	close(fds[1]);
	dns_release();
	return np_group_join(&group);
}

Test(fiber_lookup, is_told_with_its_host_in_a_dump)
{
	cr_assert_eq(run(dump_lookup), 0);
	cr_assert(strstr(dump, "[lookup slow.test"), "%s", dump);
}

/* ---- an own resolver ---------------------------------------------------------------------- */

static int sleep_and_answer(const struct np_resolver *self, const char *network, const char *host,
			    int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	int error = np_sleep(1000);

	(void)self;
	(void)network;
	if (error)
		return error;
	/* It may use the system for the rest. */
	error = np_resolve("tcp4", "four.test:7", deadline_ns, ret_addrs, max);
	return strcmp(host, "own") == 0 ? error : NP_EHOST;
}

static const struct np_resolver own = { .lookup = sleep_and_answer };

static int resolve_with_own(void *arg)
{
	struct np_addr addr;

	(void)arg;
	cr_assert_eq(np_resolve_with("tcp", "other:80", &own, 0, &addr, 1), NP_EHOST);
	return np_resolve_with("tcp", "own:80", &own, 0, &addr, 1) == 1 ? addr.port : -1;
}

Test(fiber_lookup, by_an_own_resolver_may_wait)
{
	cr_assert_eq(run(resolve_with_own), 80);
}
