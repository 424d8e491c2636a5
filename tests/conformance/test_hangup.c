/* SPDX-License-Identifier: MIT */
/*
 * test_hangup.c - how an end is told, of streams, connects and terminals: one contract for all.
 *
 * What a test demands is what runtime_poll.h promises for the case, no more: a backend may add
 * directions (kqueue tells a writer of end of file, lest it was the only news), never leave one
 * out. Where the kernel tells hang-up whatever was asked for, each test goes through the ways to
 * arm.
 *
 * Half-close is the one case where HANGUP is not demanded of poll(2), and of event ports that speak
 * as it does: POSIX has no word for it there but POLLIN, "a read does not block".
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(hangup, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

static const unsigned MODES[] = { READ, WRITE, BOTH };
enum { MODE_COUNT = 3, TAG = 1 };

/* The news that were there before the end are not to be taken for it. */
static void watch_and_forget(int fd, unsigned mode)
{
	harness_watch(tested, fd, TAG, mode);
	harness_news(tested, TAG);
	harness_arm(tested, fd, mode);
	harness_settle(tested);
	harness_forget(tested, TAG);
}

/* Armed as it is, and again: an end does not go away, but once it was told there is silence. */
static void expect_no_storm(int fd, unsigned mode)
{
	harness_arm(tested, fd, mode);
	harness_settle(tested);
	harness_expect_silence(tested, 5 * MILLISECOND);
}

static void close_watched(int fd)
{
	harness_close(tested, fd, TAG);
	cr_assert_eq(close(fd), 0);
}

static int error_of(int fd)
{
	int error = 0;
	socklen_t length = sizeof(error);

	cr_assert_eq(getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &length), 0);
	return error;
}

/* ---- pipes -------------------------------------------------------------------------------- */

Test(hangup, of_a_pipes_writer_wakes_the_reader)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		char byte;
		int fds[2];

		fixture_pipe(fds);
		watch_and_forget(fds[0], MODES[i]);
		close(fds[1]);
		harness_await(tested, TAG, READ | HANGUP);
		cr_assert_eq(read(fds[0], &byte, 1), 0);
		expect_no_storm(fds[0], MODES[i]);
		close_watched(fds[0]);
	}
}

Test(hangup, of_a_pipes_writer_leaves_its_bytes_to_the_reader)
{
	int fds[2];

	fixture_pipe(fds);
	watch_and_forget(fds[0], READ);
	harness_write(fds[1], "last");
	close(fds[1]);
	harness_await(tested, TAG, READ | HANGUP);
	cr_assert_eq(harness_drain(fds[0]), 4);
	close_watched(fds[0]);
}

/* With the pipe full, so that the room for writing cannot pass for the news. */
Test(hangup, of_a_pipes_reader_wakes_the_writer)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		int fds[2];

		fixture_pipe(fds);
		harness_fill(fds[1]);
		watch_and_forget(fds[1], MODES[i]);
		close(fds[0]);
		harness_await(tested, TAG, WRITE | HANGUP);
		cr_assert_lt(write(fds[1], "x", 1), 0);
		cr_assert_eq(errno, EPIPE);
		expect_no_storm(fds[1], MODES[i]);
		close_watched(fds[1]);
	}
}

Test(hangup, of_a_pipes_reader_wakes_the_writer_of_an_empty_pipe)
{
	int fds[2];

	fixture_pipe(fds);
	harness_open(tested, fds[1], TAG);
	harness_news(tested, TAG);
	close(fds[0]);
	harness_arm(tested, fds[1], WRITE);
	harness_await(tested, TAG, WRITE | HANGUP);
	close_watched(fds[1]);
}

/* ---- Unix sockets ------------------------------------------------------------------------- */

Test(hangup, of_a_socketpairs_end_wakes_both_directions)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		int fds[2];

		fixture_socketpair(fds);
		harness_fill(fds[0]);
		watch_and_forget(fds[0], MODES[i]);
		close(fds[1]);
		harness_await(tested, TAG, BOTH | HANGUP);
		cr_assert_lt(write(fds[0], "x", 1), 0);
		expect_no_storm(fds[0], MODES[i]);
		close_watched(fds[0]);
	}
}

static uint32_t half_close_flags(void)
{
	return harness_needs_arm(tested) ? READ : READ | HANGUP;
}

