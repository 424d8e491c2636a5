/* SPDX-License-Identifier: MIT */
/* tests/support/spawn.c - see spawn.h. */
#include "tests/support/spawn.h"

#include <netpark/fiber.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum kind { THREADS, FIBERS, MIXED };

/* Of the tasks that are started now. */
static enum kind kind;

static void check(int error, const char *what)
{
	if (!error)
		return;
	fprintf(stderr, "%s: error %d\n", what, error);
	abort();
}

/* ---- where they run ----------------------------------------------------------------------- */

struct play {
	void (*body)(void *arg);
	void *arg;
	struct np_run_options options;
	struct np_semaphore begun;
	struct np_semaphore over;
};

static enum kind wanted(unsigned *ret_workers)
{
	static const struct {
		const char *name;
		enum kind kind;
	} names[] = { { "fibers:", FIBERS }, { "mixed:", MIXED } };
	const char *text = getenv("NETPARK_TEST_TASKS");

	if (!text || strcmp(text, "threads") == 0)
		return THREADS;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		size_t length = strlen(names[i].name);

		if (strncmp(text, names[i].name, length) != 0)
			continue;
		*ret_workers = (unsigned)strtoul(text + length, NULL, 10);
		if (*ret_workers > 0)
			return names[i].kind;
	}
	fprintf(stderr, "NETPARK_TEST_TASKS: \"%s\" is no kind of task\n", text);
	abort();
}

static int be_first(void *arg)
{
	struct play *play = arg;

	play->body(play->arg);
	return 0;
}

/* Keeps the runtime for the fibers that threads start. */
static int be_host(void *arg)
{
	struct play *play = arg;

	np_semaphore_release(&play->begun, 1);
	return np_semaphore_acquire(&play->over, 1);
}

static void *run_host(void *arg)
{
	struct play *play = arg;

	check(np_run(be_host, play, &play->options), "np_run");
	return NULL;
}

static void run_beside(struct play *play)
{
	pthread_t host;

	check(pthread_create(&host, NULL, run_host, play), "pthread_create");
	check(np_semaphore_acquire(&play->begun, 1), "np_semaphore_acquire");
	play->body(play->arg);
	check(np_semaphore_release(&play->over, 1), "np_semaphore_release");
	check(pthread_join(host, NULL), "pthread_join");
}

void spawn_run(void (*body)(void *arg), void *arg, const struct runtime_poll *backend)
{
	struct play play = { .body = body, .arg = arg, .options.backend = backend };

	kind = wanted(&play.options.workers);
	if (kind == THREADS)
		body(arg);
	else if (kind == FIBERS)
		check(np_run(be_first, &play, &play.options), "np_run");
	else
		run_beside(&play);
	kind = THREADS;
}

/* ---- tasks -------------------------------------------------------------------------------- */

static void run_fiber(void *arg)
{
	struct spawn *task = arg;

	task->fn(task->arg);
	np_wait_group_done(&task->running); /* with it the record may be gone */
}

static void *run_thread(void *arg)
{
	struct spawn *task = arg;

	np_task_use_poller(task->poller);
	task->fn(task->arg);
	return NULL;
}

static bool is_next_a_fiber(void)
{
	static atomic_uint started;

	return kind == FIBERS || (kind == MIXED && atomic_fetch_add(&started, 1) % 2 == 0);
}

void spawn_start(struct spawn *task, void (*fn)(void *arg), void *arg)
{
	*task = (struct spawn){
		.fn = fn,
		.arg = arg,
		.poller = np_task_self()->poller,
		.is_fiber = is_next_a_fiber(),
	};
	if (task->is_fiber) {
		np_wait_group_add(&task->running, 1);
		check(np_go(run_fiber, task), "np_go");
	} else {
		check(pthread_create(&task->thread, NULL, run_thread, task), "pthread_create");
	}
}

void spawn_join(struct spawn *task)
{
	if (task->is_fiber)
		check(np_wait_group_wait(&task->running), "np_wait_group_wait");
	else
		check(pthread_join(task->thread, NULL), "pthread_join");
}

void spawn_yield(void)
{
	np_yield();
}
