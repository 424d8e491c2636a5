/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_short_read.c - nothing is lost to the shortcut: a read of a TCP stream that
 * returned less than it wanted lets the next one wait without asking the kernel.
 *
 * That is right only if the kernel surely reports what is left or comes. On an edge-triggered
 * backend the dangerous order is always this one: something comes, a turn collects its report, a
 * read drops the report because its own system call will see what it told, and the system call sees
 * only a part of it. take_report() is that turn; whoever waits after it waits for ever. So every
 * read here has a deadline that only a lost report comes near.
 *
 * That the shortcut is taken at all is counted in tests/faults/test_system_calls.c.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

/* Our end is a handle that the poller was told of; the peer's is a bare socket. */
static struct np_fd *fd;
static int peer;

static void wrap_ours(const int fds[2])
{
	peer = fds[1];
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	call_register(fd);
}

static void begin(void)
{
	int fds[2];

	fixture_begin();
	fixture_tcp_pair(fds);
	wrap_ours(fds);
}

static void end(void)
{
	np_close(fd);
	if (peer >= 0)
		close(peer);
	fixture_end();
}

TestSuite(short_read, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* In their own suite: these make the pair themselves. */
TestSuite(short_read_elsewhere, .init = fixture_begin, .fini = fixture_end,
	  .timeout = FIXTURE_TIMEOUT);

static void replace_pair(void (*make)(int fds[2]))
{
	int fds[2];

	make(fds);
	wrap_ours(fds);
}

static void tell(const char *text)
{
	cr_assert_eq(send(peer, text, strlen(text), 0), (ssize_t)strlen(text));
}

static void tell_urgently(const char *byte)
{
	cr_assert_eq(send(peer, byte, 1, MSG_OOB), 1);
}

/* What the loopback delivered is reported by the next look; a worker looks by itself. */
static void take_report(void)
{
	if (!fixture_has_worker())
		cr_assert_geq(np_poller_turn(test_poller, 0), 0);
}

static void expect(const char *text)
{
	char buf[64] = "";
	ssize_t n = call_read_patiently(fd, buf, sizeof(buf));

	cr_assert_eq(n, (ssize_t)strlen(text), "\"%s\" was expected, and %zd is the result", text,
		     n);
	cr_assert_str_eq(buf, text);
}

static void expect_result(ssize_t result)
{
	char buf[64];
	ssize_t n = call_read_patiently(fd, buf, sizeof(buf));

	cr_assert_eq(n, result, "%zd instead of %zd", n, result);
}

static void expect_nothing(void)
{
	char byte;

	cr_assert_eq(np_set_read_deadline(fd, np_deadline(5 * 1000 * 1000)), 0);
	cr_assert_eq(np_read(fd, &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
}

/* The stream still works: what comes later is reported. */
static void expect_alive(void)
{
	struct call reader = { .fd = fd };

	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	tell("alive");
	cr_assert_eq(call_finish(&reader), 5);
}

/* ---- data --------------------------------------------------------------------------------- */

Test(short_read, data_between_two_reads_is_found_whether_collected_or_not)
{
	for (int i = 0; i < 8; i++) {
		tell("one");
		if (i & 1)
			take_report();
		expect("one");
		if (i & 2)
			take_report();
		tell("two");
		if (i & 4)
			take_report();
		expect("two");
		expect_nothing();
	}
	expect_alive();
}

Test(short_read, two_reports_that_became_one_do_not_hide_data)
{
	tell("one");
	take_report();
	tell("two");
	take_report();
	expect("onetwo");
	tell("three");
	take_report();
	take_report();
	expect("three");
	expect_alive();
}

Test(short_read, a_full_read_is_not_a_short_one)
{
	char buf[3];

	tell("onetwo");
	take_report();
	cr_assert_eq(call_read_patiently(fd, buf, 3), 3);
	cr_assert_eq(call_read_patiently(fd, buf, 3), 3);
	tell("onetw");
	take_report();
	cr_assert_eq(call_read_patiently(fd, buf, 3), 3);
	cr_assert_eq(call_read_patiently(fd, buf, 3), 2);
	expect_nothing();
	expect_alive();
}

/* Whatever else reads, or only looks, drops reports as well and may leave something behind. */
Test(short_read, waiting_by_oneself_in_between_loses_nothing)
{
	tell("one");
	expect("one");
	tell("two");
	take_report();
	cr_assert_eq(np_wait(fd, NP_READ), 0);
	expect("two");
}

Test(short_read, waiting_by_oneself_until_data_comes_loses_nothing)
{
	struct call waiter = { .fd = fd, .mode = NP_READ };

	tell("one");
	expect("one");
	call_start(&waiter, call_wait);
	FIXTURE_UNTIL(fixture_parked() == 1);
	tell("two");
	cr_assert_eq(call_finish(&waiter), 0);
	expect("two");
}

Test(short_read, peeking_in_between_loses_nothing)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	tell("one");
	expect("one");
	tell("two");
	take_report();
	cr_assert_eq(np_recvmsg(fd, &message, MSG_PEEK), 1);
	expect("two");
}

Test(short_read, reading_a_part_into_several_buffers_loses_nothing)
{
	char bytes[2];
	struct iovec iov[2] = { { &bytes[0], 1 }, { &bytes[1], 1 } };

	tell("one");
	expect("one");
	tell("two");
	take_report();
	cr_assert_eq(np_readv(fd, iov, 2), 2);
	expect("o");
}

static bool read_a_byte(int sysfd, void *arg)
{
	return recv(sysfd, arg, 1, MSG_DONTWAIT) == 1;
}

Test(short_read, reading_a_part_by_oneself_loses_nothing)
{
	char byte;

	tell("one");
	expect("one");
	tell("two");
	take_report();
	cr_assert_eq(np_raw_read(fd, read_a_byte, &byte), 0);
	expect("wo");
}

/* ---- the end ------------------------------------------------------------------------------ */

Test(short_read, the_end_that_comes_with_the_data_is_seen)
{
	tell("last");
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	take_report();
	expect("last");
	expect_result(0);
	expect_result(0);
}

Test(short_read, the_end_that_comes_after_the_read_is_seen)
{
	tell("last");
	take_report();
	expect("last");
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	take_report();
	expect_result(0);
}

Test(short_read, the_end_that_comes_between_report_and_read_is_seen)
{
	tell("last");
	take_report();
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	expect("last");
	take_report();
	expect_result(0);
}

Test(short_read, a_reset_that_comes_with_the_data_is_seen)
{
	const struct linger at_once = { .l_onoff = 1, .l_linger = 0 };

	tell("last");
	cr_assert_eq(setsockopt(peer, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once)), 0);
	close(peer);
	peer = -1;
	take_report();
	expect("last");
	expect_result(-ECONNRESET);
	expect_result(0);
}

Test(short_read, our_own_shutdown_is_seen)
{
	tell("last");
	take_report();
	expect("last");
	cr_assert_eq(np_close_read(fd), 0);
	take_report();
	expect_result(0);
}

Test(short_read_elsewhere, a_half_close_before_the_poller_is_told_is_seen)
{
	int fds[2];

	fixture_tcp_pair(fds);
	peer = fds[1];
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	tell("last");
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	expect("last");
	expect_result(0);
	np_close(fd);
	close(peer);
}

/* A deadline makes the poll descriptor, but the poller is told at the first wait only. */
Test(short_read_elsewhere, the_first_wait_may_be_the_shortcuts)
{
	int fds[2];

	fixture_tcp_pair(fds);
	peer = fds[1];
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	tell("one");
	expect("one");
	tell("two");
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	take_report();
	expect("two");
	expect_result(0);
	np_close(fd);
	close(peer);
}

/* ---- urgent data -------------------------------------------------------------------------- */

/*
 * Linux ends a read before the urgent byte, which is not part of the stream: a short read that left
 * something. Where the urgent data is not inline the byte itself is skipped.
 */
Test(short_read, urgent_data_in_the_middle_hides_nothing)
{
	tell("before");
	tell_urgently("!");
	tell("after");
	take_report();
	expect("before");
	expect("after");
	expect_nothing();
	expect_alive();
}

Test(short_read, urgent_data_at_the_front_hides_nothing)
{
	tell_urgently("!");
	tell("after");
	take_report();
	expect("after");
	tell("more");
	take_report();
	expect("more");
	expect_alive();
}

Test(short_read, urgent_data_at_the_end_hides_nothing)
{
	tell("before");
	tell_urgently("!");
	take_report();
	expect("before");
	tell("after");
	take_report();
	expect("after");
	expect_alive();
}

Test(short_read, urgent_data_after_a_short_read_hides_nothing)
{
	tell("one");
	take_report();
	expect("one");
	tell("before");
	tell_urgently("!");
	tell("after");
	take_report();
	expect("before");
	expect("after");
	expect_alive();
}

Test(short_read, urgent_data_before_the_end_hides_neither)
{
	tell("before");
	tell_urgently("!");
	tell("after");
	cr_assert_eq(shutdown(peer, SHUT_WR), 0);
	take_report();
	expect("before");
	expect("after");
	expect_result(0);
}

/* Once it was taken the kernel does not report it as pending, but still ends a read where it was.
 */
Test(short_read, urgent_data_that_was_taken_already_hides_nothing)
{
	char byte;
	struct iovec iov = { &byte, 1 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	tell("before");
	tell_urgently("!");
	tell("after");
	cr_assert_eq(np_recvmsg(fd, &message, MSG_OOB), 1);
	cr_assert_eq(byte, '!');
	take_report();
	expect("before");
	expect("after");
	expect_alive();
}

static bool take_urgent_byte(int sysfd, void *arg)
{
	return recv(sysfd, arg, 1, MSG_OOB) == 1;
}

Test(short_read, urgent_data_that_was_taken_by_a_raw_read_hides_nothing)
{
	char byte;

	tell("before");
	tell_urgently("!");
	tell("after");
	cr_assert_eq(np_raw_read(fd, take_urgent_byte, &byte), 0);
	take_report();
	expect("before");
	expect("after");
	expect_alive();
}

/* ---- deadlines ---------------------------------------------------------------------------- */

Test(short_read, an_expired_deadline_fails_the_read_and_keeps_the_data)
{
	char buf[8];

	tell("one");
	expect("one");
	tell("two");
	take_report();
	cr_assert_eq(np_set_read_deadline(fd, -1), 0);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), NP_EDEADLINE);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
	expect("two");
	expect_alive();
}

