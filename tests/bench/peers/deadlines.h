/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/deadlines.h - what deadlines cost while many are pending.
 *
 *	deadlines_NAME [-c] [-n PENDING] [-t SECONDS]
 *
 *	arm	a deadline an hour from now
 *	move	to an hour from now, as before each read of a connection
 *	any	move to some time within the hour
 *	cancel
 *
 * A hundred at a time, which are chosen at random: of many, each is one that the processor's caches
 * have forgotten. None of them expires.
 *
 * The driver is in deadlines.c; each library is a file that defines the functions deadlines_*.
 */
#ifndef NETPARK_TESTS_BENCH_PEERS_DEADLINES_H
#define NETPARK_TESTS_BENCH_PEERS_DEADLINES_H

#include <stdbool.h>
#include <stddef.h>

enum { DEADLINES_SECONDS = 3600 };

/* -c: the clock is read for each deadline, where a program has the choice. */
extern bool deadlines_read_clock;

/* So many, none of them armed. Call deadlines_measure, as a callback of the loop if it has any. */
void deadlines_main(size_t count);
void deadlines_measure(void);

/* A turn of the loop begins: from here on times may be relative to this moment. */
void deadlines_turn(void);

/* One that is not armed; one that is, to DEADLINES_SECONDS, to any other time, or not any more. */
void deadlines_arm(size_t index);
void deadlines_move(size_t index);
void deadlines_move_to(size_t index, double seconds);
void deadlines_cancel(size_t index);

#endif /* NETPARK_TESTS_BENCH_PEERS_DEADLINES_H */
