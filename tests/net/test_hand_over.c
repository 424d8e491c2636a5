/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_hand_over.c - handles that go to whoever is at the other end: all of them or none,
 * and both ends know which.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(hand_over, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static ssize_t give(struct call *call)
{
	return np_hand_over(call->fd, call->buf, call->size);
}

static ssize_t take(struct call *call)
{
	return np_take_over(call->fd, call->buf, call->size);
}

/* Both at once, by tasks of their own. What each returned. */
static void pass(struct np_fd *ends[2], struct np_inherited *list, size_t count,
		 struct np_inherited *taken, size_t max, ssize_t results[2])
{
	struct call giver = { .fd = ends[0], .buf = list, .size = count };
	struct call taker = { .fd = ends[1], .buf = taken, .size = max };

	call_start(&giver, give);
	call_start(&taker, take);
	results[0] = call_finish(&giver);
	results[1] = call_finish(&taker);
}

static struct np_inherited entry(struct np_fd *fd, const char *name)
{
	struct np_inherited one = { .fd = fd };

	snprintf(one.name, sizeof(one.name), "%s", name);
	return one;
}

static void open_ends(struct np_fd *ends[2])
{
	cr_assert_eq(np_socketpair("unix", ends), 0);
}

static void close_ends(struct np_fd *ends[2])
{
	np_close(ends[0]);
	np_close(ends[1]);
}

/* ---- that works --------------------------------------------------------------------------- */

Test(hand_over, takes_listeners_connections_names_and_data)
{
	struct np_fd *ends[2], *pair[2], *conn, *client;
	struct np_inherited list[3], taken[4] = { { .fd = NULL } };
	ssize_t results[2];
	char address[NP_ADDR_TEXT_MAX], buf[8], data[] = "read\0already";

	open_ends(ends);
	cr_assert_eq(np_socketpair("unixpacket", pair), 0);
	list[0] = entry(call_listen(), "web");
	list[1] = entry(pair[0], "");
	list[2] = entry(pair[1], "any: text \n");
	list[1].data = data;
	list[1].size = 12;
	call_address(list[0].fd, address);
	cr_assert_eq(np_write(pair[0], "before", 6), 6);
	pass(ends, list, 3, taken, 4, results);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], 3);
	for (int i = 0; i < 3; i++) {
		cr_assert_str_eq(taken[i].name, list[i].name);
		cr_assert_eq(np_close(list[i].fd), 0);
	}
	cr_assert_null(taken[0].data);
	cr_assert_eq(taken[1].size, 12);
	cr_assert_eq(memcmp(taken[1].data, "read\0already", 12), 0);
	free(taken[1].data);
	/* What the kernel had stays there, and the giver's closing ended nothing. */
	cr_assert_eq(np_read(taken[2].fd, buf, sizeof(buf)), 6);
	cr_assert_eq(np_write(taken[1].fd, "after", 5), 5);
	cr_assert_eq(np_read(taken[2].fd, buf, sizeof(buf)), 5);
	cr_assert_eq(np_dial("tcp", address, 0, &client), 0);
	cr_assert_eq(np_accept(taken[0].fd, &conn), 0);
	np_close(conn);
	np_close(client);
	for (int i = 0; i < 3; i++)
		np_close(taken[i].fd);
	close_ends(ends);
}

/* A connection that waits for being accepted does so in whichever process asks. */
Test(hand_over, loses_no_connection_in_the_queue)
{
	struct np_fd *ends[2], *client, *conn;
	struct np_inherited list[1], taken[1];
	ssize_t results[2];
	char address[NP_ADDR_TEXT_MAX];

	open_ends(ends);
	list[0] = entry(call_listen(), "web");
	call_address(list[0].fd, address);
	cr_assert_eq(np_dial("tcp", address, 0, &client), 0);
	pass(ends, list, 1, taken, 1, results);
	cr_assert_eq(results[1], 1);
	np_close(list[0].fd);
	cr_assert_eq(np_set_read_deadline(taken[0].fd, np_deadline(INT64_C(60000000000))), 0);
	cr_assert_eq(np_accept(taken[0].fd, &conn), 0);
	np_close(conn);
	np_close(client);
	np_close(taken[0].fd);
	close_ends(ends);
}

