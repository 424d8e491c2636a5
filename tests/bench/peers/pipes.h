/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/pipes.h - many descriptors, few of them active: libevent's classic measure.
 *
 *	pipes_NAME [-b BACKEND] [-k eventfd|socketpair] [-n DESCRIPTORS] [-a ACTIVE] [-w EVENTS]
 *		[-r ROUNDS]
 *
 * Some tokens walk through all descriptors: whoever becomes readable takes its token and writes it
 * to the next one. What is measured is the loop with one read and one write for each event; how it
 * grows with the descriptors that do nothing is the point. Prints the nanoseconds for each event,
 * the median of the rounds.
 *
 * The driver is in pipes.c; each library is a file that defines the functions pipes_loop_*.
 */
#ifndef NETPARK_TESTS_BENCH_PEERS_PIPES_H
#define NETPARK_TESTS_BENCH_PEERS_PIPES_H

#include <stdbool.h>
#include <stddef.h>

enum { PIPES_TOKEN_SIZE = 8 };

struct pipes {
	unsigned count;
	unsigned active;
	unsigned long events_max; /* in a round */
	unsigned long events;     /* so far in this round */
	unsigned first;           /* where the tokens start, further in each round */
	int *read_fds;
	int *write_fds;      /* the same for eventfds */
	const char *backend; /* -b: its name, where the program has the choice; or NULL */
};

/* Whoever took the token of @index asks where to write it: false if it ends here. */
bool pipes_next(struct pipes *pipes, unsigned index, unsigned *ret_next);

/* All tokens have ended: the round is over. */
bool pipes_is_over(const struct pipes *pipes);

/* For loops that call back: take the token of @index and write it on. Is the round over? */
bool pipes_on_readable(struct pipes *pipes, unsigned index);

/* Set up, call pipes_rounds, take down. */
void pipes_loop_main(struct pipes *pipes);
void pipes_rounds(struct pipes *pipes);

/* Serve events until the round is over. */
void pipes_loop_run(struct pipes *pipes);

#endif /* NETPARK_TESTS_BENCH_PEERS_PIPES_H */
