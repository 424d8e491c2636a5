/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_pipe.c - np_pipe_pair(): reads and writes that meet, and what keeps them from it.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include "core/net/pipe.h"
#include "core/spin.h"

#include <netpark/pipe.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(pipe, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t HOUR = INT64_C(3600) * 1000000000;

static void pair(struct np_fd *ends[2])
{
	cr_assert_eq(np_pipe_pair(ends), 0);
}

static void close_both(struct np_fd *ends[2])
{
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(np_close(ends[1]), 0);
}

/* How many calls wait for the other end. */
static int waiting(struct np_fd *fd, int side)
{
	struct pipe_end *end = np__pipe_end(fd);
	int number = side == SIDE_WRITE ? end->number : 1 - end->number;
	int count = 0;

	np__spin_lock(&end->pipe->lock);
	for (struct np_waiter *waiter = end->pipe->ways[number].waiting[side].first; waiter;
	     waiter = waiter->next)
		count++;
	np__spin_unlock(&end->pipe->lock);
	return count;
}

static void start_reading(struct call *call, struct np_fd *fd, size_t size)
{
	int before = waiting(fd, SIDE_READ);

	*call = (struct call){ .fd = fd, .size = size };
	call_start(call, call_read);
	FIXTURE_UNTIL(waiting(fd, SIDE_READ) == before + 1);
}

static void start_writing(struct call *call, struct np_fd *fd, const char *text)
{
	*call = (struct call){ .fd = fd, .buf = (void *)(uintptr_t)text, .size = strlen(text) };
	call_start(call, call_write);
	FIXTURE_UNTIL(waiting(fd, SIDE_WRITE) == 1);
}

/* ---- data --------------------------------------------------------------------------------- */

Test(pipe, a_write_returns_when_all_was_read)
{
	struct np_fd *ends[2];
	struct call writer;
	char buf[8];

	pair(ends);
	for (int i = 0; i < 2; i++) {
		start_writing(&writer, ends[i], "0123456789");
		cr_assert_eq(np_read(ends[1 - i], buf, 4), 4);
		cr_assert_eq(np_read(ends[1 - i], buf + 4, 4), 4);
		cr_assert_eq(memcmp(buf, "01234567", 8), 0);
		cr_assert_not(atomic_load(&writer.done));
		cr_assert_eq(np_read(ends[1 - i], buf, 4), 2);
		cr_assert_eq(memcmp(buf, "89", 2), 0);
		cr_assert_eq(call_finish(&writer), 10);
		cr_assert_eq(writer.written, 10);
	}
	close_both(ends);
}

Test(pipe, a_read_takes_of_one_write_only)
{
	struct np_fd *ends[2];
	struct call readers[3];

	pair(ends);
	for (int i = 0; i < 3; i++)
		start_reading(&readers[i], ends[0], 5);
	cr_assert_eq(np_write(ends[1], "abc", 3), 3);
	cr_assert_eq(np_write(ends[1], "defghijk", 8), 8);
	cr_assert_eq(call_finish(&readers[0]), 3);
	cr_assert_eq(call_finish(&readers[1]), 5);
	cr_assert_eq(call_finish(&readers[2]), 3);
	cr_assert_eq(memcmp(readers[0].data, "abc", 3), 0);
	cr_assert_eq(memcmp(readers[1].data, "defgh", 5), 0);
	cr_assert_eq(memcmp(readers[2].data, "ijk", 3), 0);
	close_both(ends);
}

static bool has_others(struct np_fd *fd)
{
	struct pipe_end *end = np__pipe_end(fd);

	return __atomic_load_n(&end->pipe->ways[end->number].turn.waiters.first, __ATOMIC_ACQUIRE);
}

Test(pipe, writes_are_read_one_after_the_other)
{
	struct np_fd *ends[2];
	struct call first, second = { .buf = (void *)(uintptr_t) "bbbb", .size = 4 };
	char buf[8] = "";

	pair(ends);
	start_writing(&first, ends[0], "aaaa");
	second.fd = ends[0];
	call_start(&second, call_write);
	FIXTURE_UNTIL(has_others(ends[0]));
	for (int i = 0; i < 8; i++)
		cr_assert_eq(np_read(ends[1], &buf[i], 1), 1);
	cr_assert_eq(memcmp(buf, "aaaabbbb", 8), 0);
	cr_assert_eq(call_finish(&first), 4);
	cr_assert_eq(call_finish(&second), 4);
	close_both(ends);
}

