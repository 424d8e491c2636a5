/* SPDX-License-Identifier: MIT */
/*
 * test_stale.c - after close nothing is reported any more, whatever had happened before, and
 * whoever has the number or the file next.
 *
 * harness_collect() fails the test upon a report of a tag that is not open; the tests only have to
 * bring the danger about, and to see that what comes instead is told.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <unistd.h>

TestSuite(stale, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

Test(stale, readiness_is_dropped_by_close)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, BOTH);
	harness_write(fds[1], "x");
	harness_close(tested, fds[0], 1);
	harness_expect_silence(tested, 2 * MILLISECOND);
	harness_write(fds[1], "x");
	harness_expect_silence(tested, 2 * MILLISECOND);
	harness_close_both(fds);
	harness_expect_silence(tested, 2 * MILLISECOND);
}

Test(stale, hang_up_is_dropped_by_close)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, BOTH);
	close(fds[1]);
	harness_close(tested, fds[0], 1);
	harness_expect_silence(tested, 2 * MILLISECOND);
	close(fds[0]);
}

/* Reports that did not fit the last wait must not have been put aside. */
Test(stale, reports_that_did_not_fit_are_dropped_by_close)
{
	enum { COUNT = 8 };
	int fds[COUNT][2];

	for (int i = 0; i < COUNT; i++) {
		fixture_socketpair(fds[i]);
		harness_watch(tested, fds[i][0], (uint64_t)i + 1, BOTH);
		harness_write(fds[i][1], "x");
	}
	cr_assert_eq(harness_collect(tested, -1, 1), 1);
	for (int i = 0; i < COUNT; i++)
		harness_close(tested, fds[i][0], (uint64_t)i + 1);
	harness_expect_silence(tested, 2 * MILLISECOND);
	for (int i = 0; i < COUNT; i++)
		harness_close_both(fds[i]);
}

/* The same number, another file: ready before, then not, under a new tag. The old file lives on. */
static void pass_number_on(bool told_before)
{
	int old[2];
	int fresh[2];
	int copy;

	fixture_socketpair(old);
	fixture_socketpair(fresh);
	harness_fill(fresh[0]);
	harness_watch(tested, old[0], 1, BOTH);
	harness_write(old[1], "x");
	if (told_before)
		harness_await(tested, 1, READ);
	harness_close(tested, old[0], 1);
	copy = dup(old[0]);
	cr_assert_eq(dup2(fresh[0], old[0]), old[0]);
	harness_watch(tested, old[0], 2, BOTH);
	cr_assert_eq(harness_news(tested, 2), 0, "there is neither a byte nor room");
	harness_write(old[1], "x");
	cr_assert_eq(harness_news(tested, 2), 0, "that went to the former owner");
	harness_write(fresh[1], "x");
	cr_assert(harness_news(tested, 2) & READ);
	harness_close(tested, old[0], 2);
	close(copy);
	harness_close_both(old);
	harness_close_both(fresh);
}

Test(stale, readiness_does_not_pass_to_the_next_owner_of_the_number)
{
	for (int i = 0; i < 20; i++)
		pass_number_on(i % 2);
}

/* Readiness that the old owner was told, or was not, is told to the new one. */
Test(stale, tags_are_replaced_when_a_descriptor_is_opened_again)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_write(fds[1], "x");
	for (uint64_t tag = 1; tag < 50; tag++) {
		harness_watch(tested, fds[0], tag, READ);
		if (tag % 2)
			cr_assert(harness_news(tested, tag) & READ);
		harness_close(tested, fds[0], tag);
	}
	harness_close_both(fds);
}

/* Kernels that know files and not numbers need telling: the duplicate keeps the file alive. */
Test(stale, files_are_not_reported_because_a_duplicate_lives)
{
	int fds[2];
	int copy;

	fixture_socketpair(fds);
	copy = dup(fds[0]);
	cr_assert_geq(copy, 0);
	harness_watch(tested, fds[0], 1, BOTH);
	harness_close(tested, fds[0], 1);
	close(fds[0]);
	harness_write(fds[1], "x");
	harness_expect_silence(tested, 2 * MILLISECOND);
	harness_watch(tested, copy, 2, READ);
	cr_assert(harness_news(tested, 2) & READ, "the duplicate itself can be watched");
	harness_close(tested, copy, 2);
	close(copy);
	close(fds[1]);
}

/* Close disarms: what is opened under the number next is not waited for until it is armed. */
Test(stale, arming_does_not_outlive_close)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, BOTH);
	harness_close(tested, fds[0], 1);
	harness_open(tested, fds[0], 2);
	if (harness_needs_arm(tested)) {
		harness_write(fds[1], "x");
		harness_expect_silence(tested, 2 * MILLISECOND);
	}
	harness_close(tested, fds[0], 2);
	harness_close_both(fds);
}
