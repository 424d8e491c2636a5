/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_anonymous.c - descriptors without a file, of Linux: of some each read takes all
 * there is, so that the next may wait without asking; of others it does not, and a read that waited
 * would wait for ever. So every read here has a deadline that only a lost report comes near.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <sys/timerfd.h>
#include <unistd.h>

TestSuite(anonymous, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t PATIENCE = INT64_C(30) * 1000000000;

static int make_eventfd(int flags)
{
	fixture_needs("eventfd2");
	return eventfd(0, flags);
}

static struct np_fd *wrap(int sysfd)
{
	struct np_fd *fd;

	cr_assert_geq(sysfd, 0);
	cr_assert_eq(np_fd_open(sysfd, 0, &fd), 0);
	return fd;
}

static ssize_t read_in_time(struct np_fd *fd, void *buf, size_t size)
{
	np_set_read_deadline(fd, np_deadline(PATIENCE));
	return np_read(fd, buf, size);
}

static void expect_count(struct np_fd *fd, uint64_t expected)
{
	uint64_t count = 0;

	cr_assert_eq(read_in_time(fd, &count, sizeof(count)), sizeof(count));
	cr_assert_eq(count, expected);
}

static void add(int sysfd, uint64_t count)
{
	cr_assert_eq(write(sysfd, &count, sizeof(count)), sizeof(count));
}

/* Each read leaves something, and no report tells of it. */
Test(anonymous, a_semaphore_is_read_down_to_nothing)
{
	int sysfd = make_eventfd(EFD_SEMAPHORE);
	struct np_fd *fd = wrap(sysfd);

	add(sysfd, 5);
	for (int i = 0; i < 5; i++)
		expect_count(fd, 1);
	add(sysfd, 1);
	expect_count(fd, 1);
	np_close(fd);
}

Test(anonymous, a_counter_is_read_as_often_as_it_is_written)
{
	int sysfd = make_eventfd(0);
	struct np_fd *fd = wrap(sysfd);

	for (uint64_t i = 1; i < 10; i++) {
		add(sysfd, i);
		expect_count(fd, i);
	}
	np_close(fd);
}

Test(anonymous, a_timer_is_read_at_every_tick)
{
	const struct itimerspec ticks = { { 0, 1000000 }, { 0, 1000000 } };
	int sysfd = timerfd_create(CLOCK_MONOTONIC, 0);
	struct np_fd *fd = wrap(sysfd);

	cr_assert_eq(timerfd_settime(sysfd, 0, &ticks, NULL), 0);
	for (int i = 0; i < 10; i++) {
		uint64_t count = 0;

		cr_assert_eq(read_in_time(fd, &count, sizeof(count)), sizeof(count));
		cr_assert_geq(count, 1);
	}
	np_close(fd);
}

/* With room for one at a time: what is left was reported together with the first. */
Test(anonymous, events_of_a_folder_are_read_one_by_one)
{
	char buf[sizeof(struct inotify_event)];
	char path[] = "/tmp/netpark-XXXXXX";
	int file = mkstemp(path);
	int sysfd = inotify_init();
	struct np_fd *fd = wrap(sysfd);

	cr_assert_geq(file, 0);
	cr_assert_geq(inotify_add_watch(sysfd, path, IN_MODIFY | IN_ATTRIB | IN_CLOSE_WRITE), 0);
	cr_assert_eq(write(file, "x", 1), 1);
	cr_assert_eq(fchmod(file, 0600), 0);
	close(file);
	for (int i = 0; i < 3; i++)
		cr_assert_gt(read_in_time(fd, buf, sizeof(buf)), 0);
	unlink(path);
	np_close(fd);
}

Test(anonymous, an_eventfd_is_written_and_read)
{
	int sysfd = make_eventfd(EFD_NONBLOCK);
	struct call reader = { .size = sizeof(uint64_t) };
	uint64_t three = 3, got;

	cr_assert_eq(np_fd_open(sysfd, 0, &reader.fd), 0);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(reader.fd, &three, sizeof(three)), sizeof(three));
	cr_assert_eq(call_finish(&reader), sizeof(got));
	memcpy(&got, reader.data, sizeof(got));
	cr_assert_eq(got, 3);
	cr_assert_eq(np_close(reader.fd), 0);
}
