/* SPDX-License-Identifier: MIT */
/*
 * core/poller.h - a poller: a backend's instance, its descriptors, their timers, and who turns it.
 *
 * One thread turns a poller at a time: it has the lead. The threads that wait without the lead
 * follow: they sleep until their task is made ready, or until the lead is handed to them.
 */
#ifndef NETPARK_CORE_POLLER_H
#define NETPARK_CORE_POLLER_H

#include "core/desc_table.h"
#include "core/fork.h"
#include "core/ticket.h"
#include "core/timers.h"

#include <netpark/poll.h>

struct follower;

struct np_poller {
	/* constant */
	const struct runtime_poll *backend;
	void *state;
	unsigned flags;
	unsigned generation; /* np__fork_generation() */

	/* atomic */
	atomic_bool in_turn; /* from before the timers are read until the last report is handled */
	atomic_bool broken;  /* np_poller_break() was called; only hosts ask */
	atomic_bool led;     /* somebody has the lead */
	atomic_bool is_attended; /* somebody will always turn it: a fiber may wait on it */
	atomic_size_t follower_count;

	bool is_retired; /* under the table's lock: goes with its last descriptor */

	struct desc_table table;
	struct timers timers;

	pthread_mutex_t follow_lock;
	struct follower *followers; /* under follow_lock */
};

/*
 * Was it made by the process that this one was forked from? Then what the kernel knows of it is
 * that one's, too, and who held its locks is not here to give them.
 */
static inline bool np__poller_is_inherited(const struct np_poller *poller)
{
	return poller->generation != np__fork_generation();
}

/* Arm the timer of @desc for the earlier of its deadlines, and tell a turn that would oversleep. */
void np__poller_arm_timer(struct np_poller *poller, struct np_poll_desc *desc);

/* Arm the timer of @ticket for @when, which takes it with NP_EDEADLINE. */
void np__poller_arm_ticket(struct np_poller *poller, struct ticket *ticket, int64_t when);

/*
 * By who has the lead and gives it up for good: the poller is destroyed now, or with the last of
 * its descriptors, which threads may still use.
 */
void np__poller_retire(struct np_poller *poller);

/* Free it, when nobody has it any more. */
void np__poller_end(struct np_poller *poller);

/* One turn, by who has the lead. Returns the number of tasks made ready, or -errno. */
int np__poller_turn(struct np_poller *poller, int64_t delta_ns);

/* Take the lead if nobody has it. */
bool np__poller_try_lead(struct np_poller *poller);

/* Give it up, and to a follower if there is one. */
void np__poller_give_lead(struct np_poller *poller);

/* A thread that follows; @take_lead is called, under follow_lock, when the lead is handed to it. */
struct follower {
	struct follower *next;
	struct follower **previous;
	void (*take_lead)(struct follower *self);
};

/* Returns true if the lead was free after all: the caller has it and does not follow. */
bool np__poller_follow(struct np_poller *poller, struct follower *follower);

/* No more: nothing happens if it has been handed the lead meanwhile. */
void np__poller_unfollow(struct np_poller *poller, struct follower *follower);

#endif /* NETPARK_CORE_POLLER_H */
