/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_hosting.c - pollers for hosts with a loop of their own, and what every poller can
 * be asked.
 */
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(poller, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static struct np_poller *hosted;

static void begin_hosted(void)
{
	struct np_poller_options options = { .flags = NP_POLLER_HOST_DRIVEN };

	fixture_begin();
	options.backend = fixture_backend();
	cr_assert_eq(np_poller_create(&options, &hosted), 0);
	np_task_use_poller(hosted);
}

static void end_hosted(void)
{
	np_task_use_poller(test_poller);
	FIXTURE_DEMAND(np_poller_destroy(hosted) == 0, "the poller is in use");
	fixture_end();
}

TestSuite(hosted, .init = begin_hosted, .fini = end_hosted, .timeout = FIXTURE_TIMEOUT);

static bool is_readable(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN };

	return poll(&entry, 1, 0) == 1;
}

static void *wait_to_read(void *arg)
{
	return (void *)(intptr_t)np_poll_wait(arg, NP_READ);
}

static intptr_t result_of(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return (intptr_t)result;
}

/* A host's task is called back; here the tests ask by themselves why it was. */
static void ready_later(struct np_task *list)
{
	(void)list;
}

static const struct np_parker callbacks = { .name = "callbacks", .ready = ready_later };

static size_t parked(void)
{
	struct np_poller_stats stats;

	np_poller_get_stats(hosted, &stats);
	return stats.parked;
}

static void close_both(const int fds[2])
{
	close(fds[0]);
	close(fds[1]);
}

/* ---- any poller ---------------------------------------------------------------------------------
 */

Test(poller, nonsense_is_refused)
{
	struct runtime_poll incomplete = *fixture_backend();
	struct np_poller_options options = { .flags = 2 };
	struct np_poller *other;

	cr_assert_eq(np_poller_create(&options, &other), -EINVAL);
	cr_assert_eq(np_poller_create(NULL, NULL), -EINVAL);
	incomplete.wait = NULL;
	options = (struct np_poller_options){ .backend = &incomplete };
	cr_assert_eq(np_poller_create(&options, &other), -EINVAL);
	incomplete = *fixture_backend();
	incomplete.traits |= RUNTIME_POLL_NEEDS_ARM;
	incomplete.arm = NULL;
	cr_assert_eq(np_poller_create(&options, &other), -EINVAL);
	cr_assert_eq(np_poller_turn(NULL, 0), -EINVAL);
	cr_assert_eq(np_poller_break(NULL), -EINVAL);
	cr_assert_eq(np_poller_descriptor(NULL), -EINVAL);
	cr_assert_eq(np_poller_next_deadline(NULL), 0);
	cr_assert_not(np_poller_is_descriptor(NULL, 0));
	cr_assert_eq(np_poller_destroy(NULL), 0);
}

Test(poller, is_not_destroyed_while_descriptors_are_open)
{
	struct np_poll_desc *desc;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &desc), 0);
	cr_assert_eq(np_poller_destroy(test_poller), -EBUSY);
	np_poll_unblock(desc);
	np_poll_close(desc);
	close_both(fds);
}

Test(poller, knows_its_own_descriptors_and_does_not_poll_them)
{
	int found = 0;

	for (int fd = 0; fd < 256; fd++) {
		struct np_poll_desc *desc;

		if (!np_poller_is_descriptor(test_poller, fd))
			continue;
		found++;
		cr_assert_eq(np_poll_open(test_poller, fd, &desc), -EINVAL);
	}
	cr_assert_gt(found, 0);
	cr_assert_not(np_poller_is_descriptor(test_poller, -1));
}

Test(poller, refuses_what_cannot_be_polled_and_says_why)
{
	struct np_poll_desc *desc, *again;
	FILE *file = tmpfile();
	int fds[2];

	cr_assert_eq(np_poll_open(test_poller, fileno(file), &desc), -EPERM);
	fclose(file);
	fixture_pipe(fds);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &desc), 0);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &again), -EEXIST);
	np_poll_unblock(desc);
	np_poll_close(desc);
	close_both(fds);
	cr_assert_eq(np_poll_open(test_poller, fds[0], &desc), -EBADF);
}

Test(poller, counts_what_it_has)
{
	struct np_poller_stats stats;
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.descriptors, 0, "a socket joins when somebody waits");
	np_set_deadline(fds[0], np_deadline(INT64_C(3600000000000)));
	np_poller_get_stats(test_poller, &stats);
	cr_assert_eq(stats.descriptors, 1);
	cr_assert_eq(stats.registered, 0, "a deadline is no wait");
	cr_assert_eq(stats.timers, 1);
	np_close(fds[0]);
	np_close(fds[1]);
}

Test(poller, a_break_ends_the_next_turn)
{
	np_poller_break(test_poller);
	cr_assert_eq(np_poller_turn(test_poller, -1), 0);
}

Test(poller, the_default_one_is_one_and_stays)
{
	struct np_poller *first, *second;

	cr_assert_eq(np_poller_default(&first), 0);
	cr_assert_eq(np_poller_default(&second), 0);
	cr_assert_eq(first, second);
	cr_assert_eq(np_poller_destroy(first), -EINVAL);
	cr_assert_eq(np_poller_default(NULL), -EINVAL);
	cr_assert_eq(np_poller_backend(first), runtime_poll_default());
	np_task_use_poller(test_poller);
	/* It has descriptors of its own that stay: not for the fixture to count. */
	for (int fd = 0; fd < 256; fd++)
		if (np_poller_is_descriptor(first, fd))
			close(fd);
}

