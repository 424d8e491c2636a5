/* SPDX-License-Identifier: MIT */
/*
 * test_readiness.c - what can be done is reported, what cannot be done is not.
 *
 * Pipes and Unix sockets change state within the system call that changes them, so what a test has
 * caused itself a look must find. TCP may take its time: there tests await.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(readiness, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

static bool has(uint32_t flags, uint32_t wanted)
{
	return (flags & wanted) == wanted;
}

/* ---- the present state -------------------------------------------------------------------- */

Test(readiness, of_before_the_opening_is_reported)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_write(fds[1], "before");
	harness_watch(tested, fds[0], 1, BOTH);
	cr_assert(has(harness_news(tested, 1), BOTH));
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, of_before_the_opening_is_what_it_is)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_fill(fds[0]);
	harness_watch(tested, fds[0], 1, BOTH);
	cr_assert_eq(harness_news(tested, 1), 0, "neither bytes nor room");
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, is_not_reported_of_what_is_idle)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, READ);
	harness_settle(tested); /* the room for writing, where both directions are always watched */
	cr_assert_not(tested->flags[1] & READ);
	harness_expect_silence(tested, 20 * MILLISECOND);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* ---- changes ------------------------------------------------------------------------------ */

Test(readiness, to_read_comes_with_the_bytes)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, READ);
	harness_news(tested, 1);
	for (int i = 0; i < 10; i++) {
		harness_write(fds[1], "x");
		cr_assert(has(harness_news(tested, 1), READ), "byte %d", i);
		cr_assert_eq(harness_drain(fds[0]), 1);
		harness_arm(tested, fds[0], READ);
		cr_assert_not(harness_news(tested, 1) & READ);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/*
 * Whoever left bytes unread hears of new ones: an edge, or after arming because the old ones count.
 */
Test(readiness, to_read_is_reported_again_while_old_bytes_are_unread)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, READ);
	for (int i = 0; i < 10; i++) {
		harness_write(fds[1], "x");
		harness_arm(tested, fds[0], READ);
		cr_assert(has(harness_news(tested, 1), READ), "byte %d", i);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, to_write_comes_with_the_room)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, WRITE);
	cr_assert(has(harness_news(tested, 1), WRITE));
	for (int i = 0; i < 10; i++) {
		harness_fill(fds[0]);
		harness_arm(tested, fds[0], WRITE);
		cr_assert_not(harness_news(tested, 1) & WRITE, "there is no room");
		harness_drain(fds[1]);
		cr_assert(has(harness_news(tested, 1), WRITE), "round %d", i);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, of_a_pipe_is_told_at_both_ends)
{
	int fds[2];

	fixture_pipe(fds);
	harness_watch(tested, fds[0], 1, READ);
	harness_watch(tested, fds[1], 2, WRITE);
	cr_assert_eq(harness_news(tested, 1), 0);
	cr_assert(has(harness_news(tested, 2), WRITE));
	harness_fill(fds[1]);
	harness_arm(tested, fds[1], WRITE);
	cr_assert(has(harness_news(tested, 1), READ));
	cr_assert_not(harness_news(tested, 2) & WRITE);
	harness_drain(fds[0]);
	harness_arm(tested, fds[0], READ);
	cr_assert(has(harness_news(tested, 2), WRITE));
	cr_assert_not(harness_news(tested, 1) & READ);
	harness_close(tested, fds[0], 1);
	harness_close(tested, fds[1], 2);
	harness_close_both(fds);
}

Test(readiness, of_both_directions_is_told_of_each)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, BOTH);
	for (int i = 0; i < 5; i++) {
		harness_fill(fds[0]);
		harness_drain(fds[0]);
		harness_arm(tested, fds[0], BOTH);
		harness_news(tested, 1);
		harness_arm(tested, fds[0], BOTH);
		harness_write(fds[1], "x");
		cr_assert(has(harness_news(tested, 1), READ));
		harness_drain(fds[1]);
		cr_assert(has(harness_news(tested, 1), WRITE), "the report of READ took it away");
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, of_tcp_is_told_in_both_directions)
{
	int fds[2];

	fixture_tcp_pair(fds);
	harness_fill(fds[0]);
	harness_watch(tested, fds[0], 1, BOTH);
	harness_write(fds[1], "x");
	harness_await(tested, 1, READ);
	for (int i = 0; i < 1000 && !(tested->flags[1] & WRITE); i++) {
		harness_drain(fds[1]); /* again and again: it arrives in portions */
		harness_collect(tested, 10 * MILLISECOND, 1);
	}
	harness_await(tested, 1, WRITE);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, of_a_listener_is_a_connection)
{
	struct sockaddr_in addr;
	int listener = harness_listen(&addr, 8);

	harness_watch(tested, listener, 1, READ);
	harness_settle(tested);
	cr_assert_not(tested->flags[1] & READ);
	for (int i = 0; i < 3; i++) {
		int fds[2] = { harness_tcp_socket(), -1 };
		int error = harness_connect(fds[0], &addr);

		cr_assert(error == 0 || error == EINPROGRESS);
		harness_await(tested, 1, READ);
		fds[1] = accept(listener, NULL, NULL);
		cr_assert_geq(fds[1], 0);
		cr_assert_lt(accept(listener, NULL, NULL), 0);
		harness_forget(tested, 1);
		harness_arm(tested, listener, READ);
		harness_close_both(fds);
	}
	harness_close(tested, listener, 1);
	close(listener);
}

