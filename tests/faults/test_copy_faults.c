/* SPDX-License-Identifier: MIT */
/*
 * tests/faults/test_copy_faults.c - np_copy and np_sendfile with a kernel that interrupts, refuses
 * or runs short; and that it is the kernel who copies where that was promised.
 */
#include "tests/support/call.h"
#include "tests/support/fault.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <dirent.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

enum { BIG = (1 << 20) + 77 };

static unsigned char *bytes, *got;
static struct np_fd *source[2], *sink[2]; /* 0 reads */

static void begin(void)
{
	uint64_t state;

	fixture_begin();
	state = fixture_seed();
	bytes = malloc(BIG);
	got = malloc(BIG);
	for (size_t i = 0; i < BIG; i++)
		bytes[i] = (unsigned char)(fixture_random(&state) >> 32);
	fixture_fd_tcp_pair(source);
	fixture_fd_tcp_pair(sink);
}

static void end(void)
{
	fault_clear();
	for (int i = 0; i < 2; i++) {
		np_close(source[i]);
		np_close(sink[i]);
	}
	free(bytes);
	free(got);
	fixture_end();
	FIXTURE_DEMAND(fault_allocations() == 0, "%ld are not freed", fault_allocations());
}

TestSuite(copy_faults, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static ssize_t read_all(struct call *call)
{
	return np_read_full_counted(call->fd, call->buf, call->size, &call->written);
}

/* Copy @size bytes, which are there before; what arrives is read meanwhile. */
static int64_t copy(size_t size, int64_t *copied)
{
	struct call writer = { .fd = source[1], .buf = bytes, .size = size };
	struct call reader = { .fd = sink[0], .buf = got, .size = size };
	int64_t n;

	call_start(&writer, call_write);
	call_start(&reader, read_all);
	n = np_copy_counted(sink[1], source[0], (int64_t)size, copied);
	cr_assert_eq(call_finish(&writer), (ssize_t)size);
	cr_assert_eq(n, (int64_t)size); /* or the reader would wait for ever */
	cr_assert_eq(call_finish(&reader), (ssize_t)size);
	cr_assert_eq(memcmp(got, bytes, size), 0);
	return n;
}

static void expect_copied(size_t size)
{
	int64_t copied = -1;

	cr_assert_eq(copy(size, &copied), (int64_t)size);
	cr_assert_eq(copied, (int64_t)size);
}

/* ---- np_copy ------------------------------------------------------------------------------ */

Test(copy_faults, much_is_spliced_and_little_is_not)
{
	int descriptors = fixture_count_descriptors();

	fault_clear();
	expect_copied(BIG);
	cr_assert_geq(fault_calls("splice"), 2 * (BIG - (16 << 10)) / (1 << 20));
	cr_assert_eq(fault_calls("pipe2"), 1);
	fault_clear();
	for (int i = 0; i < 20; i++)
		expect_copied(1000);
	cr_assert_eq(fault_calls("splice"), 0);
	cr_assert_eq(fault_calls("pipe2"), 0);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

static ssize_t copy_on(struct call *call)
{
	return (ssize_t)np_copy(sink[1], call->fd, -1);
}

/* The pipe goes when only little comes: an idle connection has none. */
Test(copy_faults, the_pipe_goes_when_little_comes)
{
	int descriptors = fixture_count_descriptors();
	struct call copier = { .fd = source[0] };
	struct call writer = { .fd = source[1], .buf = bytes, .size = 200000 };

	call_start(&copier, copy_on);
	for (int i = 1; i <= 2; i++) {
		fault_clear();
		call_start(&writer, call_write);
		cr_assert_eq(np_read_full(sink[0], got, 200000), 200000);
		cr_assert_eq(call_finish(&writer), 200000);
		cr_assert_eq(fault_calls("pipe2"), 1);
		for (int j = 0; j < 20; j++) {
			cr_assert_eq(np_write(source[1], "x", 1), 1);
			cr_assert_eq(np_read(sink[0], got, 1), 1);
		}
		FIXTURE_UNTIL(fixture_count_descriptors() == descriptors);
	}
	np_close_write(source[1]);
	cr_assert_eq(call_finish(&copier), 400040);
}

static struct np_fd *open_file(void);

/* Into a file it would block, and copies all the same. */
Test(copy_faults, nothing_is_spliced_into_a_file)
{
	struct np_fd *file = open_file();
	struct call writer = { .fd = source[1], .buf = bytes, .size = BIG };

	fault_clear();
	call_start(&writer, call_write);
	cr_assert_eq(np_copy(file, source[0], BIG), BIG);
	cr_assert_eq(call_finish(&writer), BIG);
	cr_assert_eq(fault_calls("splice"), 0);
	np_close(file);
}

static void expect_fallback(const char *name, int error)
{
	fault_clear();
	fault_fail(name, 1, FAULT_ALWAYS, error);
	expect_copied(BIG);
	cr_assert_eq(fault_met(), 1, "%s", name); /* and is not asked again */
}

Test(copy_faults, what_cannot_be_spliced_is_copied)
{
	expect_fallback("pipe2", EMFILE);
	expect_fallback("splice", EINVAL);
}

/* Even-numbered calls empty the pipe, unless one says that there is nothing to read. */
Test(copy_faults, what_is_in_the_pipe_is_not_lost_when_the_destination_refuses_it)
{
	int descriptors = fixture_count_descriptors();

	fault_clear();
	fault_fail("splice", 2, FAULT_ALWAYS, EINVAL);
	cr_assert_eq(np_write(source[1], bytes, 100000), 100000);
	cr_assert_eq(np_copy(sink[1], source[0], 100000), 100000);
	cr_assert_eq(fault_met(), 1);
	cr_assert_gt(fault_calls("read"), 0);
	cr_assert_eq(np_read_full(sink[0], got, 100000), 100000);
	cr_assert_eq(memcmp(got, bytes, 100000), 0);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

Test(copy_faults, interrupted_calls_are_made_again)
{
	fault_clear();
	fault_fail("splice", 1, 5, EINTR);
	fault_fail("recv", 1, 3, EINTR);
	fault_fail("send", 1, 3, EINTR);
	expect_copied(BIG);
	cr_assert_eq(fault_met(), 11);
	fault_clear();
	fault_fail("splice", 1, 1, EINVAL);
	fault_shorten("send", 2, 5);
	expect_copied(BIG);
}

Test(copy_faults, an_error_in_the_middle_tells_what_arrived)
{
	int descriptors = fixture_count_descriptors();
	int64_t copied = -1;

	/* of the destination: what is in the pipe is lost */
	fault_clear();
	cr_assert_eq(np_write(source[1], bytes, 100000), 100000);
	fault_fail("splice", 2, 1, ENOBUFS);
	cr_assert_eq(np_copy_counted(sink[1], source[0], -1, &copied), -ENOBUFS);
	cr_assert_eq(copied, 16 << 10);
	/* of the source */
	fault_clear();
	cr_assert_eq(np_write(source[1], bytes, 100000), 100000);
	fault_fail("splice", 1, 1, ECONNRESET);
	cr_assert_eq(np_copy_counted(sink[1], source[0], -1, &copied), -ECONNRESET);
	cr_assert_eq(copied, 16 << 10);
	/* the same, just before it would be waited for: it is there once */
	fault_clear();
	cr_assert_eq(np_write(source[1], bytes, 100000), 100000);
	fault_fail("splice", 1, 1, EAGAIN);
	fault_fail("recv", 2, 1, ECONNRESET);
	cr_assert_eq(np_copy_counted(sink[1], source[0], 100000, &copied), -ECONNRESET);
	cr_assert_eq(copied, 16 << 10);
	/* before anything */
	fault_clear();
	fault_fail("malloc", 1, 1, ENOMEM);
	cr_assert_eq(np_copy_counted(sink[1], source[0], -1, &copied), -ENOMEM);
	cr_assert_eq(copied, 0);
	fault_clear();
	fault_return("splice", 2, 1, 0);
	cr_assert_eq(np_copy(sink[1], source[0], -1), NP_ESHORTWRITE);
	cr_assert_eq(fixture_count_descriptors(), descriptors);
}

/* ---- np_write_zero_copy ------------------------------------------------------------------- */

/* Where it would not be lent in the first place there is nothing to refuse. */
Test(copy_faults, what_the_kernel_does_not_want_lent_is_copied)
{
	static const int refusals[] = { ENOBUFS, EOPNOTSUPP };

	if (strcmp(fixture_backend()->name, "epoll") != 0)
		cr_skip_test("lends nothing");
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		fault_clear();
		fault_fail("send", 1, 1, refusals[i]);
		cr_assert_eq(np_write_zero_copy(sink[1], bytes, 50000), 50000);
		cr_assert_eq(fault_met(), 1);
		cr_assert_eq(np_read_full(sink[0], got, 50000), 50000);
		cr_assert_eq(memcmp(got, bytes, 50000), 0);
		/* of the copy, too: an error like others */
		fault_clear();
		fault_fail("send", 1, 2, refusals[i]);
		cr_assert_eq(np_write_zero_copy(sink[1], bytes, 50000), -refusals[i]);
	}
}

/* ---- np_sendfile -------------------------------------------------------------------------- */

static struct np_fd *open_file(void)
{
	char path[] = "/tmp/netpark-test-faults-XXXXXX";
	struct np_fd *file;
	int number = mkstemp(path);

	cr_assert_geq(number, 0);
	unlink(path);
	cr_assert_eq(pwrite(number, bytes, BIG, 0), BIG);
	cr_assert_eq(np_fd_open(number, 0, &file), 0);
	return file;
}

/* What was not sent is made up for with zeros, so that the reader comes to an end. */
static int64_t send_file(struct np_fd *file, int64_t *sent)
{
	struct call reader = { .fd = sink[0], .buf = got, .size = BIG };
	void *zeros = calloc(1, BIG);
	int64_t n;

	call_start(&reader, read_all);
	n = np_sendfile_counted(sink[1], file, 0, -1, sent);
	if (*sent < BIG)
		np_write(sink[1], zeros, (size_t)(BIG - *sent));
	cr_assert_eq(call_finish(&reader), BIG);
	cr_assert_eq(memcmp(got, bytes, (size_t)*sent), 0);
	cr_assert_eq(memcmp(got + *sent, zeros, (size_t)(BIG - *sent)), 0);
	free(zeros);
	return n;
}

Test(copy_faults, a_file_is_sent_by_the_kernel_or_read_and_written)
{
	static const int refusals[] = { EINVAL, ENOSYS, EOPNOTSUPP };
	struct np_fd *file = open_file();
	int64_t sent = -1;

	fault_clear();
	fault_fail("sendfile", 1, 3, EINTR);
	cr_assert_eq(send_file(file, &sent), BIG);
	cr_assert_eq(fault_met(), 3);
	cr_assert_gt(fault_calls("sendfile"), 3);
	cr_assert_eq(fault_calls("send"), 0);
	for (size_t i = 0; i < sizeof(refusals) / sizeof(refusals[0]); i++) {
		fault_clear();
		fault_fail("sendfile", 1, FAULT_ALWAYS, refusals[i]);
		cr_assert_eq(send_file(file, &sent), BIG);
		cr_assert_eq(fault_met(), 1);
		cr_assert_gt(fault_calls("send"), 0);
	}
	np_close(file);
}

Test(copy_faults, an_error_of_a_file_tells_what_was_sent)
{
	struct np_fd *file = open_file();
	int64_t sent = -1;

	fault_clear();
	fault_fail("sendfile", 2, 1, EIO);
	cr_assert_eq(send_file(file, &sent), -EIO);
	cr_assert_gt(sent, 0);
	fault_clear();
	fault_fail("sendfile", 1, 1, EIO);
	cr_assert_eq(send_file(file, &sent), -EIO);
	cr_assert_eq(sent, 0);
	cr_assert_eq(fault_calls("sendfile"), 1);
	/* a refusal in the middle is an error like others */
	fault_clear();
	fault_fail("sendfile", 2, 1, EINVAL);
	cr_assert_eq(send_file(file, &sent), -EINVAL);
	fault_clear();
	fault_fail("sendfile", 1, 1, EINVAL);
	fault_fail("malloc", 1, 1, ENOMEM);
	cr_assert_eq(np_sendfile(sink[1], file, 0, -1), -ENOMEM);
	np_close(file);
}

static int count_threads(void)
{
	DIR *dir = opendir("/proc/self/task");
	int count = 0;

	while (readdir(dir))
		count++;
	closedir(dir);
	return count - 2;
}

struct cold {
	struct np_fd *file;
	int threads_before, threads_after;
	int64_t result;
};

static int send_cold(void *arg)
{
	struct cold *cold = arg;

	cold->threads_before = count_threads();
	cold->result = np_sendfile(sink[1], cold->file, 0, 10000);
	cold->threads_after = count_threads();
	return 0;
}

static void expect_threads(struct np_fd *file, bool may_block, int more)
{
	const struct np_run_options options = { .workers = 1, .backend = fixture_backend() };
	struct cold cold = { .file = file };

	fault_clear();
	fault_return("np__sendfile_may_block", 1, FAULT_ALWAYS, may_block);
	cr_assert_eq(np_run(send_cold, &cold, &options), 0);
	cr_assert_eq(cold.result, 10000);
	cr_assert_eq(cold.threads_after - cold.threads_before, more);
	cr_assert_eq(np_read_full(sink[0], got, 10000), 10000);
	cr_assert_eq(memcmp(got, bytes, 10000), 0);
}

/* A fiber's worker is not for waiting on disks, nor another thread for what is there. */
Test(copy_faults, what_is_not_in_memory_is_sent_by_another_thread)
{
	struct np_fd *file = open_file();

	expect_threads(file, false, 0);
	expect_threads(file, true, 1);
	np_close(file);
}
