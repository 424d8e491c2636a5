/* SPDX-License-Identifier: MIT */
/*
 * test_concurrent.c - open, arm and close while another thread is blocked in wait.
 *
 * One thread waits without limit, again and again; the others change what it waits for. A change
 * that the wait does not learn of shows as a test that never ends.
 */
#include "tests/conformance/harness.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { TAGS = 1 << 12, WORKERS = 4, ROUNDS = 150 };

/* What the waiting thread does, and what it has been told. */
static struct {
	pthread_t thread;
	atomic_bool stop;
	atomic_uint turns; /* waits begun */
	atomic_uint flags[TAGS];
	atomic_int strays; /* reports of no tag that was ever given, and errors */
} waiter;

static void *wait_again_and_again(void *arg)
{
	(void)arg;
	while (!atomic_load(&waiter.stop)) {
		struct runtime_poll_event events[8];
		int n;

		atomic_fetch_add(&waiter.turns, 1);
		n = tested->backend->wait(tested->state, -1, events, 8);
		if (n < 0)
			atomic_fetch_add(&waiter.strays, 1);
		for (int i = 0; i < n; i++) {
			if (events[i].tag == 0 || events[i].tag >= TAGS)
				atomic_fetch_add(&waiter.strays, 1);
			else
				atomic_fetch_or(&waiter.flags[events[i].tag], events[i].flags);
		}
	}
	return NULL;
}

static void concurrent_begin(void)
{
	harness_begin();
	cr_assert_eq(pthread_create(&waiter.thread, NULL, wait_again_and_again, NULL), 0);
}

static void concurrent_end(void)
{
	atomic_store(&waiter.stop, true);
	FIXTURE_DEMAND(tested->backend->break_wait(tested->state) == 0, "no break");
	pthread_join(waiter.thread, NULL);
	FIXTURE_DEMAND(atomic_load(&waiter.strays) == 0, "reports of nobody's");
	harness_end();
}

TestSuite(concurrent, .init = concurrent_begin, .fini = concurrent_end, .timeout = FIXTURE_TIMEOUT);

static bool is_told(uint64_t tag, unsigned flags)
{
	return (atomic_load(&waiter.flags[tag]) & flags) == flags;
}

/* Until a wait has begun after now. It has yet to reach the kernel, but is given time for that. */
static void see_it_wait(void)
{
	unsigned before = atomic_load(&waiter.turns);

	cr_assert_eq(tested->backend->break_wait(tested->state), 0);
	FIXTURE_UNTIL(atomic_load(&waiter.turns) != before);
	for (int i = 0; i < 20; i++)
		sched_yield();
}

Test(concurrent, opening_is_noticed_by_the_wait)
{
	for (uint64_t tag = 1; tag <= 50; tag++) {
		int fds[2];

		fixture_socketpair(fds);
		if (tag % 2)
			harness_write(fds[1], "x");
		harness_watch(tested, fds[0], tag, READ);
		if (tag % 2 == 0)
			harness_write(fds[1], "x");
		FIXTURE_UNTIL(is_told(tag, READ));
		harness_close(tested, fds[0], tag);
		harness_close_both(fds);
	}
}

/* The descriptor has been in the wait's set for long, for one direction; now the other is armed. */
Test(concurrent, arming_is_noticed_by_the_wait)
{
	for (uint64_t tag = 1; tag <= 50; tag++) {
		int fds[2];

		fixture_socketpair(fds);
		harness_watch(tested, fds[0], tag, READ);
		see_it_wait();
		harness_arm(tested, fds[0], WRITE);
		FIXTURE_UNTIL(is_told(tag, WRITE));
		harness_arm(tested, fds[0], WRITE);
		harness_write(fds[1], "x");
		FIXTURE_UNTIL(is_told(tag, READ));
		harness_close(tested, fds[0], tag);
		harness_close_both(fds);
	}
}

/*
 * A kernel that waits on a file holds it. Close must have it let go, or else the peer would see its
 * end of file only when the wait happens to end.
 */
Test(concurrent, closing_releases_the_file_at_once)
{
	for (uint64_t tag = 1; tag <= 100; tag++) {
		char byte;
		int fds[2];

		fixture_socketpair(fds);
		harness_watch(tested, fds[0], tag, READ);
		see_it_wait();
		harness_close(tested, fds[0], tag);
		close(fds[0]);
		cr_assert_eq(read(fds[1], &byte, 1), 0, "round %d: %s", (int)tag, strerror(errno));
		close(fds[1]);
	}
}

Test(concurrent, closing_releases_a_pipe_at_once)
{
	for (uint64_t tag = 1; tag <= 100; tag++) {
		int fds[2];

		fixture_pipe(fds);
		harness_watch(tested, fds[0], tag, READ);
		see_it_wait();
		harness_close(tested, fds[0], tag);
		close(fds[0]);
		cr_assert_lt(write(fds[1], "x", 1), 0, "round %d: somebody holds the reader",
			     (int)tag);
		cr_assert_eq(errno, EPIPE);
		close(fds[1]);
	}
}

