/* SPDX-License-Identifier: MIT */
/* tests/net/test_borrowed.c - NP_FD_BORROWED: descriptors of somebody else, to wait for. */
#include "core/fd.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(borrowed, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static bool is_open(int sysfd)
{
	return fcntl(sysfd, F_GETFD) >= 0;
}

static void (*const make_pair[])(int fds[2]) = {
	fixture_socketpair,
	fixture_pipe,
	fixture_tcp_pair,
};

static struct np_fd *borrow(int sysfd)
{
	struct np_fd *fd;

	cr_assert_eq(np_fd_open(sysfd, NP_FD_BORROWED, &fd), 0);
	return fd;
}

Test(borrowed, can_be_waited_for_and_stays_open)
{
	for (int kind = 0; kind < 3; kind++) {
		struct call waiter = { .mode = NP_READ };
		int fds[2];
		char byte;

		make_pair[kind](fds);
		/* As often as a library gives a number back and takes it again. */
		for (int i = 0; i < 3; i++) {
			waiter.fd = borrow(fds[0]);
			call_start(&waiter, call_wait);
			FIXTURE_UNTIL(fixture_parked() == 1);
			cr_assert_eq(write(fds[1], "x", 1), 1);
			cr_assert_eq(call_finish(&waiter), 0);
			cr_assert_eq(np_close(waiter.fd), 0);
			cr_assert(is_open(fds[0]));
			cr_assert_eq(read(fds[0], &byte, 1), 1, "its owner reads");
		}
		close(fds[0]);
		close(fds[1]);
	}
}

Test(borrowed, close_ends_the_wait_and_takes_it_out_of_the_poller)
{
	for (int kind = 0; kind < 3; kind++) {
		struct call waiter = { .mode = NP_READ };
		struct np_poller_stats stats;
		int fds[2];

		make_pair[kind](fds);
		waiter.fd = borrow(fds[0]);
		call_start(&waiter, call_wait);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_cancel_io(waiter.fd), 0);
		cr_assert_eq(call_inside(waiter.fd), 0, "the caller has left when that returns");
		np_poller_get_stats(test_poller, &stats);
		cr_assert_eq(stats.descriptors, 0);
		cr_assert_eq(call_finish(&waiter), NP_ECLOSED);
		np_unref(waiter.fd);
		cr_assert(is_open(fds[0]));
		close(fds[0]);
		close(fds[1]);
	}
}

Test(borrowed, the_last_reference_leaves_it_open_too)
{
	struct np_fd *fd;
	int fds[2];

	fixture_socketpair(fds);
	fd = borrow(fds[0]);
	call_register(fd);
	np_unref(fd);
	cr_assert(is_open(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

/* The kernel's own clean-up at close(2) must not be needed: the file lives on in a duplicate. */
Test(borrowed, what_its_owner_has_duplicated_is_unknown_to_the_poller_afterwards)
{
	for (int kind = 0; kind < 3; kind++) {
		struct np_fd *fd;
		int fds[2], copy;

		make_pair[kind](fds);
		fd = borrow(fds[0]);
		call_register(fd);
		copy = dup(fds[0]);
		cr_assert_eq(np_close(fd), 0);
		close(fds[0]);
		cr_assert_eq(dup2(copy, fds[0]), fds[0]);
		fd = borrow(fds[0]);
		call_register(fd);
		cr_assert_eq(np_close(fd), 0);
		close(copy);
		close(fds[0]);
		close(fds[1]);
	}
}

Test(borrowed, short_reads_are_no_reason_not_to_ask)
{
	struct np_fd *fd;
	int fds[2];
	char buf[8];

	fixture_tcp_pair(fds);
	fd = borrow(fds[0]);
	cr_assert_eq(write(fds[1], "abc", 3), 3);
	cr_assert_eq(call_read_patiently(fd, buf, sizeof(buf)), 3);
	cr_assert_not(atomic_load(&fd->may_be_drained));
	np_close(fd);
	close(fds[0]);
	close(fds[1]);
}

Test(borrowed, what_cannot_be_polled_is_refused_and_unharmed)
{
	int sysfd = open("/proc/self/exe", O_RDONLY);
	struct np_fd *fd = NULL;

	cr_assert_eq(np_fd_open(sysfd, NP_FD_BORROWED, &fd), -EPERM);
	cr_assert_null(fd);
	cr_assert_eq(fcntl(sysfd, F_GETFL) & O_NONBLOCK, 0);
	close(sysfd);
}
