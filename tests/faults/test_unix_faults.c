/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_unix_faults.c - pairs, descriptors on their way, and handles for other
 * programs, with a kernel that is short of something or interrupts.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(unix_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static void open_pair(struct np_fd *ends[2])
{
	cr_assert_eq(np_socketpair("unix", ends), 0);
}

static void close_pair(struct np_fd *ends[2])
{
	np_close(ends[0]);
	np_close(ends[1]);
}

static void expect_text(int error, const char *expected)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	cr_assert_eq(strncmp(text, expected, strlen(expected)), 0, "%s", text);
}

Test(unix_faults, a_pair_that_fails_leaves_nothing)
{
	const struct {
		const char *name;
		int first, error;
		const char *text;
	} rows[] = {
		{ "socketpair", 1, EMFILE, "socketpair unix: socketpair: " },
		{ "calloc", 1, ENOMEM, "socketpair unix: " },
		{ "calloc", 2, ENOMEM, "socketpair unix: " },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_fd *ends[2] = { NULL, NULL };
		int descriptors = fixture_count_descriptors();

		fault_fail(rows[i].name, rows[i].first, 1, rows[i].error);
		cr_assert_eq(np_socketpair("unix", ends), -rows[i].error);
		expect_text(-rows[i].error, rows[i].text);
		cr_assert_null(ends[0]);
		cr_assert_null(ends[1]);
		cr_assert_eq(fixture_count_descriptors(), descriptors);
		fault_clear();
	}
}

/* Of those that are no connections, as other systems say it. */
Test(unix_faults, a_peer_that_is_not_told_is_not_connected)
{
	struct np_credentials peer;
	struct np_fd *ends[2];

	open_pair(ends);
	fault_fail("getsockopt", 1, 1, EINVAL);
	cr_assert_eq(np_peer_credentials(ends[0], &peer), -ENOTCONN);
	close_pair(ends);
}

/* ---- descriptors on their way ------------------------------------------------------------- */

Test(unix_faults, descriptors_survive_interrupts_and_what_is_only_full)
{
	struct np_fd *ends[2];
	int pipe[2], got;
	size_t count;
	char byte;

	open_pair(ends);
	fixture_pipe(pipe);
	fault_fail("sendmsg", 1, 2, EINTR);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), 1);
	cr_assert_eq(fault_calls("sendmsg"), 3);
	fault_fail("recvmsg", 1, 2, EINTR);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, &count), 1);
	cr_assert_eq(count, 1);
	cr_assert_eq(fault_calls("recvmsg"), 3);
	close(got);
	fault_fail("sendmsg", 1, 1, EAGAIN); /* there is room when poll is asked */
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), 1);
	fault_clear();
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, &count), 1);
	cr_assert_eq(count, 1);
	close(got);
	close(pipe[0]);
	close(pipe[1]);
	close_pair(ends);
}

Test(unix_faults, descriptors_that_fail_are_told_and_go_the_next_time)
{
	struct np_fd *ends[2];
	int pipe[2], got = -1, duplicate = -7;
	size_t count = 77;
	char byte;

	open_pair(ends);
	fixture_pipe(pipe);
	fault_fail("sendmsg", 1, 1, ETOOMANYREFS);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), -ETOOMANYREFS);
	expect_text(-ETOOMANYREFS, "write unix @->@: sendmsg: ");
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), 1);
	fault_fail("recvmsg", 1, 1, ENOMEM);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, &count), -ENOMEM);
	expect_text(-ENOMEM, "read unix @->@: recvmsg: ");
	cr_assert_eq(count, 0);
	cr_assert_eq(np_recv_fds(ends[1], &byte, 1, &got, 1, &count), 1);
	close(got);
	fault_fail("fcntl", 1, 1, EMFILE);
	cr_assert_eq(np_fd_duplicate(ends[0], &duplicate), -EMFILE);
	expect_text(-EMFILE, "file unix @->@: fcntl: ");
	cr_assert_eq(duplicate, -7);
	/* The kernel claims what cannot be. */
	fault_return("sendmsg", 1, 1, 2);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), -EIO);
	fault_return("sendmsg", 1, 1, 0);
	cr_assert_eq(np_send_fds(ends[0], "x", 1, pipe, 1), NP_ESHORTWRITE);
	close(pipe[0]);
	close(pipe[1]);
	close_pair(ends);
}

/* ---- programs that are started ------------------------------------------------------------ */

Test(unix_faults, a_program_that_cannot_be_started_leaves_nothing)
{
	const struct {
		const char *name;
		int first, error;
	} rows[] = {
		{ "malloc", 1, ENOMEM }, { "malloc", 2, ENOMEM }, { "calloc", 1, ENOMEM },
		{ "fcntl", 1, EMFILE },  { "fcntl", 2, EMFILE },  { "fcntl", 3, EMFILE },
		{ "pipe2", 1, EMFILE },  { "fork", 1, EAGAIN },   { "fork", 1, ENOMEM },
	};
	char name[] = "true";
	char *const argv[] = { name, NULL };
	struct np_inherited list[2] = { { .fd = NULL } };
	struct np_fd *ends[2];
	pid_t pid = -7;
	int status;

	open_pair(ends);
	list[0].fd = ends[0];
	list[1].fd = ends[1];
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int descriptors = fixture_count_descriptors();
		long allocations = fault_allocations();

		fault_fail(rows[i].name, rows[i].first, 1, rows[i].error);
		cr_assert_eq(np_spawn("/bin/true", argv, NULL, list, 2, &pid), -rows[i].error,
			     "%s %d", rows[i].name, rows[i].first);
		expect_text(-rows[i].error, "spawn: ");
		cr_assert_eq(fault_met(), 1);
		cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", rows[i].name);
		cr_assert_eq(fault_allocations(), allocations, "%s", rows[i].name);
		cr_assert_eq(pid, -7);
		cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "%s: a child is left", rows[i].name);
		fault_clear();
	}
	/* As fcntl(2) says that a number is above the limit. */
	fault_fail("fcntl", 1, 1, EINVAL);
	cr_assert_eq(np_spawn("/bin/true", argv, NULL, list, 2, &pid), -EMFILE);
	fault_fail("read", 1, 2, EINTR);
	cr_assert_eq(np_spawn("/bin/true", argv, NULL, list, 2, &pid), 0);
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
	close_pair(ends);
}

