/* SPDX-License-Identifier: MIT */
/*
 * tests/support/spawn.h - tasks for tests that do not care of which kind they are.
 *
 *	struct spawn task;
 *
 *	spawn_start(&task, run, arg);
 *	spawn_join(&task);
 *
 * So far they are threads, which use the poller of the task that starts them. Aborts when one
 * cannot be had.
 */
#ifndef NETPARK_TESTS_SUPPORT_SPAWN_H
#define NETPARK_TESTS_SUPPORT_SPAWN_H

#include <netpark.h>

#include <pthread.h>

struct spawn {
	void (*fn)(void *arg);
	void *arg;
	struct np_poller *poller;
	pthread_t thread;
};

void spawn_start(struct spawn *task, void (*fn)(void *arg), void *arg);

/* Wait for its end. */
void spawn_join(struct spawn *task);

/* Let others run. */
void spawn_yield(void);

#endif /* NETPARK_TESTS_SUPPORT_SPAWN_H */
