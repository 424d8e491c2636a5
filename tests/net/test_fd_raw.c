/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_raw.c - for those who make the system calls themselves: np_wait, np_raw_read,
 * np_raw_write and np_fd_control.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(fd_raw, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void close_both(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* The three make pairs of which 0 reads and 1 writes. */
static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3 };

/* ---- np_wait ------------------------------------------------------------------------------ */

/* Level semantics: what an edge-triggered kernel reported once is there as long as it is there. */
Test(fd_raw, wait_returns_while_there_is_something_to_read)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char byte;

		make_pair[kind](fds);
		cr_assert_eq(np_write(fds[1], "abc", 3), 3);
		for (int i = 0; i < 3; i++) {
			for (int j = 0; j < 3; j++)
				cr_assert_eq(np_wait(fds[0], NP_READ), 0);
			cr_assert_eq(np_read(fds[0], &byte, 1), 1);
		}
		cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(1000 * 1000)), 0);
		cr_assert_eq(np_wait(fds[0], NP_READ), NP_EDEADLINE);
		close_both(fds);
	}
}

Test(fd_raw, wait_waits_until_there_is_something_to_read)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct call waiter = { .mode = NP_READ };
		char byte;

		make_pair[kind](fds);
		waiter.fd = fds[0];
		for (int i = 0; i < 3; i++) {
			call_start(&waiter, call_wait);
			FIXTURE_UNTIL(fixture_parked() == 1);
			cr_assert_eq(np_write(fds[1], "x", 1), 1);
			cr_assert_eq(call_finish(&waiter), 0);
			cr_assert_eq(np_read(fds[0], &byte, 1), 1);
		}
		close_both(fds);
	}
}

Test(fd_raw, wait_waits_until_there_is_room_to_write)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		static char sink[16 << 20];
		struct np_fd *fds[2];
		struct call waiter = { .mode = NP_WRITE };

		make_pair[kind](fds);
		cr_assert_eq(np_wait(fds[1], NP_WRITE), 0);
		call_fill(fds[1], 1 << 16);
		waiter.fd = fds[1];
		call_start(&waiter, call_wait);
		FIXTURE_UNTIL(fixture_parked() == 1);
		while (!atomic_load(&waiter.done)) {
			cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(1000 * 1000)), 0);
			np_read(fds[0], sink, sizeof(sink));
		}
		cr_assert_eq(call_finish(&waiter), 0);
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		close_both(fds);
	}
}

Test(fd_raw, wait_counts_the_end_as_ready_in_both_directions)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		cr_assert_eq(np_close(fds[1]), 0);
		cr_assert_eq(np_wait(fds[0], NP_READ), 0);
		cr_assert_eq(np_wait(fds[0], NP_READ), 0);
		cr_assert_eq(np_close(fds[0]), 0);
		make_pair[kind](fds);
		call_fill(fds[1], 1 << 16);
		cr_assert_eq(np_close(fds[0]), 0);
		cr_assert_eq(np_wait(fds[1], NP_WRITE), 0);
		cr_assert_eq(np_close(fds[1]), 0);
	}
}

Test(fd_raw, wait_takes_a_direction)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_wait(fds[0], 0), -EINVAL);
	cr_assert_eq(np_wait(fds[0], NP_READ_WRITE), -EINVAL);
	cr_assert_eq(np_wait(fds[0], -1), -EINVAL);
	close_both(fds);
}

Test(fd_raw, wait_queues_behind_a_read)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL }, waiter = { .mode = NP_READ };

	fixture_fd_pair(fds);
	reader.fd = waiter.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	call_start(&waiter, call_wait);
	FIXTURE_UNTIL(call_queued(fds[0], NP_READ) == 1);
	cr_assert_eq(np_wait(fds[0], NP_WRITE), 0, "the other direction is free");
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	cr_assert_not(atomic_load(&waiter.done));
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&waiter), 0);
	close_both(fds);
}

/* ---- np_raw_read, np_raw_write ------------------------------------------------------------ */

struct attempt {
	int calls;
	ssize_t n;
	char byte;
};

static bool read_byte(int sysfd, void *arg)
{
	struct attempt *attempt = arg;

	attempt->calls++;
	attempt->n = read(sysfd, &attempt->byte, 1);
	return attempt->n >= 0 || errno != EAGAIN;
}

