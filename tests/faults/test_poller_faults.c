/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_poller_faults.c - a kernel that refuses what a poller is made of, what is
 * registered with it, and what it waits with.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(poller_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static bool backend_is(const char *name)
{
	return strcmp(fixture_backend()->name, name) == 0;
}

/* What a backend makes its descriptor with, and adds to it with. poll has neither. */
static const struct maker {
	const char *backend;
	const char *creates;
	const char *adds;
} makers[] = {
	{ "epoll", "epoll_create1", "epoll_ctl" },
	{ "kqueue", "kqueue", "kevent" },
	{ "ports", "port_create", "port_associate" },
};

enum { MAKERS = 3 };

static const char *creating_call(void)
{
	for (int i = 0; i < MAKERS; i++)
		if (backend_is(makers[i].backend))
			return makers[i].creates;
	return NULL;
}

static const char *adding_call(void)
{
	for (int i = 0; i < MAKERS; i++)
		if (backend_is(makers[i].backend))
			return makers[i].adds;
	return NULL;
}

/* ---- making one --------------------------------------------------------------------------- */

static void expect_no_poller(int error)
{
	const struct np_poller_options options = { .backend = fixture_backend() };
	struct np_poller *untouched = (struct np_poller *)(uintptr_t)-1;
	struct np_poller *poller = untouched;
	int descriptors = fixture_count_descriptors();
	long allocations = fault_allocations();

	cr_assert_eq(np_poller_create(&options, &poller), -error);
	cr_assert_eq(poller, untouched, "written on failure");
	cr_assert_eq(fixture_count_descriptors(), descriptors);
	cr_assert_eq(fault_allocations(), allocations);
	fault_clear();
	cr_assert_eq(np_poller_create(&options, &poller), 0);
	cr_assert_eq(np_poller_destroy(poller), 0);
}

Test(poller_faults, no_poller_without_its_descriptor)
{
	const int errors[] = { EMFILE, ENFILE, ENOMEM };

	if (!creating_call())
		cr_skip_test("this backend has none");
	for (int i = 0; i < 3; i++) {
		fault_fail(creating_call(), 1, 1, errors[i]);
		expect_no_poller(errors[i]);
	}
}

Test(poller_faults, no_poller_when_its_wake_up_cannot_be_watched)
{
	if (!adding_call())
		cr_skip_test("this backend watches by itself");
	fault_fail(adding_call(), 1, 1, ENOSPC);
	expect_no_poller(ENOSPC);
}

Test(poller_faults, no_poller_without_a_wake_up)
{
	const int errors[] = { EMFILE, ENFILE, ENOMEM };

	for (int i = 0; i < 3; i++) {
		fault_fail("eventfd", 1, FAULT_ALWAYS, EMFILE);
		fault_fail("pipe2", 1, FAULT_ALWAYS, errors[i]);
		expect_no_poller(errors[i]);
	}
}

Test(poller_faults, no_poller_without_memory)
{
	for (int nth = 1; nth < 10; nth++) {
		fault_fail("malloc", nth, 1, ENOMEM);
		fault_fail("calloc", 1, FAULT_ALWAYS, ENOMEM);
		expect_no_poller(ENOMEM);
	}
	fault_fail("malloc", 1, 1, ENOMEM);
	if (!backend_is("kqueue") &&
	    !backend_is("ports")) /* those take none at first but by calloc */
		expect_no_poller(ENOMEM);
}

/* However it was made: no child inherits it, and no thread ever blocks on it. */
static void expect_safe_descriptors(struct np_poller *poller)
{
	for (int fd = 0; fd < 256; fd++) {
		struct stat status;

		if (!np_poller_is_descriptor(poller, fd))
			continue;
		cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC);
		cr_assert_eq(fstat(fd, &status), 0);
		cr_assert(!S_ISFIFO(status.st_mode) || fcntl(fd, F_GETFL) & O_NONBLOCK);
	}
}

