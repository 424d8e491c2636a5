/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_data_faults.c - reads and writes with a kernel that interrupts, says "again"
 * for no reason, moves a byte at a time, fails, or claims what cannot be.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <limits.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

static void end(void)
{
	fault_clear();
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(data_faults, .init = fixture_begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static void close_both(struct np_fd *fds[2])
{
	fault_clear();
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* ---- each call, in each way --------------------------------------------------------------- */

static char buf[64];

static ssize_t do_read(struct np_fd *fd)
{
	return np_read(fd, buf, sizeof(buf));
}

static ssize_t do_readv(struct np_fd *fd)
{
	struct iovec iov[2] = { { buf, 2 }, { buf + 2, 10 } };

	return np_readv(fd, iov, 2);
}

static ssize_t do_recvmsg(struct np_fd *fd)
{
	struct iovec iov = { buf, sizeof(buf) };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return np_recvmsg(fd, &message, 0);
}

static ssize_t do_write(struct np_fd *fd)
{
	return np_write(fd, "data", 4);
}

static ssize_t do_writev(struct np_fd *fd)
{
	char data[] = "data";
	struct iovec iov[2] = { { data, 2 }, { data + 2, 2 } };

	return np_writev(fd, iov, 2);
}

static ssize_t do_sendmsg(struct np_fd *fd)
{
	char data[] = "data";
	struct iovec iov = { data, 4 };
	struct msghdr message = { .msg_iov = &iov, .msg_iovlen = 1 };

	return np_sendmsg(fd, &message, 0);
}

static const struct operation {
	const char *name; /* the system call */
	ssize_t (*run)(struct np_fd *fd);
	void (*make_pair)(struct np_fd *fds[2]);
	bool writes;
} operations[] = {
	{ "recv", do_read, fixture_fd_pair, false },
	{ "recv", do_read, fixture_fd_tcp_pair, false },
	{ "read", do_read, fixture_fd_pipe, false },
	{ "readv", do_readv, fixture_fd_pair, false },
	{ "readv", do_readv, fixture_fd_pipe, false },
	{ "recvmsg", do_recvmsg, fixture_fd_tcp_pair, false },
	{ "send", do_write, fixture_fd_pair, true },
	{ "send", do_write, fixture_fd_tcp_pair, true },
	{ "write", do_write, fixture_fd_pipe, true },
	{ "sendmsg", do_writev, fixture_fd_pair, true },
	{ "writev", do_writev, fixture_fd_pipe, true },
	{ "sendmsg", do_sendmsg, fixture_fd_tcp_pair, true },
};

enum { OPERATIONS = sizeof(operations) / sizeof(operations[0]) };

/* Index 0 of a pipe reads. A read has "data" waiting for it. Returns the end to use. */
static struct np_fd *begin(const struct operation *operation, struct np_fd *fds[2])
{
	operation->make_pair(fds);
	if (operation->writes)
		return fds[1];
	cr_assert_eq(np_write(fds[1], "data", 4), 4);
	return fds[0];
}

Test(data_faults, a_call_is_made_again_after_signals)
{
	for (int i = 0; i < OPERATIONS; i++) {
		struct np_fd *fds[2], *fd = begin(&operations[i], fds);

		fault_fail(operations[i].name, 1, 100, EINTR);
		cr_assert_eq(operations[i].run(fd), 4, "%s", operations[i].name);
		cr_assert_eq(fault_calls(operations[i].name), 101);
		close_both(fds);
	}
}

/* It waits, is told that there is something after all, and tries again. */
Test(data_faults, a_call_that_would_block_waits_and_is_made_again)
{
	for (int i = 0; i < OPERATIONS; i++) {
		struct np_fd *fds[2], *fd = begin(&operations[i], fds);

		fault_fail(operations[i].name, 1, 1, EAGAIN);
		cr_assert_eq(operations[i].run(fd), 4, "%s", operations[i].name);
		cr_assert_eq(fault_met(), 1);
		close_both(fds);
	}
}

Test(data_faults, an_error_is_returned_and_the_next_call_works)
{
	const int errors[] = { ENOBUFS, ENOMEM, EIO, EHOSTUNREACH };

	for (int i = 0; i < OPERATIONS; i++) {
		struct np_fd *fds[2], *fd = begin(&operations[i], fds);

		for (int j = 0; j < 4; j++) {
			fault_fail(operations[i].name, 1, 1, errors[j]);
			cr_assert_eq(operations[i].run(fd), -errors[j], "%s", operations[i].name);
		}
		fault_clear();
		cr_assert_eq(operations[i].run(fd), 4, "%s", operations[i].name);
		close_both(fds);
	}
}

/* ---- writes that are strange -------------------------------------------------------------- */

Test(data_faults, a_write_that_claims_more_than_it_was_given_is_an_error)
{
	for (int i = 0; i < OPERATIONS; i++) {
		struct np_fd *fds[2], *fd;

		/* sendmsg returns what the kernel said: it does not go on from there. */
		if (!operations[i].writes || operations[i].run == do_sendmsg)
			continue;
		fd = begin(&operations[i], fds);
		fault_return(operations[i].name, 1, 1, 5);
		cr_assert_eq(operations[i].run(fd), -EIO, "%s", operations[i].name);
		cr_assert_eq(operations[i].run(fd), 4);
		close_both(fds);
	}
}

Test(data_faults, a_write_of_nothing_without_a_reason_is_an_error)
{
	for (int i = 0; i < OPERATIONS; i++) {
		struct np_fd *fds[2], *fd;

		if (!operations[i].writes || operations[i].run == do_sendmsg)
			continue;
		fd = begin(&operations[i], fds);
		fault_return(operations[i].name, 1, 1, 0);
		cr_assert_eq(operations[i].run(fd), NP_ESHORTWRITE, "%s", operations[i].name);
		cr_assert_eq(operations[i].run(fd), 4);
		close_both(fds);
	}
}

Test(data_faults, a_write_goes_on_where_the_last_call_stopped)
{
	void (*const make[])(struct np_fd * fds[2]) = { fixture_fd_pair, fixture_fd_pipe };
	const char *const names[] = { "send", "write" };

	for (int i = 0; i < 2; i++) {
		struct np_fd *fds[2];

		make[i](fds);
		fault_shorten(names[i], 1, FAULT_ALWAYS);
		cr_assert_eq(np_write(fds[1], "byte by byte", 12), 12);
		cr_assert_eq(fault_calls(names[i]), 12);
		fault_clear();
		cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 12);
		cr_assert_eq(memcmp(buf, "byte by byte", 12), 0);
		close_both(fds);
	}
}

Test(data_faults, what_went_out_before_an_error_is_counted)
{
	const struct {
		int error;
		ssize_t result;
	} rows[] = { { ENOBUFS, -ENOBUFS }, { EPIPE, -EPIPE } };

	for (int i = 0; i < 2; i++) {
		struct np_fd *fds[2];
		size_t written = 0;

		fixture_fd_pair(fds);
		fault_shorten("send", 1, 3);
		/* The fourth fails; the three before it are made first. */
		cr_assert_eq(np_write_counted(fds[1], "abc", 3, &written), 3);
		cr_assert_eq(written, 3);
		fault_fail("send", 1, 1, rows[i].error);
		cr_assert_eq(np_write_counted(fds[1], "def", 3, &written), rows[i].result);
		cr_assert_eq(written, 0);
		fault_return("send", 1, 2, 1);
		cr_assert_eq(np_write_counted(fds[1], "xyz", 3, &written), 3);
		fault_clear();
		cr_assert_eq(np_read(fds[0], buf, sizeof(buf)), 4);
		cr_assert_eq(memcmp(buf, "abcz", 4), 0);
		close_both(fds);
	}
}

Test(data_faults, a_claim_too_large_is_not_counted)
{
	struct np_fd *fds[2];
	size_t written = 7;

	fixture_fd_pair(fds);
	fault_return("send", 1, 1, 1 << 20);
	cr_assert_eq(np_write_counted(fds[1], "data", 4, &written), -EIO);
	cr_assert_eq(written, 0);
	close_both(fds);
}

/* ---- at a position ------------------------------------------------------------------------ */

static struct np_fd *open_file(void)
{
	char path[] = "/tmp/netpark-test-XXXXXX";
	struct np_fd *file;
	int sysfd = mkstemp(path);

	cr_assert_geq(sysfd, 0);
	cr_assert_eq(np_file_open(path, O_RDWR, 0, &file), 0);
	close(sysfd);
	unlink(path);
	return file;
}

Test(data_faults, data_at_a_position_survives_signals_and_goes_on_after_parts)
{
	struct np_fd *file = open_file();

	fault_fail("pwrite64", 1, 100, EINTR);
	cr_assert_eq(np_pwrite(file, "interrupted", 11, 0), 11);
	cr_assert_eq(fault_calls("pwrite64"), 101);
	fault_shorten("pwrite64", 1, 5);
	cr_assert_eq(np_pwrite(file, "in parts", 8, 3), 8);
	cr_assert_eq(fault_calls("pwrite64"), 6);
	fault_fail("pread64", 1, 100, EINTR);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 0), 11);
	cr_assert_eq(memcmp(buf, "intin parts", 11), 0);
	fault_shorten("pread64", 1, 1);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 10), 1, "what there is");
	fault_fail("pread64", 1, 1, EIO);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 0), -EIO);
	fault_clear();
	cr_assert_eq(np_close(file), 0);
}