/* There is no byte to be had, and yet there is something to be received. */
Test(readiness, to_read_comes_with_an_empty_datagram)
{
	char byte;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
	harness_make_nonblocking(fds[0]);
	harness_watch(tested, fds[0], 1, READ);
	cr_assert_not(harness_news(tested, 1) & READ);
	cr_assert_eq(send(fds[1], "", 0, 0), 0);
	cr_assert(has(harness_news(tested, 1), READ));
	cr_assert_eq(recv(fds[0], &byte, 1, 0), 0);
	cr_assert_lt(recv(fds[0], &byte, 1, 0), 0);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* By itself it may wake nobody, so it comes with the byte before it or alone, but it does come. */
Test(readiness, of_urgent_data_is_told_by_who_promises_it)
{
	bool told = (tested->backend->traits & RUNTIME_POLL_REPORTS_PRIORITY) != 0;
	int fds[2];

	fixture_tcp_pair(fds);
	harness_watch(tested, fds[0], 1, READ);
	cr_assert_eq(send(fds[1], "ab", 2, MSG_OOB), 2);
	harness_await(tested, 1, told ? READ | PRIORITY : READ);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* ---- arming ------------------------------------------------------------------------------- */

Test(readiness, is_reported_once_for_each_arm)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_fill(fds[0]); /* so that there is news of READ alone */
	harness_write(fds[1], "x");
	harness_open(tested, fds[0], 1);
	if (harness_needs_arm(tested))
		cr_assert_eq(harness_news(tested, 1), 0, "it was not armed");
	for (int i = 0; i < 5; i++) {
		harness_arm(tested, fds[0], READ);
		harness_arm(tested, fds[0], READ); /* may be repeated, and is one arm */
		if (i > 0)
			harness_write(fds[1], "x"); /* the change that an edge needs */
		harness_settle(tested);
		cr_assert(has(tested->flags[1], READ));
		cr_assert_eq(tested->reports[1], 1, "%u reports", tested->reports[1]);
		cr_assert_eq(harness_collect(tested, 2 * MILLISECOND, 4), 0);
		harness_forget(tested, 1);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, that_is_not_armed_is_not_reported)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_open(tested, fds[0], 1);
	if (harness_needs_arm(tested)) {
		harness_write(fds[1], "x");
		harness_arm(tested, fds[0], WRITE);
		cr_assert_eq(harness_news(tested, 1), WRITE);
		harness_write(fds[1], "x");
		harness_expect_silence(tested, 5 * MILLISECOND);
		harness_arm(tested, fds[0], READ);
		cr_assert_eq(harness_news(tested, 1), READ);
		harness_expect_silence(tested, 5 * MILLISECOND);
	}
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, armed_for_one_direction_and_then_the_other_is_armed_for_both)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_fill(fds[0]);
	harness_open(tested, fds[0], 1);
	harness_arm(tested, fds[0], READ);
	cr_assert_eq(harness_news(tested, 1), 0);
	harness_arm(tested, fds[0], WRITE);
	cr_assert_eq(harness_news(tested, 1), 0);
	harness_write(fds[1], "x");
	harness_drain(fds[1]);
	cr_assert(has(harness_news(tested, 1), BOTH));
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

Test(readiness, of_the_first_is_told_where_the_other_direction_is_armed_and_does_not_come)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_fill(fds[0]);
	harness_watch(tested, fds[0], 1, READ);
	harness_arm(tested, fds[0], WRITE);
	cr_assert_eq(harness_news(tested, 1), 0);
	harness_write(fds[1], "x");
	cr_assert(has(harness_news(tested, 1), READ));
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
}

/* ---- many reports, little room ------------------------------------------------------------ */

enum { CROWD = 8 };

