/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_fork.c - children of a process whose fibers run, which does not notice them. */
#include "tests/fiber/fiber_fixture.h"
#include "tests/support/call.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

TestSuite(forks, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static struct np_fd *ends[2], *others[2], *listener;
static char path[64];
static atomic_int done;

static int get_number(int sysfd, void *arg)
{
	(void)arg;
	return sysfd;
}

static void nothing(void *arg)
{
	(void)arg;
}

static int return_0(void *arg)
{
	(void)arg;
	return 0;
}

/* A child that hangs must not outlive the test; its mask may be that of a thread of netpark's. */
static void die_in_time(void)
{
	sigset_t none;

	sigemptyset(&none);
	pthread_sigmask(SIG_SETMASK, &none, NULL);
	alarm(60);
}

/* Whoever waited for what in the parent: the child waits for what is its own. */
static int wait_in_child(void)
{
	struct np_channel *channel;
	struct np_fd *fd;
	int fds[2];
	char byte;

	np_task_use_poller(NULL); /* the one before was the parent's */
	if (np_sleep(1000) != 0)
		return 20;
	if (np_channel_create(1, 0, &channel) != 0 ||
	    np_channel_receive_until(channel, &byte, np_deadline(1000)) != NP_EDEADLINE)
		return 21;
	np_channel_destroy(channel);
	if (pipe(fds) < 0 || np_fd_open(fds[0], 0, &fd) != 0)
		return 22;
	np_set_read_deadline(fd, np_deadline(1000));
	if (np_read(fd, &byte, 1) != NP_EDEADLINE)
		return 23;
	np_set_read_deadline(fd, 0);
	if (write(fds[1], "x", 1) != 1 || np_read(fd, &byte, 1) != 1)
		return 24;
	np_close(fd);
	return np_dump(open("/dev/null", O_WRONLY)) == 0 ? 0 : 25;
}

/* What the child sees; the number of the first thing that is wrong. A fiber reads from ends[0]. */
static int look_in_child(void)
{
	char byte;
	int number = np_fd_control(others[0], get_number, NULL);
	int status = fcntl(number, F_GETFD);

	die_in_time();
	if (np_self() != 0 || status < 0)
		return 1;
	if (np_go(nothing, NULL) != NP_EFORKED)
		return 2;
	if (np_run(return_0, NULL, NULL) != NP_EFORKED)
		return 3;
	if (np_read(ends[0], &byte, 1) != NP_EFORKED) /* somebody has the lock */
		return 4;
	if (np_read(others[0], &byte, 1) != NP_EFORKED)
		return 5;
	if (np_set_deadline(others[0], np_deadline(1000)) != NP_EFORKED)
		return 6;
	if (np_wait(listener, NP_READ) != NP_EFORKED)
		return 7;
	np_yield();
	if (np_close(others[0]) != 0 || fcntl(number, F_GETFD) >= 0)
		return 8;
	if (np_close(ends[0]) != 0 || np_close(listener) != 0 || np_close(ends[1]) != 0)
		return 9;
	if (access(path, F_OK) < 0)
		return 10;
	if (np_write(others[1], "x", 0) != 0) /* needs nobody */
		return 11;
	return wait_in_child();
}

static int wait_for(void *arg)
{
	int status = -1;

	if (waitpid(*(pid_t *)arg, &status, 0) != *(pid_t *)arg || !WIFEXITED(status))
		return -1;
	return WEXITSTATUS(status);
}

static int fork_and_wait(void *arg)
{
	pid_t child = fork();

	(void)arg;
	if (child == 0)
		_exit(look_in_child());
	return wait_for(&child);
}

static int read_on(void *arg)
{
	char byte;

	(void)arg;
	for (int i = 0; i < 3; i++)
		if (np_read(ends[0], &byte, 1) != 1)
			return -EIO;
	return 0;
}

static void register_both(void)
{
	char byte;

	np_set_read_deadline(others[0], np_deadline(1000));
	cr_assert_eq(np_read(others[0], &byte, 1), NP_EDEADLINE);
	np_set_read_deadline(others[0], 0);
	np_set_read_deadline(listener, np_deadline(1000));
	cr_assert_eq(np_wait(listener, NP_READ), NP_EDEADLINE);
	np_set_read_deadline(listener, 0);
}

/* Between its reads somebody forks, by @fork_by; all it waits for goes on coming. */
static void expect_no_harm(int (*fork_by)(void))
{
	struct np_group group = { 0 };
	struct np_fd *dialled, *accepted;

	fixture_fd_pair(ends);
	fixture_fd_pair(others);
	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	register_both();
	cr_assert_eq(np_group_go(&group, read_on, NULL), 0);
	FIBER_UNTIL(call_inside(ends[0]) == 1);
	for (int i = 0; i < 3; i++) {
		int result = fork_by();

		cr_assert_eq(result, 0, "the child did not get past number %d", result);
		cr_assert_eq(np_write(ends[1], "x", 1), 1);
	}
	cr_assert_eq(np_group_join(&group), 0);
	cr_assert_eq(np_dial("unix", path, 0, &dialled), 0);
	cr_assert_eq(np_accept(listener, &accepted), 0);
	np_close(dialled);
	np_close(accepted);
	np_close(listener);
	for (int i = 0; i < 2; i++) {
		np_close(ends[i]);
		np_close(others[i]);
	}
}

static int fork_here(void)
{
	return fork_and_wait(NULL);
}

FIBER_TEST(forks, by_a_fiber)
{
	expect_no_harm(fork_here);
}

static int fork_in_call(void)
{
	return np_blocking(fork_and_wait, NULL);
}

FIBER_TEST(forks, by_a_blocking_call)
{
	expect_no_harm(fork_in_call);
}

static int result_of_thread;

static void *fork_in_thread(void *arg)
{
	result_of_thread = fork_and_wait(arg);
	atomic_store(&done, 1);
	return NULL;
}

static int fork_elsewhere(void)
{
	pthread_t thread;

	atomic_store(&done, 0);
	thread = fixture_start_thread(fork_in_thread, NULL);
	FIBER_UNTIL(atomic_load(&done));
	pthread_join(thread, NULL);
	return result_of_thread;
}

FIBER_TEST(forks, by_a_plain_thread)
{
	expect_no_harm(fork_elsewhere);
}

static void say_so(const char *what)
{
	(void)what;
	_exit(42);
}

/* A fiber of the parent's waits for the child; the child is a fiber that returns. */
static void fork_and_return(void *arg)
{
	pid_t child = fork();

	if (child == 0)
		return;
	*(int *)arg = wait_for(&child);
	atomic_store(&done, 1);
}

FIBER_TEST(forks, that_return_are_told)
{
	int result = 0;

	np_set_misuse_hook(say_so);
	atomic_store(&done, 0);
	cr_assert_eq(np_go(fork_and_return, &result), 0);
	FIBER_UNTIL(atomic_load(&done));
	cr_assert_eq(result, 42);
}

/* On a thread of the parent's, which waits for the child; there the call returns. */
static int fork_and_return_from_call(void *arg)
{
	pid_t child = fork();

	(void)arg;
	if (child > 0)
		return wait_for(&child);
	die_in_time();
	return 0;
}

FIBER_TEST(forks, that_return_from_a_blocking_call_are_told)
{
	np_set_misuse_hook(say_so);
	cr_assert_eq(np_blocking(fork_and_return_from_call, NULL), 42);
}

/* A child that has made the default poller has a child, too. */
Test(forks, have_a_default_poller_of_their_own)
{
	struct np_poller *childs, *grandchilds;
	pid_t child = fork();

	if (child == 0) {
		pid_t grandchild;

		die_in_time();
		if (wait_in_child() != 0 || np_poller_default(&childs) != 0)
			_exit(100);
		grandchild = fork();
		if (grandchild > 0)
			_exit(wait_for(&grandchild));
		if (np_poller_default(&grandchilds) != 0 || grandchilds == childs)
			_exit(101);
		_exit(wait_in_child());
	}
	cr_assert_eq(wait_for(&child), 0);
}

/* The lock of those that wait is somebody's at most times. */
static void *wait_again_and_again(void *arg)
{
	while (!atomic_load((atomic_bool *)arg))
		np_sleep(1000);
	return NULL;
}

Test(forks, can_wait_whatever_the_others_were_at)
{
	atomic_bool enough = false;
	pthread_t threads[2];

	for (int i = 0; i < 2; i++)
		threads[i] = fixture_start_thread(wait_again_and_again, &enough);
	for (int i = 0; i < 50; i++) {
		pid_t child = fork();

		if (child == 0) {
			die_in_time();
			_exit(wait_in_child());
		}
		np_dump(1 << 20); /* EBADF, but after a look at all of them */
		cr_assert_eq(wait_for(&child), 0);
	}
	atomic_store(&enough, true);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
}

struct thread_waiter {
	atomic_bool is_known;
	struct np_semaphore may_end;
};

/* Known to reports since its first wait. */
static void *wait_twice(void *arg)
{
	struct thread_waiter *waiter = arg;

	np_sleep(1000);
	np_set_name("the waiter");
	atomic_store(&waiter->is_known, true);
	np_semaphore_acquire(&waiter->may_end, 1);
	return NULL;
}

/* How often a report has the name of wait_twice(), or -1. */
static int count_waiters(void)
{
	char report[4096];
	FILE *file = tmpfile();
	size_t size;
	int count = 0;

	if (!file || np_dump(fileno(file)) != 0)
		return -1;
	rewind(file);
	size = fread(report, 1, sizeof(report) - 1, file);
	report[size] = '\0';
	fclose(file);
	for (const char *at = report; (at = strstr(at, "\"the waiter\"")); at++)
		count++;
	return count;
}

/* One after the other, in memory that the parent's threads had. */
static int wait_in_threads(void)
{
	for (int i = 0; i < 2; i++) {
		struct thread_waiter waiter = { .is_known = false };
		pthread_t thread;
		int count;

		if (pthread_create(&thread, NULL, wait_twice, &waiter) != 0)
			return 1;
		while (!atomic_load(&waiter.is_known))
			sched_yield();
		do
			count = count_waiters();
		while (count == 0); /* not yet: it is about to wait */
		if (count != 1)
			return 2;
		np_semaphore_release(&waiter.may_end, 1);
		pthread_join(thread, NULL);
		if (count_waiters() != 0)
			return 3;
	}
	return 0;
}

Test(forks, have_none_of_the_threads_that_waited)
{
	struct thread_waiter waiters[3] = { { .is_known = false } };
	pthread_t threads[3];
	pid_t child;

	for (int i = 0; i < 3; i++) {
		threads[i] = fixture_start_thread(wait_twice, &waiters[i]);
		FIXTURE_UNTIL(atomic_load(&waiters[i].is_known));
	}
	child = fork();
	if (child == 0) {
		die_in_time();
		_exit(wait_in_threads());
	}
	cr_assert_eq(wait_for(&child), 0);
	for (int i = 0; i < 3; i++) {
		np_semaphore_release(&waiters[i].may_end, 1);
		pthread_join(threads[i], NULL);
	}
	cr_assert_eq(count_waiters(), 0);
}

static void *release_later(void *arg)
{
	const struct timespec pause = { 0, 60 * 1000 * 1000 };

	nanosleep(&pause, NULL); /* or there is nothing that looks like a deadlock */
	np_semaphore_release(arg, 1);
	return NULL;
}

static int wait_for_thread(void *arg)
{
	struct np_semaphore semaphore = { .count = 0 };
	pthread_t thread;
	int result;

	(void)arg;
	if (pthread_create(&thread, NULL, release_later, &semaphore) != 0)
		return 1;
	result = np_semaphore_acquire(&semaphore, 1);
	pthread_join(thread, NULL);
	return result;
}

/* The thread that writes the parent's reports is not there: the one that is wakes the fiber. */
Test(forks, count_no_thread_for_the_reports_of_their_parent)
{
	const struct np_run_options options = {
		.workers = 1,
		.backend = np_poller_backend(test_poller),
	};
	int reports[2];
	pid_t child;
	char byte;

	cr_assert_eq(pipe(reports), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, reports[1]), 0);
	raise(SIGUSR1);
	cr_assert_eq(read(reports[0], &byte, 1), 1); /* so the thread has started */
	np_set_misuse_hook(say_so);
	child = fork();
	if (child == 0) {
		die_in_time();
		_exit(np_run(wait_for_thread, NULL, &options) != 0);
	}
	cr_assert_eq(wait_for(&child), 0, "a deadlock was told");
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -1), 0);
	close(reports[0]);
	close(reports[1]);
}

Test(forks, without_fibers_may_run_some)
{
	pid_t child = fork();

	if (child == 0) {
		struct np_poller *poller;
		int result = np_run(return_0, NULL, NULL);

		if (result == 0 && np_poller_turn(test_poller, 0) != NP_EFORKED)
			result = 1;
		if (result == 0 && np_poller_create(NULL, &poller) != 0)
			result = 2;
		_exit(result);
	}
	cr_assert_eq(wait_for(&child), 0);
}