/* Old kernels do not have it, and some sandboxes forbid it. */
Test(poller_faults, a_pipe_takes_the_place_of_an_eventfd)
{
	const struct np_poller_options options = { .backend = fixture_backend() };
	const int errors[] = { ENOSYS, EPERM, EMFILE };

	for (int i = 0; i < 3; i++) {
		struct np_poller *poller;
		int pipes;

		fault_fail("eventfd", 1, FAULT_ALWAYS, errors[i]);
		pipes = fault_calls("pipe2");
		cr_assert_eq(np_poller_create(&options, &poller), 0);
		cr_assert_eq(fault_calls("pipe2"), pipes + 1);
		expect_safe_descriptors(poller);
		/* And it works: a break ends the wait that comes after it. */
		cr_assert_eq(np_poller_break(poller), 0);
		cr_assert_eq(np_poller_turn(poller, -1), 0);
		cr_assert_eq(np_poller_destroy(poller), 0);
	}
}

/* ---- registering with one ----------------------------------------------------------------- */

Test(poller_faults, a_call_that_cannot_be_registered_fails_and_the_next_works)
{
	const int errors[] = { ENOSPC, ENOMEM };

	if (!adding_call())
		cr_skip_test("this backend asks nobody");
	for (int i = 0; i < 2; i++) {
		struct np_fd *fds[2];
		struct call reader = { .fd = NULL };
		char byte;

		fixture_fd_tcp_pair(fds);
		fault_fail(adding_call(), 1, 1, errors[i]);
		cr_assert_eq(np_read(fds[0], &byte, 1), -errors[i]);
		fault_fail(adding_call(), 1, 1, errors[i]);
		cr_assert_eq(np_wait(fds[0], NP_READ), -errors[i]);
		cr_assert_eq(fixture_parked(), 0);
		reader.fd = fds[0];
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_write(fds[1], "x", 1), 1);
		cr_assert_eq(call_finish(&reader), 1);
		cr_assert_eq(np_close(fds[0]), 0);
		cr_assert_eq(np_close(fds[1]), 0);
	}
}

/* Data that is there needs no registration. */
Test(poller_faults, a_call_that_need_not_wait_works_all_the_same)
{
	struct np_fd *fds[2];
	char byte;

	if (!adding_call())
		cr_skip_test("this backend asks nobody");
	fixture_fd_tcp_pair(fds);
	fault_fail(adding_call(), 1, FAULT_ALWAYS, ENOSPC);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
	fault_clear();
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

Test(poller_faults, a_pipe_that_cannot_be_registered_is_the_callers_as_it_was)
{
	struct np_fd *fd = NULL;
	int fds[2];

	if (!adding_call())
		cr_skip_test("this backend asks nobody");
	cr_assert_eq(pipe(fds), 0);
	fault_fail(adding_call(), 1, 1, ENOSPC);
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), -ENOSPC);
	cr_assert_null(fd);
	cr_assert_not(fcntl(fds[0], F_GETFL) & O_NONBLOCK, "its mode was not given back");
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	cr_assert_eq(np_close(fd), 0);
	close(fds[1]);
}

Test(poller_faults, a_descriptor_that_cannot_be_made_non_blocking_is_refused)
{
	struct np_fd *fd = NULL;
	int fds[2];

	cr_assert_eq(pipe(fds), 0);
	fault_fail("fcntl", 1, 1, EPERM);
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), -EPERM);
	fault_fail("fcntl", 2, 1, EPERM);
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), -EPERM);
	cr_assert_null(fd);
	fault_clear();
	cr_assert_eq(np_fd_open(fds[0], 0, &fd), 0);
	cr_assert_eq(np_close(fd), 0);
	close(fds[1]);
}

/* The room that descriptors and their timers need is taken at open, never at a deadline. */
Test(poller_faults, a_deadline_fails_for_want_of_memory_only_before_the_first)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	fault_fail("calloc", 1, 1, ENOMEM);
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(1000000000)), -ENOMEM);
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(1000000000)), 0);
	fault_fail("malloc", 1, FAULT_ALWAYS, ENOMEM);
	fault_fail("calloc", 1, FAULT_ALWAYS, ENOMEM);
	fault_fail("realloc", 1, FAULT_ALWAYS, ENOMEM);
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(2000000000)), 0);
	cr_assert_eq(np_set_deadline(fds[0], np_deadline(500000000)), 0);
	fault_clear();
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- waiting with one --------------------------------------------------------------------- */

