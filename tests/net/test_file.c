/* SPDX-License-Identifier: MIT */
/* tests/net/test_file.c - files by their paths: on disk, FIFOs, devices; pipes; data at a position.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char dir[] = "/tmp/netpark-test-XXXXXX";
static char path[64];

static void begin(void)
{
	signal(SIGPIPE, SIG_IGN);
	cr_assert(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/file", dir);
	fixture_begin();
}

static void end(void)
{
	fixture_end();
	unlink(path);
	rmdir(dir);
}

TestSuite(file, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

static struct np_fd *create(void)
{
	struct np_fd *file;

	cr_assert_eq(np_file_open(path, O_RDWR | O_CREAT | O_EXCL, 0600, &file), 0);
	return file;
}

static void expect_text(int error, const char *expected)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	cr_assert_str_eq(text, expected);
}

static int tell_flags(int sysfd, void *arg)
{
	*(int *)arg = fcntl(sysfd, F_GETFL);
	return fcntl(sysfd, F_GETFD);
}

/* ---- on disk ------------------------------------------------------------------------------ */

Test(file, is_written_read_and_sought)
{
	struct np_fd *file = create();
	int64_t position = -1;
	int flags;
	char buf[16];

	cr_assert_not(np_is_pollable(file));
	cr_assert_eq(np_fd_control(file, tell_flags, &flags), FD_CLOEXEC);
	cr_assert_eq(np_write(file, "0123456789", 10), 10);
	cr_assert_eq(np_seek(file, 3, SEEK_SET, &position), 0);
	cr_assert_eq(position, 3);
	cr_assert_eq(np_read(file, buf, 4), 4);
	cr_assert_eq(memcmp(buf, "3456", 4), 0);
	cr_assert_eq(np_seek(file, -2, SEEK_END, NULL), 0);
	cr_assert_eq(np_read(file, buf, sizeof(buf)), 2);
	cr_assert_eq(np_read(file, buf, sizeof(buf)), 0);
	cr_assert_eq(np_seek(file, 0, SEEK_CUR, &position), 0);
	cr_assert_eq(position, 10);
	cr_assert_eq(np_sync(file), 0);
	cr_assert_eq(np_sync_data(file), 0);
	cr_assert_eq(np_close(file), 0);
}

Test(file, data_at_a_position_leaves_the_position_alone)
{
	struct np_fd *file = create();
	int64_t position = -1;
	char buf[16];

	cr_assert_eq(np_pwrite(file, "abcdef", 6, 4), 6);
	cr_assert_eq(np_pwrite(file, "XY", 2, 5), 2);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 0), 10);
	cr_assert_eq(memcmp(buf, "\0\0\0\0aXYdef", 10), 0);
	cr_assert_eq(np_pread(file, buf, 3, 6), 3);
	cr_assert_eq(memcmp(buf, "Yde", 3), 0);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 10), 0);
	cr_assert_eq(np_pread(file, buf, 0, 0), 0);
	cr_assert_eq(np_pwrite(file, "", 0, 0), 0);
	cr_assert_eq(np_seek(file, 0, SEEK_CUR, &position), 0);
	cr_assert_eq(position, 0);
	cr_assert_eq(np_close(file), 0);
}

Test(file, can_be_cut_and_made_longer)
{
	struct np_fd *file = create();
	struct stat status;
	char buf[8];

	cr_assert_eq(np_write(file, "abcdef", 6), 6);
	cr_assert_eq(np_truncate(file, 2), 0);
	cr_assert_eq(np_truncate(file, 5), 0);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 0), 5);
	cr_assert_eq(memcmp(buf, "ab\0\0\0", 5), 0);
	cr_assert_eq(np_truncate(file, INT64_C(5) << 30), 0);
	cr_assert_eq(np_pwrite(file, "z", 1, INT64_C(5) << 30), 1);
	cr_assert_eq(stat(path, &status), 0);
	cr_assert_eq(status.st_size, (INT64_C(5) << 30) + 1);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), INT64_C(5) << 30), 1);
	cr_assert_eq(buf[0], 'z');
	cr_assert_eq(np_close(file), 0);
}

