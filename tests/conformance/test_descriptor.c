/* SPDX-License-Identifier: MIT */
/*
 * test_descriptor.c - the descriptor for hosts that wait in a loop of their own: poll(2) says that
 * it is readable whenever the next look has something, or a break is pending.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <unistd.h>

TestSuite(descriptor, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

/* -1 where there is none. */
static int descriptor(void)
{
	int fd = tested->backend->descriptor(tested->state);

	if (harness_is(tested, "poll"))
		cr_assert_eq(fd, -EOPNOTSUPP);
	else
		cr_assert(tested->backend->is_poll_descriptor(tested->state, fd));
	return fd < 0 ? -1 : fd;
}

/* poll(2) passes over a negative number. */
static bool is_readable(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	return poll(&entry, 1, 0) > 0 && (entry.revents & POLLIN);
}

Test(descriptor, is_readable_when_there_is_a_report)
{
	int fd = descriptor();
	int fds[2];

	fixture_pipe(fds);
	harness_watch(tested, fds[0], 1, READ);
	for (int i = 0; i < 5; i++) {
		harness_settle(tested);
		cr_assert_not(is_readable(fd), "nothing has happened");
		harness_write(fds[1], "x");
		if (fd >= 0)
			cr_assert(is_readable(fd));
		harness_await(tested, 1, READ);
		harness_drain(fds[0]);
		harness_forget(tested, 1);
		harness_arm(tested, fds[0], READ);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* A look leaves the break, so also its sign. */
Test(descriptor, is_readable_from_a_break_to_the_wait_that_it_ends)
{
	int fd = descriptor();

	cr_assert_not(is_readable(fd));
	cr_assert_eq(tested->backend->break_wait(tested->state), 0);
	for (int i = 0; i < 3 && fd >= 0; i++) {
		cr_assert(is_readable(fd));
		cr_assert_eq(harness_collect(tested, 0, 1), 0);
	}
	cr_assert_eq(harness_collect(tested, -1, 1), 0);
	harness_settle(tested); /* a kqueue notices at the next look that a level has gone */
	cr_assert_not(is_readable(fd));
}

/* With less room than reports the rest must keep it readable. */
Test(descriptor, is_readable_until_the_last_report)
{
	int fd = descriptor();
	int fds[3][2];

	for (int i = 0; i < 3; i++) {
		fixture_pipe(fds[i]);
		harness_watch(tested, fds[i][0], (uint64_t)i + 1, READ);
		harness_write(fds[i][1], "x");
	}
	for (int i = 0; i < 3; i++) {
		if (fd >= 0)
			cr_assert(is_readable(fd), "%d of 3 are left", 3 - i);
		cr_assert_eq(harness_collect(tested, 0, 1), 1);
	}
	for (int i = 0; i < 3; i++) {
		cr_assert(tested->flags[i + 1] & READ);
		harness_close(tested, fds[i][0], (uint64_t)i + 1);
		harness_close_both(fds[i]);
	}
}
