/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_threads.c - what np_run() does to the calling thread, and to signals. */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

TestSuite(threads, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static pthread_t caller;
static atomic_int elsewhere, done;

static const int free_signals[] = { SIGABRT, SIGBUS,  SIGFPE, SIGILL, SIGPIPE,
				    SIGPROF, SIGSEGV, SIGSYS, SIGTRAP };
static const int blocked_signals[] = { SIGALRM, SIGCHLD, SIGHUP,  SIGINT,  SIGQUIT,
				       SIGTERM, SIGUSR1, SIGUSR2, SIGWINCH };

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

static void expect_mask(bool is_own)
{
	sigset_t mask;

	pthread_sigmask(SIG_SETMASK, NULL, &mask);
	for (size_t i = 0; i < COUNT(free_signals); i++)
		cr_assert_not(sigismember(&mask, free_signals[i]), "%d", free_signals[i]);
	for (size_t i = 0; i < COUNT(blocked_signals); i++)
		cr_assert_eq(sigismember(&mask, blocked_signals[i]), is_own, "%d on %s",
			     blocked_signals[i], is_own ? "a thread of netpark's" : "the caller");
}

/* Keeps its worker until the other one runs on another. */
static void look_at_mask(void *arg)
{
	struct fixture_patience patience = { 0 };
	bool is_caller = pthread_equal(pthread_self(), caller);

	(void)arg;
	expect_mask(!is_caller);
	if (!is_caller)
		atomic_fetch_add(&elsewhere, 1);
	for (atomic_fetch_add(&done, 1); fiber_workers > 1 && atomic_load(&done) < 2;)
		fixture_stay_patient(&patience, "a second fiber runs at the same time");
}

static int look_in_blocking_call(void *arg)
{
	(void)arg;
	expect_mask(true);
	return 7;
}

static void look_everywhere(void)
{
	caller = pthread_self();
	atomic_store(&elsewhere, 0);
	atomic_store(&done, 0);
	for (unsigned i = 0; i < 2; i++)
		cr_assert_eq(np_go(look_at_mask, NULL), 0);
	FIBER_UNTIL(atomic_load(&done) == 2);
	cr_assert(fiber_workers == 1 ? elsewhere == 0 : elsewhere > 0);
	cr_assert_eq(np_blocking(look_in_blocking_call, NULL), 7);
	expect_mask(false);
}

Test(threads, of_netpark_block_the_signals_that_they_do_not_cause)
{
	expect_mask(false);
	fiber_run(look_everywhere);
	expect_mask(false);
}

static atomic_int handled, handled_elsewhere;

static void handle(int number)
{
	(void)number;
	if (!pthread_equal(pthread_self(), caller))
		atomic_fetch_add(&handled_elsewhere, 1);
	atomic_fetch_add(&handled, 1);
}

static void send_signal(void *arg)
{
	int before = atomic_load(&handled);

	(void)arg;
	kill(getpid(), SIGUSR1);
	FIBER_UNTIL(atomic_load(&handled) > before);
	atomic_fetch_add(&done, 1);
}

FIBER_TEST(threads, of_the_program_run_its_signal_handlers)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

	caller = pthread_self();
	sigaction(SIGUSR1, &action, NULL);
	atomic_store(&handled, 0);
	atomic_store(&done, 0);
	for (int i = 0; i < 50; i++)
		cr_assert_eq(np_go(send_signal, NULL), 0);
	FIBER_UNTIL(atomic_load(&done) == 50);
	cr_assert_eq(handled_elsewhere, 0);
}

static int spoil_errno(void *arg)
{
	(void)arg;
	np_yield();
	errno = 4711;
	return 0;
}

Test(threads, run_leaves_errno)
{
	errno = 815;
	cr_assert_eq(fiber_run_with(spoil_errno, NULL, 2), 0);
	cr_assert_eq(errno, 815);
}
