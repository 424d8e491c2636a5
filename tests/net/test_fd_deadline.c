/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_deadline.c - deadlines of handles: they bound waiting, stay until changed,
 * apply to the calls under way, each direction has its own, and none is ever early.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

TestSuite(fd_deadline, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;
static const int64_t HOUR = INT64_C(3600) * 1000000000;

static void close_both(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

static bool unwanted_call(int sysfd, void *arg)
{
	(void)sysfd;
	*(bool *)arg = true;
	return true;
}

/* ---- at entry ----------------------------------------------------------------------------- */

Test(fd_deadline, an_expired_one_fails_every_read_even_with_data_there)
{
	struct np_fd *fds[2];
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	bool called = false;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "there", 5), 5);
	cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(0)), 0);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), NP_EDEADLINE);
	cr_assert_eq(np_readv(fds[0], &iov, 1), NP_EDEADLINE);
	cr_assert_eq(np_recvmsg(fds[0], &message, 0), NP_EDEADLINE);
	cr_assert_eq(np_wait(fds[0], NP_READ), NP_EDEADLINE);
	cr_assert_eq(np_raw_read(fds[0], unwanted_call, &called), NP_EDEADLINE);
	cr_assert_not(called);
	cr_assert_eq(np_set_read_deadline(fds[0], 0), 0);
	cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 5);
	close_both(fds);
}

Test(fd_deadline, an_expired_one_fails_every_write_even_with_room_there)
{
	struct np_fd *fds[2];
	struct iovec iov = { (char[]){ 'v' }, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	bool called = false;
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_write_deadline(fds[1], np_deadline(-5)), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), NP_EDEADLINE);
	cr_assert_eq(np_write(fds[1], "", 0), NP_EDEADLINE);
	cr_assert_eq(np_writev(fds[1], &iov, 1), NP_EDEADLINE);
	cr_assert_eq(iov.iov_len, 1);
	cr_assert_eq(np_sendmsg(fds[1], &message, 0), NP_EDEADLINE);
	cr_assert_eq(np_wait(fds[1], NP_WRITE), NP_EDEADLINE);
	cr_assert_eq(np_raw_write(fds[1], unwanted_call, &called), NP_EDEADLINE);
	cr_assert_not(called);
	cr_assert_eq(np_set_write_deadline(fds[1], 0), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	cr_assert_eq(byte, 'x', "something was written before");
	close_both(fds);
}

Test(fd_deadline, now_and_before_are_expired_and_0_is_none)
{
	const int64_t expired[] = { -1, INT64_MIN, 1, np_time() };
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	for (size_t i = 0; i < sizeof(expired) / sizeof(expired[0]); i++) {
		cr_assert_eq(np_set_deadline(fds[0], expired[i]), 0);
		cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
		cr_assert_eq(np_write(fds[0], "x", 1), NP_EDEADLINE);
	}
	cr_assert_eq(np_set_deadline(fds[0], 0), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	close_both(fds);
}

/* Threads turn the poller only while one of them waits. None did when this one passed. */
Test(fd_deadline, one_that_passed_while_nobody_waited_fails_the_next_call)
{
	int64_t deadline = np_deadline(MILLISECOND);
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_set_deadline(fds[0], deadline), 0);
	FIXTURE_UNTIL(np_time() > deadline);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_write(fds[0], "x", 1), NP_EDEADLINE);
	close_both(fds);
}

Test(fd_deadline, the_farthest_future_does_not_overflow)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };

	fixture_fd_pair(fds);
	reader.fd = fds[0];
	cr_assert_eq(np_set_read_deadline(fds[0], INT64_MAX), 0);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	close_both(fds);
}

Test(fd_deadline, a_closed_descriptor_takes_none)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_cancel_io(fds[0]), 0);
	cr_assert_eq(np_set_deadline(fds[0], 0), NP_ECLOSED);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), NP_ECLOSED);
	cr_assert_eq(np_set_write_deadline(fds[0], HOUR), NP_ECLOSED);
	np_unref(fds[0]);
	np_close(fds[1]);
}

/* ---- while a call waits ------------------------------------------------------------------- */

Test(fd_deadline, it_ends_a_waiting_read_and_is_not_early)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	for (int i = 0; i < 20; i++) {
		int64_t deadline = np_deadline(MILLISECOND * (i % 5) + 100000 * i);
		char byte;

		cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
		cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
		cr_assert_geq(np_time(), deadline);
	}
	close_both(fds);
}

Test(fd_deadline, it_ends_a_waiting_write_and_is_not_early)
{
	struct np_fd *fds[2];
	int64_t deadline;

	fixture_fd_pair(fds);
	call_fill(fds[1], 1 << 16);
	deadline = np_deadline(5 * MILLISECOND);
	cr_assert_eq(np_set_write_deadline(fds[1], deadline), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline);
	close_both(fds);
}

