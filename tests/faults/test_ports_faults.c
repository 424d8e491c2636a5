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

/* ---- between the event and its report ----------------------------------------------------- */

static void *ports;
static int old_owner[2], new_owner[2];

static void watch(uint64_t tag, unsigned mode)
{
	cr_assert_eq(fixture_backend()->open(ports, old_owner[0], tag), 0);
	fixture_backend()->arm(ports, old_owner[0], mode);
}

static void begin_with_an_event(void)
{
	cr_assert_eq(fixture_backend()->init(&ports), 0);
	fixture_socketpair(old_owner);
	fixture_socketpair(new_owner);
	cr_assert_eq(write(old_owner[1], "x", 1), 1);
	watch(1, RUNTIME_POLL_READ);
}

static int look(struct runtime_poll_event *event)
{
	return fixture_backend()->wait(ports, 0, event, 1);
}

static void end_without_one(void)
{
	struct runtime_poll_event event;

	cr_assert_eq(look(&event), 0);
	fixture_backend()->fini(ports);
	for (int i = 0; i < 2; i++) {
		close(old_owner[i]);
		close(new_owner[i]);
	}
}

static void close_it(void)
{
	cr_assert_eq(fixture_backend()->close(ports, old_owner[0]), 0);
}

static void pass_it_on(void)
{
	close_it();
	cr_assert_eq(dup2(new_owner[0], old_owner[0]), old_owner[0]);
	watch(2, RUNTIME_POLL_READ);
}

static void arm_the_other(void)
{
	fixture_backend()->arm(ports, old_owner[0], RUNTIME_POLL_WRITE);
}

PORTS_TEST(an_event_from_before_a_close_is_nobodys)
{
	struct runtime_poll_event event;

	begin_with_an_event();
	fault_after_getn(close_it);
	cr_assert_eq(look(&event), 0);
	end_without_one();
}

PORTS_TEST(an_event_from_before_a_close_is_not_the_next_owners)
{
	struct runtime_poll_event event;

	begin_with_an_event();
	fault_after_getn(pass_it_on);
	cr_assert_eq(look(&event), 0, "tag %d", (int)event.tag);
	cr_assert_eq(write(new_owner[1], "x", 1), 1);
	cr_assert_eq(look(&event), 1, "the next owner has been disarmed");
	cr_assert_eq(event.tag, 2);
	end_without_one();
}

/* Arming has associated both; the event disarms its own and leaves the other. */
PORTS_TEST(an_event_from_before_an_arm_leaves_the_other_direction)
{
	struct runtime_poll_event event;

	begin_with_an_event();
	fault_after_getn(arm_the_other);
	cr_assert_eq(look(&event), 1);
	cr_assert_eq(event.flags, (uint32_t)RUNTIME_POLL_READ);
	cr_assert_eq(look(&event), 1);
	cr_assert_eq(event.flags, (uint32_t)RUNTIME_POLL_WRITE);
	end_without_one();
}
