/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_blocking_fd.c - calls that block, on handles that the poller does not have: the
 * other fibers of the worker go on.
 *
 * The worker is the only one, and what ends the call is done by another fiber of it: were the call
 * made in place, nothing would ever end it.
 */
#include "tests/fiber/fiber_fixture.h"
#include "tests/support/call.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

TestSuite(blocking_fd, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* ---- what blocks -------------------------------------------------------------------------- */

/* A call of the handle, and what ends it, through the other end. */
struct way {
	void (*make)(int fds[2]); /* of which the first is the handle's */
	int (*call)(struct np_fd *fd);
	void (*end)(int other);
	int expected;
};

static void make_sockets(int fds[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_STREAM, 0, fds), 0);
}

static void make_pipe(int fds[2])
{
	cr_assert_eq(pipe(fds), 0);
}

/* Full, and the writing end comes first. */
static void make_full_pipe(int fds[2])
{
	int ends[2];

	cr_assert_eq(pipe(ends), 0);
	fcntl(ends[1], F_SETFL, O_NONBLOCK);
	while (write(ends[1], "xxxxxxxx", 8) > 0)
		;
	fcntl(ends[1], F_SETFL, 0);
	fds[0] = ends[1];
	fds[1] = ends[0];
}

static void make_full_sockets(int fds[2])
{
	static const char zeros[1 << 16];

	make_sockets(fds);
	while (send(fds[0], zeros, sizeof(zeros), MSG_DONTWAIT) > 0)
		;
}