Test(pipe, an_empty_write_waits_for_a_read)
{
	struct np_fd *ends[2];
	struct call call;
	char buf[8];

	pair(ends);
	start_writing(&call, ends[0], "");
	cr_assert_eq(np_read(ends[1], buf, 0), 0);
	cr_assert_not(atomic_load(&call.done));
	cr_assert_eq(np_read(ends[1], buf, 8), 0);
	cr_assert_eq(call_finish(&call), 0);
	start_reading(&call, ends[0], 8);
	cr_assert_eq(np_writev(ends[1], NULL, 0), 0);
	cr_assert_eq(waiting(ends[0], SIDE_READ), 1);
	cr_assert_eq(np_write(ends[1], NULL, 0), 0);
	cr_assert_eq(call_finish(&call), 0);
	close_both(ends);
}

static ssize_t call_writev(struct call *call)
{
	struct iovec *iov = call->buf;

	return np_writev(call->fd, iov, (int)call->size);
}

Test(pipe, buffers_meet_whatever_their_sizes)
{
	struct np_fd *ends[2];
	char sent[] = "abcdefghijkl";
	char got[13] = "";
	struct iovec out[] = { { sent, 0 }, { sent, 5 }, { sent + 5, 0 }, { sent + 5, 7 } };
	struct iovec in[] = { { got, 3 }, { got, 0 }, { got + 3, 4 }, { got + 7, 3 } };
	struct call writer = { .buf = out, .size = 4 };

	pair(ends);
	writer.fd = ends[0];
	call_start(&writer, call_writev);
	cr_assert_eq(np_readv(ends[1], in, 4), 10);
	cr_assert_eq(np_read(ends[1], got + 10, 2), 2);
	cr_assert_str_eq(got, sent);
	cr_assert_eq(call_finish(&writer), 12);
	for (int i = 0; i < 4; i++)
		cr_assert_eq(out[i].iov_len, 0);
	cr_assert_eq(np_readv(ends[1], in, 0), 0);
	close_both(ends);
}

Test(pipe, buffers_tell_where_an_error_stopped_them)
{
	struct np_fd *ends[2];
	char data[8] = "abcdefg";
	struct iovec out[] = { { data, 3 }, { data + 3, 4 } };
	struct call writer = { .buf = out, .size = 2 };

	pair(ends);
	writer.fd = ends[0];
	call_start(&writer, call_writev);
	cr_assert_eq(np_read(ends[1], (char[8]){ 0 }, 5), 5);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert_eq(call_finish(&writer), -EPIPE);
	cr_assert_eq(out[0].iov_len, 0);
	cr_assert_eq(out[1].iov_base, data + 5);
	cr_assert_eq(out[1].iov_len, 2);
	cr_assert_eq(np_close(ends[0]), 0);
}

static ssize_t call_copy(struct call *call)
{
	ssize_t n = (ssize_t)np_copy(call->fd, call->conn, -1);

	np_close_write(call->fd);
	return n;
}

/* More than a copy has room for at a time, so that it would like the kernel to go on. */
Test(pipe, is_copied_from_and_to)
{
	enum { SIZE = 1 << 20 };
	char *sent = malloc(SIZE), *got = malloc(SIZE);
	uint64_t random = fixture_seed();
	struct call writer = { .buf = sent, .size = SIZE }, copier = { .fd = NULL };
	struct np_fd *from[2], *to[2];

	for (size_t i = 0; i < SIZE; i++)
		sent[i] = (char)fixture_random(&random);
	pair(from);
	pair(to);
	writer.fd = from[0];
	copier.conn = from[1];
	copier.fd = to[0];
	call_start(&writer, call_write);
	call_start(&copier, call_copy);
	cr_assert_eq(np_read_full(to[1], got, SIZE), SIZE);
	cr_assert_eq(memcmp(got, sent, SIZE), 0);
	cr_assert_eq(call_finish(&writer), SIZE);
	cr_assert_eq(np_close_write(from[0]), 0);
	cr_assert_eq(np_read(to[1], got, 1), 0);
	cr_assert_eq(call_finish(&copier), SIZE);
	close_both(from);
	close_both(to);
	free(sent);
	free(got);
}

