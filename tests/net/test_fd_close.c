/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_close.c - a close from anywhere: every call under way and every later one says
 * so, the number is the kernel's again when it returns, and the memory goes with the last
 * reference.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(fd_close, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int tell_number(int sysfd, void *arg)
{
	*(int *)arg = sysfd;
	return 0;
}

/* The kernel's number of @fd. */
static int number_of(struct np_fd *fd)
{
	int number = -1;

	cr_assert_eq(np_fd_control(fd, tell_number, &number), 0);
	return number;
}

static bool is_open(int number)
{
	return fcntl(number, F_GETFD) >= 0;
}

/* ---- calls that wait ---------------------------------------------------------------------- */

/* A call that waits on @fd has no reference of its own, so it has to be the close that frees. */
static void close_under(struct np_fd *fd, ssize_t (*make)(struct call *), int mode)
{
	struct call call = { .fd = fd, .mode = mode };
	static char byte[1];
	int number = number_of(fd);

	if (mode == NP_WRITE) {
		call_fill(fd, 1 << 16);
		call.buf = byte;
		call.size = 1;
	}
	call_start(&call, make);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(fd), 0);
	cr_assert_not(is_open(number));
	cr_assert_eq(call_finish(&call), NP_ECLOSED);
}

/* The three make pairs of which 0 reads and 1 writes. */
static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
};

enum { PAIRS = 3 };

static void close_under_every_kind(ssize_t (*make)(struct call *), int mode)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		int mine = mode == NP_READ ? 0 : 1;

		make_pair[kind](fds);
		close_under(fds[mine], make, mode);
		cr_assert_eq(np_close(fds[1 - mine]), 0);
	}
}

Test(fd_close, ends_a_waiting_read)
{
	close_under_every_kind(call_read, NP_READ);
}

Test(fd_close, ends_a_waiting_write)
{
	close_under_every_kind(call_write, NP_WRITE);
}

Test(fd_close, ends_a_wait_for_either_direction)
{
	close_under_every_kind(call_wait, NP_READ);
	close_under_every_kind(call_wait, NP_WRITE);
}

Test(fd_close, ends_a_waiting_accept)
{
	struct np_fd *listener = call_listen();
	char path[64];

	close_under(listener, call_accept, NP_READ);
	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	close_under(listener, call_accept, NP_READ);
}

static bool not_yet(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return false;
}

static ssize_t raw_read(struct call *call)
{
	return np_raw_read(call->fd, not_yet, NULL);
}

static ssize_t raw_write(struct call *call)
{
	return np_raw_write(call->fd, not_yet, NULL);
}

Test(fd_close, ends_raw_reads_and_writes)
{
	close_under_every_kind(raw_read, NP_READ);
	close_under_every_kind(raw_write, NP_WRITE);
}

Test(fd_close, ends_a_reader_and_a_writer_and_all_who_queue_behind_them)
{
	enum { EACH = 5 };
	struct np_fd *fds[2];
	struct call readers[EACH], writers[EACH];

	fixture_fd_pair(fds);
	call_fill(fds[0], 1 << 16);
	for (int i = 0; i < EACH; i++) {
		readers[i] = (struct call){ .fd = fds[0] };
		writers[i] = (struct call){ .fd = fds[0], .buf = (char[]){ 'x' }, .size = 1 };
		call_start(&readers[i], call_read);
		call_start(&writers[i], call_write);
	}
	FIXTURE_UNTIL(fixture_parked() == 2 && call_queued(fds[0], NP_READ) == EACH - 1 &&
		      call_queued(fds[0], NP_WRITE) == EACH - 1);
	cr_assert_eq(np_close(fds[0]), 0);
	for (int i = 0; i < EACH; i++) {
		cr_assert_eq(call_finish(&readers[i]), NP_ECLOSED);
		cr_assert_eq(call_finish(&writers[i]), NP_ECLOSED);
	}
	cr_assert_eq(np_close(fds[1]), 0);
}

