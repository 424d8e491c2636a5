/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_inherit.c - what a program is started with: found by np_inherit(), which runs in
 * children with the numbers from 3 on of their own; given by np_spawn(), to a shell.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

TestSuite(inherit, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* ---- np_inherit() ------------------------------------------------------------------------- */

/* In a child nothing of Criterion may be used: it says what is wrong, and exits. */
#define CHECK(condition)                                                                           \
	do {                                                                                       \
		if (!(condition)) {                                                                \
			fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);            \
			_exit(1);                                                                  \
		}                                                                                  \
	} while (0)

struct start {
	const char *fds, *names; /* NULL: not set */
	const char *pid;         /* NULL: the child's own */
	const int *give;         /* descriptors, from number 3 on */
	int count;
};

/* @check in a child that was started like this. */
static void expect_in_child(const struct start *start, void (*check)(const void *arg),
			    const void *arg)
{
	pid_t pid = fork();
	int status;

	if (pid == 0) {
		char own[32];
		int above[8];

		snprintf(own, sizeof(own), "%ld", (long)getpid());
		setenv("LISTEN_PID", start->pid ? start->pid : own, 1);
		setenv("LISTEN_FDS", start->fds ? start->fds : "", 1);
		setenv("LISTEN_FDNAMES", start->names ? start->names : "", 1);
		setenv("LISTEN_PIDFDID", "7", 1); /* of systemd since 258 */
		if (!start->fds)
			unsetenv("LISTEN_FDS");
		if (!start->names)
			unsetenv("LISTEN_FDNAMES");
		for (int i = 0; i < start->count; i++)
			above[i] = fcntl(start->give[i], F_DUPFD, 100);
		for (int i = 0; i < start->count; i++)
			dup2(above[i], 3 + i);
		close(3 + start->count);
		np_task_use_poller(NULL); /* the parent's */
		check(arg);
		_exit(0);
	}
	cr_assert_eq(waitpid(pid, &status, 0), pid);
	cr_assert_eq(status, 0);
}

static int get_option(int sysfd, int level, int option)
{
	int value = -1;
	socklen_t length = sizeof(value);

	return getsockopt(sysfd, level, option, &value, &length) < 0 ? -errno : value;
}

static void check_all_kinds(const void *arg)
{
	struct np_inherited list[4];
	struct np_fd *clients[2], *conns[2];
	struct np_addr addr;
	const char *path = arg;
	char text[NP_ADDR_TEXT_MAX], byte;

	CHECK(np_inherit(list, 4) == 3);
	CHECK(strcmp(list[0].name, "web") == 0);
	CHECK(strcmp(list[1].name, "") == 0);
	CHECK(strcmp(list[2].name, "a pair") == 0);
	for (int i = 0; i < 3; i++) {
		CHECK(fcntl(3 + i, F_GETFD) == FD_CLOEXEC);
		CHECK(fcntl(3 + i, F_GETFL) & O_NONBLOCK);
		CHECK(!list[i].data);
	}
	CHECK(!getenv("LISTEN_FDS") && !getenv("LISTEN_PID") && !getenv("LISTEN_FDNAMES"));
	CHECK(!getenv("LISTEN_PIDFDID"));
	CHECK(get_option(3, IPPROTO_TCP, TCP_NODELAY) > 0);
	CHECK(get_option(3, SOL_SOCKET, SO_KEEPALIVE) > 0);
	CHECK(np_local_addr(list[0].fd, &addr) == 0);
	np_addr_format(&addr, text, sizeof(text));
	CHECK(np_dial("tcp", text, 0, &clients[0]) == 0);
	CHECK(np_accept(list[0].fd, &conns[0]) == 0);
	CHECK(np_write(clients[0], "x", 1) == 1);
	CHECK(np_read(conns[0], &byte, 1) == 1);
	CHECK(np_dial("unix", path, 0, &clients[1]) == 0);
	CHECK(np_accept(list[1].fd, &conns[1]) == 0);
	CHECK(np_close(list[1].fd) == 0);
	CHECK(access(path, F_OK) == 0);
	CHECK(np_write(list[2].fd, "y", 1) == 1);
	for (int i = 0; i < 2; i++) {
		np_close(list[2 * i].fd);
		np_close(clients[i]);
		np_close(conns[i]);
	}
	CHECK(np_inherit(list, 4) == 0);
}

