/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/attend.c - fibers that wait on a poller which is not a worker's.
 *
 * A handle joins the poller of the first task that waits, be it a thread before there were fibers.
 * A worker turns its own poller only, so when a fiber waits on such a one, a thread is started that
 * waits on it until the runtime ends, and leads it whenever no other thread does.
 */
#include "core/fiber/fiber.h"
#include "core/ticket.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>

struct attendant {
	struct attendant *next;
	struct np_poller *poller;
	const struct processors *processors;
	struct ticket ticket;
	atomic_bool is_there; /* the ticket is drawn */
	pthread_t thread;
};

static const struct np_wait attend_wait = { .what = "poller", .commit = np__ticket_commit };

static void *attend(void *arg)
{
	struct attendant *attendant = arg;
	struct np_task *self = np_task_self();

	np__sys_processors_set(attendant->processors);
	np__ticket_draw(&attendant->ticket);
	atomic_store(&attendant->is_there, true);
	self->parker->park(self, &attend_wait, &attendant->ticket, attendant->poller);
	return NULL;
}

/* Under the runtime's lock. */
static int start(struct runtime *runtime, struct np_poller *poller)
{
	struct attendant *attendant = calloc(1, sizeof(*attendant));
	int error;

	if (!attendant)
		return -ENOMEM;
	attendant->poller = poller;
	attendant->processors = runtime->processors;
	error = np__thread_start(&attendant->thread, attend, attendant);
	if (error) {
		free(attendant);
		return error;
	}
	while (!atomic_load(&attendant->is_there))
		sched_yield();
	attendant->next = runtime->attendants;
	runtime->attendants = attendant;
	atomic_store(&poller->is_attended, true);
	return 0;
}

int np__attend(struct runtime *runtime, struct np_poller *poller)
{
	int error = 0;

	if (atomic_load(&poller->is_attended) || poller->flags & NP_POLLER_HOST_DRIVEN)
		return 0;
	pthread_mutex_lock(&runtime->lock);
	if (!atomic_load(&poller->is_attended))
		error = start(runtime, poller);
	pthread_mutex_unlock(&runtime->lock);
	return error;
}

void np__attend_end(struct runtime *runtime)
{
	while (runtime->attendants) {
		struct attendant *attendant = runtime->attendants;
		struct task_list ready = { .head = NULL };

		runtime->attendants = attendant->next;
		atomic_store(&attendant->poller->is_attended, false);
		np__ticket_take(&attendant->ticket, 0, &ready);
		np_ready(ready.head);
		pthread_join(attendant->thread, NULL);
		free(attendant);
	}
}
