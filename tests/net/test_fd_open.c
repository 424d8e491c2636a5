/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_open.c - which descriptors a handle can be made of, and what it then can do:
 * the kinds that can be polled, the files that cannot, and those that are not to be touched.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(fd_open, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static bool is_nonblocking(int sysfd)
{
	return fcntl(sysfd, F_GETFL) & O_NONBLOCK;
}

static bool is_open(int sysfd)
{
	return fcntl(sysfd, F_GETFD) >= 0;
}

/* A regular file that has no name any more. */
static int make_file(const char *content)
{
	char path[] = "/tmp/netpark-test-XXXXXX";
	int sysfd = mkstemp(path);

	cr_assert_geq(sysfd, 0);
	unlink(path);
	cr_assert_eq(write(sysfd, content, strlen(content)), (ssize_t)strlen(content));
	cr_assert_eq(lseek(sysfd, 0, SEEK_SET), 0);
	return sysfd;
}

/* ---- what can be polled ------------------------------------------------------------------- */

/* Blocking as they come from the kernel; non-blocking, and the handle's, afterwards. */
static void expect_pollable(int sysfd)
{
	struct np_fd *fd = NULL;

	cr_assert_geq(sysfd, 0);
	cr_assert_not(is_nonblocking(sysfd));
	cr_assert_eq(np_fd_open(sysfd, 0, &fd), 0);
	cr_assert(is_nonblocking(sysfd));
	cr_assert(np_is_pollable(fd));
	cr_assert_eq(np_set_deadline(fd, np_deadline(INT64_C(3600) * 1000000000)), 0);
	cr_assert_eq(np_close(fd), 0);
	cr_assert_not(is_open(sysfd));
}

Test(fd_open, sockets_of_every_type_can_be_polled)
{
	const int families[] = { AF_UNIX, AF_INET };
	const int types[] = { SOCK_STREAM, SOCK_DGRAM };

	for (int i = 0; i < 2; i++)
		for (int j = 0; j < 2; j++)
			expect_pollable(socket(families[i], types[j], 0));
	expect_pollable(socket(AF_UNIX, SOCK_SEQPACKET, 0));
}

Test(fd_open, both_ends_of_a_pipe_can_be_polled)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	expect_pollable(fds[0]);
	expect_pollable(fds[1]);
}

Test(fd_open, both_ends_of_a_terminal_can_be_polled)
{
	int master, slave;

	cr_assert_eq(openpty(&master, &slave, NULL, NULL, NULL), 0);
	expect_pollable(slave);
	expect_pollable(master);
}

Test(fd_open, a_socket_is_registered_when_somebody_waits_and_a_pipe_at_once)
{
	struct np_fd *sockets[2], *pipes[2];
	struct np_poller_stats stats;

	fixture_fd_pair(sockets);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.registered, 0);
	call_register(sockets[0]);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.registered, 1);
	fixture_fd_pipe(pipes);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.registered, 3);
	for (int i = 0; i < 2; i++) {
		np_close(sockets[i]);
		np_close(pipes[i]);
	}
}

/* ---- what cannot -------------------------------------------------------------------------- */

static void expect_no_deadlines(struct np_fd *fd)
{
	cr_assert_not(np_is_pollable(fd));
	cr_assert_eq(np_set_deadline(fd, np_deadline(1)), NP_ENODEADLINE);
	cr_assert_eq(np_set_read_deadline(fd, 0), NP_ENODEADLINE);
	cr_assert_eq(np_set_write_deadline(fd, -1), NP_ENODEADLINE);
	cr_assert_eq(np_wait(fd, NP_READ), NP_ENODEADLINE);
	cr_assert_eq(np_wait(fd, NP_WRITE), NP_ENODEADLINE);
}

Test(fd_open, a_regular_file_works_without_the_poller)
{
	int sysfd = make_file("content");
	struct np_fd *fd;
	char buf[16];

	cr_assert_eq(np_fd_open(sysfd, 0, &fd), 0);
	cr_assert_not(is_nonblocking(sysfd), "its mode was not given back");
	expect_no_deadlines(fd);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), 7);
	cr_assert_eq(memcmp(buf, "content", 7), 0);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), 0);
	cr_assert_eq(np_write(fd, "more", 4), 4);
	cr_assert_eq(lseek(sysfd, 0, SEEK_CUR), 11);
	cr_assert_eq(np_close(fd), 0);
	cr_assert_not(is_open(sysfd));
}

