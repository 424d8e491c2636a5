/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/pipes.c - descriptors, tokens and time. */
#include "pipes.h"

#include "../die.h"

#include <stdint.h>
#include <sys/eventfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { ROUNDS_MAX = 1000 };

static unsigned rounds = 7;

static const uint64_t TOKEN = 1;

_Static_assert(sizeof(TOKEN) == PIPES_TOKEN_SIZE, "what an eventfd takes");

bool pipes_next(struct pipes *pipes, unsigned index, unsigned *ret_next)
{
	*ret_next = index + 1 == pipes->count ? 0 : index + 1;
	/* The last event of each token writes nothing. */
	return ++pipes->events + pipes->active <= pipes->events_max;
}

bool pipes_is_over(const struct pipes *pipes)
{
	return pipes->events == pipes->events_max;
}

static void write_token(const struct pipes *pipes, unsigned index)
{
	if (write(pipes->write_fds[index], &TOKEN, sizeof(TOKEN)) != sizeof(TOKEN))
		die_errno("write");
}

bool pipes_on_readable(struct pipes *pipes, unsigned index)
{
	uint64_t token;
	unsigned next;

	if (read(pipes->read_fds[index], &token, sizeof(token)) != sizeof(token))
		die_errno("read");
	if (pipes_next(pipes, index, &next))
		write_token(pipes, next);
	return pipes_is_over(pipes);
}

static void open_descriptors(struct pipes *pipes, bool are_pairs)
{
	int pair[2];

	pipes->read_fds = calloc(pipes->count, sizeof(int));
	pipes->write_fds = calloc(pipes->count, sizeof(int));
	if (!pipes->read_fds || !pipes->write_fds)
		die("out of memory");
	for (unsigned i = 0; i < pipes->count; i++) {
		if (are_pairs) {
			if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) != 0)
				die_errno("socketpair");
		} else {
			pair[0] = pair[1] = eventfd(0, EFD_NONBLOCK);
			if (pair[0] < 0)
				die_errno("eventfd");
		}
		pipes->read_fds[i] = pair[0];
		pipes->write_fds[i] = pair[1];
	}
}

static double time_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec * 1e9 + (double)now.tv_nsec;
}

static double time_round(struct pipes *pipes)
{
	unsigned step = pipes->count / pipes->active;
	double start = time_ns();

	pipes->events = 0;
	for (unsigned i = 0; i < pipes->active; i++)
		write_token(pipes, (pipes->first + i * step) % pipes->count);
	pipes_loop_run(pipes);
	/* The next round goes on where this one ended. */
	pipes->first =
		(unsigned)((pipes->first + pipes->events_max / pipes->active) % pipes->count);
	return (time_ns() - start) / (double)pipes->events_max;
}

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

void pipes_rounds(struct pipes *pipes)
{
	double ns[ROUNDS_MAX];

	time_round(pipes);
	for (unsigned i = 0; i < rounds; i++)
		ns[i] = time_round(pipes);
	qsort(ns, rounds, sizeof(ns[0]), compare);
	printf("ns=%.1f min=%.1f max=%.1f\n", ns[rounds / 2], ns[0], ns[rounds - 1]);
}

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct pipes pipes = { .count = 100, .active = 10, .events_max = 100000 };
	bool are_pairs = false;
	int option;

	while ((option = getopt(argc, argv, "a:b:k:n:r:w:")) != -1) {
		if (option == 'a')
			pipes.active = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'b')
			pipes.backend = optarg;
		else if (option == 'k')
			are_pairs = strcmp(optarg, "socketpair") == 0;
		else if (option == 'n')
			pipes.count = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'w')
			pipes.events_max = strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (rounds == 0 || rounds > ROUNDS_MAX || pipes.active == 0 || pipes.active > pipes.count ||
	    pipes.events_max < pipes.active)
		die("numbers that make no sense");
	raise_descriptor_limit();
	open_descriptors(&pipes, are_pairs);
	pipes_loop_main(&pipes);
	return 0;
}
