/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_unix.c - listening, accepting and dialing over Unix sockets: paths, abstract
 * names, and who removes a path.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(unix_socket, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static bool exists(const char *path)
{
	struct stat status;

	return stat(path, &status) == 0;
}

static void expect_connection(const char *name)
{
	struct np_fd *listener, *ends[2];
	struct np_addr addr, expected;
	char byte;

	cr_assert_eq(np_addr_parse("unix", name, &expected), 0);
	cr_assert_eq(np_listen("unix", name, &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	cr_assert(np_addr_equal(&addr, &expected));
	cr_assert_eq(np_dial("unix", name, 0, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_write(ends[i], "x", 1), 1);
		cr_assert_eq(np_read(ends[1 - i], &byte, 1), 1);
	}
	cr_assert_eq(np_remote_addr(ends[0], &addr), 0);
	cr_assert(np_addr_equal(&addr, &expected));
	cr_assert_eq(np_local_addr(ends[1], &addr), 0);
	cr_assert(np_addr_equal(&addr, &expected));
	cr_assert_eq(np_local_addr(ends[0], &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_UNIX);
	cr_assert_eq(addr.path_size, 0, "a client has no name");
	np_close(ends[0]);
	np_close(ends[1]);
	np_close(listener);
}

Test(unix_socket, a_path_connects)
{
	char path[64];

	call_unix_path(path);
	expect_connection(path);
}

Test(unix_socket, an_abstract_name_connects_and_leaves_no_path)
{
	char name[64];

	snprintf(name, sizeof(name), "@netpark-test-%ld", (long)getpid());
	expect_connection(name);
	expect_connection(name); /* free again */
	cr_assert_not(exists(name));
}

#ifdef __linux__
Test(unix_socket, a_listener_without_a_name_gets_one)
{
	const char *const networks[] = { "unix", "unixpacket" };

	for (int i = 0; i < 2; i++) {
		struct np_fd *listeners[2], *ends[2] = { NULL };
		struct np_addr addr;
		char names[2][NP_ADDR_TEXT_MAX], text[256], expected[256];

		for (int j = 0; j < 2; j++) {
			cr_assert_eq(np_listen(networks[i], "", &listeners[j]), 0);
			cr_assert_eq(np_local_addr(listeners[j], &addr), 0);
			np_addr_format(&addr, names[j], sizeof(names[j]));
			cr_assert_eq(names[j][0], '@');
			cr_assert_eq(strlen(names[j]), 6, "%s", names[j]);
		}
		cr_assert_str_neq(names[0], names[1]);
		cr_assert_eq(np_dial(networks[i], names[0], 0, &ends[0]), 0);
		cr_assert_eq(np_accept(listeners[0], &ends[1]), 0);
		cr_assert_eq(np_set_read_deadline(listeners[0], -1), 0);
		cr_assert_eq(np_accept(listeners[0], &ends[1]), NP_EDEADLINE);
		np_error_text(NP_EDEADLINE, text, sizeof(text));
		snprintf(expected, sizeof(expected), "accept %s %s: i/o timeout", networks[i],
			 names[0]);
		cr_assert_str_eq(text, expected);
		np_close(ends[0]);
		np_close(ends[1]);
		np_close(listeners[0]);
		np_close(listeners[1]);
	}
}
#endif

Test(unix_socket, a_dial_without_a_name_is_refused)
{
	struct np_fd *conn = NULL;
	char text[256];

	cr_assert_eq(np_dial("unix", "", 0, &conn), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_str_eq(text, "dial unix: missing address");
	cr_assert_null(conn);
}

/* The longest that the kernel's address holds; some systems want room for a terminator in it. */
Test(unix_socket, a_long_path_connects_and_one_too_long_is_refused)
{
	enum { LONGEST = sizeof(((struct sockaddr_un *)NULL)->sun_path) - 1 };
	char path[256];
	struct np_fd *fd = NULL;

	call_unix_path(path);
	memset(path + strlen(path), 'x', sizeof(path) - strlen(path));
	path[LONGEST] = '\0';
	unlink(path);
	expect_connection(path);
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	cr_assert_lt(np_listen("unix", path, &fd), 0);
	cr_assert_lt(np_dial("unix", path, 0, &fd), 0);
	cr_assert_null(fd);
}

Test(unix_socket, a_waiting_accept_is_woken)
{
	struct call acceptor = { .fd = NULL };
	struct np_fd *client;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &acceptor.fd), 0);
	call_start(&acceptor, call_accept);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_dial("unix", path, 0, &client), 0);
	cr_assert_eq(call_finish(&acceptor), 0);
	np_close(acceptor.conn);
	np_close(client);
	np_close(acceptor.fd);
}

Test(unix_socket, half_closes_work_both_ways)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	char byte;

	fixture_fd_pair(fds);
	reader.fd = fds[1];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close_write(fds[0]), 0);
	cr_assert_eq(call_finish(&reader), 0);
	cr_assert_eq(np_write(fds[0], "x", 1), -EPIPE);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 1);
	cr_assert_eq(np_close_read(fds[0]), 0);
	cr_assert_eq(call_read_patiently(fds[0], &byte, 1), 0);
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- the path ----------------------------------------------------------------------------- */

