/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_runtime_faults.c - no memory, no maps, no threads and no descriptors for
 * fibers: an error for who asked, an ordinary end for all that has begun, and nothing left behind.
 */
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <netpark/fiber.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <string.h>
#include <unistd.h>

enum { WORKERS = 3, FIBERS = 40 };

static int descriptors;

static void begin(void)
{
	descriptors = fixture_count_descriptors();
}

/* A lookup that was given up ends when it likes: see np_detached. */
static void expect_nothing_left(void)
{
	FIXTURE_UNTIL(fault_allocations() == 0);
	cr_assert_eq(fixture_count_descriptors(), descriptors, "%s", fault_last());
}

static void end(void)
{
	fault_clear();
	expect_nothing_left();
}

TestSuite(runtime_faults, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static int run_on(unsigned workers, int (*body)(void *arg), void *arg)
{
	const struct np_run_options options = {
		.workers = workers,
		.backend = fixture_backend(),
	};

	return np_run(body, arg, &options);
}

/* ---- a whole life ------------------------------------------------------------------------- */

static int started; /* by the first fiber */
static atomic_int ended;

static void live_shortly(void *arg)
{
	(void)arg;
	np_yield();
	atomic_fetch_add(&ended, 1);
}

static int sleep_shortly(void *arg)
{
	(void)arg;
	return np_sleep(1000);
}

static int answer(void *arg)
{
	return *(int *)arg;
}

static int block(void)
{
	int zero = 0;

	return np_blocking(answer, &zero);
}

static int wait_for_descriptor(void)
{
	struct np_fd *reader = NULL;
	int fds[2], error;
	char byte;

	if (pipe(fds) < 0)
		return -errno;
	error = np_fd_open(fds[0], 0, &reader);
	if (error)
		close(fds[0]);
	if (!error)
		error = np_set_read_deadline(reader, np_deadline(1000 * 1000));
	if (!error)
		error = (int)np_read(reader, &byte, 1);
	np_close(reader);
	close(fds[1]);
	return error == NP_EDEADLINE ? 0 : error;
}

/* By the system, on a thread of the runtime's. */
static int look_up(void)
{
	struct np_addr addr;
	int result =
		np_resolve("tcp", "localhost:80", np_deadline(INT64_C(20) * 1000000000), &addr, 1);

	return result < 0 ? result : 0;
}

static void note(int *first_error, int error)
{
	if (*first_error == 0)
		*first_error = error;
}

/* Something of everything; goes on after an error. */
static int live(void *arg)
{
	struct np_group group = { 0 };
	int error = 0;

	(void)arg;
	for (int i = 0; i < FIBERS; i++) {
		int result = np_go(live_shortly, NULL);

		started += result == 0;
		note(&error, result);
		if (i % 8 == 0)
			note(&error, np_group_go(&group, sleep_shortly, NULL));
	}
	note(&error, block());
	note(&error, look_up());
	note(&error, wait_for_descriptor());
	note(&error, np_group_join(&group));
	return error;
}

static int run_life(void)
{
	int error;

	started = 0;
	atomic_store(&ended, 0);
	error = run_on(WORKERS, live, NULL);
	cr_assert_leq(error, 0, "%s", fault_last());
	cr_assert_eq(atomic_load(&ended), started, "%s: %d of %d ended", fault_last(), ended,
		     started);
	expect_nothing_left();
	return error;
}

static void expect_a_normal_life(void)
{
	int error;

	fault_clear();
	error = run_life();
	cr_assert_eq(error, 0, "after a failure of %s: %s", fault_last(), np_strerror(error));
	cr_assert_eq(started, FIBERS);
}

Test(runtime_faults, any_call_that_fails_is_an_error_and_leaves_nothing_behind)
{
	int failures = 0;

	for (int nth = 1;; nth++) {
		fault_fail_any(nth);
		failures += run_life() < 0;
		if (fault_met() == 0)
			break;
		expect_a_normal_life();
	}
	cr_assert_gt(failures, 20);
}

/* From the nth on. Each is an error sooner or later: of np_run() or of what the fiber called. */
Test(runtime_faults, whatever_has_run_out_for_good_is_survived)
{
	static const struct {
		const char *name;
		int error;
	} rows[] = {
		{ "aligned_alloc", ENOMEM }, { "calloc", ENOMEM },
		{ "malloc", ENOMEM },        { "realloc", ENOMEM },
		{ "mmap", ENOMEM },          { "mprotect", ENOMEM },
		{ "madvise", ENOMEM },       { "pthread_create", EAGAIN },
		{ "epoll_create1", EMFILE }, { "kqueue", EMFILE },
		{ "pipe2", EMFILE },         { "epoll_ctl", ENOSPC },
		{ "port_create", EMFILE },   { "port_associate", EAGAIN },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int met;

		for (int first = 1;; first++) {
			fault_fail(rows[i].name, first, FAULT_ALWAYS, rows[i].error);
			run_life();
			met = fault_met();
			expect_a_normal_life();
			if (met == 0)
				break;
		}
	}
}

/* ---- np_run() ----------------------------------------------------------------------------- */

static int never_called(void *arg)
{
	(void)arg;
	cr_assert_fail("the runtime was not there");
	return 0;
}

static void expect_no_runtime(int error)
{
	int result = run_on(WORKERS, never_called, NULL);

	cr_assert_eq(result, -error, "%s: %s", fault_last(), np_strerror(result));
	cr_assert_geq(fault_met(), 1);
	fault_clear();
	expect_nothing_left();
	expect_a_normal_life();
}

Test(runtime_faults, no_runtime_without_memory)
{
	fault_fail("calloc", 1, FAULT_ALWAYS, ENOMEM);
	expect_no_runtime(ENOMEM);
}

Test(runtime_faults, no_runtime_without_the_threads_of_all_workers)
{
	for (int nth = 1; nth < WORKERS; nth++) {
		fault_fail("pthread_create", nth, FAULT_ALWAYS, EAGAIN);
		expect_no_runtime(EAGAIN);
	}
}

Test(runtime_faults, no_runtime_without_the_descriptors_of_all_workers)
{
	const char *name = fixture_backend()->name;
	const char *call = !strcmp(name, "epoll")    ? "epoll_create1"
			   : !strcmp(name, "kqueue") ? "kqueue"
						     : "port_create";

	if (!strcmp(name, "poll"))
		cr_skip_test("this backend has none");
	for (int nth = 1; nth <= WORKERS; nth++) {
		fault_fail(call, nth, FAULT_ALWAYS, EMFILE);
		expect_no_runtime(EMFILE);
	}
}

Test(runtime_faults, no_runtime_without_a_stack_for_its_first_fiber)
{
	fault_fail("mmap", 1, FAULT_ALWAYS, ENOMEM);
	expect_no_runtime(ENOMEM);
	fault_fail("mprotect", 1, FAULT_ALWAYS, ENOMEM);
	fault_fail("madvise", 1, FAULT_ALWAYS, EINVAL); /* a kernel without guard regions */
	expect_no_runtime(ENOMEM);
}

Test(runtime_faults, no_runtime_without_the_record_of_its_first_fiber)
{
	fault_fail("aligned_alloc", 1, FAULT_ALWAYS, ENOMEM);
	expect_no_runtime(ENOMEM);
}

/* Without its alternate stack an overflow is not named; everything else is as usual. */
Test(runtime_faults, a_worker_does_without_a_stack_for_signals)
{
	for (int nth = 1; nth <= WORKERS; nth++) {
		fault_fail("mprotect", nth, 1, ENOMEM);
		cr_assert_leq(run_life(), 0);
		expect_a_normal_life();
	}
}

/* ---- fibers and blocking calls ------------------------------------------------------------ */

/* What there is may still be used: only new stacks are refused, and it passes. */
static int start_until_refused(void *arg)
{
	int error = 0;

	fault_fail(arg, 1, FAULT_ALWAYS, ENOMEM);
	while (started < 100000 && (error = np_go(live_shortly, NULL)) == 0)
		started++;
	cr_assert_eq(error, -ENOMEM);
	cr_assert_eq(np_go(live_shortly, NULL), -ENOMEM, "again");
	fault_clear();
	cr_assert_eq(np_go(live_shortly, NULL), 0, "it has passed");
	started++;
	return 0;
}

Test(runtime_faults, a_fiber_that_cannot_be_had_is_an_error_for_who_starts_it)
{
	static const char *const names[] = { "mmap", "aligned_alloc", "realloc" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		for (unsigned workers = 1; workers <= WORKERS; workers++) {
			started = 0;
			atomic_store(&ended, 0);
			cr_assert_eq(
				run_on(workers, start_until_refused, (void *)(uintptr_t)names[i]),
				0);
			cr_assert_eq(atomic_load(&ended), started);
			expect_nothing_left();
		}
	}
}

static int block_without_threads(void *arg)
{
	(void)arg;
	fault_fail("pthread_create", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(block(), -EAGAIN, "nobody is there to do it");
	fault_clear();
	cr_assert_eq(block(), 0);
	fault_fail("pthread_create", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(block(), 0, "one is there");
	return 0;
}

Test(runtime_faults, a_blocking_call_without_a_thread_is_an_error)
{
	cr_assert_eq(run_on(1, block_without_threads, NULL), 0);
}

/* Calls that begin, and return when they are told to. */
struct held_call {
	atomic_bool begun, may_return;
};

static int hold(void *arg)
{
	struct held_call *call = arg;

	atomic_store(&call->begun, true);
	while (!atomic_load(&call->may_return))
		np_yield(); /* a thread: sched_yield(2) */
	return 0;
}

static int block_for(void *arg)
{
	return np_blocking(hold, arg);
}

static void yield_until(const atomic_bool *flag)
{
	while (!atomic_load(flag))
		np_yield();
}

/* The second call has no thread but that of the first, so the third needs one of its own. */
static int block_beside_one_without_a_thread(void *arg)
{
	struct held_call calls[3] = { { .begun = false } };
	struct np_group group = { 0 };

	(void)arg;
	cr_assert_eq(np_group_go(&group, block_for, &calls[0]), 0);
	yield_until(&calls[0].begun);
	fault_fail("pthread_create", 1, 1, EAGAIN);
	cr_assert_eq(np_group_go(&group, block_for, &calls[1]), 0);
	while (fault_met() == 0)
		np_yield();
	fault_clear();
	atomic_store(&calls[0].may_return, true);
	yield_until(&calls[1].begun);
	cr_assert_eq(np_group_go(&group, block_for, &calls[2]), 0);
	yield_until(&calls[2].begun);
	atomic_store(&calls[1].may_return, true);
	atomic_store(&calls[2].may_return, true);
	return np_group_join(&group);
}

Test(runtime_faults, a_call_that_got_no_thread_takes_none_from_a_later_one)
{
	cr_assert_eq(run_on(1, block_beside_one_without_a_thread, NULL), 0);
}

/* A descriptor of a poller which is no worker's wants a thread that turns that. */
static int read_elsewhere(void *arg)
{
	struct np_fd **ends = arg;
	char byte = 0;

	fault_fail("pthread_create", 1, FAULT_ALWAYS, EAGAIN);
	cr_assert_eq(np_read(ends[0], &byte, 1), -EAGAIN);
	fault_clear();
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_EDEADLINE);
	return 0;
}

Test(runtime_faults, a_wait_on_a_poller_that_nobody_turns_is_an_error)
{
	struct np_fd *ends[2];
	char byte;

	fixture_begin();
	fixture_fd_pair(ends);
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_EDEADLINE, "registered by this thread");
	cr_assert_eq(np_set_read_deadline(ends[0], 0), 0);
	cr_assert_eq(run_on(2, read_elsewhere, ends), 0);
	np_close(ends[0]);
	np_close(ends[1]);
	fixture_end();
}
