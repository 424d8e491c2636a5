/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/dump_signal.c - reports for signals. The handler writes the signal's number into a
 * pipe; a thread reads it and does what a handler must not.
 */
#include "core/fiber/fiber.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <netpark/dump.h>

#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <unistd.h>

#ifndef NSIG
#define NSIG 65
#endif

enum { NO_SIGNAL = 0 }; /* through the pipe: no more */

struct watched {
	_Atomic int fd; /* plus 1; 0: not watched */
	struct sigaction before;
};

/* Signal actions are the process's, so what stands behind them is, too. */
static struct {
	struct watched signals[NSIG];
	unsigned count; /* of them */
	int pipe[2];
	_Atomic int sink; /* pipe[1] plus 1; 0: no more */
	atomic_uint inside;
	pthread_t thread;
	pid_t process;
} watch;

/* After a fork(2) it is the parent's: its thread is not here, and its pipe the same. */
static bool is_ours(void)
{
	return watch.process == getpid();
}

/* Who takes the pipe away does so when nobody is inside any more. */
static void handle(int signo)
{
	NP_UNCANCELLED;
	unsigned char number = (unsigned char)signo;
	int error = errno;
	int sink;

	atomic_fetch_add(&watch.inside, 1);
	sink = atomic_load(&watch.sink);
	/* Full: there are enough reports to come. */
	if (sink > 0 && is_ours() && write(sink - 1, &number, 1) < 0)
		errno = error;
	atomic_fetch_sub(&watch.inside, 1);
	errno = error;
}

static void *serve(void *arg)
{
	unsigned char number;
	sigset_t pipe;
	ssize_t n;

	(void)arg;
	sigemptyset(&pipe);
	sigaddset(&pipe, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &pipe, NULL); /* nobody reads it: so be it */
	while ((n = read(watch.pipe[0], &number, 1)) > 0 || (n < 0 && errno == EINTR)) {
		int fd = n == 1 && number < NSIG ? atomic_load(&watch.signals[number].fd) : 0;

		if (n == 1 && number == NO_SIGNAL)
			break;
		if (fd > 0)
			np_dump(fd - 1);
	}
	return NULL;
}

static int start(void)
{
	int error = np__sys_pipe(watch.pipe);

	if (error)
		return error;
	np__sys_set_nonblock(watch.pipe[0], false); /* the thread's end */
	error = np__thread_start(&watch.thread, serve, NULL);
	if (error) {
		np__sys_close(watch.pipe[0]);
		np__sys_close(watch.pipe[1]);
		return error;
	}
	watch.process = getpid();
	atomic_store(&watch.sink, watch.pipe[1] + 1);
	atomic_store(&np__task_times_are_wanted, true);
	return 0;
}

/* The end of the pipe does not tell it: a child may have that open, too. */
static void end_thread(void)
{
	const unsigned char number = NO_SIGNAL;

	while (write(watch.pipe[1], &number, 1) < 0 && (errno == EAGAIN || errno == EINTR))
		sched_yield();
	pthread_join(watch.thread, NULL);
}

static void stop(void)
{
	NP_UNCANCELLED;
	atomic_store(&watch.sink, 0);
	if (!is_ours())
		atomic_store(&watch.inside, 0); /* they are not here */
	while (atomic_load(&watch.inside) > 0)
		sched_yield();
	if (is_ours())
		end_thread();
	np__sys_close(watch.pipe[1]);
	np__sys_close(watch.pipe[0]);
}

static int add(int signo, int fd)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };
	struct watched *watched = &watch.signals[signo];
	int error = watch.count == 0 ? start() : 0;

	if (error)
		return error;
	atomic_store(&watched->fd, fd + 1);
	if (sigaction(signo, &action, &watched->before) < 0) {
		error = -errno;
		atomic_store(&watched->fd, 0);
		if (watch.count == 0)
			stop();
		return error;
	}
	watch.count++;
	return 0;
}

/* Somebody else's later handler may pass signals on to ours, and stays. */
static void take_away(int signo)
{
	struct watched *watched = &watch.signals[signo];
	struct sigaction now;

	if (sigaction(signo, NULL, &now) == 0 && !(now.sa_flags & SA_SIGINFO) &&
	    now.sa_handler == handle)
		sigaction(signo, &watched->before, NULL);
	atomic_store(&watched->fd, 0);
	if (--watch.count == 0)
		stop();
}

/* A child begins anew. */
static void disinherit(void)
{
	for (int signo = 1; signo < NSIG; signo++)
		if (atomic_load(&watch.signals[signo].fd) > 0)
			take_away(signo);
}

unsigned np__dump_threads(void)
{
	return atomic_load(&watch.sink) > 0 && is_ours();
}

int np_dump_on_signal(int signo, int fd)
{
	bool is_watched;

	if (signo <= 0 || signo >= NSIG || fd < -1)
		return -EINVAL;
	if (watch.count > 0 && !is_ours())
		disinherit();
	is_watched = atomic_load(&watch.signals[signo].fd) > 0;
	if (fd >= 0 && !is_watched)
		return add(signo, fd);
	if (fd >= 0)
		atomic_store(&watch.signals[signo].fd, fd + 1);
	else if (is_watched)
		take_away(signo);
	else
		return -EINVAL;
	return 0;
}