/* ---- the end ------------------------------------------------------------------------------ */

Test(pipe, a_close_ends_what_is_under_way_at_both_ends)
{
	for (int closed = 0; closed < 2; closed++) {
		struct np_fd *ends[2];
		struct call readers[2];

		pair(ends);
		start_reading(&readers[0], ends[0], 1);
		start_reading(&readers[1], ends[1], 1);
		/* Our only reference: a call under way needs none. */
		cr_assert_eq(np_close(ends[closed]), 0);
		cr_assert_eq(call_finish(&readers[closed]), NP_ECLOSED);
		cr_assert_str_eq(readers[closed].text, "read pipe: use of closed descriptor");
		cr_assert_eq(call_finish(&readers[1 - closed]), 0);
		cr_assert_eq(np_write(ends[1 - closed], "x", 1), -EPIPE);
		cr_assert_eq(np_close(ends[1 - closed]), 0);
	}
}

Test(pipe, a_close_ends_writes_under_way_and_tells_how_far_they_got)
{
	for (int closed = 0; closed < 2; closed++) {
		struct np_fd *ends[2];
		struct call writers[2];
		char buf[8];

		pair(ends);
		start_writing(&writers[0], ends[0], "hello");
		start_writing(&writers[1], ends[1], "world");
		cr_assert_eq(np_read(ends[0], buf, 3), 3);
		cr_assert_eq(np_close(ends[closed]), 0);
		cr_assert_eq(call_finish(&writers[closed]), NP_ECLOSED);
		cr_assert_eq(call_finish(&writers[1 - closed]), -EPIPE);
		cr_assert_str_eq(writers[1 - closed].text, "write pipe: broken pipe");
		cr_assert_eq(writers[0].written, 0);
		cr_assert_eq(writers[1].written, 3);
		cr_assert_eq(np_read(ends[1 - closed], buf, 8), 0);
		cr_assert_eq(np_close(ends[1 - closed]), 0);
	}
}

Test(pipe, a_closed_end_says_so_to_every_call)
{
	struct np_fd *ends[2];
	struct np_addr addr;
	char byte = 0;

	pair(ends);
	cr_assert_eq(np_ref(ends[0]), ends[0]);
	cr_assert_eq(np_cancel_io(ends[0]), 0);
	cr_assert_eq(np_cancel_io(ends[0]), NP_ECLOSED);
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_ECLOSED);
	cr_assert_eq(np_read(ends[0], &byte, 0), NP_ECLOSED);
	cr_assert_eq(np_write(ends[0], &byte, 1), NP_ECLOSED);
	cr_assert_eq(np_writev(ends[0], NULL, 0), NP_ECLOSED);
	cr_assert_eq(np_set_deadline(ends[0], 0), NP_ECLOSED);
	cr_assert_eq(np_close_write(ends[0]), NP_ECLOSED);
	cr_assert_eq(np_local_addr(ends[0], &addr), NP_ECLOSED);
	cr_assert_eq(np_wait(ends[0], NP_READ), NP_ECLOSED);
	cr_assert_eq(np_close(ends[0]), NP_ECLOSED);
	np_unref(ends[0]);
	/* The last reference closes what nobody has closed. */
	cr_assert_eq(np_set_deadline(ends[1], 0), 0);
	np_unref(ends[1]);
}

