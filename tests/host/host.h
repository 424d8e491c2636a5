/* SPDX-License-Identifier: MIT */
/*
 * tests/host/host.h - programs that do what programs around the library may do: fork, cancel,
 * unload, raise signals, live on twenty descriptors.
 *
 *	static void echoes(void) { ... }
 *	static const struct host_case cases[] = { { "echoes", echoes } };
 *
 *	int main(int argc, char **argv)
 *	{
 *		return HOST_MAIN(argc, argv, cases);
 *	}
 *
 *	PROGRAM BACKEND [CASE...]
 *
 * Each case is a process of its own, forked before anything of the library was used. It passes by
 * returning, or by exiting with HOST_PASSED, which stands for itself; skips itself in a sentence;
 * and fails in another. These are plain programs: they run where Criterion is not, and under
 * anybody's flags.
 */
#ifndef NETPARK_TESTS_HOST_HOST_H
#define NETPARK_TESTS_HOST_HOST_H

#include <netpark.h>

#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	HOST_FAILED = 1,
	HOST_PASSED = 42, /* 0 would also be what exit(3) in the wrong place says */
	HOST_SKIPPED = 77,
};

struct host_case {
	const char *name;
	void (*run)(void);
};

extern const struct runtime_poll *host_backend;

/* 0, HOST_FAILED, or HOST_SKIPPED if that is all that happened. */
int host_main(int argc, char **argv, const struct host_case *cases, size_t count);

#define HOST_MAIN(argc, argv, cases)                                                               \
	host_main(argc, argv, cases, sizeof(cases) / sizeof((cases)[0]))

__attribute__((format(printf, 1, 2), noreturn)) void host_fail(const char *format, ...);
__attribute__((format(printf, 1, 2), noreturn)) void host_skip(const char *format, ...);

#define HOST_CHECK(condition, ...) ((condition) ? (void)0 : host_fail(__VA_ARGS__))

/* A result that has to be exactly this; the failure names the call and tells the error in full. */
#define HOST_EXPECT(call, expected) host_expect((int64_t)(call), (int64_t)(expected), #call)

void host_expect(int64_t result, int64_t expected, const char *call);

/* Ask until @condition holds: for what nobody can wait for. A hang ends in the case's alarm. */
#define HOST_UNTIL(condition)                                                                      \
	do {                                                                                       \
		while (!(condition))                                                               \
			np_yield();                                                                \
	} while (0)

/* Have the calling thread use the backend under test; its poller lasts as long as the case. */
struct np_poller *host_use_backend(void);

/* How many tasks are parked on its descriptors. */
size_t host_parked(struct np_poller *poller);

/* np_run() on that backend. */
int host_run(int (*fn)(void *arg), unsigned workers);

pthread_t host_start(void *(*run)(void *arg), void *arg);

/* A connected pair, over TCP or a Unix socket. */
void host_pair(const char *network, struct np_fd *ends[2]);

/* One byte there and one back, over a pair of its own: does anything work at all? */
void host_echo(void);

/* How many numbers below @limit are open. */
int host_count_descriptors(int limit);

/* The address of a listener, as np_dial() takes it. */
void host_address(struct np_fd *listener, char text[NP_ADDR_TEXT_MAX]);

/* Wait for a child; fails unless it exits with @status. */
void host_reap(int64_t pid, int status, const char *what);

#endif /* NETPARK_TESTS_HOST_HOST_H */