/* All or none: in a child, where the numbers from 3 on are free for it. */
static int inherit_without_memory(const int fds[2], int nth)
{
	struct np_inherited list[2];
	char pid[32];
	int error;

	snprintf(pid, sizeof(pid), "%ld", (long)getpid());
	setenv("LISTEN_PID", pid, 1);
	setenv("LISTEN_FDS", "2", 1);
	dup2(fds[0], 3);
	dup2(fds[1], 4);
	fault_fail("calloc", nth, 1, ENOMEM);
	error = np_inherit(list, 2);
	fault_clear();
	if (error != -ENOMEM || getenv("LISTEN_FDS"))
		return 1;
	return fcntl(3, F_GETFD) >= 0 || fcntl(4, F_GETFD) >= 0 ? 2 : 0;
}

Test(unix_faults, a_program_without_memory_inherits_nothing)
{
	int fds[2], above[2], status;

	fixture_socketpair(fds);
	above[0] = fcntl(fds[0], F_DUPFD, 100);
	above[1] = fcntl(fds[1], F_DUPFD, 100);
	for (int nth = 1; nth <= 2; nth++) {
		pid_t pid = fork();

		if (pid == 0)
			_exit(inherit_without_memory(above, nth));
		cr_assert_eq(waitpid(pid, &status, 0), pid);
		cr_assert_eq(status, 0);
	}
	for (int i = 0; i < 2; i++) {
		close(fds[i]);
		close(above[i]);
	}
}

/* ---- programs that run -------------------------------------------------------------------- */

static ssize_t give(struct call *call)
{
	return np_hand_over(call->fd, call->buf, call->size);
}

struct hand_over {
	struct np_fd *ends[2];
	struct np_fd *handles[2];
	struct np_inherited list[2], taken[2];
	char path[64], data[16];
	int descriptors;
};

static void begin(struct hand_over *over)
{
	memset(over, 0, sizeof(*over));
	open_pair(over->ends);
	call_unix_path(over->path);
	cr_assert_eq(np_listen("unix", over->path, &over->list[0].fd), 0);
	over->list[1].fd = call_listen();
	over->list[1].data = over->data;
	over->list[1].size = sizeof(over->data);
	over->descriptors = fixture_count_descriptors();
}

static void finish(struct hand_over *over)
{
	np_close(over->list[0].fd);
	np_close(over->list[1].fd);
	close_pair(over->ends);
	unlink(over->path);
}

/* Whatever fails in the taker, both agree on what has become of it. */
static bool takes_with_fault(int nth)
{
	struct hand_over over;
	struct call giver = { .size = 2 };
	int taken;
	bool is_met;

	begin(&over);
	giver.fd = over.ends[0];
	giver.buf = over.list;
	call_start(&giver, give);
	FIXTURE_UNTIL(fixture_parked() == 1);
	over.descriptors = fixture_count_descriptors(); /* the poller's come late */
	fault_fail_any(nth);
	taken = np_take_over(over.ends[1], over.taken, 2);
	is_met = fault_met() > 0;
	fault_clear();
	call_finish(&giver);
	cr_assert_eq(taken == 2, giver.result == 0, "%d, %zd after %s", taken, giver.result,
		     fault_last());
	if (taken == 2) {
		free(over.taken[1].data);
		np_close(over.taken[1].fd);
		np_close(over.taken[0].fd);
	}
	cr_assert_eq(fixture_count_descriptors(), over.descriptors, "%s", fault_last());
	cr_assert_eq(access(over.path, F_OK), taken == 2 ? -1 : 0, "%s", fault_last());
	finish(&over);
	return is_met;
}

Test(unix_faults, a_taker_that_fails_leaves_everything_to_the_giver)
{
	int nth = 1;

	while (takes_with_fault(nth))
		nth++;
	cr_assert_gt(nth, 10);
}

/* To one that has said yes to everything, and gets it, or not. */
static bool gives_with_fault(int nth)
{
	static const int32_t yes = 0;
	struct hand_over over;
	bool is_met;
	int error;

	begin(&over);
	cr_assert_eq(np_write(over.ends[1], &yes, sizeof(yes)), (ssize_t)sizeof(yes));
	fault_fail_any(nth);
	error = np_hand_over(over.ends[0], over.list, 2);
	is_met = fault_met() > 0;
	fault_clear();
	cr_assert_leq(error, 0);
	/* But for the call that looks for the answer, which is looked for twice. */
	cr_assert(!is_met == (error == 0) || strcmp(fault_last(), "recv") == 0, "%d after %s",
		  error, fault_last());
	np_close(over.list[0].fd);
	cr_assert_eq(access(over.path, F_OK), error ? -1 : 0, "%s", fault_last());
	over.list[0].fd = NULL;
	finish(&over);
	return is_met;
}

Test(unix_faults, a_giver_that_fails_keeps_everything)
{
	int nth = 1;

	while (gives_with_fault(nth))
		nth++;
	cr_assert_gt(nth, 4);
}