/* Without SO_REUSEADDR: a listener that is still held by the wait keeps its address. */
Test(concurrent, closing_releases_a_listeners_port_at_once)
{
	for (uint64_t tag = 1; tag <= 50; tag++) {
		struct sockaddr_in addr;
		int listener = harness_listen(&addr, 1);
		int successor = harness_tcp_socket();

		harness_watch(tested, listener, tag, READ);
		see_it_wait();
		harness_close(tested, listener, tag);
		close(listener);
		cr_assert_eq(bind(successor, (const struct sockaddr *)&addr, sizeof(addr)), 0,
			     "round %d: %s", (int)tag, strerror(errno));
		close(successor);
	}
}

/* Duplicates alive, the number taken by another file, and the wait never ended in between. */
Test(concurrent, numbers_may_be_reused_under_the_wait)
{
	for (uint64_t tag = 1; tag < 100; tag += 2) {
		int old[2];
		int fresh[2];

		fixture_socketpair(old);
		fixture_socketpair(fresh);
		harness_watch(tested, old[0], tag, READ);
		see_it_wait();
		harness_close(tested, old[0], tag);
		cr_assert_eq(dup2(fresh[0], old[0]), old[0]);
		harness_watch(tested, old[0], tag + 1, READ);
		see_it_wait();
		cr_assert_not(is_told(tag, READ));
		cr_assert_not(is_told(tag + 1, READ));
		harness_write(fresh[1], "x");
		FIXTURE_UNTIL(is_told(tag + 1, READ));
		harness_close(tested, old[0], tag + 1);
		harness_close_both(old);
		harness_close_both(fresh);
	}
}

/* ---- several threads ---------------------------------------------------------------------- */

struct worker {
	pthread_t thread;
	uint64_t first_tag;
	const char *failure;
};

static void watch_unchecked(struct worker *worker, int fd, uint64_t tag)
{
	if (tested->backend->open(tested->state, fd, tag) != 0)
		worker->failure = "open";
	else
		harness_arm(tested, fd, READ);
}

static void await_unchecked(uint64_t tag)
{
	while (!is_told(tag, READ))
		sched_yield();
}

/* Open, be told of a byte, arm, be told of another, close; or close without having been told. */
static void work_once(struct worker *worker, uint64_t tag)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0) {
		worker->failure = "socketpair";
		return;
	}
	watch_unchecked(worker, fds[0], tag);
	if (!worker->failure && tag % 4) {
		bool sent = write(fds[1], "x", 1) == 1;

		if (sent)
			await_unchecked(tag);
		atomic_fetch_and(&waiter.flags[tag], ~(unsigned)READ);
		harness_arm(tested, fds[0], READ);
		if (sent && write(fds[1], "y", 1) == 1)
			await_unchecked(tag);
		else
			worker->failure = "write";
	}
	if (!worker->failure && tested->backend->close(tested->state, fds[0]) != 0)
		worker->failure = "close";
	close(fds[0]);
	close(fds[1]);
}

static void *work(void *arg)
{
	struct worker *worker = arg;

	for (uint64_t i = 0; i < ROUNDS && !worker->failure; i++)
		work_once(worker, worker->first_tag + i);
	return NULL;
}

/*
 * Meanwhile the main thread breaks the wait, so that changes meet it at every stage. A flag that is
 * cleared by the worker may come back by a report on its way: then the second byte is not awaited
 * for, which is harmless.
 */
Test(concurrent, threads_open_arm_and_close_as_they_like)
{
	struct worker workers[WORKERS] = { 0 };

	for (int i = 0; i < WORKERS; i++) {
		workers[i].first_tag = (uint64_t)i * ROUNDS + 1;
		cr_assert_eq(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
	}
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(tested->backend->break_wait(tested->state), 0);
		sched_yield();
	}
	for (int i = 0; i < WORKERS; i++) {
		cr_assert_eq(pthread_join(workers[i].thread, NULL), 0);
		cr_assert_null(workers[i].failure, "%s", workers[i].failure);
	}
}

static atomic_bool stop_storm;

static void *open_and_close_often(void *arg)
{
	int fd = *(const int *)arg;

	while (!atomic_load(&stop_storm)) {
		if (tested->backend->open(tested->state, fd, TAGS - 1) != 0)
			return arg;
		harness_arm(tested, fd, READ);
		if (tested->backend->close(tested->state, fd) != 0)
			return arg;
	}
	return NULL;
}

/*
 * Closes and opens one after the other without a pause: the wait still gets to tell what there is.
 */
Test(concurrent, the_wait_is_not_starved_by_changes)
{
	pthread_t storm;
	void *failed;
	int busy[2];

	fixture_socketpair(busy);
	cr_assert_eq(pthread_create(&storm, NULL, open_and_close_often, &busy[0]), 0);
	for (uint64_t tag = 1; tag <= 50; tag++) {
		int fds[2];

		fixture_socketpair(fds);
		harness_watch(tested, fds[0], tag, READ);
		harness_write(fds[1], "x");
		FIXTURE_UNTIL(is_told(tag, READ));
		harness_close(tested, fds[0], tag);
		harness_close_both(fds);
	}
	atomic_store(&stop_storm, true);
	cr_assert_eq(pthread_join(storm, &failed), 0);
	cr_assert_null(failed);
	harness_close_both(busy);
}
