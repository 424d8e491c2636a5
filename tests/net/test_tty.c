/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_tty.c - terminals and serial lines, for which a pseudo terminal stands: raw and by
 * lines, deadlines, hang-up, close.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"
#include "tests/support/pty.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

TestSuite(tty, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000 * 1000;

/* The master as a handle, and the line opened by its name as programs do. */
static void open_line(struct np_fd **master, struct np_fd **line, char name[static 64])
{
	int master_fd, line_fd;

	cr_assert_eq(openpty(&master_fd, &line_fd, name, NULL, NULL), 0);
	cr_assert_eq(np_file_open(name, O_RDWR, 0, line), 0);
	close(line_fd);
	cr_assert_eq(np_fd_open(master_fd, 0, master), 0);
	cr_assert(np_is_pollable(*line));
	cr_assert(np_is_pollable(*master));
}

struct mode {
	bool is_raw;
	bool echoes;
	cc_t min, time;
};

static int set_mode(int sysfd, void *arg)
{
	const struct mode *mode = arg;
	struct termios settings;

	if (tcgetattr(sysfd, &settings) < 0)
		return -errno;
	if (mode->is_raw) {
		cfmakeraw(&settings);
		cfsetspeed(&settings, B115200);
		settings.c_cc[VMIN] = mode->min;
		settings.c_cc[VTIME] = mode->time;
	} else if (!mode->echoes) {
		settings.c_lflag &= (tcflag_t) ~(tcflag_t)ECHO;
	}
	return tcsetattr(sysfd, TCSANOW, &settings) < 0 ? -errno : 0;
}

static struct mode raw = { .is_raw = true, .min = 1 };
static struct mode by_lines = { .is_raw = false };

static void close_both(struct np_fd *master, struct np_fd *line)
{
	np_close(line);
	np_close(master);
}

Test(tty, raw_bytes_go_both_ways)
{
	struct np_fd *master, *line;
	struct call reader = { .fd = NULL };
	char name[64], all[256], got[256];

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &raw), 0);
	for (int i = 0; i < 256; i++)
		all[i] = (char)i;
	cr_assert_eq(np_write(line, all, 256), 256);
	cr_assert_eq(call_read_full(master, got, 256), 256);
	cr_assert_eq(memcmp(got, all, 256), 0);
	cr_assert_eq(np_write(master, all, 256), 256);
	cr_assert_eq(call_read_full(line, got, 256), 256);
	cr_assert_eq(memcmp(got, all, 256), 0);
	reader.fd = line;
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(master, "x", 1), 1);
	cr_assert_eq(call_finish(&reader), 1);
	cr_assert_eq(np_tty_drain(line), 0);
	close_both(master, line);
}

/* Each read ends at a line: that it is short says nothing about what is left. */
Test(tty, by_lines_a_read_is_a_line)
{
	struct np_fd *master, *line;
	char name[64], buf[64];

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &by_lines), 0);
	cr_assert_eq(np_write(master, "one\ntwo and a half\nthr", 22), 22);
	cr_assert_eq(call_read_patiently(line, buf, sizeof(buf)), 4);
	cr_assert_eq(memcmp(buf, "one\n", 4), 0);
	cr_assert_eq(call_read_patiently(line, buf, sizeof(buf)), 15);
	cr_assert_eq(memcmp(buf, "two and a half\n", 15), 0);
	cr_assert_eq(np_set_read_deadline(line, np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(line, buf, sizeof(buf)), NP_EDEADLINE, "no line yet");
	cr_assert_eq(np_write(master, "ee\n\004", 4), 4);
	cr_assert_eq(call_read_patiently(line, buf, sizeof(buf)), 6);
	cr_assert_eq(memcmp(buf, "three\n", 6), 0);
	cr_assert_eq(call_read_patiently(line, buf, sizeof(buf)), 0, "the end was typed");
	cr_assert_eq(np_write(master, "on\n", 3), 3);
	cr_assert_eq(call_read_patiently(line, buf, sizeof(buf)), 3, "and the line goes on");
	close_both(master, line);
}

