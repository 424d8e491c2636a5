/* SPDX-License-Identifier: MIT */
/* core/net/attempt.h - the attempt to connect to one address, with the retries it may need. */
#ifndef NETPARK_CORE_NET_ATTEMPT_H
#define NETPARK_CORE_NET_ATTEMPT_H

#include "core/net/target.h"

struct np_dial_options;

struct attempt {
	/* constant */
	const struct np_dial_options *options;
	const struct np_addr *local; /* to be bound to, or NULL */
	struct target target;

	struct np_fd *conn; /* while it is under way, and when it has succeeded */
	int retries;
	int error;        /* what it failed with, */
	const char *call; /* and in which system call, or NULL */
};

/* To @addr of the network of @like. */
void np__attempt_init(struct attempt *attempt, const struct np_dial_options *options,
		      const struct np_addr *local, const struct target *like,
		      const struct np_addr *addr);

/*
 * Make a socket and begin to connect it. 0: done; -EINPROGRESS: wait, and then tell
 * np__attempt_end() what came of it; or an error, and nothing is left.
 */
int np__attempt_begin(struct attempt *attempt);

/* The connect has ended with @error, or 0. Returns as np__attempt_begin(), since it may try again.
 */
int np__attempt_end(struct attempt *attempt, int error);

/* Record why it failed as the failure of the dial. Returns the error. */
int np__attempt_fail(const struct attempt *attempt);

#endif /* NETPARK_CORE_NET_ATTEMPT_H */
