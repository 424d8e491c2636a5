/* SPDX-License-Identifier: MIT */
/* tests/sync/test_semaphore.c - permits and whose turn it is. */
#include "tests/sync/puppet.h"

#include <errno.h>

static const int64_t MILLISECOND = 1000000;

enum { PUPPETS = 5 };

static struct np_semaphore semaphore;
static struct puppet puppets[PUPPETS];

static void begin(void)
{
	puppets_start(puppets, PUPPETS);
}

static void end(void)
{
	puppets_stop(puppets, PUPPETS);
}

TestSuite(semaphore, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int acquire(struct puppet *self)
{
	return np_semaphore_acquire_until(&semaphore, self->value, self->deadline);
}

static int try_acquire(struct puppet *self)
{
	return np_semaphore_try_acquire(&semaphore, self->value);
}

PUPPET_TEST(semaphore, begins_with_what_it_is_given)
{
	struct np_semaphore three = { .count = 3 };

	cr_assert_eq(np_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
	cr_assert_eq(np_semaphore_try_acquire(&semaphore, 0), 0);
	cr_assert_eq(np_semaphore_acquire(&three, 2), 0);
	cr_assert_eq(np_semaphore_try_acquire(&three, 2), -EAGAIN);
	cr_assert_eq(np_semaphore_acquire_until(&three, 2, -1), NP_EDEADLINE);
	cr_assert_eq(np_semaphore_acquire_until(&three, 1, -1), 0);
	cr_assert_eq(three.count, 0);
}

PUPPET_TEST(semaphore, refuses_nonsense)
{
	struct np_semaphore full = { .count = UINT64_MAX };

	cr_assert_eq(np_semaphore_release(&full, 1), -EOVERFLOW);
	cr_assert_eq(full.count, UINT64_MAX);
	cr_assert_eq(np_semaphore_acquire(NULL, 1), -EINVAL);
	cr_assert_eq(np_semaphore_acquire_until(NULL, 1, -1), -EINVAL);
	cr_assert_eq(np_semaphore_try_acquire(NULL, 1), -EINVAL);
	cr_assert_eq(np_semaphore_release(NULL, 1), -EINVAL);
}

PUPPET_TEST(semaphore, who_wants_many_is_not_overtaken)
{
	puppets[0].value = 3;
	puppets[1].value = 1;
	puppet_queue(&puppets[0], acquire, &semaphore.waiters);
	puppet_queue(&puppets[1], acquire, &semaphore.waiters);
	np_semaphore_release(&semaphore, 2);
	cr_assert_eq(np_semaphore_try_acquire(&semaphore, 1), -EAGAIN);
	cr_assert(atomic_load(&puppets[1].busy));
	np_semaphore_release(&semaphore, 2);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
	cr_assert_eq(semaphore.count, 0);
}

PUPPET_TEST(semaphore, when_the_first_gives_up_the_next_may_have_enough)
{
	np_semaphore_release(&semaphore, 1);
	puppets[0].value = 2;
	puppets[0].deadline = np_deadline(100 * MILLISECOND);
	puppet_order(&puppets[0], acquire);
	FIXTURE_UNTIL(__atomic_load_n(&semaphore.waiters.first, __ATOMIC_RELAXED) ||
		      !atomic_load(&puppets[0].busy));
	puppets[1].value = 1;
	puppet_order(&puppets[1], acquire);
	cr_assert_eq(puppet_finish(&puppets[0]), NP_EDEADLINE);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
	cr_assert_eq(semaphore.count, 0);
}

PUPPET_TEST(semaphore, a_canceled_task_gets_nothing)
{
	struct np_semaphore one = { .count = 1 };

	np_task_self()->canceled = 1;
	cr_assert_eq(np_semaphore_acquire(&one, 1), NP_ECANCELED);
	cr_assert_eq(np_semaphore_try_acquire(&one, 1), 0, "this call never waits");
	np_task_self()->canceled = 0;
}

struct model {
	uint64_t count;
	struct puppet *waiting[PUPPETS];
	int waiters;
};

static void serve(struct model *model)
{
	while (model->waiters && model->waiting[0]->value <= model->count) {
		cr_assert_eq(puppet_finish(model->waiting[0]), 0);
		model->count -= model->waiting[0]->value;
		model->waiters--;
		for (int i = 0; i < model->waiters; i++)
			model->waiting[i] = model->waiting[i + 1];
	}
	for (int i = 0; i < model->waiters; i++)
		cr_assert(atomic_load(&model->waiting[i]->busy), "served too early");
}

static void step(struct model *model, struct puppet *puppet, uint64_t random)
{
	bool is_there;

	puppet->value = random / 16 % 4;
	puppet->deadline = random / 64 % 4 ? 0 : np_deadline(MILLISECOND);
	is_there = !puppet->value || (!model->waiters && puppet->value <= model->count);
	if (random % 3 == 0) {
		cr_assert_eq(puppet_call(puppet, try_acquire), is_there ? 0 : -EAGAIN);
	} else if (is_there || puppet->deadline) {
		cr_assert_eq(puppet_call(puppet, acquire), is_there ? 0 : NP_EDEADLINE);
	} else {
		puppet_queue(puppet, acquire, &semaphore.waiters);
		model->waiting[model->waiters++] = puppet;
	}
	if (is_there)
		model->count -= puppet->value;
}

PUPPET_TEST(semaphore, does_what_a_model_does)
{
	uint64_t random = fixture_seed();
	struct model model = { .count = 0 };

	for (int i = 0; i < 3000; i++) {
		struct puppet *puppet = &puppets[fixture_random(&random) % PUPPETS];
		uint64_t given = fixture_random(&random) % 4;

		if (!atomic_load(&puppet->busy))
			step(&model, puppet, fixture_random(&random));
		if (fixture_random(&random) % 2) {
			np_semaphore_release(&semaphore, given);
			model.count += given;
			serve(&model);
		}
		cr_assert_eq(semaphore.count, model.count);
	}
	np_semaphore_release(&semaphore, 100);
	model.count += 100;
	serve(&model);
}