/* The trap that netpark/file.h warns of. */
Test(tty, with_a_minimum_of_0_nothing_looks_like_the_end)
{
	struct mode none = { .is_raw = true };
	struct mode for_time = { .is_raw = true, .min = 5, .time = 1 };
	struct np_fd *master, *line;
	char name[64], buf[8];

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &none), 0);
	cr_assert_eq(np_read(line, buf, sizeof(buf)), 0);
	cr_assert_eq(np_write(master, "x", 1), 1);
	cr_assert_eq(np_wait(line, NP_READ), 0);
	cr_assert_eq(np_read(line, buf, sizeof(buf)), 1);
	cr_assert_eq(np_fd_control(line, set_mode, &for_time), 0);
	cr_assert_eq(np_set_read_deadline(line, np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(line, buf, sizeof(buf)), NP_EDEADLINE);
	close_both(master, line);
}

Test(tty, a_deadline_ends_a_read_and_a_write_that_nobody_takes)
{
	static char much[1 << 17];
	struct np_fd *master, *line;
	char name[64];
	size_t written = 0;

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &raw), 0);
	cr_assert_eq(np_set_deadline(line, np_deadline(20 * MILLISECOND)), 0);
	cr_assert_eq(np_read(line, much, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_deadline(line, np_deadline(20 * MILLISECOND)), 0);
	cr_assert_eq(np_write_counted(line, much, sizeof(much), &written), NP_EDEADLINE);
	cr_assert_lt(written, sizeof(much));
	close_both(master, line);
}

/* Go issue 23943: it would hang where the read is a blocking one. */
Test(tty, close_ends_a_read)
{
	struct call reader = { .fd = NULL };
	struct np_fd *master, *line;
	char name[64];

	for (int i = 0; i < 2; i++) {
		open_line(&master, &line, name);
		cr_assert_eq(np_fd_control(line, set_mode, &raw), 0);
		reader.fd = i ? line : master;
		call_start(&reader, call_read);
		FIXTURE_UNTIL(fixture_parked() == 1);
		cr_assert_eq(np_close(reader.fd), 0);
		cr_assert_eq(call_finish(&reader), NP_ECLOSED);
		np_close(i ? master : line);
	}
}

Test(tty, a_hang_up_ends_reads_and_writes_of_the_line)
{
	struct call reader = { .fd = NULL };
	struct np_fd *master, *line;
	char name[64], byte = 'x';

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &raw), 0);
	reader.fd = line;
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(master), 0);
	cr_assert(call_finish(&reader) == 0 || reader.result == -EIO, "%zd", reader.result);
	for (int i = 0; i < 3; i++) {
		ssize_t n = np_read(line, &byte, 1);

		cr_assert(n == 0 || n == -EIO, "for good");
		cr_assert_eq(np_write(line, &byte, 1), -EIO);
	}
	cr_assert_eq(np_tty_drain(line), -EIO);
	cr_assert_eq(np_close(line), 0);
}

Test(tty, the_master_reads_an_error_once_the_line_is_closed)
{
	struct call reader = { .fd = NULL };
	struct np_fd *master, *line;
	char name[64];

	open_line(&master, &line, name);
	cr_assert_eq(np_fd_control(line, set_mode, &raw), 0);
	cr_assert_eq(np_write(line, "last", 4), 4);
	reader.fd = master;
	cr_assert_eq(call_read_full(master, reader.data, 4), 4);
	call_start(&reader, call_read);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_close(line), 0);
	cr_assert_eq(call_finish(&reader), -EIO);
	/* Somebody opens it again. */
	cr_assert_eq(np_file_open(name, O_RDWR, 0, &line), 0);
	cr_assert_eq(np_write(line, "again", 5), 5);
	cr_assert_eq(call_read_patiently(master, reader.data, sizeof(reader.data)), 5);
	close_both(master, line);
}

/* A process without one would get it by opening, and its signals. */
Test(tty, a_line_does_not_become_the_controlling_terminal)
{
	struct np_fd *master, *line;
	char name[64];
	int status;
	pid_t child;

	open_line(&master, &line, name);
	child = fork();
	if (child == 0) {
		struct np_fd *again;

		np_task_use_poller(NULL); /* the test's is the parent's */
		if (setsid() < 0 || np_file_open(name, O_RDWR, 0, &again) != 0)
			_exit(2);
		_exit(open("/dev/tty", O_RDWR) < 0 ? 0 : 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0, "%#x", (unsigned)status);
	close_both(master, line);
}
