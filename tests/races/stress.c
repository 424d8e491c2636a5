/* SPDX-License-Identifier: MIT */
/* tests/races/stress.c - see stress.h. */
#include "tests/races/stress.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

struct np_poller *stress_poller;
const struct runtime_poll *stress_backend;
long stress_rounds;

static uint64_t seed;
static int descriptors_before;

void stress_fail(const char *file, int line, const char *condition, const char *format, ...)
{
	va_list args;

	fprintf(stderr, "%s:%d: %s: ", file, line, condition);
	va_start(args, format);
	vfprintf(stderr, format, args);
	va_end(args);
	fprintf(stderr, " (seed %llu)\n", (unsigned long long)seed);
	_exit(1);
}

static int count_descriptors(void)
{
	DIR *dir = opendir("/proc/self/fd");
	int count = 0;

	while (dir && readdir(dir))
		count++;
	if (dir)
		closedir(dir);
	return count;
}

void stress_begin(int argc, char **argv, long rounds)
{
	struct np_poller_options options = { .backend = NULL };

	if (argc < 2) {
		fprintf(stderr, "usage: %s BACKEND [ROUNDS [SEED]]\n", argv[0]);
		exit(2);
	}
	stress_backend = options.backend = runtime_poll_find(argv[1]);
	stress_rounds = argc > 2 ? atol(argv[2]) : rounds;
	seed = argc > 3 ? strtoull(argv[3], NULL, 0) : (uint64_t)np_time();
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	STRESS_CHECK(options.backend, "no backend \"%s\"", argv[1]);
	descriptors_before = count_descriptors();
	STRESS_CHECK(np_poller_create(&options, &stress_poller) == 0, "no poller");
	np_task_use_poller(stress_poller);
}

int stress_end(void)
{
	struct np_poller_stats stats;
	int after;

	np_poller_get_stats(stress_poller, &stats);
	STRESS_CHECK(stats.descriptors == 0 && stats.timers == 0,
		     "%zu descriptors, %zu timers left", stats.descriptors, stats.timers);
	np_task_use_poller(NULL);
	STRESS_CHECK(np_poller_destroy(stress_poller) == 0, "the poller is still in use");
	after = count_descriptors();
	STRESS_CHECK(after == descriptors_before, "%d descriptors became %d", descriptors_before,
		     after);
	printf("ok, %ld rounds\n", stress_rounds);
	return 0;
}

struct start {
	void *(*run)(void *arg);
	void *arg;
};

static void *run_on_poller(void *arg)
{
	struct start start = *(struct start *)arg;

	free(arg);
	np_task_use_poller(stress_poller);
	return start.run(start.arg);
}

pthread_t stress_start(void *(*run)(void *arg), void *arg)
{
	struct start *start = malloc(sizeof(*start));
	pthread_t thread;

	STRESS_CHECK(start, "out of memory");
	*start = (struct start){ run, arg };
	STRESS_CHECK(pthread_create(&thread, NULL, run_on_poller, start) == 0, "no thread");
	return thread;
}

void *stress_join(pthread_t thread)
{
	void *result;

	pthread_join(thread, &result);
	return result;
}

uint64_t stress_random_of(unsigned number)
{
	return (seed + 1) * (2 * (uint64_t)number + 3) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

uint64_t stress_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state >> 8;
}

void stress_socketpair(int fds[2])
{
	STRESS_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
}

void stress_pipe(int fds[2])
{
	STRESS_CHECK(pipe(fds) == 0, "pipe");
	fcntl(fds[0], F_SETFL, O_NONBLOCK);
	fcntl(fds[1], F_SETFL, O_NONBLOCK);
}

void stress_fd_pair(struct np_fd *fds[2])
{
	int pair[2];

	stress_socketpair(pair);
	STRESS_CHECK(np_fd_open(pair[0], 0, &fds[0]) == 0, "np_fd_open");
	STRESS_CHECK(np_fd_open(pair[1], 0, &fds[1]) == 0, "np_fd_open");
}

void stress_tcp_pair(struct np_fd *fds[2])
{
	struct np_fd *listener;
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	STRESS_CHECK(np_listen("tcp", "127.0.0.1:0", &listener) == 0, "np_listen");
	STRESS_CHECK(np_local_addr(listener, &addr) == 0, "np_local_addr");
	np_addr_format(&addr, text, sizeof(text));
	STRESS_CHECK(np_dial("tcp", text, 0, &fds[0]) == 0, "np_dial");
	STRESS_CHECK(np_accept(listener, &fds[1]) == 0, "np_accept");
	np_close(listener);
}
