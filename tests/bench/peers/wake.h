/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/wake.h - another thread wakes a loop, or a fiber, that sleeps.
 *
 *	wake_NAME [-t SECONDS]
 *
 *	trip	wake it, and wait until it has answered: through a semaphore, the same for all
 *	pending	wake it once more while it has not come to the last time yet
 *
 * The driver is in wake.c; each library is a file that defines wake_run and wake.
 */
#ifndef NETPARK_TESTS_BENCH_PEERS_WAKE_H
#define NETPARK_TESTS_BENCH_PEERS_WAKE_H

#include <stdbool.h>

/*
 * By one thread: set up, call wake_ready, then wake_answer each time that somebody has called wake,
 * or has called it several times, until that returns false.
 */
void wake_run(void);

/* By the other thread. */
void wake(void);

void wake_ready(void);
bool wake_answer(void);

#endif /* NETPARK_TESTS_BENCH_PEERS_WAKE_H */
