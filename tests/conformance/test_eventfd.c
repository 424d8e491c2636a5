/* SPDX-License-Identifier: MIT */
/*
 * test_eventfd.c - a counter is watched like anything else. For systems that have eventfd(2).
 *
 * Of interest because it has no buffer and no peer, and is ready for writing until it is at its
 * maximum, which no stream is like.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

TestSuite(eventfd, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

enum { TAG = 1 };

static int open_counter(void)
{
	int fd;

	fixture_needs("eventfd2");
	fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	cr_assert_geq(fd, 0);
	return fd;
}

static void close_counter(int fd)
{
	harness_close(tested, fd, TAG);
	close(fd);
}

Test(eventfd, is_readable_above_zero)
{
	int fd = open_counter();
	eventfd_t value;

	harness_watch(tested, fd, TAG, READ);
	cr_assert_not(harness_news(tested, TAG) & READ);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(eventfd_write(fd, 5), 0);
		cr_assert(harness_news(tested, TAG) & READ);
		cr_assert_eq(eventfd_read(fd, &value), 0);
		harness_arm(tested, fd, READ);
		cr_assert_not(harness_news(tested, TAG) & READ);
	}
	close_counter(fd);
}

Test(eventfd, is_writable_below_its_maximum)
{
	int fd = open_counter();
	eventfd_t value;

	harness_watch(tested, fd, TAG, WRITE);
	cr_assert(harness_news(tested, TAG) & WRITE);
	cr_assert_eq(eventfd_write(fd, UINT64_MAX - 1), 0);
	harness_arm(tested, fd, WRITE);
	cr_assert_not(harness_news(tested, TAG) & WRITE);
	cr_assert_eq(eventfd_read(fd, &value), 0);
	cr_assert(harness_news(tested, TAG) & WRITE);
	close_counter(fd);
}

/* The wake-up is one too: theirs and ours are told apart by number, not by kind. */
Test(eventfd, of_the_test_is_not_taken_for_the_wakeup)
{
	int fd = open_counter();

	harness_watch(tested, fd, TAG, READ);
	harness_news(tested, TAG);
	cr_assert_not(tested->backend->is_poll_descriptor(tested->state, fd));
	cr_assert_eq(tested->backend->break_wait(tested->state), 0);
	cr_assert_eq(harness_collect(tested, -1, 4), 0);
	cr_assert_eq(eventfd_write(fd, 1), 0);
	harness_await(tested, TAG, READ);
	close_counter(fd);
}
