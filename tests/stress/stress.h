/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/stress.h - what every stress program begins and ends with.
 *
 *	PROGRAM BACKEND [SEED [ROUNDS]]
 *
 * Random timing is random only in part: the seed is printed first and decides what each thread
 * does, the scheduler decides when. A failure is told in a sentence and ends the process with
 * status 1 at once, while the threads that fought are still there to be looked at; a hang is such a
 * failure.
 */
#ifndef NETPARK_TESTS_STRESS_STRESS_H
#define NETPARK_TESTS_STRESS_STRESS_H

#include <netpark.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

static const int64_t MICROSECOND = 1000;
static const int64_t HOUR = INT64_C(3600) * 1000000000;

extern const struct runtime_poll *stress_backend;
extern struct np_poller *stress_poller; /* on that backend; the main thread and ours use it */
extern int stress_rounds;

/* Read the arguments, print the seed, make stress_poller. */
void stress_begin(int argc, char **argv, int default_rounds);

/* Check that no descriptor, timer or parked task is left. Returns the exit status, 0. */
int stress_end(void);

/* What is going on, for the message about a failure or a hang. */
void stress_phase(const char *name);

__attribute__((format(printf, 1, 2), noreturn)) void stress_fail(const char *format, ...);

#define STRESS_CHECK(condition, ...)                                                               \
	do {                                                                                       \
		if (!(condition))                                                                  \
			stress_fail(__VA_ARGS__);                                                  \
	} while (0)

/* A sequence of its own for the thread number @index of this run; never 0. */
uint64_t stress_seed(unsigned index);

uint64_t stress_random(uint64_t *state);

/* From 0 to @limit - 1. */
unsigned stress_below(uint64_t *state, unsigned limit);

/* Pass a short time at random, by which races are won and lost. */
void stress_jitter(uint64_t *state);

/* A thread that uses stress_poller. */
pthread_t stress_start(void *(*run)(void *arg), void *arg);
void stress_join(pthread_t thread);

/* Where a number of tasks wait for each other, any number of times. */
struct stress_gate {
	struct np_mutex lock;
	struct np_cond opened;
	int expected;
	int arrived; /* under lock */
	unsigned turn;
};

void stress_gate_init(struct stress_gate *gate, int expected);
void stress_gate_pass(struct stress_gate *gate);

/* Ask until @condition holds; only for what nobody can wait for. A hang if it never does. */
#define STRESS_UNTIL(condition)                                                                    \
	do {                                                                                       \
		while (!(condition))                                                               \
			stress_yield();                                                            \
	} while (0)

void stress_yield(void);

/* A connected pair, non-blocking; index 0 of a pipe reads. */
void stress_socketpair(int fds[2]);
void stress_pipe(int fds[2]);

/* Wrap a descriptor, which the handle owns. */
struct np_fd *stress_open(int sysfd);

/* The same as handles; that of TCP through a listener of its own. */
void stress_fd_pair(struct np_fd *fds[2]);
void stress_fd_pipe(struct np_fd *fds[2]);
void stress_tcp_pair(struct np_fd *fds[2]);

/*
 * A loopback address for this process alone, with port 0. A port that was given back may be
 * somebody else's a moment later; on Linux, which has sixteen million such addresses, not on this
 * one.
 */
void stress_loopback(char address[NP_ADDR_TEXT_MAX]);

/* How many tasks are parked on the descriptors of @poller. */
size_t stress_parked(struct np_poller *poller);

#endif /* NETPARK_TESTS_STRESS_STRESS_H */
