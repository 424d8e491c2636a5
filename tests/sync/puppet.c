/* SPDX-License-Identifier: MIT */
/* tests/sync/puppet.c - see puppet.h. */
#include "tests/sync/puppet.h"

#include <stdio.h>

char puppet_misuse[128];

static void obey(void *arg)
{
	struct puppet *self = arg;

	while (np_semaphore_acquire(&self->orders, 1) == 0 && self->act) {
		self->result = self->act(self);
		atomic_store(&self->busy, false);
	}
}

void puppets_start(struct puppet *puppets, int count)
{
	for (int i = 0; i < count; i++)
		spawn_start(&puppets[i].task, obey, &puppets[i]);
}

void puppets_stop(struct puppet *puppets, int count)
{
	for (int i = 0; i < count; i++) {
		puppet_finish(&puppets[i]);
		puppet_order(&puppets[i], NULL);
	}
	for (int i = 0; i < count; i++)
		spawn_join(&puppets[i].task);
}

struct scene {
	void (*begin)(void);
	void (*body)(void);
	void (*end)(void);
};

static void play(void *arg)
{
	const struct scene *scene = arg;

	scene->begin();
	scene->body();
	scene->end();
}

void puppet_play(void (*begin)(void), void (*body)(void), void (*end)(void))
{
	struct scene scene = { begin, body, end };

	spawn_run(play, &scene, fixture_backend());
}

void puppet_order(struct puppet *puppet, int (*act)(struct puppet *self))
{
	cr_assert(!atomic_load(&puppet->busy), "a puppet has not come back from its last call");
	puppet->act = act;
	atomic_store(&puppet->busy, true);
	np_semaphore_release(&puppet->orders, 1);
}

int puppet_finish(struct puppet *puppet)
{
	FIXTURE_UNTIL(!atomic_load(&puppet->busy));
	return puppet->result;
}

int puppet_call(struct puppet *puppet, int (*act)(struct puppet *self))
{
	puppet_order(puppet, act);
	return puppet_finish(puppet);
}

static const struct np_waiter *last_of(const struct np_wait_queue *queue)
{
	return __atomic_load_n(&queue->last, __ATOMIC_ACQUIRE);
}

void puppet_queue(struct puppet *puppet, int (*act)(struct puppet *self),
		  const struct np_wait_queue *queue)
{
	const struct np_waiter *last = last_of(queue);

	puppet_order(puppet, act);
	FIXTURE_UNTIL(last_of(queue) != last || !atomic_load(&puppet->busy));
	cr_assert_neq(last_of(queue), last, "a call that should wait has returned %d",
		      puppet->result);
}

void puppet_note_misuse(const char *what)
{
	snprintf(puppet_misuse, sizeof(puppet_misuse), "%s", what);
}