static int get_number(int sysfd, void *arg)
{
	(void)arg;
	return sysfd;
}

Test(inherit, finds_what_it_was_given)
{
	struct np_fd *tcp = call_listen(), *local, *pair[2];
	char path[64], byte;
	int give[3];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &local), 0);
	cr_assert_eq(np_socketpair("unix", pair), 0);
	give[0] = np_fd_control(tcp, get_number, NULL);
	give[1] = np_fd_control(local, get_number, NULL);
	give[2] = np_fd_control(pair[0], get_number, NULL);
	expect_in_child(&(struct start){ "3", "web::a pair", NULL, give, 3 }, check_all_kinds,
			path);
	cr_assert_eq(np_read(pair[1], &byte, 1), 1);
	np_close(tcp);
	np_close(local);
	np_close(pair[0]);
	np_close(pair[1]);
}

struct expected {
	int result;
	bool is_untouched; /* variables and descriptors */
	const char *text;
};

static void check_result(const void *arg)
{
	const struct expected *expected = arg;
	struct np_inherited list[2];
	char text[256];
	int result = np_inherit(list, 2);

	np_error_text(result, text, sizeof(text));
	if (result != expected->result)
		fprintf(stderr, "%d (%s) instead of %d\n", result, text, expected->result);
	CHECK(result == expected->result);
	CHECK(!expected->text || strcmp(text, expected->text) == 0);
	CHECK(!expected->is_untouched == !getenv("LISTEN_PID"));
	CHECK(fcntl(3, F_GETFD) == (expected->is_untouched ? 0 : FD_CLOEXEC));
	for (int i = 0; i < result; i++)
		CHECK(strcmp(list[i].name, "unknown") == 0 && np_close(list[i].fd) == 0);
}

Test(inherit, tells_what_makes_no_sense)
{
	static const char pid_text[] = "invalid argument: np_inherit: LISTEN_PID is no process";
	static const char fds_text[] =
		"invalid argument: np_inherit: LISTEN_FDS is no number of descriptors";
	static const char few_text[] = "invalid argument: np_inherit: LISTEN_FDNAMES has too few "
				       "names, or one that is too long";
	static const char many_text[] =
		"invalid argument: np_inherit: LISTEN_FDNAMES has too many names";
	char long_name[300];
	const struct {
		struct start start;
		struct expected expected;
	} rows[] = {
		{ { "2", NULL, NULL, NULL, 2 }, { 2, false, NULL } },
		{ { "0", NULL, NULL, NULL, 2 }, { 0, true, NULL } },
		{ { NULL, "a:b", NULL, NULL, 2 }, { 0, true, NULL } },
		{ { "2", NULL, "1", NULL, 2 }, { 0, true, NULL } },
		{ { "2", NULL, "", NULL, 2 }, { -EINVAL, true, pid_text } },
		{ { "2", NULL, "-7", NULL, 2 }, { -EINVAL, true, pid_text } },
		{ { "2", NULL, "99999999999999999999", NULL, 2 }, { -EINVAL, true, pid_text } },
		{ { "", NULL, NULL, NULL, 2 }, { -EINVAL, true, fds_text } },
		{ { "2x", NULL, NULL, NULL, 2 }, { -EINVAL, true, fds_text } },
		{ { "4294967297", NULL, NULL, NULL, 2 }, { -EINVAL, true, fds_text } },
		{ { "3", NULL, NULL, NULL, 2 }, { NP_ELIMIT, true, NULL } },
		{ { "2", "a", NULL, NULL, 2 }, { -EINVAL, true, few_text } },
		{ { "2", long_name, NULL, NULL, 2 }, { -EINVAL, true, few_text } },
		{ { "2", "a:b:", NULL, NULL, 2 }, { -EINVAL, true, many_text } },
		{ { "2", NULL, NULL, NULL, 1 },
		  { -EBADF, true, "inherit: fcntl: bad file descriptor" } },
	};
	int give[2];

	memset(long_name, 'x', sizeof(long_name));
	memcpy(long_name + 280, ":b", 3);
	fixture_socketpair(give);
	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct start start = rows[i].start;

		start.give = give;
		expect_in_child(&start, check_result, &rows[i].expected);
	}
	close(give[0]);
	close(give[1]);
}