/* The reader has its end of file; the writer goes on as if nothing had happened. */
static void expect_half_close(const int fds[2])
{
	char byte;

	watch_and_forget(fds[0], READ);
	cr_assert_eq(shutdown(fds[1], SHUT_WR), 0);
	harness_await(tested, TAG, half_close_flags());
	cr_assert_eq(read(fds[0], &byte, 1), 0);
	harness_write(fds[0], "x");
	FIXTURE_UNTIL(read(fds[1], &byte, 1) == 1);
	harness_fill(fds[0]);
	harness_arm(tested, fds[0], WRITE);
	harness_settle(tested);
	harness_forget(tested, TAG);
	harness_arm(tested, fds[0], WRITE);
	for (int i = 0; i < 1000 && !(tested->flags[TAG] & WRITE); i++) {
		harness_drain(fds[1]);
		harness_collect(tested, 10 * MILLISECOND, 1);
	}
	harness_await(tested, TAG, WRITE);
	harness_write(fds[0], "x");
}

Test(hangup, of_half_a_socketpair_wakes_the_reader)
{
	int fds[2];

	fixture_socketpair(fds);
	expect_half_close(fds);
	close_watched(fds[0]);
	close(fds[1]);
}

Test(hangup, of_both_halves_of_a_socketpair_wakes_both_directions)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_fill(fds[0]);
	watch_and_forget(fds[0], BOTH);
	cr_assert_eq(shutdown(fds[0], SHUT_WR), 0);
	cr_assert_eq(shutdown(fds[1], SHUT_WR), 0);
	harness_await(tested, TAG, BOTH | HANGUP);
	expect_no_storm(fds[0], BOTH);
	close_watched(fds[0]);
	close(fds[1]);
}

/* ---- TCP ---------------------------------------------------------------------------------- */

Test(hangup, of_half_a_tcp_connection_wakes_the_reader)
{
	int fds[2];

	fixture_tcp_pair(fds);
	expect_half_close(fds);
	close_watched(fds[0]);
	close(fds[1]);
}

Test(hangup, of_both_halves_of_a_tcp_connection_wakes_both_directions)
{
	int fds[2];

	fixture_tcp_pair(fds);
	watch_and_forget(fds[0], BOTH);
	cr_assert_eq(shutdown(fds[0], SHUT_WR), 0);
	cr_assert_eq(shutdown(fds[1], SHUT_WR), 0);
	harness_await(tested, TAG, BOTH | HANGUP);
	expect_no_storm(fds[0], BOTH);
	close_watched(fds[0]);
	close(fds[1]);
}

/* SO_LINGER with no time makes close(2) send RST and not FIN. */
static void reset_by(int fd)
{
	const struct linger abort_it = { .l_onoff = 1, .l_linger = 0 };

	cr_assert_eq(setsockopt(fd, SOL_SOCKET, SO_LINGER, &abort_it, sizeof(abort_it)), 0);
	cr_assert_eq(close(fd), 0);
}

Test(hangup, by_reset_wakes_both_directions)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		char byte;
		int fds[2];

		fixture_tcp_pair(fds);
		harness_fill(fds[0]);
		watch_and_forget(fds[0], MODES[i]);
		reset_by(fds[1]);
		harness_await(tested, TAG, BOTH | HANGUP);
		cr_assert_lt(read(fds[0], &byte, 1), 0);
		cr_assert_eq(errno, ECONNRESET);
		expect_no_storm(fds[0], MODES[i]);
		close_watched(fds[0]);
	}
}

/* ---- before the opening ------------------------------------------------------------------- */

/* An end that came before anyone was watching is the present state, and that is reported. */
Test(hangup, of_before_the_opening_is_reported)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		int pipe_fds[2];
		int socket_fds[2];

		fixture_pipe(pipe_fds);
		fixture_socketpair(socket_fds);
		close(pipe_fds[1]);
		close(socket_fds[1]);
		harness_watch(tested, pipe_fds[0], 1, MODES[i]);
		harness_watch(tested, socket_fds[0], 2, MODES[i]);
		harness_await(tested, 1, READ | HANGUP);
		harness_await(tested, 2, BOTH | HANGUP);
		harness_close(tested, pipe_fds[0], 1);
		harness_close(tested, socket_fds[0], 2);
		close(pipe_fds[0]);
		close(socket_fds[0]);
	}
}