/* Nobody turned the poller since the deadline passed: the clock has to be asked. */
Test(short_read, a_deadline_that_passed_unnoticed_fails_the_read_too)
{
	char buf[8];
	int64_t deadline = np_deadline(1000 * 1000);

	tell("one");
	expect("one");
	cr_assert_eq(np_set_read_deadline(fd, deadline), 0);
	tell("two");
	FIXTURE_UNTIL(np_time() > deadline);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
	expect("two");
}

Test(short_read, a_deadline_in_the_middle_of_the_wait_loses_nothing)
{
	tell("one");
	expect("one");
	expect_nothing();
	tell("two");
	take_report();
	expect("two");
	expect_nothing();
	expect_alive();
}

/* A child cannot wait here, but read what is there. */
Test(short_read, a_child_finds_what_has_come_since)
{
	char buf[10];
	int status;
	pid_t child;

	cr_assert_eq(send(peer, "abc", 3, 0), 3);
	cr_assert_eq(np_read(fd, buf, sizeof(buf)), 3);
	cr_assert_eq(send(peer, "defg", 4, 0), 4);
	child = fork();
	if (child == 0)
		_exit(np_read(fd, buf, sizeof(buf)) != 4);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
}

/* ---- what is no TCP stream ---------------------------------------------------------------- */