/* Where a parked call's deadline is at first, and where it is moved to. */
static void move_under_a_waiting_read(int64_t first, int64_t (*second)(void), ssize_t expected)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int64_t deadline;

	fixture_fd_pair(fds);
	reader.fd = fds[0];
	cr_assert_eq(np_set_read_deadline(fds[0], first), 0);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	deadline = second();
	cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
	cr_assert_eq(call_finish(&reader), expected);
	cr_assert_geq(reader.ended_at, deadline);
	close_both(fds);
}

static int64_t soon(void)
{
	return np_deadline(10 * MILLISECOND);
}

static int64_t past(void)
{
	return np_time() - 1;
}

static int64_t long_past(void)
{
	return -1;
}

Test(fd_deadline, one_set_under_a_waiting_read_applies_to_it)
{
	move_under_a_waiting_read(0, soon, NP_EDEADLINE);
}

Test(fd_deadline, one_moved_to_earlier_applies_at_once)
{
	move_under_a_waiting_read(np_deadline(HOUR), soon, NP_EDEADLINE);
}

Test(fd_deadline, one_moved_to_the_past_ends_the_read)
{
	move_under_a_waiting_read(np_deadline(HOUR), past, NP_EDEADLINE);
	move_under_a_waiting_read(0, long_past, NP_EDEADLINE);
}

/*
 * A read waits under a deadline that is near, and @change moves that. True if it did so in time; on
 * a slow machine it may already have passed, which proves nothing.
 */
static bool change_in_time(struct np_fd *fd, struct call *reader, int64_t near, int64_t changed)
{
	reader->fd = fd;
	cr_assert_eq(np_set_read_deadline(fd, near), 0);
	call_start(reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1 || np_time() > near);
	cr_assert_eq(np_set_read_deadline(fd, changed), 0);
	if (np_time() < near)
		return true;
	/* Too late: end the read, whichever way it went. */
	cr_assert_eq(np_set_read_deadline(fd, -1), 0);
	cr_assert_eq(call_finish(reader), NP_EDEADLINE);
	return false;
}

Test(fd_deadline, one_moved_to_later_lets_the_read_go_on_until_then)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int64_t wait = 20 * MILLISECOND, later;

	fixture_fd_pair(fds);
	do {
		wait *= 2;
		later = np_deadline(2 * wait);
	} while (!change_in_time(fds[0], &reader, np_deadline(wait), later));
	cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
	cr_assert_geq(reader.ended_at, later);
	close_both(fds);
}

Test(fd_deadline, one_that_is_cleared_lets_the_read_wait_for_data)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int64_t wait = 20 * MILLISECOND, near;

	fixture_fd_pair(fds);
	do {
		wait *= 2;
		near = np_deadline(wait);
	} while (!change_in_time(fds[0], &reader, near, 0));
	/* Well beyond the time that was cleared it still waits. */
	FIXTURE_UNTIL(np_time() > near + 10 * MILLISECOND);
	cr_assert_not(atomic_load(&reader.done));
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	close_both(fds);
}

Test(fd_deadline, one_moved_under_a_waiting_write_applies_to_it)
{
	struct np_fd *fds[2];
	struct call writer = { .buf = (char[]){ 'x' }, .size = 1 };

	fixture_fd_pair(fds);
	call_fill(fds[1], 1 << 16);
	writer.fd = fds[1];
	cr_assert_eq(np_set_write_deadline(fds[1], np_deadline(HOUR)), 0);
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_set_write_deadline(fds[1], np_time()), 0);
	cr_assert_eq(call_finish(&writer), NP_EDEADLINE);
	cr_assert_eq(writer.written, 0);
	close_both(fds);
}

/* ---- two directions ----------------------------------------------------------------------- */

Test(fd_deadline, each_direction_has_its_own)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	cr_assert_eq(np_write(fds[0], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[0], 0), 0);
	cr_assert_eq(np_set_write_deadline(fds[0], -1), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	cr_assert_eq(np_write(fds[0], "x", 1), NP_EDEADLINE);
	close_both(fds);
}

/* A reader and a writer wait on one descriptor; @expire ends one of them. */
static void expect_one_to_end(bool read_ends)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	struct call writer = { .buf = (char[]){ 'x' }, .size = 1 };
	static char sink[16 << 20];

	fixture_fd_pair(fds);
	call_fill(fds[0], 1 << 16);
	reader.fd = writer.fd = fds[0];
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(HOUR)), 0);
	call_start(&reader, call_read);
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 2);
	if (read_ends) {
		cr_assert_eq(np_set_read_deadline(fds[0], soon()), 0);
		cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
		cr_assert_not(atomic_load(&writer.done));
		cr_assert_gt(np_read(fds[1], sink, sizeof(sink)), 0);
		cr_assert_eq(call_finish(&writer), 1);
	} else {
		cr_assert_eq(np_set_write_deadline(fds[0], soon()), 0);
		cr_assert_eq(call_finish(&writer), NP_EDEADLINE);
		cr_assert_not(atomic_load(&reader.done));
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		cr_assert_eq(call_finish(&reader), 1);
	}
	close_both(fds);
}

Test(fd_deadline, a_read_deadline_does_not_end_a_waiting_write)
{
	expect_one_to_end(true);
}