/* The kernel writes what the limit allows, and says why only when asked for the rest. */
Test(file, writing_at_a_position_goes_on_after_a_part)
{
	const struct rlimit limit = { 5, 5 };
	struct np_fd *file = create();
	char buf[16];

	signal(SIGXFSZ, SIG_IGN);
	cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
	cr_assert_eq(np_pwrite(file, "abcdefgh", 8, 1), -EFBIG);
	cr_assert_eq(np_pread(file, buf, sizeof(buf), 0), 5);
	cr_assert_eq(memcmp(buf, "\0abcd", 5), 0);
	cr_assert_eq(np_close(file), 0);
}

Test(file, a_full_device_says_so)
{
	struct np_fd *file;

	cr_assert_eq(np_file_open("/dev/full", O_WRONLY, 0, &file), 0);
	cr_assert_eq(np_write(file, "x", 1), -ENOSPC);
	expect_text(-ENOSPC, "write /dev/full: write: no space left on device");
	cr_assert_eq(np_pwrite(file, "x", 1, 0), -ENOSPC);
	expect_text(-ENOSPC, "write /dev/full: pwrite: no space left on device");
	np_close(file);
}

/* epoll refuses it, and nobody would wait after an EAGAIN. */
Test(file, what_is_not_polled_is_in_blocking_mode)
{
	struct np_fd *file;
	int flags;

	cr_assert_eq(np_file_open("/dev/null", O_RDWR | O_NONBLOCK, 0, &file), 0);
	np_fd_control(file, tell_flags, &flags);
	cr_assert_eq(!(flags & O_NONBLOCK), !np_is_pollable(file));
	np_close(file);
	cr_assert_eq(np_file_open(dir, O_RDONLY | O_DIRECTORY | O_NONBLOCK, 0, &file), 0);
	np_fd_control(file, tell_flags, &flags);
	cr_assert_not(flags & O_NONBLOCK);
	cr_assert_not(np_is_pollable(file));
	np_close(file);
}

/* ---- what fails --------------------------------------------------------------------------- */

Test(file, what_cannot_be_opened_is_named)
{
	struct np_fd *file = NULL;
	char expected[128];

	cr_assert_eq(np_file_open(path, O_RDONLY, 0, &file), -ENOENT);
	snprintf(expected, sizeof(expected), "open %s: no such file or directory", path);
	expect_text(-ENOENT, expected);
	cr_assert_eq(np_file_open("/tmp", O_WRONLY, 0, &file), -EISDIR);
	expect_text(-EISDIR, "open /tmp: is a directory");
	cr_assert_null(file);
	cr_assert_eq(np_file_open("/tmp", O_RDONLY, 0, &file), 0);
	cr_assert_eq(np_read(file, &(char){ 0 }, 1), -EISDIR);
	expect_text(-EISDIR, "read /tmp: read: is a directory");
	cr_assert_eq(np_cancel_io(file), 0);
	cr_assert_eq(np_seek(file, 0, SEEK_SET, NULL), NP_ECLOSED);
	expect_text(NP_ECLOSED, "seek /tmp: use of closed descriptor");
	np_unref(file);
}

Test(file, a_closed_one_says_so)
{
	struct np_fd *file = create();
	char byte;

	cr_assert_eq(np_cancel_io(file), 0);
	cr_assert_eq(np_pread(file, &byte, 1, 0), NP_ECLOSED);
	cr_assert_eq(np_pwrite(file, &byte, 1, 0), NP_ECLOSED);
	cr_assert_eq(np_seek(file, 0, SEEK_SET, NULL), NP_ECLOSED);
	cr_assert_eq(np_truncate(file, 0), NP_ECLOSED);
	cr_assert_eq(np_sync(file), NP_ECLOSED);
	cr_assert_eq(np_sync_data(file), NP_ECLOSED);
	cr_assert_eq(np_tty_drain(file), NP_ECLOSED);
	np_unref(file);
}