static void open_crowd(int crowd[CROWD][2], unsigned mode)
{
	for (int i = 0; i < CROWD; i++) {
		fixture_socketpair(crowd[i]);
		harness_fill(crowd[i][0]); /* so that there is news of READ alone */
		harness_watch(tested, crowd[i][0], (uint64_t)i + 1, mode);
	}
	harness_settle(tested);
}

static void close_crowd(int crowd[CROWD][2])
{
	for (int i = 0; i < CROWD; i++) {
		harness_close(tested, crowd[i][0], (uint64_t)i + 1);
		harness_close_both(crowd[i]);
	}
}

Test(readiness, that_does_not_fit_comes_later)
{
	int crowd[CROWD][2];

	for (int capacity = 1; capacity < CROWD; capacity++) {
		open_crowd(crowd, READ);
		for (int i = 0; i < CROWD; i++)
			harness_write(crowd[i][1], "x");
		for (int i = 0; i < CROWD; i++)
			harness_collect(tested, 0, capacity);
		for (int i = 0; i < CROWD; i++)
			cr_assert(has(tested->flags[i + 1], READ), "capacity %d lost number %d",
				  capacity, i);
		close_crowd(crowd);
	}
}

/*
 * Busy descriptors, each ready and waited for again as soon as it was reported. In four rounds'
 * worth of reports each must have been among them.
 */
static void expect_turns(unsigned mode)
{
	int crowd[CROWD][2];

	open_crowd(crowd, mode);
	for (int i = 0; i < CROWD; i++)
		harness_write(crowd[i][1], "x");
	for (int turn = 0; turn < 4 * CROWD; turn++) {
		unsigned before[CROWD];

		for (int i = 0; i < CROWD; i++)
			before[i] = tested->reports[i + 1];
		cr_assert_eq(harness_collect(tested, 0, 1), 1, "in turn %d", turn);
		for (int i = 0; i < CROWD; i++) {
			if (tested->reports[i + 1] == before[i])
				continue;
			harness_write(crowd[i][1], "x");
			harness_arm(tested, crowd[i][0], mode);
		}
	}
	for (int i = 0; i < CROWD; i++)
		cr_assert_gt(tested->reports[i + 1], 0, "number %d never had its turn", i);
	close_crowd(crowd);
}

Test(readiness, of_busy_descriptors_is_reported_in_turn)
{
	expect_turns(READ);
}

/* The same where a report leaves the descriptor armed for the other direction. */
Test(readiness, of_half_busy_descriptors_is_reported_in_turn)
{
	expect_turns(BOTH);
}

/* ---- tags --------------------------------------------------------------------------------- */

Test(readiness, is_told_under_the_whole_tag)
{
	const uint64_t tag = UINT64_C(0xFEDCBA9876543210);
	const uint64_t mask = tested->backend->tag_bits == 64 ? UINT64_MAX : UINT32_MAX;
	struct runtime_poll_event event;
	int fds[2];

	fixture_pipe(fds);
	harness_write(fds[1], "x");
	cr_assert_eq(tested->backend->open(tested->state, fds[0], tag), 0);
	harness_arm(tested, fds[0], READ);
	cr_assert_eq(tested->backend->wait(tested->state, -1, &event, 1), 1);
	cr_assert_eq(event.tag & mask, tag & mask);
	cr_assert_eq(tested->backend->close(tested->state, fds[0]), 0);
	harness_close_both(fds);
}

/* Two numbers for one file are two registrations. */
Test(readiness, of_duplicates_is_told_of_each)
{
	int fds[2];
	int copy;

	fixture_socketpair(fds);
	copy = dup(fds[0]);
	cr_assert_geq(copy, 0);
	harness_watch(tested, fds[0], 1, READ);
	harness_watch(tested, copy, 2, READ);
	harness_settle(tested);
	harness_write(fds[1], "x");
	harness_settle(tested);
	cr_assert(has(tested->flags[1], READ));
	cr_assert(has(tested->flags[2], READ));
	harness_close(tested, fds[0], 1);
	harness_close(tested, copy, 2);
	close(copy);
	harness_close_both(fds);
}

/* One descriptor may be watched by any number of instances. */
Test(readiness, is_told_to_every_instance)
{
	struct harness *other = harness_create(tested->backend);
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, READ);
	harness_watch(other, fds[0], 2, READ);
	harness_write(fds[1], "x");
	cr_assert(has(harness_news(tested, 1), READ));
	cr_assert(has(harness_news(other, 2), READ));
	harness_close(tested, fds[0], 1);
	harness_arm(other, fds[0], READ);
	harness_write(fds[1], "x");
	harness_expect_silence(tested, MILLISECOND);
	cr_assert(has(harness_news(other, 2), READ), "closed in another instance");
	harness_close(other, fds[0], 2);
	harness_destroy(other);
	harness_close_both(fds);
}
