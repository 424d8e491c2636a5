/* SPDX-License-Identifier: MIT */
/*
 * tests/host/processes.c - programs that become daemons, start others, use the library before
 * main() and after it, end while tasks wait, and have threads with small stacks.
 */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

/* ---- before main() -------------------------------------------------------------------------- */

static bool worked_before_main;

/* In the order of the linker, as of a C++ program's static objects. */
__attribute__((constructor)) static void use_before_main(void)
{
	struct np_fd *ends[2];
	char byte = 0;

	worked_before_main = np_socketpair("unix", ends) == 0 &&
			     np_set_read_deadline(ends[1], np_deadline(1000)) == 0 &&
			     np_read(ends[1], &byte, 1) == NP_EDEADLINE &&
			     np_write(ends[0], "x", 1) == 1 && np_close(ends[0]) == 0 &&
			     np_close(ends[1]) == 0;
}

/* This process is a child of the one in which that ran. */
static void before_main(void)
{
	HOST_CHECK(worked_before_main, "the library did not work before main()");
	host_use_backend();
	host_echo();
}

/* ---- daemons -------------------------------------------------------------------------------- */

/* As daemon(3), but that the first process waits for the last, which tells by a pipe. */
static void become_daemon(int *ret_tell)
{
	int ends[2];
	char byte;

	HOST_CHECK(pipe(ends) == 0, "pipe: errno %d", errno);
	if (fork() > 0) {
		close(ends[1]);
		_exit(read(ends[0], &byte, 1) == 1 && byte == 'k' ? HOST_PASSED : 1);
	}
	HOST_CHECK(setsid() >= 0 && chdir("/") == 0, "setsid: errno %d", errno);
	if (fork() > 0)
		_exit(0);
	close(ends[0]);
	*ret_tell = ends[1];
}

static int echo_in_fiber(void *arg)
{
	(void)arg;
	host_echo();
	return 0;
}

static void tell_and_exit(int tell)
{
	_exit(write(tell, "k", 1) == 1 ? 0 : 1);
}

static void daemon_before_use(void)
{
	int tell;

	become_daemon(&tell);
	host_use_backend();
	host_echo();
	HOST_EXPECT(host_run(echo_in_fiber, 2), 0);
	tell_and_exit(tell);
}

/* Pollers do not go with it, but the default one; handles that need none do. Fibers have ended. */
static void daemon_after_use(void)
{
	struct np_fd *listener, *conn;
	int tell;

	host_use_backend();
	host_echo();
	HOST_EXPECT(host_run(echo_in_fiber, 2), 0);
	np_task_use_poller(NULL);
	host_echo();
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	become_daemon(&tell);
	HOST_EXPECT(np_accept(listener, &conn), NP_EFORKED);
	HOST_EXPECT(np_close(listener), 0);
	host_echo();
	HOST_EXPECT(host_run(echo_in_fiber, 2), 0);
	HOST_EXPECT(np_sleep(1000), 0);
	tell_and_exit(tell);
}

/* ---- programs that are started --------------------------------------------------------------- */

static int start_in_all_ways(void *arg)
{
	static char name[] = "sh", flag[] = "-c", script[] = "exit 5";
	char *const argv[] = { name, flag, script, NULL };
	pid_t child;
	int status;

	(void)arg;
	HOST_EXPECT(posix_spawn(&child, "/bin/sh", NULL, NULL, argv, environ), 0);
	host_reap(child, 5, "what posix_spawn() started");
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wdeprecated-declarations" /* macOS would rather have fork() */
	child = vfork();
#pragma GCC diagnostic pop
	if (child == 0) {
		execv("/bin/sh", argv);
		_exit(127);
	}
	host_reap(child, 5, "what vfork() started");
	status = system("exit 5");
	HOST_CHECK(WEXITSTATUS(status) == 5, "system() did not");
	HOST_EXPECT(np_spawn("/bin/sh", argv, NULL, NULL, 0, &child), 0);
	host_reap(child, 5, "what np_spawn() started");
	host_echo(); /* the poller is as it was */
	return 0;
}

static void starts_others(void)
{
	host_use_backend();
	start_in_all_ways(NULL);
	HOST_EXPECT(host_run(start_in_all_ways, 2), 0);
}

/* ---- the end -------------------------------------------------------------------------------- */

static void *read_for_ever(void *arg)
{
	char byte;

	host_use_backend();
	np_read(arg, &byte, 1);
	return NULL;
}

