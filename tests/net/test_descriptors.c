/* SPDX-License-Identifier: MIT */
/* tests/net/test_descriptors.c - descriptors that travel over Unix sockets. */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(descriptors, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const char *const networks[] = { "unix", "unixgram", "unixpacket" };

static void close_pair(struct np_fd *ends[2])
{
	np_close(ends[0]);
	np_close(ends[1]);
}

static void close_fds(const int *fds, size_t count)
{
	for (size_t i = 0; i < count; i++)
		close(fds[i]);
}

static bool same_file(int a, int b)
{
	struct stat status[2];

	return fstat(a, &status[0]) == 0 && fstat(b, &status[1]) == 0 &&
	       status[0].st_dev == status[1].st_dev && status[0].st_ino == status[1].st_ino;
}

static void expect_descriptors(const char *network)
{
	struct np_fd *ends[2];
	int pipes[2][2], got[4];
	size_t count = 77;
	char buf[8];

	cr_assert_eq(np_socketpair(network, ends), 0);
	fixture_pipe(pipes[0]);
	fixture_pipe(pipes[1]);
	cr_assert_eq(np_send_fds(ends[0], "four", 4, pipes[0], 2), 4);
	cr_assert_eq(np_send_fds(ends[0], "none", 4, NULL, 0), 4);
	cr_assert_eq(np_recv_fds(ends[1], buf, 4, got, 4, &count), 4);
	cr_assert_eq(memcmp(buf, "four", 4), 0);
	cr_assert_eq(count, 2);
	for (int i = 0; i < 2; i++) {
		cr_assert_neq(got[i], pipes[0][i]);
		cr_assert(same_file(got[i], pipes[0][i]), "in the order they were given");
		cr_assert(fcntl(got[i], F_GETFD) & FD_CLOEXEC);
		cr_assert(fcntl(pipes[0][i], F_GETFD) >= 0, "they stay ours");
	}
	cr_assert_eq(np_recv_fds(ends[1], buf, 4, got + 2, 2, &count), 4);
	cr_assert_eq(count, 0);
	close_fds(got, 2);
	close_fds(pipes[0], 2);
	close_fds(pipes[1], 2);
	close_pair(ends);
}

Test(descriptors, arrive_with_their_bytes_on_every_network)
{
	for (int i = 0; i < 3; i++)
		expect_descriptors(networks[i]);
}

/* A zero byte carries them where none would be the end. */
Test(descriptors, arrive_without_bytes_too)
{
	for (int i = 0; i < 3; i++) {
		struct np_fd *ends[2];
		int pipe[2], got;
		size_t count;

		cr_assert_eq(np_socketpair(networks[i], ends), 0);
		fixture_pipe(pipe);
		cr_assert_eq(np_send_fds(ends[0], NULL, 0, pipe, 1), 0);
		cr_assert_eq(np_recv_fds(ends[1], NULL, 0, &got, 1, &count),
			     strcmp(networks[i], "unixgram") != 0);
		cr_assert_eq(count, 1);
		cr_assert(same_file(got, pipe[0]));
		close(got);
		close_fds(pipe, 2);
		np_close(ends[0]);
		if (strcmp(networks[i], "unixgram") != 0)
			cr_assert_eq(np_recv_fds(ends[1], NULL, 0, &got, 1, &count), 0);
		np_close(ends[1]);
	}
}

static ssize_t recv_one(struct call *call)
{
	size_t count;
	ssize_t n = np_recv_fds(call->fd, call->data, sizeof(call->data), &call->mode, 1, &count);

	call->written = count;
	return n;
}

Test(descriptors, wake_who_waits_for_them)
{
	struct np_fd *ends[2];
	struct call receiver = { .mode = -1 };
	int pipe[2];

	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_pipe(pipe);
	receiver.fd = ends[1];
	call_start(&receiver, recv_one);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), 1);
	cr_assert_eq(call_finish(&receiver), 1);
	cr_assert_eq(receiver.written, 1);
	cr_assert(same_file(receiver.mode, pipe[0]));
	close(receiver.mode);
	close_fds(pipe, 2);
	close_pair(ends);
}

static ssize_t send_large(struct call *call)
{
	return np_send_fds(call->fd, call->buf, call->size, &call->mode, 1);
}

