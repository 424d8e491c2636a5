/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_dial_faults.c - dials of several addresses, and listeners with options, with
 * one call after the other failing: nothing is left, and what can go on does.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"
#include "tests/support/hosts.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(dial_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

static int permit(int sysfd, const char *network, const char *address, void *arg)
{
	(void)sysfd, (void)network, (void)address, (void)arg;
	return 0;
}

/* The poller and its timers keep what they allocate first: not to be counted as a leak. */
static void warm_up(const char *name, const struct np_dial_options *options)
{
	struct np_fd *conn;
	int error = np_dial_with("tcp", name, options, &conn);

	cr_assert_eq(error, 0, "%d", error);
	np_close(conn);
}

/*
 * Until no call is left that could fail. Returns how many there were. Where the address that
 * answers is what fails, the deadline ends the wait for the silent one.
 */
static int fail_each_call(const char *name, struct np_dial_options *options)
{
	int descriptors = fixture_count_descriptors(), nth = 0, met;
	long allocations = fault_allocations();

	do {
		struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
		struct np_fd *conn = untouched;
		int error;

		options->deadline_ns = np_deadline(50 * MILLISECOND);
		fault_fail_any(++nth);
		error = np_dial_with("tcp", name, options, &conn);
		met = fault_met();
		fault_clear();
		if (met == 0 && error == NP_EDEADLINE) {
			nth--; /* a slow machine */
			met = 1;
			continue;
		}
		cr_assert(met > 0 || error == 0, "%d", error);
		cr_assert_eq(error < 0, conn == untouched, "%s", fault_last());
		if (error == 0)
			np_close(conn);
		cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", fault_last());
		cr_assert_eq(fault_allocations(), allocations, "%s: %ld", fault_last(),
			     fault_allocations() - allocations);
	} while (met > 0);
	return nth - 1;
}

Test(dial_faults, any_call_of_a_race_can_fail)
{
	struct hosts hosts;
	struct np_dial_cancel cancel = { .is_canceled = 0 };
	struct np_dial_options options = {
		.resolver = &hosts.resolver,
		.control = permit,
		.cancel = &cancel,
		.local_address = "127.0.0.1:0",
	};
	struct np_fd *listener;
	struct silent silent;
	char name[32];
	unsigned port;

	listener = hosts_listen(&port, name);
	hosts_init(&hosts, (const char *[]){ "127.0.0.2", "127.0.0.3", "127.0.0.1", NULL });
	if (silent_begin(&silent, "127.0.0.3", port)) {
		options.fallback_delay_ns = MILLISECOND;
		warm_up(name, &options);
		cr_assert_gt(fail_each_call(name, &options), 10);
	}
	silent_end(&silent);
	np_close(listener);
}

/* What can be done without stays without; the next address is tried. */
Test(dial_faults, another_address_is_tried_where_one_has_no_socket)
{
	struct hosts hosts;
	const struct np_dial_options options = { .resolver = &hosts.resolver };
	const char *const calls[] = { "socket", "connect", "getpeername", "getsockopt" };
	struct np_fd *listener, *conn;
	char name[32];
	unsigned port;

	listener = hosts_listen(&port, name);
	hosts_init(&hosts, (const char *[]){ "127.0.0.1", "::ffff:127.0.0.1", "0.0.0.0", NULL });
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		fault_fail(calls[i], 1, 1, ENOBUFS);
		cr_assert_eq(np_dial_with("tcp", name, &options, &conn), 0, "%s", calls[i]);
		cr_assert_eq(fault_met(), 1);
		fault_clear();
		np_close(conn);
	}
	np_close(listener);
}

Test(dial_faults, a_connection_whose_options_cannot_be_set_is_one)
{
	struct np_fd *listener = call_listen(), *ends[2];

	fault_fail("setsockopt", 1, FAULT_ALWAYS, ENOBUFS);
	call_connect(listener, ends);
	cr_assert_gt(fault_met(), 0);
	fault_clear();
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

/* A port that was asked for is not going to be another one the next time. */
Test(dial_faults, an_address_in_use_is_tried_again_unless_the_port_is_the_callers)
{
	const struct np_dial_options any = { .local_address = "127.0.0.1:0" };
	struct np_dial_options own = { .local_address = NULL };
	struct np_fd *listener = call_listen(), *conn = NULL;
	char address[NP_ADDR_TEXT_MAX], local[NP_ADDR_TEXT_MAX];

	call_address(listener, address);
	call_address(listener, local);
	np_close(listener); /* the port is free, most likely */
	own.local_address = local;
	fault_fail("connect", 1, FAULT_ALWAYS, EADDRNOTAVAIL);
	cr_assert_eq(np_dial_with("tcp", address, &any, &conn), -EADDRNOTAVAIL);
	cr_assert_eq(fault_calls("connect"), 3);
	fault_fail("connect", 1, FAULT_ALWAYS, EADDRNOTAVAIL);
	cr_assert_eq(np_dial_with("tcp", address, &own, &conn), -EADDRNOTAVAIL);
	cr_assert_eq(fault_calls("connect"), 1);
	cr_assert_null(conn);
}

/* A lone address costs what it did: one allocation, of the handle. */
Test(dial_faults, a_lone_address_is_dialed_without_allocations)
{
	struct np_fd *listener = call_listen(), *ends[2];
	char address[NP_ADDR_TEXT_MAX];

	call_connect(listener, ends);
	np_close(ends[0]);
	np_close(ends[1]);
	call_address(listener, address);
	fault_clear();
	cr_assert_eq(np_dial("tcp", address, np_deadline(60000 * MILLISECOND), &ends[0]), 0);
	cr_assert_eq(fault_calls("calloc"), 1);
	cr_assert_eq(fault_calls("malloc") + fault_calls("realloc"), 0);
	cr_assert_leq(fault_calls("setsockopt"), 4); /* no delay, three of keep-alive */
	cr_assert_leq(fault_calls("getsockname"), 1);
	cr_assert_leq(fault_calls("epoll_ctl"), 1);
	np_close(ends[0]);
	np_close(listener);
}

Test(dial_faults, any_call_of_a_listener_with_options_can_fail)
{
	const struct np_listen_options options = {
		.flags = NP_LISTEN_KEEP_PATH,
		.path_mode = 0600,
		.control = permit,
	};
	int descriptors = fixture_count_descriptors(), nth = 0, met, error;
	long allocations = fault_allocations();
	char path[64];

	call_unix_path(path);
	do {
		struct np_fd *listener = NULL;

		fault_fail_any(++nth);
		error = np_listen_with("unix", path, &options, &listener);
		met = fault_met();
		fault_clear();
		cr_assert(met > 0 || error == 0, "%d", error);
		cr_assert_eq(error < 0, listener == NULL);
		cr_assert_eq(access(path, F_OK) == 0, error == 0, "%s", fault_last());
		np_close(listener);
		cr_assert_eq(unlink(path) == 0, error == 0, "%s", fault_last());
		cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", fault_last());
		cr_assert_eq(fault_allocations(), allocations, "%s", fault_last());
	} while (met > 0);
	cr_assert_gt(nth, 4);
}