Test(fd_close, wins_over_a_deadline_that_has_passed)
{
	struct np_fd *fds[2];
	char byte;

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_deadline(fds[0], -1), 0);
	cr_assert_eq(np_cancel_io(fds[0]), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_ECLOSED);
	np_unref(fds[0]);
	np_close(fds[1]);
}

/* ---- calls that come later ---------------------------------------------------------------- */

static int never_called(int sysfd, void *arg)
{
	(void)sysfd;
	*(bool *)arg = true;
	return 0;
}

static bool never_called_either(int sysfd, void *arg)
{
	(void)sysfd;
	*(bool *)arg = true;
	return true;
}

static void expect_all_closed(struct np_fd *fd)
{
	char byte = 'x';
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };
	struct np_addr addr;
	bool called = false;

	cr_assert_eq(np_read(fd, &byte, 1), NP_ECLOSED);
	cr_assert_eq(np_readv(fd, &iov, 1), NP_ECLOSED);
	cr_assert_eq(np_recvmsg(fd, &message, 0), NP_ECLOSED);
	cr_assert_eq(np_write(fd, &byte, 1), NP_ECLOSED);
	cr_assert_eq(np_write(fd, &byte, 0), NP_ECLOSED);
	cr_assert_eq(np_writev(fd, &iov, 1), NP_ECLOSED);
	cr_assert_eq(np_sendmsg(fd, &message, 0), NP_ECLOSED);
	cr_assert_eq(np_wait(fd, NP_READ), NP_ECLOSED);
	cr_assert_eq(np_wait(fd, NP_WRITE), NP_ECLOSED);
	cr_assert_eq(np_fd_control(fd, never_called, &called), NP_ECLOSED);
	cr_assert_eq(np_raw_read(fd, never_called_either, &called), NP_ECLOSED);
	cr_assert_eq(np_raw_write(fd, never_called_either, &called), NP_ECLOSED);
	cr_assert_not(called);
	cr_assert_eq(np_close_read(fd), NP_ECLOSED);
	cr_assert_eq(np_close_write(fd), NP_ECLOSED);
	cr_assert_eq(np_set_no_delay(fd, true), NP_ECLOSED);
	cr_assert_eq(np_local_addr(fd, &addr), NP_ECLOSED);
	cr_assert_eq(np_remote_addr(fd, &addr), NP_ECLOSED);
	cr_assert_eq(np_set_deadline(fd, 0), NP_ECLOSED);
	cr_assert_eq(np_cancel_io(fd), NP_ECLOSED);
}

Test(fd_close, every_later_call_says_closed)
{
	struct np_fd *fds[2];

	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_write(fds[1], "there", 5), 5);
	cr_assert_eq(np_cancel_io(fds[0]), 0);
	expect_all_closed(fds[0]);
	cr_assert_eq(np_close(fds[0]), NP_ECLOSED);
	np_close(fds[1]);
}

/* Even with a connection in the queue. */
Test(fd_close, an_accept_after_it_takes_nothing)
{
	struct np_fd *listener, *client, *conn = NULL;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_dial("unix", path, 0, &client), 0);
	cr_assert_eq(np_cancel_io(listener), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_ECLOSED);
	cr_assert_null(conn);
	np_unref(listener);
	np_close(client);
}

Test(fd_close, the_peer_reads_the_end_at_once)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];
		char byte;

		make_pair[kind](fds);
		cr_assert_eq(np_close(fds[1]), 0);
		cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
		cr_assert_eq(np_close(fds[0]), 0);
	}
}

/* ---- references --------------------------------------------------------------------------- */

Test(fd_close, a_second_one_says_closed_and_gives_up_its_reference)
{
	struct np_fd *fds[2], *other;
	int number;

	fixture_fd_pair(fds);
	number = number_of(fds[0]);
	other = np_ref(fds[0]);
	cr_assert_eq(other, fds[0]);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_not(is_open(number));
	cr_assert_eq(np_close(other), NP_ECLOSED);
	np_close(fds[1]);
}