Test(pipe, ends_one_way_by_either_half)
{
	struct np_fd *ends[2];
	struct call calls[2];

	pair(ends);
	start_reading(&calls[0], ends[1], 1);
	start_reading(&calls[1], ends[0], 1);
	cr_assert_eq(np_close_write(ends[0]), 0);
	cr_assert_eq(call_finish(&calls[0]), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), -EPIPE);
	/* The other way is as it was. */
	cr_assert_eq(np_write(ends[1], "x", 1), 1);
	cr_assert_eq(call_finish(&calls[1]), 1);
	start_writing(&calls[0], ends[1], "x");
	cr_assert_eq(np_close_read(ends[0]), 0);
	cr_assert_eq(call_finish(&calls[0]), -EPIPE);
	cr_assert_eq(np_read(ends[0], calls[0].data, 1), 0);
	close_both(ends);
}

/* ---- deadlines ---------------------------------------------------------------------------- */

Test(pipe, an_expired_deadline_fails_even_what_could_be_done)
{
	struct np_fd *ends[2];
	struct call writer, reader;
	char buf[4];

	pair(ends);
	start_writing(&writer, ends[1], "ab");
	cr_assert_eq(np_set_read_deadline(ends[0], -1), 0);
	cr_assert_eq(np_read(ends[0], buf, 4), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(ends[0], np_time()), 0);
	cr_assert_eq(np_read(ends[0], buf, 4), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(ends[0], 0), 0);
	cr_assert_eq(np_read(ends[0], buf, 4), 2);
	cr_assert_eq(call_finish(&writer), 2);

	start_reading(&reader, ends[1], 4);
	cr_assert_eq(np_set_write_deadline(ends[0], -1), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), NP_EDEADLINE);
	start_writing(&writer, ends[1], "y");
	cr_assert_eq(np_read(ends[0], buf, 4), 1);
	cr_assert_eq(call_finish(&writer), 1);
	cr_assert_eq(np_set_deadline(ends[0], np_deadline(HOUR)), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);

	/* The end comes before it. */
	cr_assert_eq(np_set_deadline(ends[0], -1), 0);
	cr_assert_eq(np_close(ends[1]), 0);
	cr_assert_eq(np_read(ends[0], buf, 4), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), -EPIPE);
	cr_assert_eq(np_close(ends[0]), 0);
}

Test(pipe, a_deadline_passes_under_a_call)
{
	struct np_fd *ends[2];
	char buf[4];
	size_t written;
	int64_t deadline_ns;

	pair(ends);
	deadline_ns = np_deadline(1000000);
	cr_assert_eq(np_set_deadline(ends[0], deadline_ns), 0);
	cr_assert_eq(np_read(ends[0], buf, 4), NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline_ns);
	cr_assert_eq(np_write_counted(ends[0], "x", 1, &written), NP_EDEADLINE);
	cr_assert_eq(written, 0);
	deadline_ns = np_deadline(1000000);
	cr_assert_eq(np_set_write_deadline(ends[0], deadline_ns), 0);
	cr_assert_eq(np_write(ends[0], "x", 1), NP_EDEADLINE);
	cr_assert_geq(np_time(), deadline_ns);
	close_both(ends);
}

Test(pipe, a_deadline_moves_under_a_call)
{
	const int64_t before[] = { 0, np_deadline(HOUR), INT64_MAX };

	for (int i = 0; i < 3; i++) {
		struct np_fd *ends[2];
		struct call reader, writer;
		char byte;

		pair(ends);
		cr_assert_eq(np_set_deadline(ends[0], before[i]), 0);
		start_reading(&reader, ends[0], 1);
		start_writing(&writer, ends[0], "ab");
		cr_assert_eq(np_read(ends[1], &byte, 1), 1);
		/* To a time as far away: it goes on waiting. */
		cr_assert_eq(np_set_deadline(ends[0], np_deadline(2 * HOUR)), 0);
		FIXTURE_UNTIL(waiting(ends[0], SIDE_READ) == 1);
		FIXTURE_UNTIL(waiting(ends[0], SIDE_WRITE) == 1);
		cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(1000)), 0);
		cr_assert_eq(call_finish(&reader), NP_EDEADLINE);
		cr_assert_str_eq(reader.text, "read pipe: i/o timeout");
		cr_assert_eq(waiting(ends[0], SIDE_WRITE), 1);
		cr_assert_eq(np_set_write_deadline(ends[0], -1), 0);
		cr_assert_eq(call_finish(&writer), NP_EDEADLINE);
		cr_assert_eq(writer.written, 1);
		close_both(ends);
	}
}