Test(file, nonsense_is_refused)
{
	struct np_fd *file = create(), *ends[2];
	char byte = 0;

	cr_assert_eq(np_file_open(NULL, O_RDONLY, 0, &ends[0]), -EINVAL);
	cr_assert_eq(np_file_open(path, O_RDONLY, 0, NULL), -EINVAL);
	cr_assert_eq(np_pipe(NULL), -EINVAL);
	cr_assert_eq(np_file_standard(0, NULL), -EINVAL);
	cr_assert_eq(np_pread(NULL, &byte, 1, 0), -EINVAL);
	cr_assert_eq(np_pread(file, NULL, 1, 0), -EINVAL);
	cr_assert_eq(np_pread(file, &byte, 1, -1), -EINVAL);
	cr_assert_eq(np_pread(file, &byte, SIZE_MAX, 0), -EINVAL);
	cr_assert_eq(np_pwrite(NULL, &byte, 1, 0), -EINVAL);
	cr_assert_eq(np_pwrite(file, NULL, 1, 0), -EINVAL);
	cr_assert_eq(np_pwrite(file, &byte, 1, -1), -EINVAL);
	cr_assert_eq(np_pwrite(file, &byte, 1, INT64_MAX), -EINVAL);
	cr_assert_eq(np_pwrite(file, &byte, SIZE_MAX, 0), -EINVAL);
	cr_assert_eq(np_seek(NULL, 0, SEEK_SET, NULL), -EINVAL);
	cr_assert_eq(np_seek(file, -1, SEEK_SET, NULL), -EINVAL);
	cr_assert_eq(np_seek(file, 0, 77, NULL), -EINVAL);
	cr_assert_eq(np_truncate(NULL, 0), -EINVAL);
	cr_assert_eq(np_truncate(file, -1), -EINVAL);
	cr_assert_eq(np_sync(NULL), -EINVAL);
	cr_assert_eq(np_sync_data(NULL), -EINVAL);
	cr_assert_eq(np_tty_drain(NULL), -EINVAL);
	cr_assert_eq(np_tty_drain(file), -ENOTTY);
	np_close(file);
	cr_assert_eq(np_pipe(ends), 0);
	cr_assert_eq(np_pread(ends[0], &byte, 1, 0), -ESPIPE);
	cr_assert_eq(np_pwrite(ends[1], &byte, 1, 0), -ESPIPE);
	cr_assert_eq(np_seek(ends[0], 0, SEEK_CUR, NULL), -ESPIPE);
	cr_assert_eq(np_sync(ends[0]), -EINVAL);
	cr_assert_eq(np_tty_drain(ends[0]), -ENOTTY);
	np_close(ends[0]);
	np_close(ends[1]);
}

/* ---- FIFOs -------------------------------------------------------------------------------- */

static ssize_t call_open(struct call *call)
{
	return np_file_open(path, call->mode, 0, &call->conn);
}

/* Each is what the other waits for: of two fibers on one worker, too. */
static void open_both(struct np_fd *ends[2])
{
	struct call reader = { .mode = O_RDONLY }, writer = { .mode = O_WRONLY };

	call_start(&reader, call_open);
	call_start(&writer, call_open);
	cr_assert_eq(call_finish(&reader), 0);
	cr_assert_eq(call_finish(&writer), 0);
	ends[0] = reader.conn;
	ends[1] = writer.conn;
}

Test(file, the_ends_of_a_fifo_wait_for_each_other_then_for_data)
{
	struct call reader = { .fd = NULL };
	struct np_fd *ends[2];
	char byte;

	cr_assert_eq(mkfifo(path, 0600), 0);
	open_both(ends);
	cr_assert(np_is_pollable(ends[0]));
	cr_assert(np_is_pollable(ends[1]));
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(ends[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(ends[0], 0), 0);
	reader.fd = ends[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(ends[1], "abc", 3), 3);
	cr_assert_eq(call_finish(&reader), 3);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_close(ends[1]);
	cr_assert_eq(call_finish(&reader), 0, "the end");
	np_close(ends[0]);
}

Test(file, closing_a_fifo_ends_its_read)
{
	struct call reader = { .fd = NULL };
	struct np_fd *ends[2];

	cr_assert_eq(mkfifo(path, 0600), 0);
	open_both(ends);
	reader.fd = ends[0];
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(ends[0]), 0);
	cr_assert_eq(call_finish(&reader), NP_ECLOSED);
	cr_assert_eq(np_write(ends[1], "x", 1), -EPIPE);
	np_close(ends[1]);
}

