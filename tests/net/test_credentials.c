/* SPDX-License-Identifier: MIT */
/* tests/net/test_credentials.c - who is at the other end of a Unix connection. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(credentials, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void expect_ourselves(struct np_fd *conn, const char *what)
{
	struct np_credentials peer = { 0, 0, 0 };

	cr_assert_eq(np_peer_credentials(conn, &peer), 0, "%s", what);
	cr_assert_eq(peer.pid, getpid(), "%s", what);
	cr_assert_eq(peer.uid, geteuid(), "%s", what);
	cr_assert_eq(peer.gid, getegid(), "%s", what);
}

Test(credentials, of_pairs_are_our_own)
{
	const char *const networks[] = { "unix", "unixgram", "unixpacket" };

	fixture_needs("SO_PEERCRED");
	for (int i = 0; i < 3; i++) {
		struct np_fd *ends[2];

		cr_assert_eq(np_socketpair(networks[i], ends), 0);
		expect_ourselves(ends[0], networks[i]);
		expect_ourselves(ends[1], networks[i]);
		np_close(ends[0]);
		np_close(ends[1]);
	}
}

/* Connect, and stay until the other side closes. */
static pid_t start_client(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	pid_t pid = fork();
	char byte;
	int sysfd;

	if (pid != 0)
		return pid;
	snprintf(addr.sun_path, sizeof(addr.sun_path), "%s", path);
	sysfd = socket(AF_UNIX, SOCK_STREAM, 0);
	if (connect(sysfd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		_exit(1);
	_exit(read(sysfd, &byte, 1) == 0 ? 0 : 2);
}

Test(credentials, tell_one_process_from_another)
{
	struct np_credentials peer = { 0, 0, 0 };
	struct np_fd *listener, *conn, *dialed;
	char path[64];
	int status;
	pid_t pid;

	fixture_needs("SO_PEERCRED");
	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	pid = start_client(path);
	cr_assert_gt(pid, 0);
	cr_assert_eq(np_accept(listener, &conn), 0);
	cr_assert_eq(np_peer_credentials(conn, &peer), 0);
	cr_assert_eq(peer.pid, pid);
	cr_assert_eq(peer.uid, geteuid());
	cr_assert_eq(peer.gid, getegid());
	np_close(conn);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	cr_assert_eq(np_dial("unix", path, 0, &dialed), 0);
	expect_ourselves(dialed, "who listens");
	np_close(dialed);
	np_close(listener);
}

Test(credentials, of_nobody_are_an_error)
{
	struct np_credentials peer = { 7, 7, 7 };
	struct np_fd *fds[2], *lonely, *listener, *closed[2];
	char path[64];
	int sysfd;

	fixture_needs("SO_PEERCRED");
	sysfd = socket(AF_UNIX, SOCK_STREAM, 0);
	fixture_fd_tcp_pair(fds);
	cr_assert_eq(np_peer_credentials(fds[0], &peer), -EINVAL);
	cr_assert_eq(np_peer_credentials(NULL, &peer), -EINVAL);
	cr_assert_eq(np_fd_open(sysfd, 0, &lonely), 0);
	cr_assert_eq(np_peer_credentials(lonely, &peer), -ENOTCONN);
	cr_assert_eq(np_peer_credentials(lonely, NULL), -EINVAL);
	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	cr_assert_eq(np_peer_credentials(listener, &peer), -EINVAL);
	cr_assert_eq(np_socketpair("unix", closed), 0);
	np_cancel_io(closed[0]);
	cr_assert_eq(np_peer_credentials(closed[0], &peer), NP_ECLOSED);
	cr_assert_eq(peer.pid, 7);
	np_unref(closed[0]);
	np_close(closed[1]);
	np_close(listener);
	np_close(lonely);
	np_close(fds[0]);
	np_close(fds[1]);
}
