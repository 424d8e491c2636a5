/* SPDX-License-Identifier: MIT */
/*
 * tests/host/bare.c - a file system with nothing in it: no /proc, no /dev, no /etc. As in a
 * container from scratch, or after chroot(2). And little address space.
 */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>
#ifdef __linux__
#include <sched.h>
#include <sys/eventfd.h>
#endif

/*
 * Root of the system, or of a user namespace. The folder is removed by who has not left the files:
 * a child that lives as long as it takes.
 */
static void leave_all_files(void)
{
	char path[] = "/tmp/netpark-bare-XXXXXX";
	int ends[2];
	char byte;

	HOST_CHECK(pipe(ends) == 0 && mkdtemp(path), "%s: errno %d", path, errno);
	if (fork() == 0) {
		close(ends[1]);
		while (read(ends[0], &byte, 1) > 0)
			;
		rmdir(path);
		_exit(0);
	}
	close(ends[0]);
	fcntl(ends[1], F_SETFD, FD_CLOEXEC);
#ifdef __linux__
	if (geteuid() != 0 && unshare(CLONE_NEWUSER) < 0)
		host_skip("chroot(2) is not allowed, nor is a user namespace");
#endif
	if (chroot(path) < 0)
		host_skip("chroot(2) is not allowed");
	HOST_CHECK(chdir("/") == 0, "chdir: errno %d", errno);
	HOST_CHECK(access("/proc", F_OK) < 0 && access("/tmp", F_OK) < 0, "there are files");
}

static int echo_in_fiber(void *arg)
{
	(void)arg;
	host_echo();
	return 0;
}

static void echoes(void)
{
	leave_all_files();
	host_use_backend();
	host_echo();
	HOST_EXPECT(host_run(echo_in_fiber, 0), 0); /* as many workers as there are processors */
}

static struct np_semaphore semaphore; /* of those that may outlive the first fiber */

static void wait_for_ever(void *arg)
{
	(void)arg;
	np_set_name("the one that waits");
	np_semaphore_acquire(&semaphore, 1);
}

static int dump_fibers(void *arg)
{
	char report[4096];
	ssize_t n;
	int ends[2];

	(void)arg;
	HOST_EXPECT(np_go(wait_for_ever, NULL), 0);
	HOST_EXPECT(np_sleep(1000), 0);
	HOST_EXPECT(pipe(ends), 0);
	HOST_EXPECT(np_dump(ends[1]), 0);
	n = read(ends[0], report, sizeof(report) - 1);
	HOST_CHECK(n > 0, "an empty report");
	report[n] = '\0';
	HOST_CHECK(strstr(report, "\"the one that waits\" [semaphore"), "the report is: %s",
		   report);
	np_semaphore_release(&semaphore, 1);
	return 0;
}

static void dumps(void)
{
	leave_all_files();
	HOST_EXPECT(host_run(dump_fibers, 1), 0);
}

static atomic_int told;

static void count_misuse(const char *what)
{
	atomic_fetch_add(&told, strstr(what, "deadlock") || strstr(what, "asleep") ? 1 : 100);
}

static int wait_for_nobody(void *arg)
{
	(void)arg;
	return np_semaphore_acquire(&semaphore, 1);
}

/* How many threads there are cannot be known; but the program says that they do not matter. */
static void deadlocks(void)
{
	const struct np_run_options options = {
		.backend = host_backend,
		.workers = 2,
		.flags = NP_RUN_ALONE,
	};

	leave_all_files();
	np_set_misuse_hook(count_misuse);
	HOST_EXPECT(np_run(wait_for_nobody, NULL, &options), NP_EDEADLOCK);
	HOST_EXPECT(atomic_load(&told), 1);
}

/* What cannot be opened anew is used as it is. */
static void standard_streams(void)
{
	struct np_fd *input;
	char text[8];
	int ends[2];

	leave_all_files();
	host_use_backend();
	HOST_EXPECT(pipe(ends), 0);
	HOST_EXPECT(dup2(ends[0], STDIN_FILENO), STDIN_FILENO);
	HOST_EXPECT(np_file_standard(0, &input), 0);
	HOST_EXPECT(write(ends[1], "hello", 5), 5);
	HOST_EXPECT(np_read(input, text, sizeof(text)), 5);
	close(ends[1]);
	HOST_EXPECT(np_read(input, text, sizeof(text)), 0);
	HOST_EXPECT(np_close(input), 0);
}

static void files_are_told(void)
{
	static char name[] = "sh";
	char *const argv[] = { name, NULL };
	struct np_fd *file;
	pid_t child;

	leave_all_files();
	HOST_EXPECT(np_file_open("/etc/hosts", O_RDONLY, 0, &file), -ENOENT);
	HOST_EXPECT(np_spawn("/bin/sh", argv, NULL, NULL, 0, &child), -ENOENT);
}

#ifdef __linux__
/* That a read takes all is told by /proc. Without that each is asked for. */
static void counters(void)
{
	struct np_fd *fd;
	uint64_t count;

	leave_all_files();
	host_use_backend();
	HOST_EXPECT(np_fd_open(eventfd(3, EFD_SEMAPHORE | EFD_CLOEXEC), 0, &fd), 0);
	for (int i = 0; i < 3; i++) {
		HOST_EXPECT(np_read(fd, &count, sizeof(count)), sizeof(count));
		HOST_CHECK(count == 1, "%d are counted down at once", (int)count);
	}
	HOST_EXPECT(np_set_read_deadline(fd, np_deadline(1000)), 0);
	HOST_EXPECT(np_read(fd, &count, sizeof(count)), NP_EDEADLINE);
	HOST_EXPECT(np_close(fd), 0);
}
#endif

/* ---- address space --------------------------------------------------------------------------- */

static int start_until_refused(void *arg)
{
	int64_t started = 0;
	int error = 0;

	(void)arg;
	while (!error && started < 100000) {
		error = np_go(wait_for_ever, NULL);
		started += !error;
		if (started % 64 == 0)
			np_yield();
	}
	HOST_EXPECT(error, -ENOMEM);
	HOST_CHECK(started > 100, "only %lld fibers", (long long)started);
	np_semaphore_release(&semaphore, (uint64_t)started);
	while (np_go(wait_for_ever, NULL) != 0)
		np_yield();
	np_semaphore_release(&semaphore, 1);
	return 0;
}

/* A gigabyte: fibers are refused when it is used up, and may be had again later. */
static void little_address_space(void)
{
	struct rlimit limit = { (rlim_t)1 << 30, (rlim_t)1 << 30 };

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
	host_skip("a sanitizer needs terabytes");
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
	host_skip("a sanitizer needs terabytes");
#endif
#endif
#ifdef RLIMIT_AS
	HOST_CHECK(setrlimit(RLIMIT_AS, &limit) == 0, "setrlimit: errno %d", errno);
#else /* OpenBSD */
	HOST_CHECK(setrlimit(RLIMIT_DATA, &limit) == 0, "setrlimit: errno %d", errno);
#endif
	HOST_EXPECT(host_run(start_until_refused, 2), 0);
}

static const struct host_case cases[] = {
	{ "echoes", echoes },
	{ "dumps", dumps },
	{ "deadlocks", deadlocks },
	{ "standard-streams", standard_streams },
	{ "files-are-told", files_are_told },
#ifdef __linux__
	{ "counters", counters },
#endif
	{ "little-address-space", little_address_space },
};

int main(int argc, char **argv)
{
	return HOST_MAIN(argc, argv, cases);
}