Test(unix_socket, the_path_goes_when_the_listener_is_closed_and_not_before)
{
	struct np_fd *listener, *ends[2];
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert(exists(path));
	cr_assert_eq(np_dial("unix", path, 0, &ends[0]), 0);
	cr_assert_eq(np_accept(listener, &ends[1]), 0);
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert(exists(path), "a connection took the path along");
	np_ref(listener);
	cr_assert_eq(np_close(listener), 0);
	cr_assert_not(exists(path));
	np_unref(listener);
}

/* Without a fixture: no poller has been made that would have noticed forks. */
Test(unix_socket_alone, a_child_that_closes_removes_nothing)
{
	struct np_fd *listener;
	char path[64];
	int status;
	pid_t child;

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	child = fork();
	if (child == 0)
		_exit(np_close(listener) != 0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	cr_assert(exists(path));
	cr_assert_eq(np_close(listener), 0);
	cr_assert_not(exists(path));
}

/* Somebody else's by then. */
Test(unix_socket, a_second_close_removes_nothing)
{
	struct np_fd *listener, *successor;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_cancel_io(listener), 0);
	cr_assert_eq(np_listen("unix", path, &successor), 0);
	cr_assert_eq(np_close(listener), NP_ECLOSED);
	cr_assert(exists(path));
	cr_assert_eq(np_close(successor), 0);
	cr_assert_not(exists(path));
}

Test(unix_socket, a_listener_that_was_handed_to_us_keeps_its_path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sysfd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct np_fd *listener, *client, *conn;
	char path[64];

	call_unix_path(path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	cr_assert_eq(bind(sysfd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(sysfd, 5), 0);
	cr_assert_eq(np_fd_open(sysfd, 0, &listener), 0);
	cr_assert_eq(np_dial("unix", path, 0, &client), 0);
	cr_assert_eq(np_accept(listener, &conn), 0);
	np_close(conn);
	np_close(client);
	cr_assert_eq(np_close(listener), 0);
	cr_assert(exists(path));
	unlink(path);
}

Test(unix_socket, a_path_that_is_there_is_in_use_and_stays)
{
	struct np_fd *listener = NULL;
	char path[64];
	int sysfd;

	call_unix_path(path);
	sysfd = open(path, O_CREAT | O_WRONLY, 0600);
	cr_assert_geq(sysfd, 0);
	close(sysfd);
	cr_assert_eq(np_listen("unix", path, &listener), -EADDRINUSE);
	cr_assert_null(listener);
	cr_assert(exists(path));
	unlink(path);
}

/* ---- dials that fail ---------------------------------------------------------------------- */

Test(unix_socket, a_dial_to_nowhere_says_so)
{
	struct np_fd *conn = NULL;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_dial("unix", path, 0, &conn), -ENOENT);
	cr_assert_null(conn);
}

Test(unix_socket, a_dial_whose_deadline_has_passed_tries_nothing)
{
	struct np_fd *listener, *conn = NULL;
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_dial("unix", path, -1, &conn), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(listener, np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE);
	cr_assert_null(conn);
	np_close(listener);
}

Test(unix_socket, a_dial_to_a_stale_path_is_refused)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sysfd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct np_fd *conn = NULL;
	char path[64];

	call_unix_path(path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	cr_assert_eq(bind(sysfd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(sysfd);
	cr_assert_eq(np_dial("unix", path, 0, &conn), -ECONNREFUSED);
	unlink(path);
}

/* Linux says EAGAIN at once when a Unix listener's queue is full; nothing would report room in it.
 */
Test(unix_socket, a_dial_to_a_full_queue_does_not_hang)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int sysfd = socket(AF_UNIX, SOCK_STREAM, 0);
	struct np_fd *conns[8] = { NULL };
	char path[64];
	int count = 0, error;

	call_unix_path(path);
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	cr_assert_eq(bind(sysfd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(sysfd, 1), 0);
	do
		error = np_dial("unix", path, np_deadline(INT64_C(60) * 1000000000), &conns[count]);
	while (error == 0 && ++count < 8);
	cr_assert_eq(error, -EAGAIN);
	cr_assert(np_is_timeout(error));
	for (int i = 0; i < count; i++)
		np_close(conns[i]);
	close(sysfd);
	unlink(path);
}

static int ask_close_on_exec(int sysfd, void *arg)
{
	(void)arg;
	return fcntl(sysfd, F_GETFD) & FD_CLOEXEC;
}

Test(unix_socket, everything_is_close_on_exec)
{
	struct np_fd *fds[3];
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &fds[0]), 0);
	cr_assert_eq(np_dial("unix", path, 0, &fds[1]), 0);
	cr_assert_eq(np_accept(fds[0], &fds[2]), 0);
	for (int i = 0; i < 3; i++) {
		cr_assert_eq(np_fd_control(fds[i], ask_close_on_exec, NULL), FD_CLOEXEC);
		np_close(fds[i]);
	}
}
