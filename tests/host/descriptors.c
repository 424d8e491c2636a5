/* SPDX-License-Identifier: MIT */
/*
 * tests/host/descriptors.c - numbers above FD_SETSIZE, a limit of twenty, and programs that are
 * executed: they inherit nothing that the library has opened.
 */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/select.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FEW = 20 };
enum { NUMBERS = 256 }; /* more than any case opens */

static void limit_descriptors(rlim_t most)
{
	struct rlimit limit;

	HOST_CHECK(getrlimit(RLIMIT_NOFILE, &limit) == 0, "getrlimit: errno %d", errno);
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < most)
		host_skip("no more than %llu descriptors are allowed here",
			  (unsigned long long)limit.rlim_max);
	limit.rlim_cur = most;
	HOST_CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0, "setrlimit: errno %d", errno);
}

/* ---- above FD_SETSIZE --------------------------------------------------------------------- */

static void check_number(struct np_fd *fd)
{
	int number;

	HOST_EXPECT(np_fd_duplicate(fd, &number), 0);
	HOST_CHECK(number > FD_SETSIZE, "number %d is not above FD_SETSIZE", number);
	close(number);
}

static void *read_byte(void *arg)
{
	char byte = 0;

	host_use_backend();
	HOST_EXPECT(np_read(arg, &byte, 1), 1);
	return NULL;
}

/* Both ways to the kernel: sockets, pipes; parked, with a deadline, file and stream. */
static int use_all_kinds(void *arg)
{
	char path[] = "/tmp/netpark-host-XXXXXX";
	struct np_fd *ends[2], *others[2], *file;
	int number = mkstemp(path);
	char text[6];

	(void)arg;
	HOST_CHECK(number > FD_SETSIZE, "mkstemp: %d, errno %d", number, errno);
	unlink(path);
	HOST_EXPECT(np_fd_open(number, 0, &file), 0);
	HOST_EXPECT(np_pwrite(file, "hello", 5, 0), 5);
	host_pair("tcp", ends);
	host_pair("unix", others);
	check_number(ends[0]);
	check_number(others[1]);
	HOST_EXPECT(np_sendfile(ends[0], file, 0, 5), 5);
	HOST_EXPECT(np_close_write(ends[0]), 0);
	HOST_EXPECT(np_copy(others[0], ends[1], -1), 5);
	HOST_EXPECT(np_read_full(others[1], text, 5), 5);
	HOST_CHECK(memcmp(text, "hello", 5) == 0, "other bytes arrive");
	for (int i = 0; i < 2; i++) {
		HOST_EXPECT(np_close(ends[i]), 0);
		HOST_EXPECT(np_close(others[i]), 0);
	}
	HOST_EXPECT(np_close(file), 0);
	host_echo();
	return 0;
}

/* All numbers up to there are taken before the library is used. */
static void above_fd_setsize(void)
{
	struct np_fd *ends[2];
	struct np_poller *poller;
	pthread_t reader;
	int number = 0;

	limit_descriptors(FD_SETSIZE + NUMBERS);
	while (number <= FD_SETSIZE) {
		number = open("/dev/null", O_RDONLY | O_CLOEXEC);
		HOST_CHECK(number >= 0, "open: errno %d", errno);
	}
	poller = host_use_backend();
	HOST_EXPECT(np_socketpair("unix", ends), 0);
	reader = host_start(read_byte, ends[0]);
	HOST_UNTIL(host_parked(poller) == 1);
	HOST_EXPECT(np_write(ends[1], "x", 1), 1);
	pthread_join(reader, NULL);
	use_all_kinds(NULL);
	HOST_EXPECT(host_run(use_all_kinds, 2), 0);
}

/* ---- twenty ------------------------------------------------------------------------------- */

static void expect_few(int error, const char *what)
{
	char text[256];

	HOST_CHECK(error == -EMFILE, "%s: %d instead of EMFILE", what, error);
	HOST_CHECK(np_is_temporary(error), "EMFILE is not temporary");
	np_error_text(error, text, sizeof(text));
	HOST_CHECK(strstr(text, strerror(EMFILE) + 1), "told as \"%s\"", text);
}

/* Files until there are no more; then nothing else goes either. */
static void use_up(const char *address)
{
	struct np_fd *files[FEW], *fd;
	int count = 0, error;

	while ((error = np_file_open("/", O_RDONLY, 0, &files[count])) == 0)
		count++;
	expect_few(error, "np_file_open");
	expect_few(np_listen("tcp", "127.0.0.1:0", &fd), "np_listen");
	expect_few(np_dial("tcp", address, 0, &fd), "np_dial");
	while (count > 0)
		HOST_EXPECT(np_close(files[--count]), 0);
}

/* Connections until there are no more; who is there already is served meanwhile, and later. */
static int fill_up(void *arg)
{
	struct np_fd *ends[FEW][2];
	char address[NP_ADDR_TEXT_MAX];
	struct np_fd *listener;
	int count = 0, error;
	char byte;

	(void)arg;
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	host_address(listener, address);
	for (;;) {
		error = np_dial("tcp", address, 0, &ends[count][0]);
		if (error)
			break;
		error = np_accept(listener, &ends[count][1]);
		if (error) {
			np_close(ends[count][0]);
			break;
		}
		count++;
	}
	expect_few(error, "dial or accept");
	HOST_CHECK(count >= 2, "only %d connections", count);
	use_up(address);
	for (int i = 0; i < count; i++) {
		HOST_EXPECT(np_write(ends[i][0], "x", 1), 1);
		HOST_EXPECT(np_read(ends[i][1], &byte, 1), 1);
	}
	HOST_EXPECT(np_close(ends[0][0]), 0);
	HOST_EXPECT(np_close(ends[0][1]), 0);
	HOST_EXPECT(np_dial("tcp", address, 0, &ends[0][0]), 0);
	/* One that was aborted above may come first. */
	HOST_EXPECT(np_accept(listener, &ends[0][1]), 0);
	for (int i = 0; i < count; i++)
		for (int k = 0; k < 2; k++)
			HOST_EXPECT(np_close(ends[i][k]), 0);
	HOST_EXPECT(np_close(listener), 0);
	return 0;
}

