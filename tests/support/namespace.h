/* SPDX-License-Identifier: MIT */
/*
 * tests/support/namespace.h - a network of the test's own: links, routes and neighbours that no
 * other process sees, and that go with the test.
 *
 *	static void begin(void)
 *	{
 *		namespace_enter();
 *		fixture_begin();      after it, so that its worker is there, too
 *	}
 *
 * Linux, root, and the program ip are needed; without them the test says so and is skipped.
 */
#ifndef NETPARK_TESTS_SUPPORT_NAMESPACE_H
#define NETPARK_TESTS_SUPPORT_NAMESPACE_H

#include <stdbool.h>

/* Have a network with nothing but a loopback that is up. By the test's thread, the first. */
void namespace_enter(void);

/* Run a command, which must succeed; or may. Its output is not shown. */
__attribute__((format(printf, 1, 2))) void namespace_run(const char *format, ...);
__attribute__((format(printf, 1, 2))) bool namespace_try(const char *format, ...);

/*
 * A link whose other end is there, and says nothing to anybody: 10.99.0.1/24 and fd00:99::1/64 are
 * ours, and what is sent to NAMESPACE_SILENT4 and NAMESPACE_SILENT6 gets lost.
 */
#define NAMESPACE_SILENT4 "10.99.0.7"
#define NAMESPACE_SILENT6 "fd00:99::7"
void namespace_add_silence(void);

/*
 * Another network beside this one, at the other end of the link "near", whose end there is "far":
 * NAMESPACE_NEAR is ours, NAMESPACE_FAR theirs. Sockets stay in the network where they were made.
 */
#define NAMESPACE_NEAR "10.98.0.1"
#define NAMESPACE_FAR  "10.98.0.2"

struct namespace_peer {
	int near, far; /* descriptors that name them */
};

void namespace_peer_begin(struct namespace_peer *peer);
void namespace_peer_end(struct namespace_peer *peer);

/* What the calling thread does from now on it does there, or here again. */
void namespace_go_far(const struct namespace_peer *peer);
void namespace_come_back(const struct namespace_peer *peer);

#endif /* NETPARK_TESTS_SUPPORT_NAMESPACE_H */