/* ---- what it is not ----------------------------------------------------------------------- */

static int no_control(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return 0;
}

static bool no_raw(int sysfd, void *arg)
{
	(void)sysfd;
	(void)arg;
	return true;
}

Test(pipe, what_needs_a_descriptor_is_refused)
{
	struct np_addr addr = { .family = NP_ADDR_IPV4 };
	struct np_fd *ends[2];
	struct np_fd *conn;
	struct msghdr message = { .msg_iovlen = 0 };
	struct np_credentials credentials;
	char text[128], expected[128];
	int option;

	pair(ends);
	cr_assert_eq(np_fd_control(ends[0], no_control, NULL), -EOPNOTSUPP);
	np_error_text(-EOPNOTSUPP, text, sizeof(text));
	snprintf(expected, sizeof(expected), "raw-control pipe: %s", fixture_error(EOPNOTSUPP));
	cr_assert_str_eq(text, expected);
	cr_assert_eq(np_wait(ends[0], NP_READ), -EOPNOTSUPP);
	np_error_text(-EOPNOTSUPP, text, sizeof(text));
	snprintf(expected, sizeof(expected), "wait pipe: %s", fixture_error(EOPNOTSUPP));
	cr_assert_str_eq(text, expected);
	cr_assert_eq(np_raw_read(ends[0], no_raw, NULL), -EOPNOTSUPP);
	cr_assert_eq(np_raw_write(ends[0], no_raw, NULL), -EOPNOTSUPP);
	cr_assert_eq(np_recvmsg(ends[0], &message, 0), -EOPNOTSUPP);
	cr_assert_eq(np_sendmsg(ends[0], &message, 0), -EOPNOTSUPP);
	cr_assert_eq(np_set_no_delay(ends[0], true), -EOPNOTSUPP);
	cr_assert_lt(np_accept(ends[0], &conn), 0);
	cr_assert_eq(np_set_linger(ends[0], 0), -EOPNOTSUPP);
	cr_assert_eq(np_get_option(ends[0], SOL_SOCKET, SO_TYPE, &option), -EOPNOTSUPP);
	cr_assert_lt(np_peer_credentials(ends[0], &credentials), 0);
	cr_assert_eq(np_fd_duplicate(ends[0], &option), -EOPNOTSUPP);
	cr_assert_lt(np_peek(ends[0], text, 1), 0);
	cr_assert_lt(np_recv_from(ends[0], text, 1, &addr), 0);
	cr_assert_lt(np_pread(ends[0], text, 1, 0), 0);
	cr_assert_eq(np_local_addr(ends[0], &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_NONE);
	addr.family = NP_ADDR_IPV4;
	cr_assert_eq(np_remote_addr(ends[0], &addr), 0);
	cr_assert_eq(addr.family, NP_ADDR_NONE);
	cr_assert(np_is_pollable(ends[0]));
	cr_assert_eq(np_pipe_pair(NULL), -EINVAL);
	cr_assert_eq(np_read(ends[0], NULL, 1), -EINVAL);
	cr_assert_eq(np_write(ends[0], text, SIZE_MAX), -EINVAL);
	close_both(ends);
}

Test(pipe, is_the_parents_after_a_fork)
{
	struct np_fd *ends[2];
	struct np_addr addr;
	int status = -1;
	char byte;
	pid_t child;

	pair(ends);
	child = fork();
	if (child == 0) {
		int wrong = np_read(ends[0], &byte, 1) != NP_EFORKED;

		wrong += np_write(ends[0], "x", 1) != NP_EFORKED;
		wrong += np_set_deadline(ends[0], 0) != NP_EFORKED;
		wrong += np_close_write(ends[0]) != NP_EFORKED;
		wrong += np_read(ends[0], &byte, 0) != NP_EFORKED;
		wrong += np_local_addr(ends[0], &addr) != NP_EFORKED;
		wrong += np_close(ends[0]) != 0;
		_exit(wrong);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close_both(ends);
}
