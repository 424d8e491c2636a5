/* SPDX-License-Identifier: MIT */
/* core/detach.c - see detach.h. Nothing here has a lock: a forked child could find it taken. */
#include "core/detach.h"

#include "core/fork.h"
#include "core/thread.h"

#include <errno.h>
#include <stdatomic.h>

enum { MOST_STRAGGLERS = 512 }; /* about: those that are just starting come on top */

/* How many, and above that of which process (np__fork_generation()): a child has none of them. */
static _Atomic uint64_t stragglers;

static uint64_t none(void)
{
	return (uint64_t)np__fork_generation() << 32;
}

/* What @word, which was read there, says of this process. */
static uint64_t ours(uint64_t word)
{
	return word >> 32 == none() >> 32 ? word : none();
}

unsigned np__stragglers(void)
{
	return (unsigned)(ours(atomic_load(&stragglers)) & UINT32_MAX);
}

void np__stragglers_add(unsigned count)
{
	uint64_t before;

	np__fork_watch();
	before = atomic_load(&stragglers);
	while (!atomic_compare_exchange_weak(&stragglers, &before, ours(before) + count))
		;
}

void np__straggler_ends(void)
{
	atomic_fetch_sub(&stragglers, 1);
}

/* It counts once it exists: before that it would stand for another thread, which may wake fibers.
 */
static void *run_thread(void *arg)
{
	struct np_detached *call = arg;

	np__stragglers_add(1);
	call->run(call);
	call->drop(call);
	np__straggler_ends();
	return NULL;
}

static int start(struct np_detached *call)
{
	pthread_t thread;
	int error;

	if (np__stragglers() >= MOST_STRAGGLERS)
		return -EAGAIN;
	error = np__thread_start(&thread, run_thread, call);
	if (!error)
		pthread_detach(thread);
	return error;
}

int np__detach(struct np_task *task, struct np_detached *call)
{
	if (task->parker->detach)
		return task->parker->detach(task, call);
	return start(call);
}
