/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_copy.c - np_copy: every byte arrives once and in order whatever the two ends are,
 * and what is known when it could not.
 *
 * That the kernel makes the copies is counted in tests/faults/test_copy_faults.c.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

TestSuite(copy, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* More than the kernel keeps, and no round number. */
enum { BIG = (3 << 20) + 12345 };

/* A terminal that changes nothing, on its way from the program (the slave) to the screen. */
static void pty_pair(struct np_fd *fds[2])
{
	struct termios raw;
	int numbers[2];

	cr_assert_eq(openpty(&numbers[0], &numbers[1], NULL, NULL, NULL), 0);
	tcgetattr(numbers[1], &raw);
	cfmakeraw(&raw);
	tcsetattr(numbers[1], TCSANOW, &raw);
	cr_assert_eq(np_fd_open(numbers[0], 0, &fds[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &fds[1]), 0);
}

/* Each makes a pair of which 0 reads what is written to 1. */
static const struct {
	const char *name;
	void (*make)(struct np_fd *fds[2]);
	bool is_terminal;
} kinds[] = {
	{ "unix", fixture_fd_pair, false },
	{ "pipe", fixture_fd_pipe, false },
	{ "tcp", fixture_fd_tcp_pair, false },
	{ "terminal", pty_pair, true },
};

enum { UNIX, PIPE, TCP, KINDS = 4 };

static unsigned char *random_bytes(size_t size)
{
	unsigned char *bytes = malloc(size);
	uint64_t state = fixture_seed();

	cr_assert(bytes);
	for (size_t i = 0; i < size; i++)
		bytes[i] = (unsigned char)(fixture_random(&state) >> 32);
	return bytes;
}

struct copy_call {
	struct call call;
	struct np_fd *to;
	int64_t limit;
	int64_t copied;
};

static ssize_t run_copy(struct call *call)
{
	struct copy_call *copy = (struct copy_call *)call;

	return (ssize_t)np_copy_counted(copy->to, call->fd, copy->limit, &copy->copied);
}

static void start_copy(struct copy_call *copy, struct np_fd *to, struct np_fd *from, int64_t limit)
{
	*copy = (struct copy_call){ .call.fd = from, .to = to, .limit = limit, .copied = -1 };
	call_start(&copy->call, run_copy);
}

/* Write all, and close behind it. */
static ssize_t write_and_close(struct call *call)
{
	ssize_t n = np_write(call->fd, call->buf, call->size);

	np_close(call->fd);
	return n;
}

static void expect_bytes(struct np_fd *fd, const unsigned char *bytes, size_t size)
{
	unsigned char *got = malloc(size);

	cr_assert_eq(np_read_full(fd, got, size), (ssize_t)size);
	cr_assert_eq(memcmp(got, bytes, size), 0);
	free(got);
}

static void close_both(struct np_fd *fds[2])
{
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- all of it ---------------------------------------------------------------------------- */

static void copy_between(int from, int to, const unsigned char *bytes)
{
	size_t size = kinds[from].is_terminal || kinds[to].is_terminal ? 100001 : BIG;
	struct np_fd *source[2], *sink[2];
	struct copy_call copy;
	struct call writer = { .buf = (void *)(uintptr_t)bytes, .size = size };

	kinds[from].make(source);
	kinds[to].make(sink);
	writer.fd = source[1];
	/* A terminal has no end that the other side would read. */
	start_copy(&copy, sink[1], source[0], kinds[from].is_terminal ? (int64_t)size : -1);
	call_start(&writer, kinds[from].is_terminal ? call_write : write_and_close);
	expect_bytes(sink[0], bytes, size);
	cr_assert_eq(call_finish(&writer), (ssize_t)size);
	cr_assert_eq(call_finish(&copy.call), (ssize_t)size, "%s to %s: %s", kinds[from].name,
		     kinds[to].name, copy.call.text);
	cr_assert_eq(copy.copied, (int64_t)size);
	np_close(source[0]);
	if (kinds[from].is_terminal)
		np_close(source[1]);
	close_both(sink);
}

Test(copy, every_kind_into_every_other)
{
	unsigned char *bytes = random_bytes(BIG);

	for (int from = 0; from < KINDS; from++)
		for (int to = 0; to < KINDS; to++)
			copy_between(from, to, bytes);
	free(bytes);
}

static void memory_pair(struct np_fd *fds[2])
{
	cr_assert_eq(np_pipe_pair(fds), 0);
}

static struct np_fd *open_file(void);

/* Without descriptors nothing is left to the kernel, and a copy is one all the same. */
Test(copy, into_memory_and_out_of_it)
{
	void (*const makers[])(struct np_fd * fds[2]) = { memory_pair, fixture_fd_tcp_pair };
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *file = open_file(), *fds[2];
	struct copy_call copy;

	for (int i = 0; i < 3; i++) {
		struct np_fd *source[2], *sink[2];
		struct call writer = { .buf = bytes, .size = BIG };

		makers[i == 2](source);
		makers[i == 1](sink);
		writer.fd = source[1];
		start_copy(&copy, sink[1], source[0], -1);
		call_start(&writer, write_and_close);
		expect_bytes(sink[0], bytes, BIG);
		cr_assert_eq(call_finish(&writer), BIG);
		cr_assert_eq(call_finish(&copy.call), BIG);
		np_close(source[0]);
		close_both(sink);
	}
	memory_pair(fds);
	cr_assert_eq(np_write(file, bytes, BIG), BIG);
	cr_assert_eq(np_seek(file, 1, SEEK_SET, NULL), 0);
	start_copy(&copy, fds[1], file, 100000);
	expect_bytes(fds[0], bytes + 1, 100000);
	cr_assert_eq(call_finish(&copy.call), 100000);
	cr_assert_eq(np_peek(fds[0], bytes, 1), -EOPNOTSUPP);
	cr_assert_eq(np_set_linger(fds[0], 1), -EOPNOTSUPP);
	close_both(fds);
	np_close(file);
	free(bytes);
}

static struct np_fd *open_file(void)
{
	char path[] = "/tmp/netpark-test-copy-XXXXXX";
	struct np_fd *file;
	int fd = mkstemp(path);

	cr_assert_geq(fd, 0);
	unlink(path);
	cr_assert_eq(np_fd_open(fd, 0, &file), 0);
	return file;
}

static int rewind_file(int sysfd, void *arg)
{
	(void)arg;
	return (int)lseek(sysfd, 0, SEEK_SET);
}

Test(copy, into_a_file_and_out_of_it)
{
	unsigned char *bytes = random_bytes(BIG);

	for (int kind = 0; kind <= TCP; kind++) {
		struct np_fd *file = open_file(), *again = open_file(), *fds[2];
		struct call writer = { .buf = bytes, .size = BIG };
		struct copy_call copy;

		kinds[kind].make(fds);
		writer.fd = fds[1];
		call_start(&writer, write_and_close);
		cr_assert_eq(np_copy(file, fds[0], -1), BIG);
		cr_assert_eq(call_finish(&writer), BIG);
		np_close(fds[0]);
		cr_assert_eq(np_fd_control(file, rewind_file, NULL), 0);
		cr_assert_eq(np_copy(again, file, -1), BIG);
		cr_assert_eq(np_copy(again, file, -1), 0);
		cr_assert_eq(np_fd_control(again, rewind_file, NULL), 0);
		kinds[kind].make(fds);
		start_copy(&copy, fds[1], again, BIG - 1);
		expect_bytes(fds[0], bytes, BIG - 1);
		cr_assert_eq(call_finish(&copy.call), BIG - 1);
		/* Its position has moved with it. */
		cr_assert_eq(np_copy(fds[1], again, 10), 1);
		expect_bytes(fds[0], bytes + BIG - 1, 1);
		close_both(fds);
		np_close(file);
		np_close(again);
	}
	free(bytes);
}

Test(copy, no_more_than_the_limit_is_taken)
{
	static const int64_t limits[] = { 1, 1000, 16384, 16385, 100000, 1234567 };
	unsigned char *bytes = random_bytes(BIG);

	for (int kind = 0; kind <= TCP; kind++) {
		struct np_fd *source[2], *sink[2];
		struct call writer = { .buf = bytes, .size = BIG };
		size_t at = 0;

		kinds[kind].make(source);
		kinds[kind].make(sink);
		writer.fd = source[1];
		call_start(&writer, call_write);
		for (size_t i = 0; i < sizeof(limits) / sizeof(limits[0]); i++) {
			struct copy_call copy;

			start_copy(&copy, sink[1], source[0], limits[i]);
			expect_bytes(sink[0], bytes + at, (size_t)limits[i]);
			cr_assert_eq(call_finish(&copy.call), (ssize_t)limits[i]);
			at += (size_t)limits[i];
			expect_bytes(source[0], bytes + at, 3); /* by somebody else */
			at += 3;
		}
		expect_bytes(source[0], bytes + at, BIG - at);
		cr_assert_eq(call_finish(&writer), BIG);
		np_close(source[0]);
		cr_assert_eq(np_copy(sink[1], source[1], 0), 0);
		np_close(source[1]);
		close_both(sink);
	}
	free(bytes);
}

/* Turn and turn about: buffer and pipe change places without a byte out of place. */
Test(copy, little_and_much_take_turns)
{
	static const size_t sizes[] = { 5, 300000, 7, 16384, 1, 1, 1, 1, 1, 1, 1, 1, 1, 200000, 9 };
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *source[2], *sink[2];
	struct copy_call copy;
	size_t total = 0;

	fixture_fd_tcp_pair(source);
	fixture_fd_tcp_pair(sink);
	start_copy(&copy, sink[1], source[0], -1);
	for (int round = 0; round < 3; round++) {
		for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
			struct call writer = {
				.fd = source[1],
				.buf = bytes + i,
				.size = sizes[i],
			};

			call_start(&writer, call_write);
			expect_bytes(sink[0], bytes + i, sizes[i]);
			cr_assert_eq(call_finish(&writer), (ssize_t)sizes[i]);
			total += sizes[i];
		}
	}
	np_close(source[1]);
	cr_assert_eq(call_finish(&copy.call), (ssize_t)total);
	np_close(source[0]);
	close_both(sink);
	free(bytes);
}

/*
 * Urgent data stops splice(2) for good. By the time that it comes the kernel is copying; it lies
 * between two halves of what is to be read.
 */
Test(copy, urgent_data_does_not_hold_it_up)
{
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *source[2], *sink[2];
	struct copy_call copy;
	struct msghdr message = { .msg_iovlen = 1 };
	struct iovec iov = { (char[]){ '!' }, 1 };

	message.msg_iov = &iov;
	fixture_fd_tcp_pair(source);
	fixture_fd_tcp_pair(sink);
	for (int i = 0; i < 4; i++) {
		struct call writer = { .fd = source[1], .buf = bytes, .size = 200000 };

		call_start(&writer, call_write);
		start_copy(&copy, sink[1], source[0], 400000);
		expect_bytes(sink[0], bytes, 200000);
		cr_assert_eq(call_finish(&writer), 200000);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_sendmsg(source[1], &message, MSG_OOB), 1);
		call_start(&writer, call_write);
		expect_bytes(sink[0], bytes, 200000);
		cr_assert_eq(call_finish(&writer), 200000);
		cr_assert_eq(call_finish(&copy.call), 400000);
	}
	close_both(source);
	close_both(sink);
	free(bytes);
}

/* ---- in both directions ------------------------------------------------------------------- */

struct way {
	struct copy_call copy;
	ssize_t closed;
};

static ssize_t copy_and_close(struct call *call)
{
	struct way *way = (struct way *)call;
	ssize_t n = run_copy(call);

	way->closed = np_close_write(way->copy.to);
	return n;
}

static ssize_t write_and_half_close(struct call *call)
{
	ssize_t n = np_write(call->fd, call->buf, call->size);

	return n < 0 ? n : np_close_write(call->fd);
}

/* A proxy: the client's end of file reaches the server, which still answers. */
static void proxy(void (*make_near)(struct np_fd *fds[2]), void (*make_far)(struct np_fd *fds[2]),
		  unsigned char *bytes)
{
	struct np_fd *near[2], *far[2];
	struct way there = { .copy.limit = -1 }, back = { .copy.limit = -1 };
	struct call request = { .buf = bytes, .size = BIG }, answer = request;
	char byte;

	make_near(near);
	make_far(far);
	there.copy.call.fd = back.copy.to = near[1];
	back.copy.call.fd = there.copy.to = far[0];
	request.fd = near[0];
	answer.fd = far[1];
	call_start(&there.copy.call, copy_and_close);
	call_start(&back.copy.call, copy_and_close);
	call_start(&request, write_and_half_close);
	expect_bytes(far[1], bytes, BIG);
	cr_assert_eq(np_read(far[1], &byte, 1), 0);
	cr_assert_eq(call_finish(&there.copy.call), BIG);
	cr_assert_eq(there.closed, 0);
	call_start(&answer, write_and_half_close);
	expect_bytes(near[0], bytes, BIG);
	cr_assert_eq(np_read(near[0], &byte, 1), 0);
	cr_assert_eq(call_finish(&back.copy.call), BIG);
	cr_assert_eq(call_finish(&request), 0);
	cr_assert_eq(call_finish(&answer), 0);
	close_both(near);
	close_both(far);
}

Test(copy, an_end_of_file_can_be_passed_on)
{
	unsigned char *bytes = random_bytes(BIG);

	proxy(fixture_fd_tcp_pair, fixture_fd_tcp_pair, bytes);
	proxy(fixture_fd_tcp_pair, fixture_fd_pair, bytes);
	free(bytes);
}

Test(copy, one_handle_is_an_echo)
{
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *fds[2];
	struct copy_call echo;
	struct call writer = { .buf = bytes, .size = BIG };

	fixture_fd_tcp_pair(fds);
	start_copy(&echo, fds[0], fds[0], BIG);
	writer.fd = fds[1];
	call_start(&writer, call_write);
	expect_bytes(fds[1], bytes, BIG);
	cr_assert_eq(call_finish(&writer), BIG);
	cr_assert_eq(call_finish(&echo.call), BIG);
	close_both(fds);
	free(bytes);
}

Test(copy, both_directions_at_once)
{
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *near[2], *far[2];
	struct copy_call there, back;
	struct call request = { .buf = bytes, .size = BIG }, answer = request;
	struct call *writers[] = { &request, &answer };

	fixture_fd_tcp_pair(near);
	fixture_fd_pair(far);
	start_copy(&there, far[0], near[1], BIG);
	start_copy(&back, near[1], far[0], BIG);
	request.fd = near[0];
	answer.fd = far[1];
	for (int i = 0; i < 2; i++)
		call_start(writers[i], call_write);
	/* Whichever is read first, the other goes on as far as the kernel has room. */
	expect_bytes(far[1], bytes, BIG);
	expect_bytes(near[0], bytes, BIG);
	for (int i = 0; i < 2; i++)
		cr_assert_eq(call_finish(writers[i]), BIG);
	cr_assert_eq(call_finish(&there.call), BIG);
	cr_assert_eq(call_finish(&back.call), BIG);
	close_both(near);
	close_both(far);
	free(bytes);
}

/* Room for so little that a big copy has to wait for its reader. */
static void narrow(struct np_fd *fds[2])
{
	cr_assert_eq(np_set_write_buffer(fds[1], 65536), 0);
	cr_assert_eq(np_set_read_buffer(fds[0], 65536), 0);
}

/* ---- a part of it ------------------------------------------------------------------------- */

/* What is there to be read, by who has closed the other end. */
static size_t drain(struct np_fd *fd, const unsigned char *bytes)
{
	static unsigned char buf[65536];
	size_t total = 0;
	ssize_t n;

	while ((n = np_read(fd, buf, sizeof(buf))) > 0) {
		cr_assert_eq(memcmp(buf, bytes + total, (size_t)n), 0);
		total += (size_t)n;
	}
	cr_assert_eq(n, 0);
	return total;
}

Test(copy, a_deadline_of_the_source_ends_it_and_what_arrived_is_told)
{
	unsigned char *bytes = random_bytes(BIG);

	for (int kind = 0; kind <= TCP; kind++) {
		struct np_fd *source[2], *sink[2];
		struct call writer = { .buf = bytes, .size = 300000 };
		struct copy_call copy;
		char byte;

		kinds[kind].make(source);
		kinds[kind].make(sink);
		writer.fd = source[1];
		start_copy(&copy, sink[1], source[0], -1);
		call_start(&writer, call_write);
		expect_bytes(sink[0], bytes, 300000);
		cr_assert_eq(call_finish(&writer), 300000);
		cr_assert_eq(np_set_read_deadline(source[0], -1), 0);
		cr_assert_eq(call_finish(&copy.call), NP_EDEADLINE);
		cr_assert_eq(copy.copied, 300000);
		cr_assert_eq(strncmp(copy.call.text, "read ", 5), 0, "%s", copy.call.text);
		/* The two are as good as before. */
		cr_assert_eq(np_set_read_deadline(source[0], 0), 0);
		cr_assert_eq(np_write(source[1], "x", 1), 1);
		cr_assert_eq(np_copy(sink[1], source[0], 1), 1);
		cr_assert_eq(np_read(sink[0], &byte, 1), 1);
		close_both(source);
		close_both(sink);
	}
	free(bytes);
}

/* Nobody reads: it waits, and does not spin. */
Test(copy, a_deadline_of_the_destination_ends_it_and_what_arrived_is_told)
{
	unsigned char *bytes = random_bytes(BIG);

	signal(SIGPIPE, SIG_IGN); /* of the writer into a pipe, at the end */
	for (int from = 0; from <= TCP; from++)
		for (int to = 0; to <= TCP; to++) {
			struct np_fd *source[2], *sink[2];
			struct call writer = { .buf = bytes, .size = BIG };
			struct copy_call copy;

			kinds[from].make(source);
			kinds[to].make(sink);
			if (from != PIPE)
				narrow(source);
			if (to != PIPE)
				narrow(sink);
			writer.fd = source[1];
			call_start(&writer, call_write);
			start_copy(&copy, sink[1], source[0], -1);
			FIXTURE_UNTIL(call_inside(sink[1]) == 1 && fixture_parked() == 2);
			cr_assert_eq(np_set_write_deadline(sink[1], np_deadline(10000000)), 0);
			cr_assert_eq(call_finish(&copy.call), NP_EDEADLINE);
			cr_assert_eq(strncmp(copy.call.text, "write ", 6), 0, "%s", copy.call.text);
			cr_assert_gt(copy.copied, 0);
			np_close(sink[1]);
			cr_assert_eq(drain(sink[0], bytes), (size_t)copy.copied);
			np_close(source[0]);
			if (call_finish(&writer) < 0)
				cr_assert_lt(writer.written, BIG);
			np_close(source[1]);
			np_close(sink[0]);
		}
	free(bytes);
}

/* Of what was read in one go only a part found room. */
Test(copy, what_arrived_is_told_also_in_the_middle_of_a_buffer)
{
	unsigned char *bytes = random_bytes(65536);
	struct np_fd *source[2], *sink[2];
	int64_t copied = -1;

	fixture_fd_tcp_pair(source);
	fixture_fd_pipe(sink);
	cr_assert_eq(np_write(sink[1], bytes, 61440), 61440); /* of 65,536 */
	cr_assert_eq(np_write(source[1], bytes, 10000), 10000);
	for (int64_t ns = 1000000; copied <= 0; ns *= 2) {
		cr_assert_eq(np_set_write_deadline(sink[1], np_deadline(ns)), 0);
		cr_assert_eq(np_copy_counted(sink[1], source[0], -1, &copied), NP_EDEADLINE);
		if (copied == 0)
			cr_assert_eq(np_write(source[1], bytes, 10000), 10000);
	}
	cr_assert_eq(copied, 4096);
	expect_bytes(sink[0], bytes, 61440);
	expect_bytes(sink[0], bytes, 4096);
	close_both(source);
	close_both(sink);
	free(bytes);
}

Test(copy, who_closes_what_it_waits_for_ends_it)
{
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *source[2], *sink[2];
	struct call writer = { .buf = bytes, .size = BIG };
	struct copy_call copy;

	/* the source, idle, with the last reference to it */
	fixture_fd_tcp_pair(source);
	fixture_fd_tcp_pair(sink);
	start_copy(&copy, sink[1], source[0], -1);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(source[0]), 0);
	cr_assert_eq(call_finish(&copy.call), NP_ECLOSED);
	cr_assert_eq(copy.copied, 0);
	np_close(source[1]);

	/* the destination, full; the writer is the other one that is parked */
	fixture_fd_tcp_pair(source);
	narrow(source);
	narrow(sink);
	writer.fd = source[1];
	call_start(&writer, call_write);
	start_copy(&copy, sink[1], source[0], -1);
	FIXTURE_UNTIL(call_inside(sink[1]) == 1 && fixture_parked() == 2);
	cr_assert_eq(np_close(sink[1]), 0);
	cr_assert_eq(call_finish(&copy.call), NP_ECLOSED);
	cr_assert_eq(drain(sink[0], bytes), (size_t)copy.copied);
	np_close(sink[0]);
	np_close(source[0]);
	call_finish(&writer);
	np_close(source[1]);
	free(bytes);
}

