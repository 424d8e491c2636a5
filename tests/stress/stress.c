/* SPDX-License-Identifier: MIT */
/* tests/stress/stress.c - see stress.h. */
#include "tests/stress/stress.h"

#include <netpark/fiber.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

/* Far above what any run takes, below what the build allows a test. */
enum { SECONDS_UNTIL_HANG = 240 };
enum { NUMBERS = 1024 }; /* of descriptors; no program has more open */

const struct runtime_poll *stress_backend;
struct np_poller *stress_poller;
int stress_rounds;

static uint64_t seed;
static int descriptors_before;
static const char *_Atomic phase = "the beginning";

void stress_fail(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "failed in %s: ", atomic_load(&phase));
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	fflush(NULL);
	_exit(1); /* the other threads are still running: no handlers of exit(3) */
}

void stress_phase(const char *name)
{
	atomic_store(&phase, name);
}

/* In a signal handler: nothing but write(2). */
static void tell_hang(int number)
{
	const char *name = atomic_load(&phase);
	ssize_t ignored;

	(void)number;
	ignored = write(STDERR_FILENO, "hangs in ", 9);
	ignored = write(STDERR_FILENO, name, strlen(name));
	ignored = write(STDERR_FILENO, "\n", 1);
	(void)ignored;
	_exit(1);
}

static int count_descriptors(void)
{
	int count = 0;

	for (int fd = 0; fd < NUMBERS; fd++)
		count += fcntl(fd, F_GETFD) >= 0;
	return count;
}

static void usage(const char *program)
{
	fprintf(stderr, "usage: %s BACKEND [SEED [ROUNDS]]\n", program);
	exit(2);
}

void stress_begin(int argc, char **argv, int default_rounds)
{
	struct np_poller_options options = { .backend = NULL };
	int error;

	if (argc < 2 || argc > 4)
		usage(argv[0]);
	options.backend = runtime_poll_find(argv[1]);
	if (!options.backend)
		usage(argv[0]);
	seed = argc > 2 ? strtoull(argv[2], NULL, 0) : (uint64_t)np_time();
	stress_rounds = argc > 3 ? atoi(argv[3]) : default_rounds;
	printf("seed %llu\n", (unsigned long long)seed);
	fflush(stdout);
	signal(SIGALRM, tell_hang);
	alarm(SECONDS_UNTIL_HANG);
	stress_backend = options.backend;
	descriptors_before = count_descriptors();
	error = np_poller_create(&options, &stress_poller);
	STRESS_CHECK(!error, "np_poller_create: %s", np_strerror(error));
	np_task_use_poller(stress_poller);
}

int stress_end(void)
{
	struct np_poller_stats stats;
	int error;

	stress_phase("the end");
	np_poller_get_stats(stress_poller, &stats);
	STRESS_CHECK(stats.descriptors == 0, "%zu poll descriptors are left", stats.descriptors);
	STRESS_CHECK(stats.parked == 0, "%zu tasks are parked", stats.parked);
	STRESS_CHECK(stats.timers == 0, "%zu timers are left", stats.timers);
	np_task_use_poller(NULL);
	error = np_poller_destroy(stress_poller);
	STRESS_CHECK(!error, "np_poller_destroy: %s", np_strerror(error));
	STRESS_CHECK(count_descriptors() == descriptors_before, "%d descriptors have become %d",
		     descriptors_before, count_descriptors());
	return 0;
}

uint64_t stress_seed(unsigned index)
{
	uint64_t state = (seed + index + 1) * UINT64_C(0x9e3779b97f4a7c15);

	state ^= state >> 31;
	return state ? state : 1;
}

uint64_t stress_random(uint64_t *state)
{
	*state ^= *state << 13;
	*state ^= *state >> 7;
	*state ^= *state << 17;
	return *state;
}

unsigned stress_below(uint64_t *state, unsigned limit)
{
	return (unsigned)((stress_random(state) >> 11) % limit);
}

void stress_jitter(uint64_t *state)
{
	unsigned turns = 1u << stress_below(state, 10);

	if (stress_below(state, 8) == 0)
		np_yield();
	else
		for (volatile unsigned i = 0; i < turns; i++)
			;
}

