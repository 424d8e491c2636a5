/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_leave.c - whether a handle that is closed has to be taken out of the kernel's
 * set: not where its descriptor was the only one, since then the close does that; but for a
 * duplicate the kernel would go on reporting.
 *
 * The backend under test is copied, with a close that counts.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <sys/wait.h>
#include <unistd.h>

static struct runtime_poll counting;
static struct np_poller *counting_poller;
static atomic_int closes;

static int count_close(void *state, int fd)
{
	atomic_fetch_add(&closes, 1);
	return fixture_backend()->close(state, fd);
}

static void begin(void)
{
	const struct np_poller_options options = { .backend = &counting };

	fixture_begin();
	counting = *fixture_backend();
	counting.close = count_close;
	cr_assert_eq(np_poller_create(&options, &counting_poller), 0);
	np_task_use_poller(counting_poller);
}

static void end(void)
{
	np_task_use_poller(test_poller);
	FIXTURE_DEMAND(np_poller_destroy(counting_poller) == 0, "the poller is in use");
	fixture_end();
}

TestSuite(fd_leave, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* A connection whose server side, pair[0], the backend knows and the program has never seen. */
static void connect_pair(struct np_fd *pair[2])
{
	struct np_fd *listener;
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, text, sizeof(text));
	cr_assert_eq(np_dial("tcp", text, 0, &pair[1]), 0);
	cr_assert_eq(np_accept(listener, &pair[0]), 0);
	call_register_in(counting_poller, pair[0]);
	np_close(listener);
	atomic_store(&closes, 0);
}

/* How many closes the backend has seen for one handle. */
static int closes_of(struct np_fd *fd)
{
	int before = atomic_load(&closes);

	cr_assert_eq(np_close(fd), 0);
	return atomic_load(&closes) - before;
}

/* 0 where the backend forgets by itself. */
static int closes_of_the_only_one(void)
{
	return counting.traits & RUNTIME_POLL_FORGETS_CLOSED ? 0 : 1;
}

Test(fd_leave, the_only_descriptor_leaves_with_its_close)
{
	struct np_fd *pair[2];

	connect_pair(pair);
	cr_assert_eq(closes_of(pair[0]), closes_of_the_only_one());
	np_close(pair[1]);
}

Test(fd_leave, what_forgets_nothing_is_told_always)
{
	struct np_fd *pair[2];

	counting.traits &= ~(unsigned)RUNTIME_POLL_FORGETS_CLOSED;
	connect_pair(pair);
	cr_assert_eq(closes_of(pair[0]), 1);
	np_close(pair[1]);
}

static int duplicate(int sysfd, void *arg)
{
	*(int *)arg = dup(sysfd);
	return 0;
}

Test(fd_leave, what_the_program_may_have_duplicated_is_taken_out)
{
	struct np_fd *pair[2];
	int copy;

	connect_pair(pair);
	cr_assert_eq(np_fd_control(pair[0], duplicate, &copy), 0);
	cr_assert_eq(closes_of(pair[0]), 1);
	cr_assert_eq(close(copy), 0);
	np_close(pair[1]);
}

static bool look_once(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return true;
}

Test(fd_leave, so_is_what_it_has_seen_raw)
{
	struct np_fd *pair[2];

	connect_pair(pair);
	cr_assert_eq(np_raw_read(pair[0], look_once, NULL), 0);
	cr_assert_eq(closes_of(pair[0]), 1);
	np_close(pair[1]);
	connect_pair(pair);
	cr_assert_eq(np_raw_write(pair[0], look_once, NULL), 0);
	cr_assert_eq(closes_of(pair[0]), 1);
	np_close(pair[1]);
}

Test(fd_leave, so_is_what_the_program_brought_itself)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	call_register_in(counting_poller, fds[0]);
	cr_assert_eq(closes_of(fds[0]), 1);
	np_close(fds[1]);
}

/* The child has a duplicate of everything. */
Test(fd_leave, after_a_fork_everything_is_taken_out)
{
	struct np_fd *pair[2];
	int status;
	pid_t child;

	connect_pair(pair);
	child = fork();
	if (child == 0)
		_exit(0);
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(closes_of(pair[0]), 1);
	np_close(pair[1]);
}