static void expect_to_wait_and_wake(void)
{
	struct np_fd *fds[2];
	struct call reader = { .fd = NULL };
	int64_t deadline;
	char byte;

	fixture_fd_pair(fds);
	reader.fd = fds[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	deadline = np_deadline(3 * 1000 * 1000);
	cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/*
 * What the backends wait with, and the first of these calls that a reader makes for its wait: on
 * kqueue two come before it, which add the reader's descriptor.
 */
static const struct wait {
	const char *backend;
	const char *call;
	int first;
} waits[] = {
	{ "epoll", "epoll_wait", 1 }, { "epoll", "epoll_pwait2", 1 }, { "poll", "ppoll", 1 },
	{ "kqueue", "kevent", 3 },    { "ports", "port_getn", 1 },
};

enum { WAITS = 5 };

Test(poller_faults, a_storm_of_signals_only_delays_a_wait)
{
	for (int i = 0; i < WAITS; i++) {
		if (!backend_is(waits[i].backend))
			continue;
		fault_fail(waits[i].call, waits[i].first, 1000, EINTR);
		expect_to_wait_and_wake();
		fault_clear();
	}
}

Test(poller_faults, an_exact_wait_that_is_refused_falls_back_once)
{
	const int errors[] = { ENOSYS, EPERM };

	if (!backend_is("epoll"))
		cr_skip_test("of epoll only");
	for (int i = 0; i < 2; i++) {
		const struct np_poller_options options = { .backend = fixture_backend() };
		struct np_poller *poller;
		int64_t before;

		cr_assert_eq(np_poller_create(&options, &poller), 0);
		fault_fail("epoll_pwait2", 1, FAULT_ALWAYS, errors[i]);
		for (int turn = 0; turn < 3; turn++) {
			before = np_time();
			cr_assert_eq(np_poller_turn(poller, 1500 * 1000), 0);
			cr_assert_geq(np_time() - before, 1500 * 1000, "rounded down");
		}
		cr_assert_eq(fault_calls("epoll_pwait2"), 1, "a refusal is remembered");
		fault_clear();
		cr_assert_eq(np_poller_destroy(poller), 0);
	}
}

static atomic_int complaints;

static void count_complaint(const char *what)
{
	(void)what;
	atomic_fetch_add(&complaints, 1);
}

/* Told to the hook, since there is nobody else; if that returns nothing is lost. */
static int complaints_about_waits(int error)
{
	atomic_store(&complaints, 0);
	np_set_misuse_hook(count_complaint);
	for (int i = 0; i < WAITS; i++) {
		if (!backend_is(waits[i].backend))
			continue;
		fault_fail(waits[i].call, waits[i].first, 2, error);
		expect_to_wait_and_wake();
		fault_clear();
	}
	np_set_misuse_hook(NULL);
	return atomic_load(&complaints);
}

/* Memory comes back, and who lowered a limit knows; only a closed descriptor is the program's
 * doing. */
Test(poller_faults, a_wait_that_fails_is_made_again)
{
	cr_assert_eq(complaints_about_waits(ENOMEM), 0);
	cr_assert_eq(complaints_about_waits(EINVAL), 0);
	cr_assert_gt(complaints_about_waits(EBADF), 0);
}

/* A host is told itself. */
Test(poller_faults, a_turn_returns_why_its_wait_failed)
{
	for (int i = 0; i < WAITS; i++) {
		/* A look is an epoll_wait, and a wait with a limit an epoll_pwait2. */
		int64_t delta = strcmp(waits[i].call, "epoll_wait") == 0 ? 0 : 1000;

		if (!backend_is(waits[i].backend))
			continue;
		fault_fail(waits[i].call, 1, 1, EBADF);
		cr_assert_eq(np_poller_turn(test_poller, delta), -EBADF, "%s", waits[i].call);
		fault_clear();
		cr_assert_eq(np_poller_turn(test_poller, 0), 0);
	}
}

Test(poller_faults, a_break_is_not_lost_to_signals_or_a_full_pipe)
{
	fault_fail("write", 1, 5, EINTR);
	cr_assert_eq(np_poller_break(test_poller), 0);
	cr_assert_eq(fault_calls("write"), 6);
	fault_clear();
	fault_fail("read", 1, 5, EINTR);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
	fault_clear();
	/* Full: whoever waits will see what fills it. */
	fault_fail("write", 1, 1, EAGAIN);
	cr_assert_eq(np_poller_break(test_poller), 0);
}

Test(poller_faults, a_break_that_fails_says_so_and_the_next_works)
{
	fault_fail("write", 1, 1, EBADF);
	cr_assert_eq(np_poller_break(test_poller), -EBADF);
	cr_assert_eq(np_poller_break(test_poller), 0);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
}