Test(hand_over, passes_the_duty_to_remove_a_path_along)
{
	struct np_fd *ends[2];
	struct np_inherited list[1], taken[1];
	ssize_t results[2];
	char path[64];

	for (int kept = 0; kept < 2; kept++) {
		open_ends(ends);
		call_unix_path(path);
		cr_assert_eq(np_listen("unix", path, &list[0].fd), 0);
		list[0] = entry(list[0].fd, "local");
		if (kept)
			cr_assert_eq(np_set_unlink_on_close(list[0].fd, false), 0);
		pass(ends, list, 1, taken, 1, results);
		cr_assert_eq(results[0], 0);
		np_close(list[0].fd);
		cr_assert_eq(access(path, F_OK), 0, "it is the taker's");
		np_close(taken[0].fd);
		cr_assert_eq(access(path, F_OK), kept ? 0 : -1);
		unlink(path);
		close_ends(ends);
	}
}

/* As it is there: a name that is somebody else's now, or was always, in another directory or mount.
 */
Test(hand_over, removes_nothing_but_sockets)
{
	struct np_fd *ends[2];
	struct np_inherited list[1], taken[1];
	ssize_t results[2];
	char path[64];

	open_ends(ends);
	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &list[0].fd), 0);
	list[0] = entry(list[0].fd, "local");
	pass(ends, list, 1, taken, 1, results);
	cr_assert_eq(results[1], 1);
	np_close(list[0].fd);
	cr_assert_eq(unlink(path), 0);
	close(open(path, O_WRONLY | O_CREAT, 0600));
	np_close(taken[0].fd);
	cr_assert_eq(access(path, F_OK), 0, "it is no socket");
	unlink(path);
	close_ends(ends);
}

/* So many that the giver has to wait for room, with data that does not come in one piece. */
Test(hand_over, takes_many)
{
	enum { COUNT = 400, SIZE = 3000, LARGE = NP_INHERITED_DATA_MAX };
	struct np_fd *ends[2], *pair[2];
	struct np_inherited *list = calloc(COUNT, sizeof(*list));
	struct np_inherited *taken = calloc(COUNT, sizeof(*taken));
	char *data = malloc(LARGE);
	ssize_t results[2];

	open_ends(ends);
	open_ends(pair);
	for (size_t i = 0; i < LARGE; i++)
		data[i] = (char)(i * 7 + i / 1000);
	for (int i = 0; i < COUNT; i++) {
		list[i] = (struct np_inherited){ .fd = pair[i % 2], .data = data + i };
		list[i].size = SIZE;
		memset(list[i].name, 'a' + i % 26, (size_t)i % (NP_INHERITED_NAME_MAX + 1));
	}
	list[0].size = LARGE;
	pass(ends, list, COUNT, taken, COUNT, results);
	cr_assert_eq(results[0], 0);
	cr_assert_eq(results[1], COUNT);
	for (int i = 0; i < COUNT; i++) {
		cr_assert_str_eq(taken[i].name, list[i].name);
		cr_assert_eq(taken[i].size, list[i].size);
		cr_assert_eq(memcmp(taken[i].data, list[i].data, list[i].size), 0);
		free(taken[i].data);
		np_close(taken[i].fd);
	}
	close_ends(pair);
	close_ends(ends);
	free(list);
	free(taken);
	free(data);
}

/* A file is a blocking handle there, too. */
Test(hand_over, takes_files)
{
	struct np_fd *ends[2];
	struct np_inherited list[1], taken[1];
	ssize_t results[2];
	char name[] = "/tmp/netpark-test-XXXXXX";
	int sysfd = mkstemp(name);

	cr_assert_geq(sysfd, 0);
	unlink(name);
	open_ends(ends);
	cr_assert_eq(np_fd_open(sysfd, 0, &list[0].fd), 0);
	list[0] = entry(list[0].fd, "file");
	pass(ends, list, 1, taken, 1, results);
	cr_assert_eq(results[1], 1);
	cr_assert_not(np_is_pollable(taken[0].fd));
	cr_assert_eq(np_write(taken[0].fd, "x", 1), 1);
	np_close(taken[0].fd);
	np_close(list[0].fd);
	close_ends(ends);
}

/* ---- that fails --------------------------------------------------------------------------- */

/* Both have failed, nothing was left at the taker, and the giver can go on with what it has. */
static void expect_nothing_happened(struct np_inherited *list, size_t count, int descriptors)
{
	char byte;

	cr_assert_eq(fixture_count_descriptors(), descriptors);
	cr_assert_eq(np_write(list[0].fd, "x", 1), 1);
	cr_assert_eq(np_read(list[count - 1].fd, &byte, 1), 1);
}

static void begin_failure(struct np_fd *ends[2], struct np_inherited list[2], int *descriptors)
{
	struct np_fd *pair[2];

	open_ends(ends);
	open_ends(pair);
	list[0] = entry(pair[0], "a");
	list[1] = entry(pair[1], "b");
	call_register(ends[0]);
	*descriptors = fixture_count_descriptors();
}

