/* SPDX-License-Identifier: MIT */
/*
 * tests/races/stress.h - what the stress programs share: PROGRAM BACKEND [ROUNDS [SEED]].
 *
 * Plain programs with a main(), since ThreadSanitizer and Criterion's runner do not go together.
 * Each is bounded by a count of rounds, prints its seed first, and on the first thing that is wrong
 * says what and exits with 1. A hang is for the test's timeout to find.
 */
#ifndef NETPARK_TESTS_STRESS_STRESS_H
#define NETPARK_TESTS_STRESS_STRESS_H

#include <netpark.h>

#include <pthread.h>

extern struct np_poller *stress_poller;
extern const struct runtime_poll *stress_backend;
extern long stress_rounds;

/* Read the arguments and make stress_poller. */
void stress_begin(int argc, char **argv, long rounds);

/* Destroy the poller; nothing may be left in it, and no descriptor more be open than at the start.
 */
int stress_end(void);

#define STRESS_CHECK(condition, ...)                                                               \
	do {                                                                                       \
		if (!(condition))                                                                  \
			stress_fail(__FILE__, __LINE__, #condition, __VA_ARGS__);                  \
	} while (0)

__attribute__((format(printf, 4, 5), noreturn)) void
stress_fail(const char *file, int line, const char *condition, const char *format, ...);

/* A thread that uses stress_poller. */
pthread_t stress_start(void *(*run)(void *arg), void *arg);
void *stress_join(pthread_t thread);

/* A sequence of numbers for thread @number, from the seed. */
uint64_t stress_random_of(unsigned number);
uint64_t stress_random(uint64_t *state);

/* Connected descriptors, non-blocking: Unix sockets, or a pipe (0 reads). */
void stress_socketpair(int fds[2]);
void stress_pipe(int fds[2]);

/* The same as handles, and a pair of TCP connections through a listener of its own. */
void stress_fd_pair(struct np_fd *fds[2]);
void stress_tcp_pair(struct np_fd *fds[2]);

#endif /* NETPARK_TESTS_STRESS_STRESS_H */
