/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fixture.h - what every test of a poller begins and ends with.
 *
 *	TestSuite(hangup, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);
 *
 * The build runs each suite once for each backend: NETPARK_TEST_BACKEND names it. fixture_begin()
 * makes test_poller on it and has the test's thread use that; fixture_end() destroys it and fails
 * the test if a descriptor, a registration, a timer or a parked task is left over.
 *
 * With NETPARK_TEST_REFUSE in the environment the test's thread, and all that it starts, has a
 * kernel that refuses what it says: see refuse.h. Criterion's own threads have it all.
 *
 * With NETPARK_TEST_CALLS=fibers in the environment a worker runs beside the test, whose poller is
 * test_poller, and what call.h starts are its fibers. The test itself remains a thread.
 */
#ifndef NETPARK_TESTS_SUPPORT_FIXTURE_H
#define NETPARK_TESTS_SUPPORT_FIXTURE_H

#include <netpark.h>

#include <pthread.h>
#include <stdbool.h>
#include <stddef.h>

/* Seconds, for Criterion: only a hang comes near it, also under Valgrind. */
#define FIXTURE_TIMEOUT 120.0

extern struct np_poller *test_poller;

void fixture_begin(void);
void fixture_end(void);

/*
 * For what ends a test (.fini): Criterion takes no notice of an assertion that fails there, but of
 * a process that dies.
 */
#define FIXTURE_DEMAND(condition, ...) ((condition) ? (void)0 : fixture_give_up(__VA_ARGS__))

__attribute__((format(printf, 1, 2))) void fixture_give_up(const char *format, ...);

/* What fixture_begin() does first: have the kernel refuse what is to be refused, if anything is. */
void fixture_refuse(void);

/* Is @feature, of those that refuse.h knows, refused? */
bool fixture_is_refused(const char *feature);

/* This test is about @feature: skipped where that is refused. tests/refused shows what there is
 * instead. */
void fixture_needs(const char *feature);

/* What the system calls an errno, as np_error_text() ends with it: C libraries differ in words. */
const char *fixture_error(int number);

/* The backend under test. */
const struct runtime_poll *fixture_backend(void);

/* Is there a worker for fibers? */
bool fixture_has_worker(void);

/* How many descriptors the process has open. */
int fixture_count_descriptors(void);

/* A connected pair of non-blocking sockets or pipe ends; index 0 of a pipe reads. */
void fixture_socketpair(int fds[2]);
void fixture_pipe(int fds[2]);
void fixture_tcp_pair(int fds[2]);

/* The same as handles. */
void fixture_fd_pair(struct np_fd *fds[2]);
void fixture_fd_pipe(struct np_fd *fds[2]);
void fixture_fd_tcp_pair(struct np_fd *fds[2]);

/* A thread that uses test_poller, as the test's own does. */
pthread_t fixture_start_thread(void *(*run)(void *arg), void *arg);

/*
 * Wait until @condition holds, asking again and again, yielding in between; fails the test when
 * that takes implausibly long. For states that no call can wait for, such as "that thread is
 * parked".
 */
#define FIXTURE_UNTIL(condition)                                                                   \
	do {                                                                                       \
		for (struct fixture_patience patience = { 0 }; !(condition);)                      \
			fixture_be_patient(&patience, #condition);                                 \
	} while (0)

struct fixture_patience {
	int64_t give_up;
	unsigned asked;
};

void fixture_be_patient(struct fixture_patience *patience, const char *condition);

/* The same by a fiber that keeps its worker to itself meanwhile. */
void fixture_stay_patient(struct fixture_patience *patience, const char *condition);

/* How many tasks are parked on test_poller's descriptors now. */
size_t fixture_parked(void);

/* The seed of random tests: NETPARK_TEST_SEED or the time. Printed, so a failure can be repeated.
 */
uint64_t fixture_seed(void);

/* The next number of a sequence; xorshift, the state is never 0. */
uint64_t fixture_random(uint64_t *state);

#endif /* NETPARK_TESTS_SUPPORT_FIXTURE_H */
