/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_standard.c - descriptors that other processes have open, too: they notice nothing.
 *
 * The numbers stand for 0, 1 and 2, which the test's runner needs. What another process sees is
 * asked of one.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

TestSuite(standard, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

static struct np_fd *open_standard(int number)
{
	struct np_fd *file;

	cr_assert_eq(np_file_standard(number, &file), 0);
	return file;
}

/* Is it in blocking mode for a child that inherits it? */
static bool is_blocking_for_others(int sysfd)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(fcntl(sysfd, F_GETFL) & O_NONBLOCK ? 1 : 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	return status == 0;
}

/* Wait, read, write and close through the handle of @number, whose other end is @other. */
static void expect_own_and_polled(int number, int other, bool reads, bool writes)
{
	struct np_fd *file = open_standard(number);
	struct call reader = { .fd = file };
	char buf[8];

	cr_assert(np_is_pollable(file));
	cr_assert(is_blocking_for_others(number));
	if (reads) {
		cr_assert_eq(np_set_read_deadline(file, np_deadline(MILLISECOND)), 0);
		cr_assert_eq(np_read(file, buf, 1), NP_EDEADLINE);
		cr_assert_eq(np_set_read_deadline(file, 0), 0);
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert(is_blocking_for_others(number));
		cr_assert_eq(write(other, "abc", 3), 3);
		cr_assert_eq(call_finish(&reader), 3);
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_cancel_io(file), 0);
		cr_assert_eq(call_finish(&reader), NP_ECLOSED);
		np_unref(file);
		file = open_standard(number);
	}
	if (writes) {
		cr_assert_eq(np_write(file, "def", 3), 3);
		cr_assert_eq(read(other, buf, sizeof(buf)), 3);
		cr_assert_eq(memcmp(buf, "def", 3), 0);
	}
	cr_assert_eq(np_close(file), 0);
	cr_assert(is_blocking_for_others(number));
}

Test(standard, a_pipe_is_opened_anew)
{
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	expect_own_and_polled(fds[0], fds[1], true, false);
	expect_own_and_polled(fds[1], fds[0], false, true);
	close(fds[0]);
	close(fds[1]);
}

Test(standard, a_terminal_is_opened_anew)
{
	struct termios settings;
	int master, line;

	cr_assert_eq(openpty(&master, &line, NULL, NULL, NULL), 0);
	tcgetattr(line, &settings);
	cfmakeraw(&settings);
	tcsetattr(line, TCSANOW, &settings);
	expect_own_and_polled(line, master, true, true);
	close(line);
	close(master);
}

/* The writer's end is closed for the reader only when all have closed it. */
Test(standard, closing_the_handle_is_not_the_end_of_a_pipe)
{
	struct np_fd *file;
	int fds[2];
	char byte;

	cr_assert_eq(pipe(fds), 0);
	file = open_standard(fds[1]);
	cr_assert_eq(np_close(file), 0);
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	cr_assert_eq(read(fds[0], &byte, 1), -1);
	cr_assert_eq(errno, EAGAIN);
	file = open_standard(fds[1]);
	close(fds[1]);
	cr_assert_eq(read(fds[0], &byte, 1), -1);
	cr_assert_eq(np_close(file), 0);
	cr_assert_eq(read(fds[0], &byte, 1), 0);
	close(fds[0]);
}

/* ---- what stays as it is ------------------------------------------------------------------ */

static void expect_blocking(int number)
{
	struct np_fd *file = open_standard(number);

	cr_assert_not(np_is_pollable(file));
	cr_assert_eq(np_set_deadline(file, np_deadline(MILLISECOND)), NP_ENODEADLINE);
	cr_assert_eq(np_close(file), 0);
	cr_assert(is_blocking_for_others(number));
}

Test(standard, a_file_shares_its_position)
{
	char path[] = "/tmp/netpark-test-XXXXXX";
	int sysfd = mkstemp(path);
	struct np_fd *file;
	char buf[3];

	unlink(path);
	expect_blocking(sysfd);
	cr_assert_eq(write(sysfd, "abcdef", 6), 6);
	file = open_standard(sysfd);
	cr_assert_eq(np_write(file, "ghi", 3), 3);
	cr_assert_eq(lseek(sysfd, 3, SEEK_SET), 3);
	cr_assert_eq(np_read(file, buf, 3), 3);
	cr_assert_eq(memcmp(buf, "def", 3), 0);
	cr_assert_eq(lseek(sysfd, 0, SEEK_CUR), 6);
	np_close(file);
	close(sysfd);
}