Test(fd_close, cancel_closes_for_everyone_and_keeps_the_reference)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int number;

	fixture_fd_pair(fds);
	number = number_of(fds[0]);
	reader.fd = np_ref(fds[0]);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_cancel_io(fds[0]), 0);
	cr_assert_not(is_open(number));
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	np_unref(reader.fd);
	cr_assert_eq(np_cancel_io(fds[0]), NP_ECLOSED);
	np_unref(fds[0]);
	np_close(fds[1]);
}

Test(fd_close, the_last_reference_closes_what_nobody_closed)
{
	struct np_fd *fds[2];
	int number;

	fixture_fd_pair(fds);
	number = number_of(fds[0]);
	np_ref(fds[0]);
	np_unref(fds[0]);
	cr_assert(is_open(number));
	np_unref(fds[0]);
	cr_assert_not(is_open(number));
	np_close(fds[1]);
}

Test(fd_close, the_last_reference_ends_a_call_that_has_none)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int number;

	fixture_fd_pair(fds);
	number = number_of(fds[0]);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_unref(fds[0]);
	cr_assert_not(is_open(number));
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	np_close(fds[1]);
}

Test(fd_close, of_what_never_waited_leaves_nothing_in_the_poller)
{
	struct np_poller_stats stats;
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.descriptors, 0);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

Test(fd_close, takes_a_pending_deadline_along)
{
	struct np_poller_stats stats;
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(INT64_C(3600) * 1000000000)), 0);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.timers, 1);
	cr_assert_eq(np_close(fds[0]), 0);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.timers, 0);
	np_close(fds[1]);
}

/* ---- the number --------------------------------------------------------------------------- */

/* An acceptor is inside each time, and has left when the close returns: else the port is in use. */
Test(fd_close, the_port_is_free_when_it_returns)
{
	struct np_fd *listener;
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX] = "127.0.0.1:0";

	for (int i = 0; i < 100; i++) {
		struct call acceptor = { .fd = NULL };
		int error = np_listen("tcp", text, &listener);

		cr_assert_eq(error, 0, "round %d: %s", i, np_strerror(error));
		cr_assert_eq(np_local_addr(listener, &addr), 0);
		np_addr_format(&addr, text, sizeof(text));
		acceptor.fd = listener;
		call_start(&acceptor, call_accept);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_close(listener), 0);
		error = np_listen("tcp", text, &listener);
		cr_assert_eq(error, 0, "round %d: %s", i, np_strerror(error));
		cr_assert_eq(call_finish(&acceptor), NP_ECLOSED);
		cr_assert_eq(np_close(listener), 0);
	}
}

/* A callback is inside the descriptor without waiting; the close has to see it out. */
struct visit {
	struct np_fd *fd;
	atomic_bool is_inside;
	atomic_bool may_leave;
	bool was_open;
};

static int stay(int sysfd, void *arg)
{
	struct visit *visit = arg;

	atomic_store(&visit->is_inside, true);
	while (!atomic_load(&visit->may_leave))
		sched_yield();
	visit->was_open = is_open(sysfd);
	return 0;
}

static void *run_visit(void *arg)
{
	struct visit *visit = arg;

	np_fd_control(visit->fd, stay, visit);
	return NULL;
}

Test(fd_close, waits_for_a_call_that_is_inside)
{
	struct np_fd *fds[2];
	struct visit visit = { .was_open = false };
	struct call closer = { .fd = NULL };
	pthread_t visitor;
	char byte;

	fixture_fd_pair(fds);
	visit.fd = np_ref(fds[0]);
	closer.fd = np_ref(fds[0]);
	visitor = fixture_start_thread(run_visit, &visit);
	FIXTURE_UNTIL(atomic_load(&visit.is_inside));
	call_start(&closer, call_close);
	FIXTURE_UNTIL(np_read(fds[0], &byte, 0) == NP_ECLOSED);
	cr_assert_not(atomic_load(&closer.done));
	atomic_store(&visit.may_leave, true);
	cr_assert_eq(call_finish(&closer), 0);
	pthread_join(visitor, NULL);
	cr_assert(visit.was_open, "the number was given back under a call");
	np_unref(visit.fd);
	np_unref(fds[0]);
	np_close(fds[1]);
}

