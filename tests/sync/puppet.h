/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/puppet.h - tasks that do one call at a time, when they are told.
 *
 * A test that orders a call which should return waits for that (puppet_finish()); one that orders a
 * call which should wait does so until it is queued (puppet_wait_queued()). So the order of events
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

void puppets_start(struct puppet *puppets, int count);
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