/* ---- np_spawn() --------------------------------------------------------------------------- */

struct shell {
	struct call call;
	const char *script;
	struct np_inherited list[2];
	size_t count;
	char **envp;
	bool is_bare; /* there is no environment */
	pid_t pid;
};

static ssize_t spawn_shell(struct call *call)
{
	struct shell *shell = (struct shell *)call;
	char name[] = "sh", option[] = "-c";
	char *const argv[] = { name, option, (char *)(uintptr_t)shell->script, NULL };

	char **before = environ;
	int error;

	if (shell->is_bare)
		environ = NULL; /* as clearenv(3) leaves it */
	error = np_spawn("/bin/sh", argv, shell->envp, shell->list, shell->count, &shell->pid);
	environ = before;
	return error;
}

/* Run @script with a socket at number 3, whose other end says @expected. */
static void expect_shell(struct shell *shell, const char *expected)
{
	struct np_fd *ends[2];
	char said[256] = "";
	int status;
	ssize_t n;

	cr_assert_eq(np_socketpair("unix", ends), 0);
	shell->list[0] = (struct np_inherited){ .fd = ends[0], .name = "out" };
	call_start(&shell->call, spawn_shell);
	cr_assert_eq(call_finish(&shell->call), 0, "%s", shell->call.text);
	np_close(ends[0]);
	n = call_read_full(ends[1], said, sizeof(said) - 1);
	cr_assert_geq(n, 0);
	cr_assert_str_eq(said, expected);
	cr_assert_eq(waitpid(shell->pid, &status, 0), shell->pid);
	cr_assert_eq(status, 0);
	np_close(ends[1]);
}

/* The shell has one end of the pair as 3 and the other as 4: what it says to itself it hears. */
Test(inherit, gives_a_program_its_descriptors_and_their_names)
{
	struct np_fd *pair[2];
	char byte;
	struct shell shell = {
		.script = "[ $LISTEN_PID = $$ ] && echo $LISTEN_FDS $LISTEN_FDNAMES "
			  "$LISTEN_PIDFDID $OTHER >&3; echo x >&4",
		.count = 2,
	};

	setenv("OTHER", "kept", 1);
	setenv("LISTEN_FDS", "7", 1);
	setenv("LISTEN_FDNAMES", "seven", 1);
	setenv("LISTEN_PIDFDID", "7", 1);
	cr_assert_eq(np_socketpair("unix", pair), 0);
	shell.list[1] = (struct np_inherited){ .fd = pair[0] };
	expect_shell(&shell, "2 out:unknown kept\n");
	cr_assert_eq(np_read(pair[1], &byte, 1), 1);
	np_close(pair[0]);
	np_close(pair[1]);
}

Test(inherit, gives_a_program_the_environment_that_was_asked_for)
{
	char a[] = "A=b", pid[] = "LISTEN_PID=1", fds[] = "LISTEN_FDS=9";
	char other[] = "LISTEN_OTHER=x";
	char *envp[] = { a, pid, fds, other, NULL };
	struct shell shell = {
		.script = "echo $A $LISTEN_FDS $LISTEN_OTHER ${HOME-homeless} >&3",
		.count = 1,
		.envp = envp,
	};

	unsetenv("HOME");
	expect_shell(&shell, "b 1 x homeless\n");
}

Test(inherit, gives_a_program_what_there_is_without_an_environment)
{
	struct shell shell = {
		.script = "echo $LISTEN_FDS ${HOME-homeless} >&3",
		.count = 1,
		.is_bare = true,
	};

	expect_shell(&shell, "1 homeless\n");
}