static void of_twenty(void)
{
	int before = host_count_descriptors(NUMBERS);

	limit_descriptors(FEW);
	HOST_EXPECT(host_run(fill_up, 2), 0);
	HOST_EXPECT(host_count_descriptors(NUMBERS), before);
}

static int do_nothing(void *arg)
{
	(void)arg;
	return 0;
}

static int echo_in_fiber(void *arg)
{
	(void)arg;
	host_echo();
	return 0;
}

/* From none on there is one more each time, until there are enough. Nothing is left of what failed.
 */
static void too_few_to_run(void)
{
	int before = host_count_descriptors(NUMBERS);
	int next = dup(STDIN_FILENO);
	int error = -EMFILE;

	close(next);
	for (int most = next; error; most++) {
		limit_descriptors((rlim_t)most);
		error = host_run(do_nothing, 2);
		HOST_CHECK(error || most > next, "it runs without any");
		HOST_CHECK(error == -EMFILE || !error, "%d instead of EMFILE", error);
		HOST_EXPECT(host_count_descriptors(NUMBERS), before);
	}
	limit_descriptors(NUMBERS);
	HOST_EXPECT(host_run(echo_in_fiber, 2), 0);
	HOST_EXPECT(host_count_descriptors(NUMBERS), before);
}

/* ---- what a program that is executed inherits ---------------------------------------------- */

static const char *self;
static int at_start; /* of descriptors that this program has by itself: an emulation has one */

/* Executed, this program tells how many descriptors it has. */
static int count_in_program(void)
{
	pid_t child = fork();
	int status;

	if (child == 0) {
		execl(self, self, "--count", (char *)NULL);
		_exit(NUMBERS - 1);
	}
	HOST_CHECK(waitpid(child, &status, 0) == child, "waitpid: errno %d", errno);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

static void check_inheritance(const char *when)
{
	int count = count_in_program();

	HOST_CHECK(count == at_start,
		   "executed by a %s, a program has %d descriptors instead of %d", when, count,
		   at_start);
}

static void ignore_call(void *arg)
{
	(void)arg;
}

static int open_everything(void *arg)
{
	struct np_fd *fds[32], *accepted;
	char address[NP_ADDR_TEXT_MAX];
	char path[64];
	int n = 0, duplicate, passed[1];
	size_t arrived;
	char byte;

	(void)arg;
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &fds[n]), 0);
	host_address(fds[n++], address);
	HOST_EXPECT(np_dial("tcp", address, 0, &fds[n++]), 0);
	HOST_EXPECT(np_accept(fds[0], &accepted), 0);
	fds[n++] = accepted;
	snprintf(path, sizeof(path), "/tmp/netpark-host-%d", (int)getpid());
	HOST_EXPECT(np_listen("unix", path, &fds[n++]), 0);
	HOST_EXPECT(np_listen_packet("udp", "127.0.0.1:0", &fds[n++]), 0);
	HOST_EXPECT(np_socketpair("unix", fds + n), 0);
	n += 2;
	HOST_EXPECT(np_pipe(fds + n), 0);
	n += 2;
	HOST_EXPECT(np_file_open("/dev/null", O_RDWR, 0, &fds[n++]), 0);
	HOST_EXPECT(np_file_standard(0, &fds[n++]), 0);
	HOST_EXPECT(np_fd_duplicate(accepted, &duplicate), 0);
	HOST_EXPECT(np_send_fds(fds[5], "x", 1, &duplicate, 1), 1);
	HOST_EXPECT(np_recv_fds(fds[6], &byte, 1, passed, 1, &arrived), 1);
	HOST_EXPECT(arrived, 1);
	HOST_EXPECT(np_dump_on_signal(SIGUSR1, STDERR_FILENO), 0);
	HOST_EXPECT(np_sleep(1000), 0);
	for (int i = 0; i < n; i++)
		np_set_read_deadline(fds[i], np_deadline(INT64_C(3600) * 1000000000));
	HOST_EXPECT(np_go(ignore_call, NULL), 0);
	check_inheritance("fiber");
	for (int i = 0; i < n; i++)
		HOST_EXPECT(np_close(fds[i]), 0);
	return 0;
}

/* What the caller of the tests left open is not ours. */
static void disown_the_rest(void)
{
	for (int fd = 3; fd < NUMBERS; fd++)
		fcntl(fd, F_SETFD, FD_CLOEXEC);
}

static void are_closed_on_exec(void)
{
	disown_the_rest();
	at_start = count_in_program();
	HOST_EXPECT(host_run(open_everything, 2), 0);
	host_use_backend();
	host_echo();
	check_inheritance("thread");
}

static const struct host_case cases[] = {
	{ "above-FD_SETSIZE", above_fd_setsize },
	{ "of-twenty", of_twenty },
	{ "too-few-to-run", too_few_to_run },
	{ "closed-on-exec", are_closed_on_exec },
};

int main(int argc, char **argv)
{
	if (argc > 1 && !strcmp(argv[1], "--count"))
		return host_count_descriptors(NUMBERS);
	self = argv[0];
	return HOST_MAIN(argc, argv, cases);
}