/* What has ended, and nobody waits for, must not end the waits of others. */
Test(hangup, that_nobody_waits_for_is_silent)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_open(tested, fds[0], TAG);
	harness_settle(tested);
	close(fds[1]);
	if (harness_needs_arm(tested))
		cr_assert_eq(harness_news(tested, TAG), 0);
	harness_settle(tested); /* what is edge-triggered tells it to anyone, once */
	harness_expect_silence(tested, 20 * MILLISECOND);
	close_watched(fds[0]);
}

/* ---- connects ----------------------------------------------------------------------------- */

/* A port that nobody listens on: it was one's own until a moment ago. */
static struct sockaddr_in dead_address(void)
{
	struct sockaddr_in addr;

	close(harness_listen(&addr, 1));
	return addr;
}

/* Begin a connect and watch it as a dialer does; false where its result was there at once. */
static bool begin_connect(int fd, const struct sockaddr_in *addr, int expected)
{
	int error = harness_connect(fd, addr);

	if (error != EINPROGRESS) {
		cr_assert_eq(error, expected);
		return false;
	}
	harness_watch(tested, fd, TAG, WRITE);
	return true;
}

Test(hangup, of_a_refused_connect_wakes_the_writer)
{
	struct sockaddr_in addr = dead_address();
	int fd = harness_tcp_socket();

	if (begin_connect(fd, &addr, ECONNREFUSED)) {
		harness_await(tested, TAG, BOTH | HANGUP);
		cr_assert_eq(error_of(fd), ECONNREFUSED);
		harness_close(tested, fd, TAG);
	}
	close(fd);
}

/* Linux says hang-up of a socket that is not connected yet: it must not use up the report. */
Test(hangup, of_a_refused_connect_wakes_the_writer_who_watched_before)
{
	struct sockaddr_in addr = dead_address();
	int fd = harness_tcp_socket();
	int error;

	harness_open(tested, fd, TAG);
	harness_news(tested, TAG);
	error = harness_connect(fd, &addr);
	if (error == EINPROGRESS) {
		harness_arm(tested, fd, WRITE);
		harness_await(tested, TAG, WRITE);
		cr_assert_eq(error_of(fd), ECONNREFUSED);
	}
	close_watched(fd);
}

Test(hangup, is_not_told_of_a_connect_that_succeeds)
{
	struct sockaddr_in addr;
	socklen_t length = sizeof(addr);
	int listener = harness_listen(&addr, 1);
	int fd = harness_tcp_socket();

	if (begin_connect(fd, &addr, 0)) {
		cr_assert_not(harness_await(tested, TAG, WRITE) & (HANGUP | ERROR));
		cr_assert_eq(error_of(fd), 0);
		cr_assert_eq(getpeername(fd, (struct sockaddr *)&addr, &length), 0);
		harness_close(tested, fd, TAG);
	}
	close(fd);
	close(listener);
}

static bool is_writable(int fd, int timeout_ms)
{
	struct pollfd entry = { .fd = fd, .events = POLLOUT };

	return poll(&entry, 1, timeout_ms) > 0;
}

enum { BACKLOG_MAX = 32 };

/*
 * Connect to @addr, where nobody accepts, until a connect gets no answer; that one is the last of
 * @fds. How many fit a backlog is the kernel's secret. Returns how many there are.
 */
static int fill_backlog(const struct sockaddr_in *addr, int fds[BACKLOG_MAX])
{
	for (int n = 0; n < BACKLOG_MAX; n++) {
		int error;

		fds[n] = harness_tcp_socket();
		error = harness_connect(fds[n], addr);
		cr_assert(error == 0 || error == EINPROGRESS);
		if (error == EINPROGRESS && !is_writable(fds[n], 300))
			return n + 1;
	}
	cr_assert(false, "the backlog has no end");
	return 0;
}

