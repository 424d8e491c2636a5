/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_every_call.c - a program's whole life, again and again, with its first system
 * call or allocation failing, then its second, and so on to its last: each failure is an error
 * value, leaves nothing behind, and the life after it is a normal one.
 */
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(every_call, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* What a life has, so that whatever of it came about can be ended. */
struct life {
	struct np_poller *poller;
	struct np_fd *listener;
	struct np_fd *ends[2];
	struct np_fd *pipe[2];
	struct np_fd *memory[2];
	struct np_fd *files[4];
};

static int begin(struct life *life)
{
	const struct np_poller_options options = { .backend = fixture_backend() };
	int error = np_poller_create(&options, &life->poller);

	if (!error)
		np_task_use_poller(life->poller);
	return error;
}

/* So that a fault that loses a connection, or a byte, ends the life instead of the test. */
static int64_t soon(void)
{
	return np_deadline(INT64_C(20) * 1000000000);
}

static int connect_tcp(struct life *life)
{
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];
	int error = np_listen("tcp", "127.0.0.1:0", &life->listener);

	if (!error)
		error = np_local_addr(life->listener, &addr);
	if (error)
		return error;
	np_addr_format(&addr, text, sizeof(text));
	error = np_dial("tcp", text, soon(), &life->ends[0]);
	if (!error)
		error = np_set_deadline(life->listener, soon());
	return error ? error : np_accept(life->listener, &life->ends[1]);
}

/* There and back, the first read having to wait. */
static int echo(struct np_fd *a, struct np_fd *b)
{
	char buf[8];
	struct iovec iov[2] = { { buf, 1 }, { buf + 1, 3 } };
	ssize_t n = np_set_read_deadline(b, np_deadline(1000 * 1000));

	if (!n)
		n = np_read(b, buf, sizeof(buf));
	if (n == NP_EDEADLINE)
		n = np_set_read_deadline(b, soon());
	if (!n)
		n = np_write(a, "echo", 4);
	if (n == 4)
		n = np_read(b, buf, sizeof(buf));
	if (n == 4)
		n = np_writev(b, iov, 2);
	if (n == 4)
		n = np_set_read_deadline(a, soon());
	if (n == 0)
		n = np_read(a, buf, sizeof(buf));
	return n == 4 ? 0 : n < 0 ? (int)n : -EPROTO;
}

static int use_pipe(struct life *life)
{
	int fds[2], error;
	char byte;
	ssize_t n;

	if (pipe(fds) < 0)
		return -errno;
	error = np_fd_open(fds[0], 0, &life->pipe[0]);
	if (error)
		close(fds[0]);
	if (!error)
		error = np_fd_open(fds[1], 0, &life->pipe[1]);
	if (!life->pipe[1])
		close(fds[1]);
	if (error)
		return error;
	n = np_write(life->pipe[1], "x", 1);
	if (n == 1)
		n = np_read(life->pipe[0], &byte, 1);
	return n == 1 ? 0 : (int)n;
}

static int tell_number(int sysfd, void *arg)
{
	*(int *)arg = sysfd;
	return 0;
}

static int use_files(struct life *life)
{
	int number;
	int error = np_pipe(life->files);

	if (!error)
		error = np_fd_control(life->files[0], tell_number, &number);
	if (!error)
		error = np_file_standard(number, &life->files[2]);
	if (!error)
		error = np_file_open("/dev/null", O_RDWR, 0, &life->files[3]);
	return error;
}

/* A wait with a deadline, and the end of one. */
static int use_memory(struct life *life)
{
	int error = np_pipe_pair(life->memory);
	char byte;

	if (!error)
		error = np_set_read_deadline(life->memory[0], np_deadline(1000));
	if (!error)
		error = (int)np_read(life->memory[0], &byte, 1);
	if (error != NP_EDEADLINE)
		return error;
	error = np_cancel_io(life->memory[1]);
	return error ? error : (int)np_read(life->memory[0], &byte, 1);
}

static void finish(struct life *life)
{
	np_close(life->ends[0]);
	np_close(life->ends[1]);
	np_close(life->listener);
	np_close(life->pipe[0]);
	np_close(life->pipe[1]);
	np_close(life->memory[0]);
	np_close(life->memory[1]);
	for (int i = 0; i < 4; i++)
		np_close(life->files[i]);
	np_task_use_poller(NULL);
	cr_assert_eq(np_poller_destroy(life->poller), 0, "after a failure of %s", fault_last());
}

static int live(void)
{
	struct life life = { .poller = NULL };
	int error = begin(&life);

	if (!error)
		error = connect_tcp(&life);
	if (!error)
		error = echo(life.ends[0], life.ends[1]);
	if (!error)
		error = use_pipe(&life);
	if (!error)
		error = use_files(&life);
	if (!error)
		error = use_memory(&life);
	if (!error)
		error = np_close_write(life.ends[0]);
	finish(&life);
	return error;
}

static void expect_a_normal_life(const char *after)
{
	int error;

	fault_clear();
	error = live();
	cr_assert_eq(error, 0, "after a failure of %s: %d", after, error);
}

Test(every_call, that_fails_is_an_error_and_leaves_nothing_behind)
{
	int descriptors = fixture_count_descriptors();
	int failures = 0;

	for (int nth = 1;; nth++) {
		int error;

		fault_fail_any(nth);
		error = live();
		if (fault_met() == 0) {
			cr_assert_eq(error, 0);
			break;
		}
		failures += error < 0;
		cr_assert_leq(error, 0, "%s: %d", fault_last(), error);
		cr_assert_neq(error, NP_EMISUSE, "%s", fault_last());
		cr_assert_eq(fault_allocations(), 0, "%s: %ld are not freed", fault_last(),
			     fault_allocations());
		cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", fault_last());
		expect_a_normal_life(fault_last());
	}
	/* Some are made good (an eventfd becomes a pipe) or do not matter; most must be told. */
	cr_assert_gt(failures, 15);
}

/* And everything from the nth on: a process that has run out of something for good. */
Test(every_call, that_fails_for_good_is_survived_too)
{
	const struct {
		const char *name;
		int error;
	} rows[] = {
		{ "malloc", ENOMEM },         { "calloc", ENOMEM },
		{ "realloc", ENOMEM },        { "socket", EMFILE },
		{ "accept4", ENFILE },        { "epoll_create1", ENFILE },
		{ "pipe2", EMFILE },          { "kqueue", ENOMEM },
		{ "epoll_ctl", ENOMEM },      { "send", ENOBUFS },
		{ "sendmsg", ENOBUFS },       { "recv", ENOMEM },
		{ "fcntl", EPERM },           { "setsockopt", EPERM },
		{ "getsockname", ENOBUFS },   { "port_create", ENOMEM },
		{ "port_associate", EAGAIN },
	};
	int descriptors = fixture_count_descriptors();

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		for (int first = 1;; first++) {
			int error;

			fault_fail(rows[i].name, first, FAULT_ALWAYS, rows[i].error);
			error = live();
			cr_assert_leq(error, 0);
			cr_assert_eq(fault_allocations(), 0, "%s", rows[i].name);
			cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", rows[i].name);
			if (fault_met() == 0)
				break;
			expect_a_normal_life(rows[i].name);
		}
		fault_clear();
	}
}
