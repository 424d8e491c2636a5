/* SPDX-License-Identifier: MIT */
/* tests/host/host.c - see host.h. */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* Far above what any case takes, below what the build allows a test. */
enum { SECONDS_UNTIL_HANG = 240 };

const struct runtime_poll *host_backend;

static const char *running = "the beginning";
static struct np_poller *poller;

/* ---- cases -------------------------------------------------------------------------------- */

__attribute__((format(printf, 2, 0))) static void tell(const char *verb, const char *format,
						       va_list args)
{
	fprintf(stderr, "%s %s: ", running, verb);
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
}

void host_fail(const char *format, ...)
{
	va_list args;
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before); /* or the thread would end here */
	va_start(args, format);
	tell("failed", format, args);
	va_end(args);
	_exit(1); /* its threads are still running */
}

void host_skip(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "[SKIP] "); /* for those who collect what was skipped */
	tell("skipped", format, args);
	va_end(args);
	_exit(HOST_SKIPPED);
}

void host_expect(int64_t result, int64_t expected, const char *call)
{
	char text[512] = "";

	if (result == expected)
		return;
	if (result < 0)
		np_error_text((int)result, text, sizeof(text));
	host_fail("%s is %lld (%s) instead of %lld", call, (long long)result, text,
		  (long long)expected);
}

/* In a signal handler: nothing but write(2). */
static void tell_hang(int number)
{
	ssize_t ignored = write(STDERR_FILENO, running, strlen(running));

	(void)number;
	ignored = write(STDERR_FILENO, " hangs\n", 7);
	(void)ignored;
	_exit(1);
}

static void run_case(const struct host_case *one)
{
	running = one->name;
	signal(SIGALRM, tell_hang);
	alarm(SECONDS_UNTIL_HANG);
	one->run();
	_exit(HOST_PASSED);
}

/* Returns HOST_PASSED, HOST_SKIPPED or HOST_FAILED. */
static int try_case(const struct host_case *one)
{
	pid_t child = fork();
	int status;

	if (child == 0)
		run_case(one);
	if (child < 0 || waitpid(child, &status, 0) != child) {
		fprintf(stderr, "%s: it could not be run: %s\n", one->name, strerror(errno));
		return HOST_FAILED;
	}
	if (WIFEXITED(status) &&
	    (WEXITSTATUS(status) == HOST_PASSED || WEXITSTATUS(status) == HOST_SKIPPED))
		return WEXITSTATUS(status);
	fprintf(stderr, "%s: %s %d\n", one->name, WIFSIGNALED(status) ? "died of signal" : "exit",
		WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
	return HOST_FAILED;
}

static bool is_wanted(const struct host_case *one, int argc, char **argv)
{
	for (int i = 2; i < argc; i++)
		if (!strcmp(argv[i], one->name))
			return true;
	return argc <= 2;
}

int host_main(int argc, char **argv, const struct host_case *cases, size_t count)
{
	int passed = 0, skipped = 0, failed = 0;

	host_backend = argc > 1 ? runtime_poll_find(argv[1]) : NULL;
	if (!host_backend) {
		fprintf(stderr, "usage: %s BACKEND [CASE...]\n", argv[0]);
		return 2;
	}
	for (size_t i = 0; i < count; i++) {
		int result = is_wanted(&cases[i], argc, argv) ? try_case(&cases[i]) : 0;

		passed += result == HOST_PASSED;
		skipped += result == HOST_SKIPPED;
		failed += result == HOST_FAILED;
	}
	if (passed == 0 && failed == 0 && skipped > 0)
		return HOST_SKIPPED;
	return passed > 0 && failed == 0 ? 0 : HOST_FAILED;
}

void host_reap(int64_t pid, int expected, const char *what)
{
	int status = -1;
	pid_t reaped;

	do
		reaped = waitpid((pid_t)pid, &status, 0);
	while (reaped < 0 && errno == EINTR);
	HOST_CHECK(reaped == (pid_t)pid, "waiting for %s: %s", what, strerror(errno));
	HOST_CHECK(!WIFSIGNALED(status), "%s died of signal %d", what, WTERMSIG(status));
	HOST_CHECK(WEXITSTATUS(status) == expected, "%s exits with %d instead of %d", what,
		   WEXITSTATUS(status), expected);
}

/* ---- tasks -------------------------------------------------------------------------------- */

struct np_poller *host_use_backend(void)
{
	const struct np_poller_options options = { .backend = host_backend };

	if (!poller)
		HOST_EXPECT(np_poller_create(&options, &poller), 0);
	np_task_use_poller(poller);
	return poller;
}

size_t host_parked(struct np_poller *on)
{
	struct np_poller_stats stats;

	np_poller_get_stats(on, &stats);
	return stats.parked;
}

int host_run(int (*fn)(void *arg), unsigned workers)
{
	const struct np_run_options options = { .backend = host_backend, .workers = workers };

	return np_run(fn, NULL, &options);
}

pthread_t host_start(void *(*run)(void *arg), void *arg)
{
	pthread_t thread;
	int error = pthread_create(&thread, NULL, run, arg);

	HOST_CHECK(!error, "pthread_create: %s", strerror(error));
	return thread;
}

/* ---- descriptors -------------------------------------------------------------------------- */

int host_count_descriptors(int limit)
{
	int count = 0;

	for (int fd = 0; fd < limit; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

void host_address(struct np_fd *listener, char text[NP_ADDR_TEXT_MAX])
{
	struct np_addr addr;

	HOST_EXPECT(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, text, NP_ADDR_TEXT_MAX);
}

void host_pair(const char *network, struct np_fd *ends[2])
{
	char address[NP_ADDR_TEXT_MAX];
	struct np_fd *listener;

	if (strcmp(network, "tcp") != 0) {
		HOST_EXPECT(np_socketpair(network, ends), 0);
		return;
	}
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	host_address(listener, address);
	HOST_EXPECT(np_dial("tcp", address, 0, &ends[0]), 0);
	HOST_EXPECT(np_accept(listener, &ends[1]), 0);
	HOST_EXPECT(np_close(listener), 0);
}

/* The first read finds nothing and has to wait until its time is over. */
void host_echo(void)
{
	struct np_fd *ends[2];
	char byte = 'x';

	host_pair("tcp", ends);
	HOST_EXPECT(np_set_read_deadline(ends[1], np_deadline(1000000)), 0);
	HOST_EXPECT(np_read(ends[1], &byte, 1), NP_EDEADLINE);
	HOST_EXPECT(np_set_read_deadline(ends[1], 0), 0);
	for (int i = 0; i < 2; i++) {
		HOST_EXPECT(np_write(ends[i], "y", 1), 1);
		HOST_EXPECT(np_wait(ends[!i], NP_READ), 0);
		HOST_EXPECT(np_read(ends[!i], &byte, 1), 1);
		HOST_CHECK(byte == 'y', "another byte arrives");
	}
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_close(ends[i]), 0);
}