Test(fd_open, a_regular_file_that_was_non_blocking_stays_so)
{
	int sysfd = make_file("");
	struct np_fd *fd;

	cr_assert_eq(fcntl(sysfd, F_SETFL, O_RDWR | O_NONBLOCK), 0);
	cr_assert_eq(np_fd_open(sysfd, 0, &fd), 0);
	cr_assert(is_nonblocking(sysfd));
	expect_no_deadlines(fd);
	cr_assert_eq(np_close(fd), 0);
}

Test(fd_open, a_regular_file_leaves_nothing_in_the_poller)
{
	struct np_poller_stats stats;
	struct np_fd *fd;

	cr_assert_eq(np_fd_open(make_file(""), 0, &fd), 0);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.descriptors, 0);
	cr_assert_eq(np_close(fd), 0);
}

Test(fd_open, a_directory_is_taken_and_says_what_the_kernel_says)
{
	int sysfd = open("/tmp", O_RDONLY | O_DIRECTORY);
	struct np_fd *fd;
	char buf[16];

	cr_assert_eq(np_fd_open(sysfd, 0, &fd), 0);
	cr_assert_not(is_nonblocking(sysfd));
	expect_no_deadlines(fd);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), -EISDIR);
	cr_assert_eq(np_close(fd), 0);
}

/* epoll refuses the null device, the others take it: its data is the same. */
Test(fd_open, the_null_device_works_on_every_backend)
{
	struct np_fd *fd;
	char buf[4];

	cr_assert_eq(np_fd_open(open("/dev/null", O_RDWR), 0, &fd), 0);
	cr_assert_eq(np_write(fd, "gone", 4), 4);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), 0);
	cr_assert_eq(np_close(fd), 0);
}

/* ---- what is not to be touched ------------------------------------------------------------ */

Test(fd_open, blocking_leaves_the_mode_and_the_poller_alone)
{
	struct np_poller_stats stats;
	struct np_fd *fd;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), 0);
	cr_assert_not(is_nonblocking(fds[0]));
	expect_no_deadlines(fd);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.descriptors, 0);
	cr_assert_eq(np_close(fd), 0);
	close(fds[1]);
}

Test(fd_open, blocking_reads_block_their_thread)
{
	struct call reader = { .size = 5 };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &reader.fd), 0);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(call_inside(reader.fd) == 1);
	cr_assert_eq(write(fds[1], "hello", 5), 5);
	cr_assert_eq(call_finish(&reader), 5);
	cr_assert_eq(memcmp(reader.data, "hello", 5), 0);
	cr_assert_eq(np_close(reader.fd), 0);
	close(fds[1]);
}

Test(fd_open, blocking_but_non_blocking_says_again)
{
	struct np_fd *fds_np[2];
	int fds[2];
	char byte;

	fixture_pipe(fds);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fds_np[0]), 0);
	cr_assert_eq(np_fd_open(fds[1], NP_FD_BLOCKING, &fds_np[1]), 0);
	cr_assert_eq(np_read(fds_np[0], &byte, 1), -EAGAIN);
	while (write(fds[1], "x", 1) == 1)
		;
	cr_assert_eq(np_write(fds_np[1], "x", 1), -EAGAIN);
	np_close(fds_np[0]);
	np_close(fds_np[1]);
}

/* The read cannot be interrupted. It keeps the number, and gives it back when it ends. */
Test(fd_open, closing_does_not_wait_for_a_blocking_read)
{
	struct call reader = { .size = 5 };
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &reader.fd), 0);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(call_inside(reader.fd) == 1);
	cr_assert_eq(np_close(reader.fd), 0);
	cr_assert(is_open(fds[0]));
	cr_assert_eq(write(fds[1], "hello", 5), 5);
	cr_assert_eq(call_finish(&reader), 5);
	cr_assert_not(is_open(fds[0]));
	close(fds[1]);
}