Test(fd_deadline, a_write_deadline_does_not_end_a_waiting_read)
{
	expect_one_to_end(false);
}

Test(fd_deadline, one_for_both_ends_both)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	struct call writer = { .buf = (char[]){ 'x' }, .size = 1 };

	fixture_fd_pair(fds);
	call_fill(fds[0], 1 << 16);
	reader.fd = writer.fd = fds[0];
	call_start(&reader, call_read);
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 2);
	cr_assert_eq(np_set_deadline(fds[0], soon()), 0);
	cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
	cr_assert_eq(call_finish(&writer), NP_EDEADLINE);
	close_both(fds);
}

/* ---- for how long ------------------------------------------------------------------------- */

Test(fd_deadline, it_stays_until_it_is_changed)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_read_deadline(fds[0], soon()), 0);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(HOUR)), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	close_both(fds);
}

Test(fd_deadline, it_outlives_reads_that_succeed)
{
	struct np_fd *fds[2];
	int64_t deadline = np_deadline(20 * MILLISECOND);
	char byte;
	ssize_t n = 1;

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
	while (n == 1) {
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		n = np_read(fds[0], &byte, 1);
	}
	cr_assert_eq(n, NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline);
	close_both(fds);
}

Test(fd_deadline, readers_that_queue_time_out_one_after_the_other)
{
	struct np_fd *fds[2];
	struct call readers[4] = { { .fd = NULL } };

	fixture_fd_pair(fds);
	for (int i = 0; i < 4; i++) {
		readers[i].fd = fds[0];
		call_start(&readers[i], call_read);
	}
	FIXTURE_UNTIL(fixture_parked() == 1 && call_queued(fds[0], NP_READ) == 3);
	cr_assert_eq(np_set_read_deadline(fds[0], soon()), 0);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(call_finish(&readers[i]), NP_EDEADLINE);
	close_both(fds);
}

Test(fd_deadline, it_can_be_moved_again_and_again)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int64_t last = 0;

	fixture_fd_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	for (int i = 0; i < 1000; i++) {
		last = np_deadline(HOUR + (i * 7919) % 1000 * MILLISECOND);
		cr_assert_eq(np_set_read_deadline(fds[0], last), 0);
	}
	last = soon();
	cr_assert_eq(np_set_read_deadline(fds[0], last), 0);
	cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
	cr_assert_geq(reader.ended_at, last);
	close_both(fds);
}

/* ---- listeners ---------------------------------------------------------------------------- */

static void listen_and_dial(struct np_fd **listener, struct np_fd **client)
{
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", listener), 0);
	cr_assert_eq(np_local_addr(*listener, &addr), 0);
	np_addr_format(&addr, text, sizeof(text));
	cr_assert_eq(np_dial("tcp", text, np_deadline(HOUR), client), 0);
}

Test(fd_deadline, an_expired_one_leaves_the_connection_in_the_queue)
{
	struct np_fd *listener, *client, *conn = NULL;

	listen_and_dial(&listener, &client);
	cr_assert_eq(np_set_deadline(listener, -1), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE);
	cr_assert_null(conn);
	cr_assert_eq(np_set_deadline(listener, 0), 0);
	cr_assert_eq(np_accept(listener, &conn), 0);
	np_close(conn);
	np_close(client);
	np_close(listener);
}

Test(fd_deadline, neither_the_listeners_nor_the_dials_is_the_connections)
{
	struct np_fd *listener, *client, *conn;
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX], byte;
	int64_t deadline = 0, wait = 100 * MILLISECOND;
	int error;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, text, sizeof(text));
	do { /* until it is done in time, however slow the machine */
		wait *= 2;
		deadline = np_deadline(wait);
		error = np_dial("tcp", text, deadline, &client);
		if (error)
			continue;
		cr_assert_eq(np_set_deadline(listener, deadline), 0);
		error = np_accept(listener, &conn);
		if (error)
			np_close(client);
	} while (error);
	FIXTURE_UNTIL(np_time() > deadline);
	cr_assert_eq(np_write(client, "x", 1), 1);
	cr_assert_eq(np_read(conn, &byte, 1), 1);
	cr_assert_eq(np_write(conn, "x", 1), 1);
	cr_assert_eq(np_read(client, &byte, 1), 1);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE);
	np_close(conn);
	np_close(client);
	np_close(listener);
}

Test(fd_deadline, it_ends_a_waiting_accept)
{
	struct np_fd *listener;
	struct call acceptor = { .fd = NULL };

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	acceptor.fd = listener;
	call_start(&acceptor, call_accept);
	FIXTURE_UNTIL(fixture_parked() == 1);
	/* Of the two only the one for reading counts. */
	cr_assert_eq(np_set_write_deadline(listener, -1), 0);
	cr_assert_eq(fixture_parked(), 1);
	cr_assert_eq(np_set_read_deadline(listener, -1), 0);
	cr_assert_eq(call_finish(&acceptor), NP_EDEADLINE);
	np_close(listener);
}