static int configure(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return 0;
}

Test(short_read, control_in_between_loses_nothing)
{
	tell("one");
	expect("one");
	cr_assert_eq(np_fd_control(fd, configure, NULL), 0);
	tell("two");
	take_report();
	expect("two");
	expect_nothing();
	expect_alive();
}

static void make_terminal(int fds[2])
{
	struct termios raw;

	/* Cooked, so that a read returns a line, but without an echo to the peer. */
	cr_assert_eq(openpty(&fds[1], &fds[0], NULL, NULL, NULL), 0);
	cr_assert_eq(tcgetattr(fds[0], &raw), 0);
	raw.c_lflag &= ~(tcflag_t)ECHO;
	cr_assert_eq(tcsetattr(fds[0], TCSANOW, &raw), 0);
	cr_assert_eq(fcntl(fds[0], F_SETFL, O_RDWR | O_NONBLOCK), 0);
}

Test(short_read_elsewhere, a_terminal_is_read_line_by_line)
{
	struct pollfd line = { .events = POLLIN };

	replace_pair(make_terminal);
	cr_assert_eq(write(peer, "one\ntwo\nthree\n", 14), 14);
	/* The line discipline may work on its own thread. */
	cr_assert_eq(np_wait(fd, NP_READ), 0);
	line.fd = peer;
	cr_assert_geq(poll(&line, 1, 0), 0);
	take_report();
	expect("one\n");
	expect("two\n");
	expect("three\n");
	np_close(fd);
	close(peer);
}

