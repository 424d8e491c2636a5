/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_ports_faults.c - event ports that bring events together with errors, and that
 * refuse an association when nobody can be told so.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(ports_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static bool is_tested(void)
{
	return strcmp(fixture_backend()->name, "ports") == 0;
}

/* Other backends have nothing of this. */
#define PORTS_TEST(name)                                                                           \
	static void name(void);                                                                    \
	Test(ports_faults, name)                                                                   \
	{                                                                                          \
		if (is_tested())                                                                   \
			name();                                                                    \
	}                                                                                          \
	static void name(void)

static void close_both(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* Somebody waits for a byte, and gets it. */
static void expect_to_wait_and_wake(void)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	fixture_fd_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	close_both(fds);
}

/* The port has given them away: who does not take them now is never told again. */
PORTS_TEST(events_that_come_with_an_error_count)
{
	const int errors[] = { ETIME, EINTR };

	for (int i = 0; i < 2; i++) {
		fault_spoil("port_getn", 1, FAULT_ALWAYS, errors[i]);
		expect_to_wait_and_wake();
		fault_clear();
	}
}

/* The first call that associates is open's, the second arm's, and the wake-up's come then. */
PORTS_TEST(who_could_not_be_armed_asks_the_kernel_and_arms_again)
{
	const int errors[] = { EAGAIN, ENOMEM, EBADFD };

	for (int i = 0; i < 3; i++) {
		fault_fail("port_associate", 2, 1 + i, errors[i]);
		expect_to_wait_and_wake();
		cr_assert_geq(fault_met(), 1);
		fault_clear();
	}
}

/* Both wait; the event of one is there, and what is left cannot be associated. */
PORTS_TEST(who_could_not_be_armed_again_is_told)
{
	struct np_poll_desc *desc;
	struct np_task *self = np_task_self();
	int fds[2];

	fixture_socketpair(fds);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &desc), 0);
	FIXTURE_UNTIL(write(fds[0], "x", 1) < 0);
	cr_assert_eq(np_poll_begin(desc, NP_WRITE, self), 0);
	cr_assert_eq(np_poll_end(desc, NP_WRITE), -EAGAIN);
	cr_assert_eq(write(fds[1], "x", 1), 1);
	cr_assert_eq(np_poll_begin(desc, NP_READ, self), 0);
	cr_assert_eq(np_poll_end(desc, NP_READ), -EAGAIN);
	fault_fail("port_associate", 1, 1, EAGAIN);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
	cr_assert_eq(fault_met(), 1);
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0, "a report is latched");
	cr_assert_eq(np_poll_wait(desc, NP_WRITE), 0, "and another");
	np_poll_unblock(desc);
	np_poll_close(desc);
	close(fds[0]);
	close(fds[1]);
}

/* Waiting without it, nobody could ever break the wait. */
PORTS_TEST(a_wake_up_that_could_not_be_associated_again_is_before_the_next_wait)
{
	for (int i = 0; i < 3; i++) {
		fault_fail("port_associate", 1, 1, EAGAIN);
		cr_assert_eq(np_poller_break(test_poller), 0);
		cr_assert_eq(np_poller_turn(test_poller, -1), 0);
		cr_assert_eq(fault_met(), 1);
		fault_clear();
		cr_assert_eq(np_poller_break(test_poller), 0);
		cr_assert_eq(np_poller_turn(test_poller, -1), 0);
	}
	fault_fail("port_associate", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(np_poller_break(test_poller), 0);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
	cr_assert_eq(np_poller_turn(test_poller, -1), -ENOSPC, "deaf, and so it does not block");
}

/* The wait's error does not keep what there is to tell from anybody. */
PORTS_TEST(reports_come_also_while_the_wake_up_is_refused)
{
	struct np_poll_desc *desc;
	int fds[2];

	fixture_socketpair(fds);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &desc), 0);
	fault_fail("port_associate", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(np_poller_break(test_poller), 0);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0, "armed in vain, and so told");
	np_poll_unblock(desc);
	np_poll_close(desc);
	close(fds[0]);
	close(fds[1]);
}
