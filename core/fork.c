/* SPDX-License-Identifier: MIT */
/* core/fork.c - noticing forks. A child that only runs another program goes unnoticed: vfork(2). */
#include "core/fork.h"

#include <pthread.h>
#include <stdatomic.h>

static pthread_once_t watched = PTHREAD_ONCE_INIT;
static atomic_bool has_happened;
static atomic_uint generation;

static void note(void)
{
	atomic_store(&has_happened, true);
}

static void note_in_child(void)
{
	note();
	atomic_fetch_add(&generation, 1);
}

/* Without memory for it nothing would be noticed: then it counts as having happened. */
static void watch(void)
{
	if (pthread_atfork(NULL, note, note_in_child))
		note();
}

void np__fork_watch(void)
{
	pthread_once(&watched, watch);
}

bool np__fork_has_happened(void)
{
	return atomic_load_explicit(&has_happened, memory_order_relaxed);
}

unsigned np__fork_generation(void)
{
	return atomic_load_explicit(&generation, memory_order_relaxed);
}