Test(fd_open, a_blocking_socket_keeps_its_mode_too)
{
	struct np_fd *fd;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), 0);
	cr_assert_not(is_nonblocking(fds[0]));
	expect_no_deadlines(fd);
	cr_assert_eq(np_write(fd, "x", 1), 1);
	cr_assert_eq(np_close(fd), 0);
	close(fds[1]);
}

/* ---- what is refused ---------------------------------------------------------------------- */

Test(fd_open, a_number_that_is_not_open_is_refused)
{
	struct np_fd *untouched = (struct np_fd *)(uintptr_t)-1;
	struct np_fd *fd = untouched;
	int fds[2];

	cr_assert_eq(np_fd_open(-1, 0, &fd), -EBADF);
	fixture_pipe(fds);
	close(fds[0]);
	close(fds[1]);
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), -EBADF);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), -EBADF);
	cr_assert_eq(fd, untouched, "written on failure");
}

Test(fd_open, unknown_flags_are_refused_and_the_descriptor_stays_the_callers)
{
	struct np_fd *fd = NULL;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING | NP_FD_BORROWED, &fd), -EINVAL);
	cr_assert_eq(np_fd_open(fds[0], 4, &fd), -EINVAL);
	cr_assert_eq(np_fd_open(fds[0], ~0u, &fd), -EINVAL);
	cr_assert_eq(np_fd_open(fds[0], 0, NULL), -EINVAL);
	cr_assert_null(fd);
	cr_assert(is_open(fds[0]));
	cr_assert_not(is_nonblocking(fds[0]));
	close(fds[0]);
	close(fds[1]);
}

Test(fd_open, a_number_that_the_poller_holds_is_refused_and_the_first_is_unharmed)
{
	struct np_fd *fds[2], *again = NULL;
	int numbers[2];
	char byte;

	fixture_pipe(numbers);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &again), -EEXIST);
	cr_assert(is_nonblocking(numbers[0]));
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	np_close(fds[0]);
	np_close(fds[1]);
}

static int never_called(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return 0;
}

static bool never_called_either(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return true;
}

Test(fd_open, no_handle_is_an_invalid_argument)
{
	struct iovec iov = { &iov, 1 };
	struct msghdr message = { .msg_iov = NULL };
	struct np_addr addr;
	size_t written = 1;
	char byte = 0;

	cr_assert_eq(np_close(NULL), 0);
	np_unref(NULL);
	cr_assert_not(np_is_pollable(NULL));
	cr_assert_eq(np_cancel_io(NULL), -EINVAL);
	cr_assert_eq(np_fd_control(NULL, never_called, NULL), -EINVAL);
	cr_assert_eq(np_set_deadline(NULL, 0), -EINVAL);
	cr_assert_eq(np_set_read_deadline(NULL, 0), -EINVAL);
	cr_assert_eq(np_set_write_deadline(NULL, 0), -EINVAL);
	cr_assert_eq(np_read(NULL, &byte, 1), -EINVAL);
	cr_assert_eq(np_write(NULL, &byte, 1), -EINVAL);
	cr_assert_eq(np_write_counted(NULL, &byte, 1, &written), -EINVAL);
	cr_assert_eq(written, 0);
	cr_assert_eq(np_readv(NULL, &iov, 1), -EINVAL);
	cr_assert_eq(np_writev(NULL, &iov, 1), -EINVAL);
	cr_assert_eq(np_recvmsg(NULL, &message, 0), -EINVAL);
	cr_assert_eq(np_sendmsg(NULL, &message, 0), -EINVAL);
	cr_assert_eq(np_wait(NULL, NP_READ), -EINVAL);
	cr_assert_eq(np_raw_read(NULL, never_called_either, NULL), -EINVAL);
	cr_assert_eq(np_raw_write(NULL, never_called_either, NULL), -EINVAL);
	cr_assert_eq(np_accept(NULL, NULL), -EINVAL);
	cr_assert_eq(np_close_write(NULL), -EINVAL);
	cr_assert_eq(np_close_read(NULL), -EINVAL);
	cr_assert_eq(np_set_no_delay(NULL, true), -EINVAL);
	cr_assert_eq(np_local_addr(NULL, &addr), -EINVAL);
	cr_assert_eq(np_remote_addr(NULL, &addr), -EINVAL);
}
