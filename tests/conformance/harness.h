/* SPDX-License-Identifier: MIT */
/*
 * harness.h - one instance of a backend, and what it has reported so far.
 *
 *	TestSuite(hangup, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);
 *
 * The suites of this folder call struct runtime_poll as the core does, with no poller in between,
 * so that every backend is held to the same words of runtime_poll.h. Reports are added up by tag,
 * for the contract does not say in how many pieces they come. harness_collect() also checks what is
 * true of every report, whatever the test is about.
 *
 * By the test's own thread only: these functions assert.
 */
#ifndef NETPARK_TESTS_CONFORMANCE_HARNESS_H
#define NETPARK_TESTS_CONFORMANCE_HARNESS_H

#include "tests/support/fixture.h"

#include <netinet/in.h>
#include <netpark/runtime_poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	READ = RUNTIME_POLL_READ,
	WRITE = RUNTIME_POLL_WRITE,
	BOTH = READ | WRITE,
	ERROR = RUNTIME_POLL_ERROR,
	HANGUP = RUNTIME_POLL_HANGUP,
	PRIORITY = RUNTIME_POLL_PRIORITY,
};

enum {
	HARNESS_TAGS = 1 << 15, /* tags are 1, 2, 3... below this */
	HARNESS_CAPACITY = 64,
};

#define MILLISECOND INT64_C(1000000)
#define SECOND      INT64_C(1000000000)

/* For what must come: as long as this takes only a wait that was forgotten. */
#define PATIENCE (30 * SECOND)

struct harness {
	const struct runtime_poll *backend;
	void *state;
	bool is_open[HARNESS_TAGS];
	uint32_t flags[HARNESS_TAGS];   /* all flags reported of the tag since it was forgotten */
	unsigned reports[HARNESS_TAGS]; /* and in how many reports */
};

/* The instance of the backend under test; harness_end() checks that no descriptor is left over. */
extern struct harness *tested;

void harness_begin(void);
void harness_end(void);

/* Further instances, of any backend. */
struct harness *harness_create(const struct runtime_poll *backend);
void harness_destroy(struct harness *harness);

/* Does one report per arm? If not, it is edge-triggered. */
bool harness_needs_arm(const struct harness *harness);
bool harness_is(const struct harness *harness, const char *backend);

void harness_open(struct harness *harness, int fd, uint64_t tag);
void harness_close(struct harness *harness, int fd, uint64_t tag);

/* As the core: only where arming is needed. */
void harness_arm(struct harness *harness, int fd, unsigned mode);

/* Open and arm. */
void harness_watch(struct harness *harness, int fd, uint64_t tag, unsigned mode);

/* One wait. Returns how many reports there were, checked and added up. */
int harness_collect(struct harness *harness, int64_t delta_ns, int capacity);

/* Look until there is nothing more. */
void harness_settle(struct harness *harness);

/* What a look brings of @tag, and has brought since the tag was last forgotten; forgets it. */
uint32_t harness_news(struct harness *harness, uint64_t tag);

/* Wait until all of @flags have been reported of @tag; fails the test if that does not happen. */
uint32_t harness_await(struct harness *harness, uint64_t tag, uint32_t flags);

void harness_forget(struct harness *harness, uint64_t tag);

/* The wait that must not block for ever, and is given up for lost after PATIENCE. */
void harness_expect_broken(struct harness *harness);

/* The wait that finds nothing and lasts as long as it was asked to. */
void harness_expect_silence(struct harness *harness, int64_t delta_ns);

int64_t harness_now(void);

/* What tests do with descriptors. */
void harness_make_nonblocking(int fd);
void harness_write(int fd, const char *text);
size_t harness_fill(int fd);  /* write until it would block; how many bytes that took */
size_t harness_drain(int fd); /* read until it would block or end of file */
void harness_close_both(const int fds[2]);

/* On loopback and a port of the kernel's choice, which goes to *@ret_addr. Non-blocking. */
int harness_listen(struct sockaddr_in *ret_addr, int backlog);

/* A non-blocking TCP socket. */
int harness_tcp_socket(void);

/* Begin to connect. Returns 0 or errno. */
int harness_connect(int fd, const struct sockaddr_in *addr);

#endif /* NETPARK_TESTS_CONFORMANCE_HARNESS_H */