Test(file, a_fifo_opens_at_once_where_that_is_asked_for)
{
	struct np_fd *reader, *writer = NULL;
	char byte;

	cr_assert_eq(mkfifo(path, 0600), 0);
	cr_assert_eq(np_file_open(path, O_WRONLY | O_NONBLOCK, 0, &writer), -ENXIO);
	cr_assert_null(writer);
	cr_assert_eq(np_file_open(path, O_RDONLY | O_NONBLOCK, 0, &reader), 0);
	cr_assert_eq(np_read(reader, &byte, 1), 0, "nobody writes");
	cr_assert_eq(np_file_open(path, O_WRONLY | O_NONBLOCK, 0, &writer), 0);
	cr_assert_eq(np_set_read_deadline(reader, np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(reader, &byte, 1), NP_EDEADLINE, "somebody may");
	cr_assert_eq(np_set_read_deadline(reader, 0), 0);
	cr_assert_eq(np_write(writer, "x", 1), 1);
	cr_assert_eq(call_read_patiently(reader, &byte, 1), 1);
	np_close(writer);
	cr_assert_eq(call_read_patiently(reader, &byte, 1), 0);
	np_close(reader);
}

static atomic_int signals;

static void count_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals, 1);
}

/* Of a fiber the threads that block take no signals. */
Test(file, a_signal_does_not_end_an_open)
{
	const struct sigaction action = { .sa_handler = count_signal };
	struct call reader = { .mode = O_RDONLY };
	int sysfd;

	cr_assert_eq(mkfifo(path, 0600), 0);
	sigaction(SIGUSR1, &action, NULL);
	call_start(&reader, call_open);
	for (int i = 0; i < 50 && !fixture_has_worker(); i++) {
		cr_assert_eq(pthread_kill(reader.thread, SIGUSR1), 0);
		FIXTURE_UNTIL(atomic_load(&signals) > i);
	}
	sysfd = open(path, O_WRONLY);
	cr_assert_eq(call_finish(&reader), 0);
	np_close(reader.conn);
	close(sysfd);
}

/* ---- pipes -------------------------------------------------------------------------------- */