Test(inherit, starts_a_program_without_descriptors_too)
{
	struct shell shell = { .script = "[ -z \"$LISTEN_FDS$LISTEN_PID$LISTEN_FDNAMES\" ]" };
	int status;

	setenv("LISTEN_FDS", "7", 1);
	setenv("LISTEN_PID", "7", 1);
	call_start(&shell.call, spawn_shell);
	cr_assert_eq(call_finish(&shell.call), 0);
	cr_assert_eq(waitpid(shell.pid, &status, 0), shell.pid);
	cr_assert_eq(status, 0);
}

#ifdef __linux__
/*
 * Whatever is blocked where it is called; what is ignored stays so, as exec(2) has it. No shell,
 * which would clear its mask itself.
 */
Test(inherit, starts_a_program_with_no_signal_blocked)
{
	char name[] = "dd", from[] = "if=/proc/self/status", to[] = "of=/proc/self/fd/3";
	char quiet[] = "status=none", status[8192] = "", *ignored;
	char *const argv[] = { name, from, to, quiet, NULL };
	struct np_inherited list[1] = { { .name = "out" } };
	struct np_fd *pipe[2];
	sigset_t all, before, after;
	pid_t pid;

	for (int signo = 1; signo < 16; signo++)
		signal(signo, signo == SIGUSR2 ? SIG_IGN : SIG_DFL);
	fixture_fd_pipe(pipe);
	list[0].fd = pipe[1];
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	cr_assert_eq(np_spawn("/bin/dd", argv, NULL, list, 1, &pid), 0);
	pthread_sigmask(SIG_SETMASK, &before, &after);
	cr_assert_eq(sigismember(&after, SIGUSR2), 1, "the caller's are as they were");
	np_close(pipe[1]);
	cr_assert_gt(call_read_full(pipe[0], status, sizeof(status) - 1), 0);
	cr_assert(strstr(status, "SigBlk:\t0000000000000000\n"), "%s", status);
	ignored = strstr(status, "SigIgn:");
	cr_assert(ignored);
	cr_assert_eq(strtoull(ignored + 7, NULL, 16) & 0x7fff, 1U << (SIGUSR2 - 1), "%s", status);
	cr_assert_eq(waitpid(pid, NULL, 0), pid);
	np_close(pipe[0]);
}
#endif

Test(inherit, tells_why_a_program_does_not_start)
{
	char name[] = "nothing";
	char *const argv[] = { name, NULL };
	struct np_inherited list[1] = { { .fd = NULL } };
	struct np_fd *pair[2];
	char text[256];
	pid_t pid = -7;

	cr_assert_eq(np_socketpair("unix", pair), 0);
	list[0].fd = pair[0];
	cr_assert_eq(np_spawn("/nothing/here", argv, NULL, list, 1, &pid), -ENOENT);
	np_error_text(-ENOENT, text, sizeof(text));
	cr_assert_str_eq(text, "spawn: execve: no such file or directory");
	cr_assert_eq(np_spawn("/", argv, NULL, list, 1, &pid), -EACCES);
	cr_assert_eq(waitpid(-1, NULL, WNOHANG), -1, "no child is left");
	cr_assert_eq(np_spawn(NULL, argv, NULL, list, 1, &pid), -EINVAL);
	cr_assert_eq(np_spawn("/bin/sh", NULL, NULL, list, 1, &pid), -EINVAL);
	cr_assert_eq(np_spawn("/bin/sh", argv, NULL, NULL, 1, &pid), -EINVAL);
	snprintf(list[0].name, sizeof(list[0].name), "a:b");
	cr_assert_eq(np_spawn("/bin/sh", argv, NULL, list, 1, &pid), -EINVAL);
	list[0].name[0] = '\0';
	list[0].data = text;
	cr_assert_eq(np_spawn("/bin/sh", argv, NULL, list, 1, &pid), -EINVAL);
	list[0].data = NULL;
	np_cancel_io(pair[0]);
	cr_assert_eq(np_spawn("/bin/sh", argv, NULL, list, 1, &pid), NP_ECLOSED);
	cr_assert_eq(pid, -7);
	np_unref(pair[0]);
	np_close(pair[1]);
}
