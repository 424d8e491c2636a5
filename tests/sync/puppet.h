/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/puppet.h - tasks that do one call at a time, when they are told.
 *
 *	static void begin(void) { ... puppets_start(puppets, PUPPETS); }
 *	static void end(void) { puppets_stop(puppets, PUPPETS); ... }
 *	TestSuite(mutex, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);
 *	PUPPET_TEST(mutex, name) { ... }
 *
 * Tasks of any kind, the test's own too: see tests/support/spawn.h. A plain Test() is a thread, and
 * so are the puppets that it starts.
 *
 * A test that orders a call which should return waits for that (puppet_finish()); one that orders a
 * call which should wait does so until it is queued (puppet_queue()). So the order of events
 * is the test's, and what each call returns can be compared with a model.
 */
#ifndef NETPARK_TESTS_SYNC_PUPPET_H
#define NETPARK_TESTS_SYNC_PUPPET_H

#include "tests/support/fixture.h"
#include "tests/support/spawn.h"

#include <criterion/criterion.h>
#include <stdatomic.h>

struct puppet {
	/* what to call with, and what came of it */
	void *object;
	void *other;
	uint64_t value;
	int64_t deadline;
	int result;

	int (*act)(struct puppet *self);
	struct np_semaphore orders;
	atomic_bool busy;
	struct spawn task;
};

/* A test between begin() and end() of its file, on tasks of the kind that is wanted. */
#define PUPPET_TEST(suite, name)                                                                   \
	static void suite##_##name##_body(void);                                                   \
	Test(suite, name)                                                                          \
	{                                                                                          \
		puppet_play(begin, suite##_##name##_body, end);                                    \
	}                                                                                          \
	static void suite##_##name##_body(void)

void puppet_play(void (*begin)(void), void (*body)(void), void (*end)(void));

void puppets_start(struct puppet *puppets, int count);

/* Those that are still in a call must be about to return from it. */
void puppets_stop(struct puppet *puppets, int count);

/* Have it call @act. It must be idle. */
void puppet_order(struct puppet *puppet, int (*act)(struct puppet *self));

/* Wait until the call has returned. Returns its result. */
int puppet_finish(struct puppet *puppet);

/* Both. */
int puppet_call(struct puppet *puppet, int (*act)(struct puppet *self));

/* Order a call that has to wait in @queue, and wait until it does. */
void puppet_queue(struct puppet *puppet, int (*act)(struct puppet *self),
		  const struct np_wait_queue *queue);

/* What was told to the hook of misuse, after np_set_misuse_hook(puppet_note_misuse). */
extern char puppet_misuse[128];
void puppet_note_misuse(const char *what);

#endif /* NETPARK_TESTS_SYNC_PUPPET_H */