/* ---- hosted -------------------------------------------------------------------------------------
 */

Test(hosted, threads_only_sleep_and_the_host_wakes_them)
{
	struct np_poll_desc *desc;
	pthread_t waiter;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(np_poll_open(hosted, fds[0], &desc), 0);
	waiter = fixture_start_thread(wait_to_read, desc);
	FIXTURE_UNTIL(parked() == 1);
	cr_assert_eq(np_poller_turn(hosted, 0), 0, "the lead is free");
	cr_assert_eq(write(fds[1], "x", 1), 1);
	FIXTURE_UNTIL(np_poller_turn(hosted, 0) == 1);
	cr_assert_eq(result_of(waiter), 0);
	np_poll_unblock(desc);
	np_poll_close(desc);
	close_both(fds);
}

/* A thread that waits on a poller without a host would turn it; here nobody may but the host. */
Test(hosted, the_descriptor_is_readable_when_a_turn_has_something_to_do)
{
	int host_fd = np_poller_descriptor(hosted);
	struct np_task task = { .parker = &callbacks };
	struct np_poll_desc *desc;
	int fds[2];

	if (host_fd < 0) {
		cr_assert_eq(host_fd, -EOPNOTSUPP);
		cr_assert_str_eq(np_poller_backend(hosted)->name, "poll");
		return;
	}
	fixture_pipe(fds);
	cr_assert_eq(np_poll_open(hosted, fds[0], &desc), 0);
	cr_assert_eq(np_poll_begin(desc, NP_READ, &task), 0);
	FIXTURE_UNTIL((np_poller_turn(hosted, 0), !is_readable(host_fd)));
	cr_assert_eq(write(fds[1], "x", 1), 1);
	FIXTURE_UNTIL(is_readable(host_fd));
	FIXTURE_UNTIL((np_poller_turn(hosted, 0), !is_readable(host_fd)));
	cr_assert_eq(np_poll_end(desc, NP_READ), 0, "there was no report");
	np_poll_unblock(desc);
	np_poll_close(desc);
	close_both(fds);
}

Test(hosted, a_break_makes_the_descriptor_readable_until_a_turn)
{
	int host_fd = np_poller_descriptor(hosted);

	if (host_fd < 0)
		return;
	for (int round = 0; round < 100; round++) {
		np_poller_break(hosted);
		cr_assert(is_readable(host_fd));
		/* A kqueue looks at a level-triggered note once more before it is quiet. */
		np_poller_turn(hosted, 0);
		np_poller_turn(hosted, 0);
		cr_assert_not(is_readable(host_fd), "a host that only looks would spin for ever");
	}
}

static void *set_deadline(void *arg)
{
	np_poll_set_deadline(arg, np_deadline(200 * 1000 * 1000), NP_READ);
	return NULL;
}

Test(hosted, a_deadline_set_elsewhere_reaches_the_host)
{
	int host_fd = np_poller_descriptor(hosted);
	struct np_poll_desc *desc;
	pthread_t waiter;
	int fds[2];

	fixture_pipe(fds);
	cr_assert_eq(np_poll_open(hosted, fds[0], &desc), 0);
	waiter = fixture_start_thread(wait_to_read, desc);
	FIXTURE_UNTIL(parked() == 1);
	while (np_poller_turn(hosted, 0) > 0)
		;
	cr_assert_eq(np_poller_next_deadline(hosted), 0);
	result_of(fixture_start_thread(set_deadline, desc));
	cr_assert(host_fd < 0 || is_readable(host_fd), "the host is asleep in its own loop");
	cr_assert_neq(np_poller_next_deadline(hosted), 0);
	while (np_poller_turn(hosted, -1) == 0)
		;
	cr_assert_eq(result_of(waiter), NP_EDEADLINE);
	cr_assert_eq(np_poller_next_deadline(hosted), 0);
	np_poll_unblock(desc);
	np_poll_close(desc);
	close_both(fds);
}

/* More reports than a turn takes, and the break behind them: it must not be forgotten. */
Test(hosted, a_break_behind_a_full_batch_is_still_taken)
{
	enum { BUSY = 300 };
	int host_fd = np_poller_descriptor(hosted);
	struct np_poll_desc *descs[BUSY];
	struct np_task tasks[BUSY];
	int fds[BUSY][2];

	if (host_fd < 0)
		return;
	for (int i = 0; i < BUSY; i++) {
		tasks[i] = (struct np_task){ .parker = &callbacks };
		fixture_pipe(fds[i]);
		cr_assert_eq(np_poll_open(hosted, fds[i][0], &descs[i]), 0);
		cr_assert_eq(np_poll_begin(descs[i], NP_READ, &tasks[i]), 0);
		cr_assert_eq(write(fds[i][1], "x", 1), 1);
	}
	np_poller_break(hosted);
	for (int turns = 0; turns < 20; turns++)
		np_poller_turn(hosted, 0);
	cr_assert_not(is_readable(host_fd));
	for (int i = 0; i < BUSY; i++) {
		cr_assert_eq(np_poll_end(descs[i], NP_READ), 0);
		np_poll_unblock(descs[i]);
		np_poll_close(descs[i]);
		close_both(fds[i]);
	}
}
