/* SPDX-License-Identifier: MIT */
/* tests/support/spawn.c - see spawn.h. */
#include "tests/support/spawn.h"

#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

static void *run(void *arg)
{
	struct spawn *task = arg;

	np_task_use_poller(task->poller);
	task->fn(task->arg);
	return NULL;
}

static void check(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "%s: error %d\n", what, error);
	abort();
}

void spawn_start(struct spawn *task, void (*fn)(void *arg), void *arg)
{
	*task = (struct spawn){ .fn = fn, .arg = arg, .poller = np_task_self()->poller };
	check(pthread_create(&task->thread, NULL, run, task), "pthread_create");
}

void spawn_join(struct spawn *task)
{
	check(pthread_join(task->thread, NULL), "pthread_join");
}

void spawn_yield(void)
{
	sched_yield();
}