static void park_threads(void)
{
	struct np_poller *poller = host_use_backend();
	static struct np_fd *ends[2][2];

	for (int i = 0; i < 2; i++) {
		host_pair("unix", ends[i]);
		host_start(read_for_ever, ends[i][0]);
	}
	HOST_UNTIL(host_parked(poller) == 2);
}

/* By exit(3), with threads parked and fibers about. */
static void use_at_exit(void)
{
	host_echo();
	_exit(HOST_PASSED);
}

static void exits_with_threads_parked(void)
{
	park_threads();
	atexit(use_at_exit);
	exit(0);
}

static void sleep_for_ever(void *arg)
{
	(void)arg;
	np_sleep(INT64_MAX);
}

static void exit_from_fiber(void *arg)
{
	(void)arg;
	exit(HOST_PASSED);
}

static int start_who_exits(void *arg)
{
	(void)arg;
	for (int i = 0; i < 8; i++)
		HOST_EXPECT(np_go(sleep_for_ever, NULL), 0);
	HOST_EXPECT(np_go(exit_from_fiber, NULL), 0);
	return np_sleep(INT64_MAX);
}

static void exits_from_a_fiber(void)
{
	park_threads();
	host_run(start_who_exits, 2);
}

/* On the stack of a fiber. */
static void exit_and_use_in_fiber(void *arg)
{
	(void)arg;
	atexit(use_at_exit);
	exit(0);
}

static int start_who_uses(void *arg)
{
	(void)arg;
	HOST_EXPECT(np_go(exit_and_use_in_fiber, NULL), 0);
	return np_sleep(INT64_MAX);
}

static void exits_from_a_fiber_that_goes_on(void)
{
	host_run(start_who_uses, 2);
}

static void *outlive_main(void *arg)
{
	pthread_join(*(pthread_t *)arg, NULL);
	host_use_backend();
	host_echo();
	HOST_EXPECT(host_run(echo_in_fiber, 2), 0);
	_exit(HOST_PASSED);
}

/* The main thread had a record of its own for waits, and has ended. */
static void main_thread_ends(void)
{
	static pthread_t self;

	self = pthread_self();
	host_use_backend();
	host_echo();
	host_start(outlive_main, &self);
	pthread_exit(NULL);
}

/* ---- small stacks ---------------------------------------------------------------------------- */

/* What the C library takes of a stack for itself is not known; so the least, and some pages. */
static size_t small_stack(void)
{
	long least = sysconf(_SC_THREAD_STACK_MIN);

	return (size_t)(least > PTHREAD_STACK_MIN ? least : PTHREAD_STACK_MIN) + (16 << 10);
}

static void *use_in_small_stack(void *arg)
{
	struct np_semaphore semaphore = { .count = 0 };
	char text[256];

	(void)arg;
	host_use_backend();
	host_echo();
	HOST_EXPECT(np_sleep(1000), 0);
	HOST_EXPECT(np_semaphore_acquire_until(&semaphore, 1, np_deadline(1000)), NP_EDEADLINE);
	HOST_EXPECT(np_dial("tcp", "127.0.0.1:nonsense!", 0, NULL), -EINVAL);
	np_error_text(-EINVAL, text, sizeof(text));
	return NULL;
}

static void small_stacks(void)
{
	pthread_attr_t attr;
	pthread_t thread;

	pthread_attr_init(&attr);
	HOST_EXPECT(pthread_attr_setstacksize(&attr, small_stack()), 0);
	for (int i = 0; i < 4; i++) {
		HOST_EXPECT(pthread_create(&thread, &attr, use_in_small_stack, NULL), 0);
		pthread_join(thread, NULL);
	}
	pthread_attr_destroy(&attr);
}

static const struct host_case cases[] = {
	{ "before-main", before_main },
	{ "daemon-before-use", daemon_before_use },
	{ "daemon-after-use", daemon_after_use },
	{ "starts-others", starts_others },
	{ "exits-with-threads-parked", exits_with_threads_parked },
	{ "exits-from-a-fiber", exits_from_a_fiber },
	{ "exits-from-a-fiber-that-goes-on", exits_from_a_fiber_that_goes_on },
	{ "main-thread-ends", main_thread_ends },
	{ "small-stacks", small_stacks },
};

int main(int argc, char **argv)
{
	return HOST_MAIN(argc, argv, cases);
}