/* More than fits, so that the rest follows after a wait, without another set of descriptors. */
Test(descriptors, go_once_with_the_first_byte_of_much)
{
	enum { SIZE = 4 << 20 };
	struct np_fd *ends[2];
	struct call sender = { .size = SIZE };
	int pipe[2], got[2];
	size_t count, total = 0, arrived = 0;
	char *sent = malloc(SIZE), *received = malloc(SIZE);

	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)(i / 4096 + i);
	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_pipe(pipe);
	sender.fd = ends[0];
	sender.buf = sent;
	sender.mode = pipe[0];
	call_start(&sender, send_large);
	FIXTURE_UNTIL(fixture_parked() == 1);
	while (total < SIZE) {
		ssize_t n = np_recv_fds(ends[1], received + total, SIZE - total, got, 2, &count);

		cr_assert_gt(n, 0);
		cr_assert(count == 0 || total == 0, "after %zu bytes", total);
		total += (size_t)n;
		arrived += count;
	}
	cr_assert_eq(call_finish(&sender), SIZE);
	cr_assert_eq(arrived, 1);
	cr_assert(same_file(got[0], pipe[0]));
	cr_assert_eq(memcmp(sent, received, SIZE), 0);
	close(got[0]);
	close_fds(pipe, 2);
	free(sent);
	free(received);
	close_pair(ends);
}

Test(descriptors, that_are_as_many_as_there_can_be_arrive)
{
	struct np_fd *ends[2];
	int pipe[2], fds[NP_FDS_MAX + 1], got[NP_FDS_MAX];
	size_t count;
	char byte;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_pipe(pipe);
	for (int i = 0; i <= NP_FDS_MAX; i++)
		fds[i] = pipe[i % 2];
	cr_assert_eq(np_send_fds(ends[0], "x", 1, fds, NP_FDS_MAX + 1), -EINVAL);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, fds, NP_FDS_MAX), 1);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, got, NP_FDS_MAX, &count), 1);
	cr_assert_eq(count, NP_FDS_MAX);
	cr_assert(same_file(got[NP_FDS_MAX - 1], pipe[(NP_FDS_MAX - 1) % 2]));
	close_fds(got, count);
	close_fds(pipe, 2);
	close_pair(ends);
}

/* Not even one of them, which room for one might be taken for. */
Test(descriptors, that_are_too_many_are_closed)
{
	for (size_t max = 0; max < 3; max++) {
		struct np_fd *ends[2];
		int pipe[2], fds[3], got[3] = { -7, -7, -7 };
		int before;
		size_t count = 77;
		char byte, text[256];

		cr_assert_eq(np_socketpair("unixpacket", ends), 0);
		fixture_pipe(pipe);
		fds[0] = fds[1] = fds[2] = pipe[0];
		before = fixture_count_descriptors();
		cr_assert_eq(np_send_fds(ends[0], "x", 1, fds, max + 1), 1);
		cr_assert_eq(np_recv_fds(ends[1], &byte, 1, got, max, &count), NP_ELIMIT);
		np_error_text(NP_ELIMIT, text, sizeof(text));
		cr_assert_str_eq(text, "read unixpacket @->@: longer than the limit");
		cr_assert_eq(count, 0);
		cr_assert_eq(got[0], -7);
		cr_assert_eq(fixture_count_descriptors(), before, "with room for %zu", max);
		close_fds(pipe, 2);
		close_pair(ends);
	}
}

/* A process that is out of numbers gets some of them from the kernel, and none from us. */
Test(descriptors, that_have_no_numbers_left_are_closed)
{
	struct rlimit limit, few;
	struct np_fd *ends[2];
	int pipe[2], got[2], before;
	size_t count = 77;
	ssize_t n;
	char byte;

	cr_assert_eq(np_socketpair("unixpacket", ends), 0);
	fixture_pipe(pipe);
	call_register(ends[1]); /* what a wait needs is there */
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 2), 1);
	before = fixture_count_descriptors();
	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	few = limit;
	few.rlim_cur = (rlim_t)dup(0) + 1; /* room for the one number that is freed now */
	close((int)few.rlim_cur - 1);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
	n = np_recv_fds(ends[1], &byte, 1, got, 2, &count);
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	close_fds(pipe, 2);
	close_pair(ends);
	if (n == 1 && count == 2) {
		close_fds(got, 2);
		cr_skip_test("the limit is not the kernel's, as under Valgrind");
	}
	cr_assert_eq(n, -EMFILE, "%zd", n);
	cr_assert_eq(count, 0);
	cr_assert_eq(fixture_count_descriptors(), before - 4);
}

