/* SPDX-License-Identifier: MIT */
/*
 * tests/support/spawn.h - tasks for tests that do not care of which kind they are.
 *
 *	static void body(void *arg)
 *	{
 *		struct spawn task;
 *
 *		spawn_start(&task, run, arg);
 *		spawn_join(&task);
 *	}
 *
 *	spawn_run(body, arg, backend);
 *
 * NETPARK_TEST_TASKS says what they are:
 *	threads    threads, as is the body; also if it is not set
 *	fibers:N   fibers on N workers; the body is the first of them
 *	mixed:N    fibers on N workers, and every second one a thread, as is the body
 * Without spawn_run() they are threads. Threads use the poller of who starts them.
 *
 * Aborts when one cannot be had. A body that is a fiber must not block its thread: it may be the
 * only worker.
 */
#ifndef NETPARK_TESTS_SUPPORT_SPAWN_H
#define NETPARK_TESTS_SUPPORT_SPAWN_H

#include <netpark.h>

#include <pthread.h>
#include <stdbool.h>

struct spawn {
	void (*fn)(void *arg);
	void *arg;
	struct np_poller *poller;
	bool is_fiber;
	struct np_wait_group running; /* of a fiber */
	pthread_t thread;
};

/* Run @body where tasks of the kind that is wanted can be started; fibers poll with @backend. */
void spawn_run(void (*body)(void *arg), void *arg, const struct runtime_poll *backend);

/* By the body, or by a task of the body's kind. */
void spawn_start(struct spawn *task, void (*fn)(void *arg), void *arg);

/* Wait for its end. By who started it. */
void spawn_join(struct spawn *task);

/* Let others run. */
void spawn_yield(void);

#endif /* NETPARK_TESTS_SUPPORT_SPAWN_H */