void stress_yield(void)
{
	np_yield();
}

/* ---- threads ------------------------------------------------------------------------------ */

struct start {
	void *(*run)(void *arg);
	void *arg;
};

static void *run_on_stress_poller(void *arg)
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
	int error;

	STRESS_CHECK(start, "out of memory");
	*start = (struct start){ run, arg };
	error = pthread_create(&thread, NULL, run_on_stress_poller, start);
	STRESS_CHECK(!error, "pthread_create: %s", strerror(error));
	return thread;
}

void stress_join(pthread_t thread)
{
	int error = pthread_join(thread, NULL);

	STRESS_CHECK(!error, "pthread_join: %s", strerror(error));
}

void stress_gate_init(struct stress_gate *gate, int expected)
{
	*gate = (struct stress_gate){ .expected = expected };
}

void stress_gate_pass(struct stress_gate *gate)
{
	unsigned turn;

	np_mutex_lock(&gate->lock);
	turn = gate->turn;
	if (++gate->arrived == gate->expected) {
		gate->arrived = 0;
		gate->turn++;
		np_cond_broadcast(&gate->opened);
	}
	while (gate->turn == turn)
		np_cond_wait(&gate->opened, &gate->lock);
	np_mutex_unlock(&gate->lock);
}

/* ---- descriptors -------------------------------------------------------------------------- */

static void make_nonblocking(int fds[2])
{
	for (int i = 0; i < 2; i++)
		STRESS_CHECK(fcntl(fds[i], F_SETFL, fcntl(fds[i], F_GETFL) | O_NONBLOCK) == 0,
			     "fcntl of a new descriptor: errno %d", errno);
}

void stress_socketpair(int fds[2])
{
	STRESS_CHECK(socketpair(AF_UNIX, SOCK_STREAM, 0, fds) == 0, "socketpair: errno %d", errno);
	make_nonblocking(fds);
}

void stress_pipe(int fds[2])
{
	STRESS_CHECK(pipe(fds) == 0, "pipe: errno %d", errno);
	make_nonblocking(fds);
}

struct np_fd *stress_open(int sysfd)
{
	struct np_fd *fd;
	int error = np_fd_open(sysfd, 0, &fd);

	STRESS_CHECK(!error, "np_fd_open: %s", np_strerror(error));
	return fd;
}

void stress_fd_pair(struct np_fd *fds[2])
{
	int pair[2];

	stress_socketpair(pair);
	fds[0] = stress_open(pair[0]);
	fds[1] = stress_open(pair[1]);
}

void stress_fd_pipe(struct np_fd *fds[2])
{
	int pair[2];

	stress_pipe(pair);
	fds[0] = stress_open(pair[0]);
	fds[1] = stress_open(pair[1]);
}

void stress_loopback(char address[NP_ADDR_TEXT_MAX])
{
#ifdef __linux__
	unsigned pid = (unsigned)getpid();

	snprintf(address, NP_ADDR_TEXT_MAX, "127.%u.%u.%u:0", 1 + (pid >> 16) % 254,
		 (pid >> 8) % 256, pid % 256);
#else
	snprintf(address, NP_ADDR_TEXT_MAX, "127.0.0.1:0");
#endif
}

void stress_tcp_pair(struct np_fd *fds[2])
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_fd *listener;
	struct np_addr addr;
	int error = np_listen("tcp", "127.0.0.1:0", &listener);

	STRESS_CHECK(!error, "np_listen: %s", np_strerror(error));
	error = np_local_addr(listener, &addr);
	STRESS_CHECK(!error, "np_local_addr: %s", np_strerror(error));
	np_addr_format(&addr, text, sizeof(text));
	error = np_dial("tcp", text, 0, &fds[0]);
	STRESS_CHECK(!error, "np_dial: %s", np_strerror(error));
	error = np_accept(listener, &fds[1]);
	STRESS_CHECK(!error, "np_accept: %s", np_strerror(error));
	np_close(listener);
}

size_t stress_parked(struct np_poller *poller)
{
	struct np_poller_stats stats;

	np_poller_get_stats(poller, &stats);
	return stats.parked;
}