static void end_failure(struct np_fd *ends[2], struct np_inherited list[2])
{
	np_close(list[0].fd);
	np_close(list[1].fd);
	close_ends(ends);
}

Test(hand_over, of_more_than_there_is_room_for_fails_at_both_ends)
{
	struct np_fd *ends[2];
	struct np_inherited list[2], taken[1];
	ssize_t results[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	pass(ends, list, 2, taken, 1, results);
	cr_assert_eq(results[0], NP_ELIMIT);
	cr_assert_eq(results[1], NP_ELIMIT);
	expect_nothing_happened(list, 2, descriptors);
	end_failure(ends, list);
}

/* Also when it says so while much is still to come. */
Test(hand_over, that_is_refused_early_tells_why)
{
	enum { COUNT = 300, SIZE = 4000 };
	struct np_fd *ends[2];
	struct np_inherited list[2], taken[1], *many = calloc(COUNT, sizeof(*many));
	char *data = calloc(1, SIZE);
	ssize_t results[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	for (int i = 0; i < COUNT; i++)
		many[i] = (struct np_inherited){ .fd = list[i % 2].fd, .data = data, .size = SIZE };
	pass(ends, many, COUNT, taken, 1, results);
	cr_assert_eq(results[0], NP_ELIMIT, "%zd", results[0]);
	cr_assert_eq(results[1], NP_ELIMIT);
	expect_nothing_happened(list, 2, descriptors);
	end_failure(ends, list);
	free(many);
	free(data);
}

Test(hand_over, to_somebody_who_goes_away_fails)
{
	struct np_fd *ends[2];
	struct np_inherited list[2];
	struct call giver = { .size = 2 };
	int descriptors;

	begin_failure(ends, list, &descriptors);
	giver.fd = ends[0];
	giver.buf = list;
	call_start(&giver, give);
	FIXTURE_UNTIL(fixture_parked() == 1); /* for the answer */
	np_close(ends[1]);
	cr_assert_lt(call_finish(&giver), 0);
	cr_assert(giver.result == NP_EEOF || giver.result == -ECONNRESET, "%zd", giver.result);
	expect_nothing_happened(list, 2, descriptors - 1);
	np_close(list[0].fd);
	np_close(list[1].fd);
	np_close(ends[0]);
}

/* Who takes finds the greeting and a part of the rest. */
Test(hand_over, from_somebody_who_goes_away_fails)
{
	static const uint32_t greeting[] = { 0x4e504831, 2 };
	static const uint32_t header[] = { 0, 1, 5 };
	const struct {
		const void *bytes;
		size_t size;
	} parts[] = { { greeting, 7 }, { greeting, 8 }, { header, 11 }, { header, 12 },
		      { "n", 1 },      { "data", 4 },   { "!", 1 } };
	const int count = sizeof(parts) / sizeof(parts[0]);

	for (int last = 0; last < count; last++) {
		struct np_fd *ends[2];
		struct np_inherited taken[2];
		int pipe[2], before = fixture_count_descriptors();

		open_ends(ends);
		fixture_pipe(pipe);
		for (int i = last == 0 ? 0 : 1; i <= last; i++)
			if (i != 2 || last == 2)
				cr_assert_geq(np_send_fds(ends[0], parts[i].bytes, parts[i].size,
							  pipe, i == 2 || i == 3),
					      0);
		np_close(ends[0]);
		cr_assert_eq(np_take_over(ends[1], taken, 2), NP_EEOF, "after part %d", last);
		np_close(ends[1]);
		close(pipe[0]);
		close(pipe[1]);
		cr_assert_eq(fixture_count_descriptors(), before, "after part %d", last);
	}
}

Test(hand_over, that_takes_too_long_is_off_for_the_taker_as_well)
{
	struct np_fd *ends[2];
	struct np_inherited list[2], taken[2];
	int descriptors;
	ssize_t n;

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(1000 * 1000)), 0);
	cr_assert_eq(np_hand_over(ends[0], list, 2), NP_EDEADLINE);
	/* Everything is there but for somebody who would hear that it was taken. */
	n = np_take_over(ends[1], taken, 2);
	cr_assert_eq(n, -EPIPE, "%zd", n);
	expect_nothing_happened(list, 2, descriptors);
	end_failure(ends, list);
}

/* Which is not the giver's deadline, nor its cancellation: that would stop who has all reason to go
 * on. */