/* ---- races -------------------------------------------------------------------------------- */

Test(fd_close, of_several_at_once_exactly_one_succeeds)
{
	enum { CLOSERS = 4 };

	for (int round = 0; round < 50; round++) {
		struct np_fd *fds[2];
		struct call closers[CLOSERS];
		int successes = 0;

		fixture_fd_pair(fds);
		for (int i = 0; i < CLOSERS; i++) {
			closers[i] = (struct call){ .fd = i ? np_ref(fds[0]) : fds[0] };
			/* The references first: a close may free what has only one. */
		}
		for (int i = 0; i < CLOSERS; i++)
			call_start(&closers[i], call_close);
		for (int i = 0; i < CLOSERS; i++) {
			ssize_t result = call_finish(&closers[i]);

			cr_assert(result == 0 || result == NP_ECLOSED);
			successes += result == 0;
		}
		cr_assert_eq(successes, 1);
		np_close(fds[1]);
	}
}

/* A close at any moment of a read: before, while it registers, commits, is parked, leaves. */
Test(fd_close, at_any_moment_of_a_read_ends_it)
{
	uint64_t random = fixture_seed();

	for (int round = 0; round < 500; round++) {
		struct np_fd *fds[2];
		struct call reader = { .fd = NULL };

		make_pair[round % PAIRS](fds);
		reader.fd = np_ref(fds[0]);
		call_start(&reader, call_read);
		for (uint64_t i = fixture_random(&random) % 64; i > 0; i--)
			sched_yield();
		if (round & 1)
			cr_assert_eq(np_set_deadline(fds[0], np_deadline(1000000000)), 0);
		cr_assert_eq(np_close(fds[0]), 0);
		cr_assert_eq(call_finish(&reader), NP_ECLOSED);
		np_unref(reader.fd);
		np_close(fds[1]);
	}
}

/* Each listener that a close frees is at once replaced by another with the same number. */
Test(fd_close, a_number_that_was_given_back_is_not_used_again)
{
	for (int round = 0; round < 100; round++) {
		struct np_fd *fds[2], *successor[2];
		struct call readers[3];

		fixture_fd_pair(fds);
		for (int i = 0; i < 3; i++) {
			readers[i] = (struct call){ .fd = np_ref(fds[0]) };
			call_start(&readers[i], call_read);
		}
		cr_assert_eq(np_close(fds[0]), 0);
		fixture_fd_pair(successor);
		cr_assert_eq(np_write(successor[1], "mine", 4), 4);
		for (int i = 0; i < 3; i++) {
			cr_assert_eq(call_finish(&readers[i]), NP_ECLOSED);
			np_unref(readers[i].fd);
		}
		cr_assert_eq(call_read_patiently(successor[0], readers[0].data, 8), 4);
		np_close(successor[0]);
		np_close(successor[1]);
		np_close(fds[1]);
	}
}

/* One reads and has the lock, others are asleep for it: they hold the memory, not the descriptor.
 */
Test(fd_close, the_last_reference_closes_under_a_queue_of_readers)
{
	struct call readers[3] = { { .fd = NULL }, { .fd = NULL }, { .fd = NULL } };
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	for (int i = 0; i < 3; i++) {
		readers[i].fd = fds[0];
		call_start(&readers[i], call_read);
	}
	FIXTURE_UNTIL(fixture_parked() == 1 && call_queued(fds[0], NP_READ) == 2);
	np_unref(fds[0]);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(call_finish(&readers[i]), NP_ECLOSED);
	np_close(fds[1]);
}
