/* SPDX-License-Identifier: MIT */
/*
 * test_many.c - thousands of descriptors: every report has the tag of the right one, whatever the
 * order in which they come and go.
 *
 * As many as the hard limit on descriptors allows, up to MANY.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>

enum { MANY = 8000, SPARE = 64 };

/*
 * One end of a socketpair; its peer is the entry beside it, at an index that differs in the last
 * bit.
 */
struct member {
	int fd;
	uint64_t tag; /* 0: not open */
};

static struct member *members;
static int count;
static uint64_t last_tag;
static uint64_t random_state;

static int affordable(void)
{
	struct rlimit limit;
	rlim_t wanted;

	cr_assert_eq(getrlimit(RLIMIT_NOFILE, &limit), 0);
	wanted = MANY + SPARE;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted)
		wanted = limit.rlim_max;
	if (limit.rlim_cur < wanted) {
		limit.rlim_cur = wanted;
		cr_assert_eq(setrlimit(RLIMIT_NOFILE, &limit), 0);
	}
	cr_assert_gt(wanted, 2 * SPARE);
	return (int)(wanted - SPARE) & ~1;
}

static void open_member(struct member *member)
{
	member->tag = ++last_tag;
	cr_assert_lt(member->tag, HARNESS_TAGS);
	harness_watch(tested, member->fd, member->tag, BOTH);
}

static void close_member(struct member *member)
{
	harness_close(tested, member->fd, member->tag);
	member->tag = 0;
}

static void many_begin(void)
{
	harness_begin();
	random_state = fixture_seed();
	count = affordable();
	members = calloc((size_t)count, sizeof(*members));
	cr_assert(members);
	for (int i = 0; i < count; i += 2) {
		int fds[2];

		fixture_socketpair(fds);
		members[i].fd = fds[0];
		members[i + 1].fd = fds[1];
	}
}

static void many_end(void)
{
	for (int i = 0; i < count; i++) {
		if (members[i].tag)
			close_member(&members[i]);
		close(members[i].fd);
	}
	free(members);
	harness_end();
}

TestSuite(many, .init = many_begin, .fini = many_end, .timeout = FIXTURE_TIMEOUT);

static int random_index(void)
{
	return (int)(fixture_random(&random_state) % (uint64_t)count);
}

/* A random order of all members, by indices. */
static int *shuffled(void)
{
	int *order = malloc((size_t)count * sizeof(*order));

	cr_assert(order);
	for (int i = 0; i < count; i++) {
		int j = (int)(fixture_random(&random_state) % (uint64_t)(i + 1));

		order[i] = order[j];
		order[j] = i;
	}
	return order;
}

static void open_all(void)
{
	for (int i = 0; i < count; i++)
		open_member(&members[i]);
}

/* Nothing but the room for writing: each is told of its own, and told once. */
static void expect_room_everywhere(void)
{
	harness_settle(tested);
	for (int i = 0; i < count; i++) {
		uint64_t tag = members[i].tag;

		cr_assert_eq(tested->flags[tag], WRITE, "number %d: %x", i, tested->flags[tag]);
		cr_assert_eq(tested->reports[tag], 1);
		harness_forget(tested, tag);
	}
}

/* A few of the crowd get a byte. They are told, nobody else is. */
static void expect_right_ones(int ready_count)
{
	int ready[8];

	cr_assert_leq(ready_count, 8);
	for (int i = 0; i < ready_count; i++) {
		do
			ready[i] = random_index();
		while (!members[ready[i]].tag);
		harness_write(members[ready[i] ^ 1].fd, "x");
	}
	harness_settle(tested);
	for (int i = 0; i < ready_count; i++) {
		struct member *member = &members[ready[i]];

		cr_assert(tested->flags[member->tag] & READ, "tag %d", (int)member->tag);
	}
	for (int i = 0; i < ready_count; i++) {
		struct member *member = &members[ready[i]];

		harness_drain(member->fd);
		harness_arm(tested, member->fd, READ);
		harness_news(tested, member->tag);
	}
	for (int i = 0; i < count; i++)
		if (members[i].tag)
			cr_assert_not(tested->flags[members[i].tag] & READ, "number %d", i);
}

Test(many, are_all_told_what_is_theirs)
{
	open_all();
	expect_room_everywhere();
}

Test(many, of_whom_few_are_ready_are_told_apart)
{
	open_all();
	harness_settle(tested);
	for (int i = 0; i < 30; i++)
		expect_right_ones(1 + i % 8);
}

Test(many, of_whom_all_are_ready_are_all_told)
{
	int *order = shuffled();

	open_all();
	expect_room_everywhere();
	for (int i = 0; i < count; i++)
		harness_write(members[order[i]].fd, "x");
	harness_settle(tested);
	for (int i = 0; i < count; i++)
		cr_assert(tested->flags[members[i].tag] & READ, "number %d", i);
	free(order);
}

Test(many, may_go_in_any_order_and_come_back)
{
	int *order = shuffled();

	open_all();
	harness_settle(tested);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < count / 2; i++)
			close_member(&members[order[i]]);
		for (int i = 0; i < 100; i++) /* to those that are gone; nothing may come of it */
			harness_write(members[order[i] ^ 1].fd, "x");
		expect_right_ones(4);
		for (int i = 0; i < 100; i++)
			harness_drain(members[order[i]].fd);
		for (int i = count / 2; i > 0; i--)
			open_member(&members[order[i - 1]]);
		harness_settle(tested);
		expect_right_ones(8);
	}
	for (int i = 0; i < count; i++)
		close_member(&members[order[i]]);
	harness_expect_silence(tested, 2 * MILLISECOND);
	free(order);
}