/* Each write is a packet, and a read returns one: short, with more left. */
static void make_packet_pipe(int fds[2])
{
#ifdef __linux__
	cr_assert_eq(pipe2(fds, O_DIRECT | O_NONBLOCK), 0);
#else
	(void)fds;
	cr_skip_test("only Linux has pipes of packets");
#endif
}

Test(short_read_elsewhere, a_pipe_of_packets_is_read_packet_by_packet)
{
	replace_pair(make_packet_pipe);
	cr_assert_eq(write(peer, "one", 3), 3);
	cr_assert_eq(write(peer, "two", 3), 3);
	take_report();
	expect("one");
	expect("two");
	np_close(fd);
	close(peer);
}

static void tell_with_descriptor(const char *text)
{
	union {
		char bytes[CMSG_SPACE(sizeof(int))];
		struct cmsghdr aligned;
	} control;
	char copy[16];
	struct iovec iov = { copy, strlen(text) };
	struct msghdr message = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = control.bytes,
		.msg_controllen = sizeof(control.bytes),
	};
	struct cmsghdr *header = CMSG_FIRSTHDR(&message);

	memcpy(copy, text, strlen(text));
	memset(&control, 0, sizeof(control));
	header->cmsg_level = SOL_SOCKET;
	header->cmsg_type = SCM_RIGHTS;
	header->cmsg_len = CMSG_LEN(sizeof(peer));
	memcpy(CMSG_DATA(header), &peer, sizeof(peer));
	cr_assert_eq(sendmsg(peer, &message, 0), (ssize_t)strlen(text));
}

/* A Unix stream never glues the bytes of two messages that carry descriptors: short reads again. */
Test(short_read_elsewhere, a_unix_stream_with_descriptors_is_read_piece_by_piece)
{
	replace_pair(fixture_socketpair);
	tell_with_descriptor("one");
	tell_with_descriptor("two");
	tell("three");
	take_report();
	expect("one");
	expect("two");
	expect("three");
	np_close(fd);
	close(peer);
}

static void make_sequenced_pair(int fds[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, fds), 0);
}

static void make_datagram_pair(int fds[2])
{
	cr_assert_eq(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
}

Test(short_read_elsewhere, messages_are_read_one_by_one)
{
	void (*const make[])(int fds[2]) = { make_sequenced_pair, make_datagram_pair };

	for (int i = 0; i < 2; i++) {
		replace_pair(make[i]);
		tell("one");
		tell("two");
		take_report();
		expect("one");
		expect("two");
		np_close(fd);
		close(peer);
	}
}
