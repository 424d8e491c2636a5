/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fake_backend.h - a backend whose reports the test makes up, and a parker whose
 * every step the test sees: races become sequences.
 *
 * Everything happens on one thread. A wait of the fake backend returns what was injected and never
 * blocks; a hook runs inside it, which is the middle of a turn. The scripted task runs hooks where
 * other threads would come between: before its commit, and after it, when it is parked.
 */
#ifndef NETPARK_TESTS_SUPPORT_FAKE_BACKEND_H
#define NETPARK_TESTS_SUPPORT_FAKE_BACKEND_H

#include <netpark.h>

/* Edge-triggered, and one that needs arming. */
extern const struct runtime_poll fake_edge;
extern const struct runtime_poll fake_level;

struct fake_state {
	struct runtime_poll_event events[16]; /* what the next wait returns */
	int count;
	uint64_t tags[64]; /* by descriptor number; 0: not open */
	int opens, closes, arms, waits, breaks;
	int64_t last_delta;
	void (*in_wait)(void);                 /* called by each wait, or NULL */
	void (*in_arm)(int fd, unsigned mode); /* called by each arm, or NULL */
	int open_error;                        /* what open returns, once */
};

/* The state of the one instance that there is. */
extern struct fake_state fake;

/* Report of an open descriptor with the tag it has now, or of any tag. */
void fake_inject(int fd, uint32_t flags);
void fake_inject_tag(uint64_t tag, uint32_t flags);

/* The task under script, and what happened to it. */
struct scripted_task {
	struct np_task task;
	void (*before_commit)(void);
	void (*parked[4])(void); /* what to do in the first, second, ... park */
	int parks;               /* commits that said yes */
	int refusals;            /* commits that said no */
	int readies;             /* times made ready */
};

extern struct scripted_task scripted;

/* A poller on a fake backend, used by the scripted task, which is the running one until the end. */
struct np_poller *fake_begin(const struct runtime_poll *backend);
void fake_end(struct np_poller *poller);

#endif /* NETPARK_TESTS_SUPPORT_FAKE_BACKEND_H */