Test(standard, a_socket_is_not_made_non_blocking)
{
	struct np_fd *file;
	int fds[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
	expect_blocking(fds[0]);
	/* It was by somebody else: nothing has to be changed. */
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
	file = open_standard(fds[1]);
	cr_assert(np_is_pollable(file));
	np_close(file);
	cr_assert_not(is_blocking_for_others(fds[1]));
	close(fds[0]);
	close(fds[1]);
}

/* As inetd(8) has it. */
Test(standard, a_connection_knows_its_peer)
{
	struct np_fd *file, *same;
	struct np_addr addr, expected;
	char text[256];
	int fds[2], before = dup(0);

	fixture_tcp_pair(fds);
	cr_assert_eq(dup2(fds[0], 0), 0);
	file = open_standard(0);
	cr_assert_eq(np_fd_open(fds[0], 0, &same), 0);
	cr_assert_eq(np_remote_addr(same, &expected), 0);
	cr_assert_eq(np_remote_addr(file, &addr), 0);
	cr_assert(np_addr_equal(&addr, &expected));
	cr_assert_eq(np_cancel_io(file), 0);
	np_error_text((int)np_read(file, text, 1), text, sizeof(text));
	cr_assert_eq(strncmp(text, "read tcp ", 9), 0, "%s", text);
	np_unref(file);
	np_close(same);
	cr_assert_eq(dup2(before, 0), 0);
	close(before);
	close(fds[1]);
}

/* To open it anew would make another terminal. */
Test(standard, the_master_of_a_terminal_is_the_same)
{
	struct np_fd *file;
	int master, line;
	char buf[8];

	cr_assert_eq(openpty(&master, &line, NULL, NULL, NULL), 0);
	expect_blocking(master);
	file = open_standard(master);
	cr_assert_eq(write(line, "abc", 3), 3);
	cr_assert_eq(np_read(file, buf, sizeof(buf)), 3);
	np_close(file);
	close(line);
	close(master);
}

Test(standard, a_pipe_that_is_broken_says_so)
{
	struct np_fd *file;
	int fds[2];

	signal(SIGPIPE, SIG_IGN);
	cr_assert_eq(pipe(fds), 0);
	close(fds[0]);
	file = open_standard(fds[1]);
	cr_assert_eq(np_write(file, "x", 1), -EPIPE);
	np_close(file);
	close(fds[1]);
}

/* The output that is lost is not, because it goes to an end that appends. */
Test(standard, what_appends_goes_on_to_append)
{
	char path[] = "/tmp/netpark-test-XXXXXX";
	int first = mkstemp(path);
	int second = open(path, O_WRONLY | O_APPEND);
	struct np_fd *file = open_standard(second);
	char buf[8];

	unlink(path);
	cr_assert_eq(write(first, "abc", 3), 3);
	cr_assert_eq(np_write(file, "def", 3), 3);
	cr_assert_eq(pread(first, buf, sizeof(buf), 0), 6);
	np_close(file);
	close(first);
	close(second);
}

Test(standard, a_number_that_is_not_open_is_refused)
{
	struct np_fd *file = NULL;
	int fds[2];
	char text[128];

	fixture_pipe(fds);
	close(fds[0]);
	close(fds[1]);
	cr_assert_eq(np_file_standard(fds[0], &file), -EBADF);
	cr_assert_eq(np_file_standard(-1, &file), -EINVAL);
	cr_assert_null(file);
	fds[1] = dup(0);
	close(0);
	cr_assert_eq(np_file_standard(0, &file), -EBADF);
	np_error_text(-EBADF, text, sizeof(text));
	cr_assert_str_eq(text, "open /dev/stdin: bad file descriptor");
	cr_assert_eq(dup2(fds[1], 0), 0);
	close(fds[1]);
}