/* Reported or not: as long as there is no connection, nobody may be told that there is news. */
Test(hangup, is_not_told_of_a_connect_without_an_answer)
{
	struct sockaddr_in addr;
	socklen_t length = sizeof(addr);
	int listener = harness_listen(&addr, 0);
	int fds[BACKLOG_MAX];
	int count = fill_backlog(&addr, fds);
	int last = fds[count - 1];
	int n;

	harness_watch(tested, last, TAG, WRITE);
	n = harness_collect(tested, 50 * MILLISECOND, 1);
	if (n > 0) /* on a machine so slow that the answer was only late */
		cr_assert_eq(getpeername(last, (struct sockaddr *)&addr, &length), 0);
	harness_close(tested, last, TAG);
	for (int i = 0; i < count; i++)
		close(fds[i]);
	close(listener);
}

/* ---- terminals ---------------------------------------------------------------------------- */

static void open_terminal(int *ret_master, int *ret_slave)
{
	*ret_master = posix_openpt(O_RDWR | O_NOCTTY);
	cr_assert_geq(*ret_master, 0);
	cr_assert_eq(grantpt(*ret_master), 0);
	cr_assert_eq(unlockpt(*ret_master), 0);
	*ret_slave = open(ptsname(*ret_master), O_RDWR | O_NOCTTY);
	cr_assert_geq(*ret_slave, 0);
	harness_make_nonblocking(*ret_master);
	harness_make_nonblocking(*ret_slave);
}

Test(hangup, of_a_terminal_wakes_its_program)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		char byte;
		int master;
		int slave;

		open_terminal(&master, &slave);
		watch_and_forget(slave, MODES[i]);
		close(master);
		harness_arm(tested, slave, MODES[i]); /* the room for writing has used it up */
		harness_await(tested, TAG, BOTH | HANGUP);
		cr_assert_leq(read(slave, &byte, 1), 0);
		expect_no_storm(slave, MODES[i]);
		close_watched(slave);
	}
}

Test(hangup, of_a_terminals_program_wakes_its_master)
{
	char byte;
	int master;
	int slave;

	open_terminal(&master, &slave);
	watch_and_forget(master, READ);
	close(slave);
	harness_await(tested, TAG, READ | HANGUP);
	cr_assert_leq(read(master, &byte, 1), 0);
	close_watched(master);
}

/* ---- errors ------------------------------------------------------------------------------- */

/* A datagram socket whose last datagram went to a port that refuses it. Its address stays bound. */
static int open_refused_datagram_socket(void)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);
	int gone = socket(AF_INET, SOCK_DGRAM, 0);
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(gone, (const struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(getsockname(gone, (struct sockaddr *)&addr, &length), 0);
	harness_make_nonblocking(fd);
	cr_assert_eq(harness_connect(fd, &addr), 0);
	close(gone);
	return fd;
}

/*
 * ERROR says that there is nothing but an error, ever, and makes reads fail without being tried.
 * Here is an error, but there is room for writing as well: whatever was asked for, it is not ERROR,
 * and a read is to learn that the datagram was refused.
 */
Test(hangup, by_an_error_that_a_read_can_tell_is_not_called_an_error_and_nothing_else)
{
	for (int i = 0; i < MODE_COUNT; i++) {
		int fd = open_refused_datagram_socket();
		char byte;

		watch_and_forget(fd, MODES[i]);
		harness_arm(tested, fd, MODES[i]);
		harness_write(fd, "x");
		if (MODES[i] == READ)
			harness_await(tested, TAG, READ);
		else
			harness_await(tested, TAG, WRITE);
		cr_assert_not(tested->flags[TAG] & ERROR, "armed for %x", MODES[i]);
		FIXTURE_UNTIL(recv(fd, &byte, 1, 0) < 0 && errno != EAGAIN);
		close_watched(fd);
	}
}

/*
 * The one error and nothing else that can be had without a special device: Linux' poll(2) of a full
 * pipe without a reader. A kqueue calls that end of file.
 */
Test(hangup, by_an_error_and_nothing_else_is_told_as_such)
{
	struct pollfd entry = { .events = POLLIN | POLLOUT };
	int fds[2];

	fixture_pipe(fds);
	harness_fill(fds[1]);
	watch_and_forget(fds[1], BOTH);
	close(fds[0]);
	entry.fd = fds[1];
	cr_assert_eq(poll(&entry, 1, 0), 1);
	harness_await(tested, TAG, WRITE | HANGUP);
	if (entry.revents == POLLERR && !harness_is(tested, "kqueue"))
		harness_await(tested, TAG, BOTH | HANGUP | ERROR);
	close_watched(fds[1]);
}