Test(hand_over, to_somebody_who_gives_up_is_no_deadline_of_the_giver)
{
	static const int32_t answers[] = { NP_ECANCELED, NP_ECLOSED, INT32_MIN };
	struct np_fd *ends[2];
	struct np_inherited list[2], taken[2];
	ssize_t results[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_set_read_deadline(ends[1], -1), 0);
	pass(ends, list, 2, taken, 2, results);
	cr_assert_eq(results[0], NP_EEOF, "%zd", results[0]);
	cr_assert_eq(results[1], NP_EDEADLINE);
	end_failure(ends, list);
	for (int i = 0; i < 3; i++) {
		begin_failure(ends, list, &descriptors);
		cr_assert_eq(np_write(ends[1], &answers[i], 4), 4);
		cr_assert_eq(np_hand_over(ends[0], list, 2), NP_EEOF);
		end_failure(ends, list);
	}
}

/* The giver has not looked yet, and will not wait; but it was said. */
Test(hand_over, that_was_agreed_to_in_time_counts)
{
	static const int32_t yes = 0;
	struct np_fd *ends[2];
	struct np_inherited list[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_write(ends[1], &yes, sizeof(yes)), sizeof(yes));
	cr_assert_eq(np_set_read_deadline(ends[0], -1), 0);
	cr_assert_eq(np_hand_over(ends[0], list, 2), 0);
	end_failure(ends, list);
}

Test(hand_over, of_a_closed_handle_fails_at_both_ends)
{
	struct np_fd *ends[2], *closed[2];
	struct np_inherited list[3], taken[3];
	ssize_t results[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	open_ends(closed);
	np_cancel_io(closed[0]);
	np_close(closed[1]);
	list[2] = entry(closed[0], "c");
	pass(ends, list, 3, taken, 3, results);
	cr_assert_eq(results[0], NP_ECLOSED);
	cr_assert_eq(results[1], NP_EEOF);
	expect_nothing_happened(list, 2, descriptors);
	np_unref(closed[0]);
	end_failure(ends, list);
}

/* A call under way needs no reference of its own. */
Test(hand_over, whose_handle_is_given_up_meanwhile_fails)
{
	struct np_fd *ends[2];
	struct np_inherited taken[2];
	struct call taker = { .buf = taken, .size = 2 };

	open_ends(ends);
	taker.fd = ends[1];
	call_start(&taker, take);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert_eq(call_finish(&taker), NP_ECLOSED);
	np_close(ends[0]);
}

Test(hand_over, with_somebody_who_speaks_something_else_fails)
{
	struct np_fd *ends[2];
	struct np_inherited list[2], taken[2];
	int descriptors;

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_write(ends[1], "HELLO, TAKER", 12), 12);
	cr_assert_eq(np_hand_over(ends[0], list, 2), -EPROTO);
	expect_nothing_happened(list, 2, descriptors);
	end_failure(ends, list);

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_write(ends[0], "HELLO, GIVER", 12), 12);
	cr_assert_eq(np_take_over(ends[1], taken, 2), -EPROTO);
	end_failure(ends, list);
}

Test(hand_over, refuses_what_makes_no_sense)
{
	struct np_fd *ends[2], *packets[2];
	struct np_inherited list[2], bad;
	int descriptors;

	begin_failure(ends, list, &descriptors);
	cr_assert_eq(np_socketpair("unixpacket", packets), 0);
	cr_assert_eq(np_hand_over(NULL, list, 2), -EINVAL);
	cr_assert_eq(np_hand_over(packets[0], list, 2), -EINVAL);
	cr_assert_eq(np_take_over(packets[0], list, 2), -EINVAL);
	cr_assert_eq(np_hand_over(ends[0], NULL, 2), -EINVAL);
	cr_assert_eq(np_hand_over(ends[0], list, 0), -EINVAL);
	cr_assert_eq(np_take_over(ends[0], NULL, 2), -EINVAL);
	cr_assert_eq(np_take_over(ends[0], list, 0), -EINVAL);
	bad = list[0];
	bad.size = 1;
	cr_assert_eq(np_hand_over(ends[0], &bad, 1), -EINVAL);
	bad = list[0];
	memset(bad.name, 'x', sizeof(bad.name));
	cr_assert_eq(np_hand_over(ends[0], &bad, 1), -EINVAL);
	bad = entry(NULL, "none");
	cr_assert_eq(np_hand_over(ends[0], &bad, 1), -EINVAL);
	np_cancel_io(ends[0]);
	cr_assert_eq(np_hand_over(ends[0], list, 2), NP_ECLOSED);
	cr_assert_eq(np_take_over(ends[0], list, 2), NP_ECLOSED);
	np_unref(ends[0]);
	np_close(ends[1]);
	np_close(list[0].fd);
	np_close(list[1].fd);
	close_ends(packets);
}
