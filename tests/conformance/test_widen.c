/* SPDX-License-Identifier: MIT */
/*
 * test_widen.c - a descriptor that is only read is not told of room to write, until it is widened.
 * For backends that have this.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <unistd.h>

static int fds[2];

static bool can_widen(void)
{
	return tested->backend->open_read != NULL;
}

static void begin(void)
{
	harness_begin();
	if (!can_widen())
		return;
	fixture_socketpair(fds);
	cr_assert_eq(tested->backend->open_read(tested->state, fds[0], 1), 0);
	tested->is_open[1] = true;
}

static void end(void)
{
	if (can_widen()) {
		harness_close(tested, fds[0], 1);
		harness_close_both(fds);
	}
	harness_end();
}

TestSuite(widen, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* Others watch both directions from the start. */
#define WIDEN_TEST(name)                                                                           \
	static void name(void);                                                                    \
	Test(widen, name)                                                                          \
	{                                                                                          \
		if (can_widen())                                                                   \
			name();                                                                    \
	}                                                                                          \
	static void name(void)

static void widen(void)
{
	cr_assert_eq(tested->backend->widen(tested->state, fds[0], 1), 0);
}

WIDEN_TEST(who_only_reads_is_told_of_bytes_and_not_of_room)
{
	cr_assert_eq(harness_news(tested, 1), 0);
	harness_write(fds[1], "x");
	cr_assert_eq(harness_news(tested, 1), READ);
	harness_drain(fds[0]);
	harness_fill(fds[0]);
	harness_drain(fds[1]);
	cr_assert_eq(harness_news(tested, 1), 0, "room is nobody's business yet");
}

WIDEN_TEST(tells_at_once_of_the_room_that_there_is)
{
	harness_news(tested, 1);
	widen();
	cr_assert(harness_news(tested, 1) & WRITE);
}

WIDEN_TEST(tells_of_room_when_it_comes)
{
	harness_fill(fds[0]);
	widen();
	cr_assert_not(harness_news(tested, 1) & WRITE);
	harness_drain(fds[1]);
	cr_assert(harness_news(tested, 1) & WRITE);
}

WIDEN_TEST(does_not_lose_what_is_there_to_read)
{
	harness_write(fds[1], "x");
	widen();
	cr_assert_eq(harness_news(tested, 1), BOTH);
}

WIDEN_TEST(still_tells_of_the_other_end_s_close)
{
	widen();
	harness_news(tested, 1);
	close(fds[1]);
	cr_assert_eq(harness_news(tested, 1) & (BOTH | HANGUP), BOTH | HANGUP);
	fds[1] = dup(fds[0]); /* for end() */
}