Test(data_faults, a_strange_write_at_a_position_is_an_error)
{
	struct np_fd *file = open_file();

	fault_return("pwrite64", 1, 1, 5);
	cr_assert_eq(np_pwrite(file, "data", 4, 0), -EIO);
	fault_return("pwrite64", 1, 1, 0);
	cr_assert_eq(np_pwrite(file, "data", 4, 0), NP_ESHORTWRITE);
	fault_clear();
	cr_assert_eq(np_pwrite(file, "data", 4, 0), 4);
	cr_assert_eq(np_close(file), 0);
}

/* Far more than there is, which nobody touches: only how much is asked for in one call counts. */
Test(data_faults, much_at_a_position_is_moved_in_pieces)
{
	const size_t piece = (size_t)1 << 30;
	const size_t much = sizeof(size_t) < 8 ? SSIZE_MAX : 3 * piece;
	struct np_fd *file = open_file();

	fault_return("pread64", 1, 1, 3);
	cr_assert_eq(np_pread(file, buf, much, 0), 3);
	cr_assert_eq(fault_largest("pread64"), piece);
	fault_fail("pwrite64", 1, 1, EIO);
	cr_assert_eq(np_pwrite(file, buf, much, 0), -EIO);
	cr_assert_eq(fault_largest("pwrite64"), piece);
	fault_clear();
	cr_assert_eq(np_close(file), 0);
}
