/* SPDX-License-Identifier: MIT */
/*
 * test_refused.c - what open, close and init refuse, and that a refusal leaves everything as it
 * was.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

TestSuite(refused, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

static int try_open(int fd)
{
	return tested->backend->open(tested->state, fd, 7);
}

static int try_close(int fd)
{
	return tested->backend->close(tested->state, fd);
}

/* A number that no descriptor has. */
static int closed_number(void)
{
	int fds[2];

	fixture_pipe(fds);
	harness_close_both(fds);
	return fds[1];
}

/* After something was refused: it still watches what it watched, and takes a break. */
static void expect_sound(void)
{
	int fds[2];

	fixture_pipe(fds);
	harness_write(fds[1], "x");
	harness_watch(tested, fds[0], 1, READ);
	cr_assert(harness_news(tested, 1) & READ);
	harness_close(tested, fds[0], 1);
	harness_close_both(fds);
	harness_expect_silence(tested, MILLISECOND);
	cr_assert_eq(tested->backend->break_wait(tested->state), 0);
	harness_expect_broken(tested);
}

/* ---- open --------------------------------------------------------------------------------- */

Test(refused, is_a_regular_file)
{
	FILE *file = tmpfile();

	cr_assert(file);
	cr_assert_eq(try_open(fileno(file)), -EPERM);
	cr_assert_eq(try_open(fileno(file)), -EPERM, "the refusal left something behind");
	cr_assert_lt(try_close(fileno(file)), 0);
	fclose(file);
	expect_sound();
}

Test(refused, is_a_directory)
{
	int fd = open("/", O_RDONLY | O_DIRECTORY);

	cr_assert_geq(fd, 0);
	cr_assert_eq(try_open(fd), -EPERM);
	cr_assert_lt(try_close(fd), 0);
	close(fd);
	expect_sound();
}

Test(refused, is_a_number_without_a_descriptor)
{
	const int numbers[] = { closed_number(), -1, -100, 1 << 20, INT32_MAX };

	for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
		cr_assert_eq(try_open(numbers[i]), -EBADF, "%d", numbers[i]);
	expect_sound();
}

/* The first owner keeps the registration, with its tag. */
Test(refused, is_a_descriptor_that_is_open_already)
{
	int fds[2];

	fixture_socketpair(fds);
	harness_watch(tested, fds[0], 1, READ);
	cr_assert_eq(try_open(fds[0]), -EEXIST);
	cr_assert_eq(try_open(fds[0]), -EEXIST);
	harness_news(tested, 1);
	harness_write(fds[1], "x");
	cr_assert(harness_news(tested, 1) & READ);
	harness_close(tested, fds[0], 1);
	cr_assert_eq(try_open(fds[0]), 0, "closed once for one open that succeeded");
	cr_assert_eq(try_close(fds[0]), 0);
	harness_close_both(fds);
	expect_sound();
}

/* ---- close -------------------------------------------------------------------------------- */

Test(refused, is_the_close_of_what_is_not_open)
{
	int watched[2];
	int fds[2];

	fixture_pipe(watched);
	fixture_pipe(fds);
	harness_watch(tested, watched[0], 1, READ);
	cr_assert_lt(try_close(fds[0]), 0, "never opened");
	cr_assert_lt(try_close(closed_number()), 0);
	cr_assert_lt(try_close(-1), 0);
	cr_assert_lt(try_close(1 << 20), 0);
	harness_open(tested, fds[0], 2);
	harness_close(tested, fds[0], 2);
	cr_assert_lt(try_close(fds[0]), 0, "closed before");
	harness_write(watched[1], "x");
	cr_assert(harness_news(tested, 1) & READ);
	harness_close(tested, watched[0], 1);
	harness_close_both(watched);
	harness_close_both(fds);
	expect_sound();
}

/* The wrong order, but an error and no more. */
Test(refused, is_not_necessarily_the_close_after_the_descriptor)
{
	int fds[2];
	int number;

	fixture_pipe(fds);
	number = fds[0];
	harness_watch(tested, number, 1, READ);
	harness_close_both(fds);
	try_close(number);
	tested->is_open[1] = false;
	expect_sound();
}

/* ---- init --------------------------------------------------------------------------------- */

enum { NUMBERS = 256 };

static void list_descriptors(bool open_now[NUMBERS])
{
	for (int fd = 0; fd < NUMBERS; fd++)
		open_now[fd] = fcntl(fd, F_GETFD) >= 0;
}

Test(refused, are_the_descriptors_of_an_instance_to_everyone_else)
{
	bool before[NUMBERS];
	bool after[NUMBERS];
	struct harness *other;
	int own = 0;

	list_descriptors(before);
	other = harness_create(tested->backend);
	list_descriptors(after);
	for (int fd = -1; fd < NUMBERS; fd++) {
		bool is_new = fd >= 0 && after[fd] && !before[fd];

		own += is_new;
		cr_assert_eq(other->backend->is_poll_descriptor(other->state, fd), is_new,
			     "descriptor %d", fd);
		if (!is_new)
			continue;
		cr_assert_not(tested->backend->is_poll_descriptor(tested->state, fd), "%d", fd);
		cr_assert(fcntl(fd, F_GETFD) & FD_CLOEXEC, "%d would be inherited", fd);
	}
	cr_assert_gt(own, 0);
	harness_destroy(other);
	list_descriptors(after);
	cr_assert_eq(memcmp(before, after, sizeof(before)), 0, "fini left some open");
}

static void limit_descriptors(rlim_t count)
{
	struct rlimit limit;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	limit.rlim_cur = count;
	cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
}

static int lowest_free_number(void)
{
	int fd = dup(STDIN_FILENO);

	cr_assert_geq(fd, 0);
	close(fd);
	return fd;
}

/*
 * One more descriptor is allowed each time, until there are enough: every step of init fails once.
 */
Test(refused, is_an_instance_without_enough_descriptors)
{
	int before = fixture_count_descriptors();
	rlim_t lowest = (rlim_t)lowest_free_number();
	struct rlimit limit;
	int refusals = 0;
	int error;
	void *state;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	for (;;) {
		limit_descriptors(lowest + (rlim_t)refusals);
		error = tested->backend->init(&state);
		limit_descriptors(limit.rlim_cur);
		if (error == 0)
			break;
		cr_assert_eq(error, -EMFILE, "%s", strerror(-error));
		cr_assert_eq(fixture_count_descriptors(), before, "allowed %d more, it leaks",
			     refusals);
		cr_assert_lt(++refusals, 16);
	}
	cr_assert_gt(refusals, 0);
	tested->backend->fini(state);
	cr_assert_eq(fixture_count_descriptors(), before);
	expect_sound();
}