Test(file, a_pipe_carries_data_one_way_and_its_end)
{
	struct np_fd *ends[2];
	int flags;
	char buf[8];

	cr_assert_eq(np_pipe(ends), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert(np_is_pollable(ends[i]));
		cr_assert_eq(np_fd_control(ends[i], tell_flags, &flags), FD_CLOEXEC);
	}
	cr_assert_eq(np_write(ends[1], "abc", 3), 3);
	cr_assert_eq(call_read_patiently(ends[0], buf, sizeof(buf)), 3);
	cr_assert_eq(np_set_read_deadline(ends[0], np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(ends[0], buf, sizeof(buf)), NP_EDEADLINE);
	expect_text(NP_EDEADLINE, "read |0: i/o timeout");
	np_close(ends[1]);
	cr_assert_eq(call_read_patiently(ends[0], buf, sizeof(buf)), 0);
	np_close(ends[0]);
}

Test(file, a_pipe_without_a_reader_is_broken)
{
	struct np_fd *ends[2];
	struct call writer = { .buf = calloc(1, 1 << 20), .size = 1 << 20 };

	cr_assert_eq(np_pipe(ends), 0);
	writer.fd = ends[1];
	call_start(&writer, call_write);
	FIXTURE_UNTIL(fixture_parked() == 1);
	np_close(ends[0]);
	cr_assert_eq(call_finish(&writer), -EPIPE);
	cr_assert_gt(writer.written, 0);
	np_close(ends[1]);
	free(writer.buf);
}

/* ---- where it may block ------------------------------------------------------------------- */

static int seam_calls;

static int count_blocking(struct np_task *self, int (*fn)(void *arg), void *arg)
{
	(void)self;
	seam_calls++;
	return fn(arg);
}

static int refuse_blocking(struct np_task *self, int (*fn)(void *arg), void *arg)
{
	(void)self;
	(void)fn;
	(void)arg;
	return -EAGAIN;
}

static struct np_fd *seam_file;

static ssize_t seam_open(void)
{
	return np_file_open("/dev/null", O_RDWR, 0, &seam_file);
}

static ssize_t seam_write(void)
{
	return np_write(seam_file, "0123456789", 10);
}

static ssize_t seam_seek(void)
{
	return np_seek(seam_file, 0, SEEK_SET, NULL);
}

static ssize_t seam_read(void)
{
	char buf[10];

	return np_read(seam_file, buf, sizeof(buf));
}

static ssize_t seam_pread(void)
{
	char buf[10];

	return np_pread(seam_file, buf, sizeof(buf), 0);
}

static ssize_t seam_pwrite(void)
{
	return np_pwrite(seam_file, "x", 1, 0);
}

static ssize_t seam_truncate(void)
{
	return np_truncate(seam_file, 10);
}

static ssize_t seam_sync(void)
{
	return np_sync(seam_file);
}

static ssize_t seam_sync_data(void)
{
	return np_sync_data(seam_file);
}

static ssize_t (*const seam_uses[])(void) = {
	seam_write,  seam_seek,     seam_read, seam_pread,
	seam_pwrite, seam_truncate, seam_sync, seam_sync_data,
};

static const ssize_t seam_results[] = { 10, 0, 10, 10, 1, 0, 0, 0 };

enum { SEAM_USES = sizeof(seam_uses) / sizeof(seam_uses[0]) };

static struct np_parker seam_parker = { .name = "seam", .blocking = count_blocking };

/* What may block is left to who knows where that does no harm. */
Test(file, whatever_may_block_goes_by_the_parker)
{
	struct np_task task = { .parker = &seam_parker, .poller = test_poller };
	struct np_fd *file = create();

	np_task_enter(&task);
	cr_assert_eq(seam_open(), 0);
	cr_assert_eq(seam_calls, 1);
	np_close(seam_file);
	seam_file = file;
	for (int i = 0; i < SEAM_USES; i++) {
		seam_calls = 0;
		cr_assert_eq(seam_uses[i](), seam_results[i], "use %d", i);
		cr_assert_eq(seam_calls, 1, "use %d", i);
	}
	seam_calls = 0;
	cr_assert_eq(np_close(file), 0);
	cr_assert_eq(seam_calls, 1);
	np_task_enter(NULL);
}

/* It may have no thread left: then the call is not made, but closed is closed. */
Test(file, where_nobody_can_block_the_call_fails)
{
	struct np_task task = { .parker = &seam_parker, .poller = test_poller };

	seam_file = create();
	seam_parker.blocking = refuse_blocking;
	np_task_enter(&task);
	for (int i = 0; i < SEAM_USES; i++)
		cr_assert_eq(seam_uses[i](), -EAGAIN, "use %d", i);
	cr_assert_eq(np_close(seam_file), 0);
	cr_assert_eq(seam_open(), -EAGAIN);
	np_task_enter(NULL);
}

/* A call of a task that is to end is not made. */
Test(file, who_is_cancelled_makes_no_call)
{
	struct np_task task = { .parker = &seam_parker, .poller = test_poller, .canceled = 1 };
	struct np_fd *file = seam_file = create();

	np_task_enter(&task);
	for (int i = 0; i < SEAM_USES; i++)
		cr_assert_eq(seam_uses[i](), NP_ECANCELED, "use %d", i);
	cr_assert_eq(seam_open(), NP_ECANCELED);
	cr_assert_eq(seam_calls, 0);
	np_task_enter(NULL);
	np_close(file);
}
