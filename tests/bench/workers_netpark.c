/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/workers_netpark.c - what a second worker brings when nothing outside is the limit:
 * socket pairs, a fiber at each end, one that asks and one that echoes.
 *
 *	workers_netpark [-w WORKERS] [-c PAIRS] [-r REQUESTS | -t SECONDS]
 *
 * Prints the requests each second, the processor time of one in nanoseconds, and how much of
 * the work, in percent, fell to the busiest of the workers.
 */
#include <netpark.h>

#include "cpu_clock.h"
#include "die.h"

#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { MESSAGE_SIZE = 64, BUFFER_SIZE = 512 };

/* One end of a pair. In a cache line of its own: the fibers of two workers write to neighbours. */
struct end {
	_Alignas(64) struct np_fd *fd;
	pthread_t worker;
	_Atomic(uint64_t) messages;
	uint64_t messages_max; /* 0: until is_over */
};

static struct end *ends;
static unsigned pairs = 64;
static unsigned workers = 1;
static uint64_t requests;
static double seconds = 1;
static atomic_bool is_over;

static int ask(void *arg)
{
	struct end *end = arg;
	char message[MESSAGE_SIZE] = "";
	uint64_t messages = 0;

	end->worker = pthread_self();
	while (end->messages_max ? messages < end->messages_max
				 : !atomic_load_explicit(&is_over, memory_order_relaxed)) {
		if (np_write(end->fd, message, sizeof(message)) != sizeof(message) ||
		    np_read(end->fd, message, sizeof(message)) != sizeof(message))
			die("a request that was not answered");
		atomic_store_explicit(&end->messages, ++messages, memory_order_relaxed);
	}
	np_close(end->fd);
	return 0;
}

static int answer(void *arg)
{
	struct end *end = arg;
	char buffer[BUFFER_SIZE];
	uint64_t messages = 0;
	ssize_t n;

	end->worker = pthread_self();
	while ((n = np_read(end->fd, buffer, sizeof(buffer))) > 0 &&
	       np_write(end->fd, buffer, (size_t)n) == n)
		atomic_store_explicit(&end->messages, ++messages, memory_order_relaxed);
	np_close(end->fd);
	return 0;
}

static void start_pair(struct np_group *group, struct end *pair)
{
	int fds[2];

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds) != 0)
		die_errno("socketpair");
	for (int i = 0; i < 2; i++)
		if (np_fd_open(fds[i], 0, &pair[i].fd) != 0)
			die("np_fd_open");
	if (np_group_go(group, answer, &pair[1]) != 0 || np_group_go(group, ask, &pair[0]) != 0)
		die("np_group_go");
}

static uint64_t count_requests(void)
{
	uint64_t sum = 0;

	for (unsigned i = 0; i < pairs; i++)
		sum += atomic_load_explicit(&ends[2 * i].messages, memory_order_relaxed);
	return sum;
}

static double busiest_share(void)
{
	uint64_t sum = 0, most = 0;

	for (unsigned i = 0; i < 2 * pairs; i++) {
		uint64_t of_worker = 0;

		for (unsigned j = 0; j < 2 * pairs; j++)
			if (pthread_equal(ends[i].worker, ends[j].worker))
				of_worker += ends[j].messages;
		sum += ends[i].messages;
		most = of_worker > most ? of_worker : most;
	}
	return (double)most / (double)sum;
}

static int run(void *arg)
{
	struct np_group group = { 0 };
	struct cpu_time cpu;
	uint64_t served = 0;
	int64_t begin;

	(void)arg;
	for (unsigned i = 0; i < pairs; i++)
		start_pair(&group, &ends[2 * i]);
	if (!requests) {
		np_sleep(100000000);
		served = count_requests();
	}
	begin = np_time();
	cpu = cpu_clock_read(getpid());
	if (!requests) {
		np_sleep((int64_t)(seconds * 1e9));
		served = count_requests() - served;
	} else {
		np_group_join(&group);
		served = count_requests();
	}
	begin = np_time() - begin;
	printf("rate=%.0f cpu=%.0f", (double)served * 1e9 / (double)begin,
	       (double)(cpu_clock_read(getpid()).total_ns - cpu.total_ns) / (double)served);
	is_over = true;
	np_group_join(&group);
	printf(" busiest=%.0f\n", 100 * busiest_share());
	return 0;
}

static void parse(int argc, char **argv)
{
	int option;

	while ((option = getopt(argc, argv, "c:r:t:w:")) != -1) {
		if (option == 'c')
			pairs = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			requests = strtoull(optarg, NULL, 10);
		else if (option == 't')
			seconds = strtod(optarg, NULL);
		else if (option == 'w')
			workers = (unsigned)strtoul(optarg, NULL, 10);
		else
			exit(2);
	}
	if (pairs == 0 || workers == 0 || (requests && requests < pairs) || optind != argc)
		die("usage: workers_netpark [-w WORKERS] [-c PAIRS] [-r REQUESTS | -t SECONDS]");
}

int main(int argc, char **argv)
{
	struct np_run_options options;

	parse(argc, argv);
	options = (struct np_run_options){ .workers = workers };
	ends = aligned_alloc(_Alignof(struct end), 2 * pairs * sizeof(*ends));
	if (!ends)
		die("out of memory");
	memset(ends, 0, 2 * pairs * sizeof(*ends));
	for (unsigned i = 0; i < pairs; i++)
		ends[2 * i].messages_max = requests / pairs;
	if (np_run(run, NULL, &options) != 0)
		die("np_run");
	free(ends);
	return 0;
}