static bool write_byte(int sysfd, void *arg)
{
	struct attempt *attempt = arg;

	attempt->calls++;
	attempt->n = write(sysfd, "r", 1);
	return attempt->n >= 0 || errno != EAGAIN;
}

static ssize_t call_raw_read(struct call *call)
{
	return np_raw_read(call->fd, read_byte, call->buf);
}

static ssize_t call_raw_write(struct call *call)
{
	return np_raw_write(call->fd, write_byte, call->buf);
}

Test(fd_raw, raw_calls_that_are_done_at_once_are_made_once)
{
	struct np_fd *fds[2];
	struct attempt attempt = { .calls = 0 };

	fixture_fd_pair(fds);
	cr_assert_eq(np_raw_write(fds[1], write_byte, &attempt), 0);
	cr_assert_eq(attempt.calls, 1);
	cr_assert_eq(np_raw_read(fds[0], read_byte, &attempt), 0);
	cr_assert_eq(attempt.calls, 2);
	cr_assert_eq(attempt.byte, 'r');
	cr_assert_eq(np_raw_read(fds[0], NULL, NULL), -EINVAL);
	cr_assert_eq(np_raw_write(fds[0], NULL, NULL), -EINVAL);
	close_both(fds);
}

Test(fd_raw, raw_read_waits_between_its_calls)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		struct attempt attempt = { .calls = 0 };
		struct call reader = { .buf = &attempt };

		make_pair[kind](fds);
		reader.fd = fds[0];
		call_start(&reader, call_raw_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "w", 1), 1);
		cr_assert_eq(call_finish(&reader), 0);
		cr_assert_geq(attempt.calls, 2);
		cr_assert_eq(attempt.byte, 'w');
		close_both(fds);
	}
}

Test(fd_raw, raw_write_waits_between_its_calls)
{
	static char sink[16 << 20];
	struct np_fd *fds[2];
	struct attempt attempt = { .calls = 0 };
	struct call writer = { .buf = &attempt };

	fixture_fd_pair(fds);
	call_fill(fds[1], 1 << 16);
	writer.fd = fds[1];
	call_start(&writer, call_raw_write);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_gt(np_read(fds[0], sink, sizeof(sink)), 0);
	cr_assert_eq(call_finish(&writer), 0);
	cr_assert_eq(attempt.n, 1);
	close_both(fds);
}

Test(fd_raw, raw_read_times_out_after_its_call)
{
	struct np_fd *fds[2];
	struct attempt attempt = { .calls = 0 };
	int64_t deadline = np_deadline(2 * 1000 * 1000);

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
	cr_assert_eq(np_raw_read(fds[0], read_byte, &attempt), NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline);
	close_both(fds);
}

Test(fd_raw, raw_calls_on_what_cannot_be_polled_say_again)
{
	struct attempt attempt = { .calls = 0 };
	struct np_fd *fd;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), 0);
	cr_assert_eq(np_raw_read(fd, read_byte, &attempt), -EAGAIN);
	cr_assert_eq(attempt.calls, 1);
	np_close(fd);
	close(fds[1]);
}

/* ---- np_fd_control ------------------------------------------------------------------------ */

static int set_and_count(int sysfd, void *arg)
{
	int *calls = arg;

	++*calls;
	return fcntl(sysfd, F_GETFD) < 0 ? -errno : 4711;
}

Test(fd_raw, control_returns_what_the_callback_returned)
{
	struct np_fd *fds[2];
	int calls = 0;

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_deadline(fds[0], -1), 0); /* does not matter here */
	cr_assert_eq(np_fd_control(fds[0], set_and_count, &calls), 4711);
	cr_assert_eq(calls, 1);
	cr_assert_eq(np_fd_control(fds[0], NULL, NULL), -EINVAL);
	close_both(fds);
}

Test(fd_raw, control_does_not_wait_for_a_reader_or_a_writer)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	struct call writer = { .buf = (char[]){ 'x' }, .size = 1 };
	int calls = 0;

	fixture_fd_pair(fds);
	call_fill(fds[0], 1 << 16);
	reader.fd = writer.fd = fds[0];
	call_start(&reader, call_read);
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 2);
	cr_assert_eq(np_fd_control(fds[0], set_and_count, &calls), 4711);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	cr_assert_eq(call_finish(&writer), NP_ECLOSED);
	cr_assert_eq(np_close(fds[1]), 0);
}
