/* SPDX-License-Identifier: MIT */
/* tests/sync/test_wait_group.c - until the count is 0, and the memory back then. */
#include "core/spin.h"
#include "tests/support/fake_backend.h"
#include "tests/sync/puppet.h"

#include <errno.h>
#include <stdlib.h>

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600000000000);

enum { PUPPETS = 4 };

static struct np_wait_group group;
static struct puppet puppets[PUPPETS];

static void begin(void)
{
	np_set_misuse_hook(puppet_note_misuse);
	puppets_start(puppets, PUPPETS);
}

static void end(void)
{
	puppets_stop(puppets, PUPPETS);
}

TestSuite(wait_group, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int wait_for_group(struct puppet *self)
{
	return np_wait_group_wait_until(&group, self->deadline);
}

PUPPET_TEST(wait_group, of_nothing_is_not_waited_for)
{
	cr_assert_eq(np_wait_group_wait(&group), 0);
	cr_assert_eq(np_wait_group_wait_until(&group, -1), 0);
	np_wait_group_add(&group, 1);
	cr_assert_eq(np_wait_group_wait_until(&group, -1), NP_EDEADLINE);
	cr_assert_eq(np_wait_group_wait_until(&group, np_deadline(MILLISECOND)), NP_EDEADLINE);
	np_wait_group_done(&group);
	cr_assert_eq(np_wait_group_wait(&group), 0);
}

PUPPET_TEST(wait_group, a_count_out_of_range_is_told_and_changes_nothing)
{
	cr_assert_eq(np_wait_group_done(&group), NP_EMISUSE);
	cr_assert_str_eq(puppet_misuse, "the count of a wait group left its range");
	cr_assert_eq(group.count, 0);
	cr_assert_eq(np_wait_group_add(&group, INT64_MIN), NP_EMISUSE);
	cr_assert_eq(np_wait_group_add(&group, INT64_MAX), 0);
	cr_assert_eq(np_wait_group_add(&group, 1), NP_EMISUSE);
	cr_assert_eq(np_wait_group_add(&group, -INT64_MAX), 0);
	cr_assert_eq(np_wait_group_add(NULL, 1), -EINVAL);
	cr_assert_eq(np_wait_group_done(NULL), -EINVAL);
	cr_assert_eq(np_wait_group_wait(NULL), -EINVAL);
}

PUPPET_TEST(wait_group, a_canceled_task_does_not_wait)
{
	np_wait_group_add(&group, 1);
	np_task_self()->canceled = 1;
	cr_assert_eq(np_wait_group_wait(&group), NP_ECANCELED);
	np_task_self()->canceled = 0;
}

PUPPET_TEST(wait_group, does_what_a_model_does)
{
	uint64_t random = fixture_seed();
	int64_t count = 0;

	for (int step = 0; step < 2000; step++) {
		struct puppet *puppet = &puppets[fixture_random(&random) % PUPPETS];
		int64_t delta = (int64_t)(fixture_random(&random) % 7) - 3;

		if (fixture_random(&random) % 2 && !atomic_load(&puppet->busy)) {
			if (count)
				puppet_queue(puppet, wait_for_group, &group.waiters);
			else
				cr_assert_eq(puppet_call(puppet, wait_for_group), 0);
			continue;
		}
		cr_assert_eq(np_wait_group_add(&group, delta), count + delta < 0 ? NP_EMISUSE : 0);
		count += count + delta < 0 ? 0 : delta;
		for (int i = 0; i < PUPPETS; i++) {
			cr_assert(count == 0 || atomic_load(&puppets[i].busy) ||
				  puppets[i].result == 0);
			if (count == 0)
				cr_assert_eq(puppet_finish(&puppets[i]), 0);
		}
		cr_assert_eq(group.count, count);
	}
	np_wait_group_add(&group, -count);
}

/* ---- the memory --------------------------------------------------------------------------- */

enum { ROUNDS = 2000 };

static void call_done(void *arg)
{
	np_wait_group_done(arg);
}

/* A sanitizer sees a done() that is still there when the wait has returned. */
PUPPET_TEST(wait_group, may_be_freed_when_the_wait_has_returned)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct np_wait_group *once = calloc(1, sizeof(*once));
		struct spawn task;

		np_wait_group_add(once, 1);
		spawn_start(&task, call_done, once);
		cr_assert_eq(np_wait_group_wait(once), 0);
		free(once);
		spawn_join(&task);
	}
}

/*
 * As if a done() had made it 0 and not yet left: the wait must not be over before it. It spins, so
 * it needs a thread of its own.
 */
Test(wait_group, is_waited_for_until_the_last_done_has_left)
{
	puppets_start(puppets, 1);
	np__spin_lock(&group.lock);
	puppet_order(&puppets[0], wait_for_group);
	for (int i = 0; i < 1000; i++)
		spawn_yield();
	cr_assert(atomic_load(&puppets[0].busy));
	np__spin_unlock(&group.lock);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	puppets_stop(puppets, 1);
}

static uint32_t lock_when_ready = 1;

static void look_at_lock(struct np_task *list)
{
	(void)list;
	lock_when_ready = group.lock;
}

static void done_when_parked(struct np_task *self, const struct np_wait *kind, void *arg,
			     struct np_poller *unused)
{
	(void)unused;
	cr_assert(kind->commit(self, arg));
	np_wait_group_done(&group);
}

Test(wait_group, is_unlocked_when_it_lets_go)
{
	struct np_parker parker = { .park = done_when_parked, .ready = look_at_lock };
	struct np_task task = { .parker = &parker };

	np_wait_group_add(&group, 1);
	np_task_enter(&task);
	cr_assert_eq(np_wait_group_wait(&group), 0);
	np_task_enter(NULL);
	cr_assert_eq(lock_when_ready, 0);
}

static struct np_wait_group *scripted_group;

static void finish_and_spoil(void)
{
	np_wait_group_done(scripted_group);
	scripted_group->lock = 1; /* what a freed one may look like: who takes the lock hangs */
}

Test(scripted_wait_group, is_not_touched_by_one_who_was_let_go)
{
	struct np_poller *poller = fake_begin(&fake_edge);
	struct np_wait_group once = { .count = 1 };

	scripted_group = &once;
	scripted.task.poller = poller;
	scripted.before_commit = finish_and_spoil;
	cr_assert_eq(np_wait_group_wait_until(&once, np_deadline(HOUR)), 0);
	once = (struct np_wait_group){ .count = 1 };
	scripted.before_commit = NULL;
	scripted.parked[0] = finish_and_spoil;
	cr_assert_eq(np_wait_group_wait(&once), 0);
	fake_end(poller);
}