/* The other end is a socket that has not yet connected. */
static void make_listener(int fds[2])
{
	struct sockaddr_in addr = { .sin_family = AF_INET };

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	fds[0] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_eq(bind(fds[0], (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(fds[0], 1), 0);
	fds[1] = socket(AF_INET, SOCK_STREAM, 0);
	cr_assert_geq(fds[1], 0);
}

static int call_read_once(struct np_fd *fd)
{
	char buf[8];

	return (int)np_read(fd, buf, sizeof(buf));
}

static int call_readv(struct np_fd *fd)
{
	char buf[8];
	struct iovec iov[2] = { { buf, 1 }, { buf + 1, 7 } };

	return (int)np_readv(fd, iov, 2);
}

static int call_recvmsg(struct np_fd *fd)
{
	char buf[8];
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (int)np_recvmsg(fd, &message, 0);
}

static int call_write_three(struct np_fd *fd)
{
	return (int)np_write(fd, "abc", 3);
}

static int call_writev(struct np_fd *fd)
{
	struct iovec iov[2] = { { (char[]){ 'a' }, 1 }, { (char[]){ 'b', 'c' }, 2 } };

	return (int)np_writev(fd, iov, 2);
}

static int call_sendmsg(struct np_fd *fd)
{
	struct iovec iov = { (char[]){ 'a', 'b', 'c' }, 3 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return (int)np_sendmsg(fd, &message, 0);
}

static int call_accept_once(struct np_fd *fd)
{
	struct np_fd *conn;
	int error = np_accept(fd, &conn);

	if (!error)
		np_close(conn);
	return error;
}

static void write_other(int other)
{
	cr_assert_eq(write(other, "abc", 3), 3);
}

static void empty_other(int other)
{
	char sink[1 << 12];

	cr_assert_eq(fcntl(other, F_SETFL, O_NONBLOCK), 0);
	while (read(other, sink, sizeof(sink)) > 0)
		;
}

static struct sockaddr_in listener_name;

static void connect_other(int other)
{
	cr_assert_eq(connect(other, (struct sockaddr *)&listener_name, sizeof(listener_name)), 0);
}

static const struct way ways[] = {
	{ make_pipe, call_read_once, write_other, 3 },
	{ make_pipe, call_readv, write_other, 3 },
	{ make_sockets, call_read_once, write_other, 3 },
	{ make_sockets, call_readv, write_other, 3 },
	{ make_sockets, call_recvmsg, write_other, 3 },
	{ make_full_pipe, call_write_three, empty_other, 3 },
	{ make_full_pipe, call_writev, empty_other, 3 },
	{ make_full_sockets, call_write_three, empty_other, 3 },
	{ make_full_sockets, call_writev, empty_other, 3 },
	{ make_full_sockets, call_sendmsg, empty_other, 3 },
	{ make_listener, call_accept_once, connect_other, 0 },
};

enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

struct user {
	const struct way *way;
	struct np_fd *fd;
};

static int use(void *arg)
{
	const struct user *user = arg;

	return user->way->call(user->fd);
}

/* With the number of the handle in fds[0]. */
static struct np_fd *open_blocking(const struct way *way, int fds[2])
{
	socklen_t length = sizeof(listener_name);
	struct np_fd *fd;

	way->make(fds);
	getsockname(fds[0], (struct sockaddr *)&listener_name, &length);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &fd), 0);
	return fd;
}

/* ---- the worker goes on ------------------------------------------------------------------- */

/* What the first result below or above 0 of a group was: groups keep errors alone. */
static int result;

static int use_and_tell(void *arg)
{
	result = use(arg);
	return 0;
}

static int end_each_way(void *arg)
{
	(void)arg;
	for (int i = 0; i < WAYS; i++) {
		struct np_group group = { 0 };
		struct user user = { .way = &ways[i] };
		int fds[2];

		user.fd = open_blocking(&ways[i], fds);
		cr_assert_eq(np_group_go(&group, use_and_tell, &user), 0);
		FIBER_UNTIL(call_inside(user.fd) == 1);
		for (int k = 0; k < 10; k++)
			np_yield();
		ways[i].end(fds[1]);
		cr_assert_eq(np_group_join(&group), 0);
		cr_assert_eq(result, ways[i].expected, "way %d: %d", i, result);
		cr_assert_eq(call_inside(user.fd), 0);
		cr_assert_eq(np_close(user.fd), 0);
		cr_assert_lt(fcntl(fds[0], F_GETFD), 0, "the number is given back");
		close(fds[1]);
	}
	return 0;
}

Test(blocking_fd, calls_that_block_leave_the_worker_to_others)
{
	cr_assert_eq(fiber_run_with(end_each_way, NULL, 1), 0);
}

/* ---- one after the other ------------------------------------------------------------------ */

static int read_in_turn(void *arg)
{
	struct np_group group = { 0 };
	struct user user = { .way = &ways[0] };
	int fds[2];

	(void)arg;
	user.fd = open_blocking(user.way, fds);
	for (int i = 0; i < 3; i++)
		cr_assert_eq(np_group_go(&group, use_and_tell, &user), 0);
	FIBER_UNTIL(call_queued(user.fd, NP_READ) == 2);
	cr_assert_eq(call_inside(user.fd), 1);
	for (size_t left = 2; left + 1 > 0; left--) {
		write_other(fds[1]);
		FIBER_UNTIL(call_queued(user.fd, NP_READ) <= (left ? left - 1 : 0));
	}
	cr_assert_eq(np_group_join(&group), 0);
	cr_assert_eq(np_close(user.fd), 0);
	close(fds[1]);
	return 0;
}

Test(blocking_fd, calls_queue_for_the_lock_as_elsewhere)
{
	cr_assert_eq(fiber_run_with(read_in_turn, NULL, 1), 0);
}

/* ---- close -------------------------------------------------------------------------------- */

static int close_each_way(void *arg)
{
	(void)arg;
	for (int i = 0; i < WAYS; i++) {
		struct np_group group = { 0 };
		struct user user = { .way = &ways[i] };
		int fds[2];

		user.fd = open_blocking(&ways[i], fds);
		cr_assert_eq(np_group_go(&group, use_and_tell, &user), 0);
		FIBER_UNTIL(call_inside(user.fd) == 1);
		cr_assert_eq(np_close(user.fd), 0, "returns at once");
		cr_assert_geq(fcntl(fds[0], F_GETFD), 0, "the number is the call's until it ends");
		ways[i].end(fds[1]);
		cr_assert_eq(np_group_join(&group), 0);
		cr_assert_eq(result, ways[i].expected);
		cr_assert_lt(fcntl(fds[0], F_GETFD), 0, "given back by the last call");
		close(fds[1]);
	}
	return 0;
}

Test(blocking_fd, close_does_not_wait_for_calls_that_it_cannot_end)
{
	cr_assert_eq(fiber_run_with(close_each_way, NULL, 1), 0);
}

static int read_closed(void *arg)
{
	struct np_fd *fd = open_blocking(&ways[0], arg);

	cr_assert_eq(np_cancel_io(fd), 0);
	cr_assert_eq(call_read_once(fd), NP_ECLOSED);
	cr_assert_eq(call_write_three(fd), NP_ECLOSED);
	cr_assert_eq(call_writev(fd), NP_ECLOSED);
	cr_assert_eq(call_readv(fd), NP_ECLOSED);
	cr_assert_eq(np_close(fd), NP_ECLOSED);
	return 0;
}

Test(blocking_fd, what_is_closed_says_so)
{
	int fds[2];

	cr_assert_eq(fiber_run_with(read_closed, fds, 1), 0);
	close(fds[1]);
}

/* ---- cancellation ------------------------------------------------------------------------- */

static int use_then_wait(void *arg)
{
	result = use(arg);
	return np_sleep(INT64_C(3600) * 1000000000);
}

static int cancel_each_way(void *arg)
{
	(void)arg;
	for (int i = 0; i < WAYS; i++) {
		struct np_group group = { 0 };
		struct user user = { .way = &ways[i] };
		int fds[2];

		user.fd = open_blocking(&ways[i], fds);
		cr_assert_eq(np_group_go(&group, use_then_wait, &user), 0);
		FIBER_UNTIL(call_inside(user.fd) == 1);
		result = 0;
		np_group_cancel(&group);
		for (int k = 0; k < 10; k++)
			np_yield();
		cr_assert_eq(call_inside(user.fd), 1, "not cut short");
		ways[i].end(fds[1]);
		cr_assert_eq(np_group_join(&group), NP_ECANCELED, "the wait behind it is");
		cr_assert_eq(result, ways[i].expected);
		np_close(user.fd);
		close(fds[1]);
	}
	return 0;
}

Test(blocking_fd, cancellation_does_not_cut_a_call_short)
{
	cr_assert_eq(fiber_run_with(cancel_each_way, NULL, 1), 0);
}

static int use_each_way_cancelled(void *arg)
{
	(void)arg;
	np_cancel(np_self());
	for (int i = 0; i < WAYS; i++) {
		struct user user = { .way = &ways[i] };
		int fds[2];

		user.fd = open_blocking(&ways[i], fds);
		cr_assert_eq(use(&user), NP_ECANCELED, "way %d", i);
		np_close(user.fd);
		close(fds[1]);
	}
	return 0;
}

Test(blocking_fd, who_is_cancelled_already_makes_no_call)
{
	cr_assert_eq(fiber_run_with(use_each_way_cancelled, NULL, 1), 0);
}

/* ---- failures ----------------------------------------------------------------------------- */

static struct np_fd *shared;

/* The last one inside closes on its way out, and parks for that. */
static int read_reset(void *arg)
{
	char text[256];

	(void)arg;
	cr_assert_eq(call_read_once(shared), -ECONNRESET);
	np_error_text(-ECONNRESET, text, sizeof(text));
	cr_assert(strstr(text, "read tcp"), "%s", text);
	cr_assert(strstr(text, "reset by peer"), "%s", text);
	return 0;
}

static atomic_bool others_have_failed;

/* Has the only thread for blocking calls to itself, so that the close has to wait. */
static int hold_thread(void *arg)
{
	(void)arg;
	FIXTURE_UNTIL(atomic_load(&others_have_failed));
	return 0;
}

static int hold(void *arg)
{
	return np_blocking(hold_thread, arg);
}

static int lose_connection(void *arg)
{
	const struct linger reset = { 1, 0 };
	struct np_group group = { 0 };
	int fds[2];

	(void)arg;
	fixture_tcp_pair(fds);
	fcntl(fds[0], F_SETFL, 0);
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &shared), 0);
	cr_assert_eq(np_group_go(&group, read_reset, NULL), 0);
	FIBER_UNTIL(call_inside(shared) == 1);
	cr_assert_eq(np_group_go(&group, hold, NULL), 0);
	np_yield();
	cr_assert_eq(np_cancel_io(shared), 0);
	cr_assert_eq(setsockopt(fds[1], SOL_SOCKET, SO_LINGER, &reset, sizeof(reset)), 0);
	close(fds[1]);
	FIBER_UNTIL(call_inside(shared) == 0);
	np_read(NULL, NULL, 0);
	atomic_store(&others_have_failed, true);
	cr_assert_eq(np_group_join(&group), 0);
	np_unref(shared);
	return 0;
}

Test(blocking_fd, a_failure_is_told_though_its_caller_had_to_close)
{
	const struct np_run_options options = {
		.workers = 1,
		.blocking_threads = 1,
		.backend = np_poller_backend(test_poller),
	};

	cr_assert_eq(np_run(lose_connection, NULL, &options), 0);
}

/* ---- raw calls ---------------------------------------------------------------------------- */

static np_fiber_id caller;

static bool look_who_calls(int sysfd, void *arg)
{
	(void)sysfd;
	*(bool *)arg = np_self() == caller;
	return true;
}

static int call_raw_in_place(void *arg)
{
	bool is_here = false;
	struct np_fd *fd = open_blocking(&ways[0], arg);

	caller = np_self();
	cr_assert_eq(np_raw_read(fd, look_who_calls, &is_here), 0);
	cr_assert(is_here);
	is_here = false;
	cr_assert_eq(np_raw_write(fd, look_who_calls, &is_here), 0);
	cr_assert(is_here);
	return np_close(fd);
}

Test(blocking_fd, callbacks_run_in_place)
{
	int fds[2];

	cr_assert_eq(fiber_run_with(call_raw_in_place, fds, 1), 0);
	close(fds[1]);
}