/* The source's lock is not held while it waits for the destination: who closes need not wait. */
Test(copy, the_source_can_be_closed_while_it_waits_for_the_destination)
{
	unsigned char *bytes = random_bytes(BIG);
	struct np_fd *source[2], *sink[2];
	struct call writer = { .buf = bytes, .size = BIG };
	struct copy_call copy;

	fixture_fd_tcp_pair(source);
	fixture_fd_pipe(sink);
	start_copy(&copy, sink[1], source[0], -1);
	narrow(source);
	writer.fd = source[1];
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 2 && call_inside(sink[1]) == 1);
	cr_assert_eq(call_inside(source[0]), 0);
	cr_assert_eq(np_close(source[0]), 0);
	/* What it had taken still arrives. */
	while (!atomic_load(&copy.call.done)) {
		char buf[65536];

		cr_assert_eq(np_set_read_deadline(sink[0], np_deadline(1000000)), 0);
		np_read(sink[0], buf, sizeof(buf));
	}
	cr_assert_eq(call_finish(&copy.call), NP_ECLOSED);
	cr_assert_gt(copy.copied, 65536);
	cr_assert_lt(call_finish(&writer), 0);
	np_close(source[1]);
	close_both(sink);
	free(bytes);
}

/* ---- errors ------------------------------------------------------------------------------- */