#ifdef __linux__
static int ask_for_senders(int sysfd, void *arg)
{
	const int pass_pidfd = 76, on = 1; /* SO_PASSPIDFD, of Linux 6.5 */

	(void)arg;
	return setsockopt(sysfd, SOL_SOCKET, pass_pidfd, &on, sizeof(on)) < 0 ? -errno : 0;
}

/* The kernel adds one of the sender to each message, if it is asked to. */
Test(descriptors, that_nobody_has_sent_are_not_kept)
{
	struct np_fd *ends[2];
	int pipe[2], got[2], before;
	size_t count;
	char byte;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_pipe(pipe);
	np_fd_control(ends[1], ask_for_senders, NULL);
	call_register(ends[1]);
	before = fixture_count_descriptors();
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), 1);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, got, 2, &count), 1);
	cr_assert_eq(count, 1);
	cr_assert_eq(fixture_count_descriptors(), before + 1);
	close(got[0]);
	close_fds(pipe, 2);
	close_pair(ends);
}
#endif

Test(descriptors, that_nobody_takes_are_not_kept)
{
	struct np_fd *ends[2];
	int pipe[2];
	char byte;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_pipe(pipe);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, &pipe[1], 1), 1);
	close(pipe[1]);
	cr_assert_eq(read(pipe[0], &byte, 1), -1, "one is on its way");
	cr_assert_eq(np_read(ends[1], &byte, 1), 1);
	cr_assert_eq(read(pipe[0], &byte, 1), 0);
	close(pipe[0]);
	close_pair(ends);
}

Test(descriptors, that_cannot_be_sent_are_refused)
{
	struct np_fd *ends[2], *tcp[2];
	int bad = 1 << 20, got;
	size_t count = 77;
	char byte;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	fixture_fd_tcp_pair(tcp);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, &bad, 1), -EBADF);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, NULL, 1), -EINVAL);
	cr_assert_eq(np_send_fds(ends[0], NULL, 1, &bad, 1), -EINVAL);
	cr_assert_eq(np_send_fds(NULL, "x", 1, &bad, 1), -EINVAL);
	cr_assert_eq(np_send_fds(tcp[0], "x", 1, &bad, 1), -EINVAL);
	cr_assert_eq(np_recv_fds(tcp[0], &byte, 1, &got, 1, &count), -EINVAL);
	cr_assert_eq(count, 0);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, NULL), -EINVAL);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, NULL, 1, &count), -EINVAL);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, NP_FDS_MAX + 1, &count), -EINVAL);
	np_cancel_io(ends[0]);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, &bad, 1), NP_ECLOSED);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, &count), 0, "nothing had been sent");
	np_unref(ends[0]);
	np_close(ends[1]);
	close_pair(tcp);
}

Test(descriptors, wait_under_the_deadline)
{
	struct np_fd *ends[2];
	int got;
	size_t count = 77;
	char byte;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	cr_assert_eq(np_set_deadline(ends[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_recv_fds(ends[0], &byte, 1, &got, 1, &count), NP_EDEADLINE);
	cr_assert_eq(count, 0);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, NULL, 0), NP_EDEADLINE);
	close_pair(ends);
}

/* A connection that arrives as a descriptor is a connection again. */
Test(descriptors, become_handles_again)
{
	struct np_fd *listener = call_listen(), *conns[2], *ends[2], *again;
	int sysfd, got;
	size_t count;
	char buf[8];

	call_connect(listener, conns);
	cr_assert_eq(np_socketpair("unix", ends), 0);
	cr_assert_eq(np_fd_duplicate(conns[0], &sysfd), 0);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, &sysfd, 1), 1);
	close(sysfd);
	np_close(conns[0]);
	cr_assert_eq(np_recv_fds(ends[1], buf, 1, &got, 1, &count), 1);
	cr_assert_eq(np_fd_open(got, 0, &again), 0);
	cr_assert_eq(np_write(again, "still", 5), 5);
	cr_assert_eq(np_read(conns[1], buf, sizeof(buf)), 5);
	np_close(again);
	np_close(conns[1]);
	np_close(listener);
	close_pair(ends);
}