static volatile sig_atomic_t signals;

static void count_signal(int signo)
{
	(void)signo;
	signals = signals + 1;
}

/* Whether by a write or by splice(2), and whether SIGPIPE is ignored or would end the process. */
Test(copy, a_peer_that_has_gone_is_an_error_and_no_signal)
{
	static void (*const handlers[])(int) = { SIG_DFL, SIG_IGN, count_signal };
	unsigned char *bytes = random_bytes(BIG);

	for (int i = 0; i < 6; i++) {
		struct np_fd *source[2], *sink[2];
		struct call writer = { .buf = bytes, .size = BIG };
		struct copy_call copy;

		signal(SIGPIPE, handlers[i / 2]);
		fixture_fd_pair(source);
		(i & 1 ? fixture_fd_pair : fixture_fd_tcp_pair)(sink);
		narrow(sink);
		writer.fd = source[1];
		start_copy(&copy, sink[1], source[0], -1);
		call_start(&writer, call_write);
		expect_bytes(sink[0], bytes, 100000);
		np_close(sink[0]);
		call_finish(&copy.call);
		cr_assert(copy.call.result == -EPIPE || copy.call.result == -ECONNRESET, "%s",
			  copy.call.text);
		cr_assert_geq(copy.copied, 100000);
		cr_assert_eq(np_copy(sink[1], source[0], 100000), -EPIPE);
		cr_assert_eq(signals, 0);
		np_close(sink[1]);
		np_close(source[0]);
		cr_assert_eq(call_finish(&writer), -EPIPE);
		np_close(source[1]);
	}
	signal(SIGPIPE, SIG_DFL);
	free(bytes);
}

Test(copy, what_is_no_stream_is_refused)
{
	struct np_fd *fds[2], *messages[2];
	int64_t copied = 7;
	int numbers[2];

	cr_assert_eq(socketpair(AF_UNIX, SOCK_SEQPACKET, 0, numbers), 0);
	cr_assert_eq(np_fd_open(numbers[0], 0, &messages[0]), 0);
	cr_assert_eq(np_fd_open(numbers[1], 0, &messages[1]), 0);
	fixture_fd_pair(fds);
	cr_assert_eq(np_copy_counted(fds[0], messages[0], -1, &copied), -EINVAL);
	cr_assert_eq(copied, 0);
	cr_assert_eq(np_copy(messages[0], fds[0], -1), -EINVAL);
	cr_assert_eq(np_copy(NULL, fds[0], -1), -EINVAL);
	cr_assert_eq(np_copy(fds[0], NULL, -1), -EINVAL);
	close_both(messages);
	close_both(fds);
}
