/* SPDX-License-Identifier: MIT */
/* tests/sync/test_mutex.c - who gets a mutex, when, and what is refused. */
#include "tests/support/fake_backend.h"
#include "tests/sync/puppet.h"

#include <errno.h>

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600000000000);

enum { PUPPETS = 4 };

static struct np_mutex mutex;
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

TestSuite(mutex, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static int lock(struct puppet *self)
{
	(void)self;
	return np_mutex_lock(&mutex);
}

static int lock_until(struct puppet *self)
{
	return np_mutex_lock_until(&mutex, self->deadline);
}

static int try_lock(struct puppet *self)
{
	(void)self;
	return np_mutex_try_lock(&mutex);
}

static int unlock(struct puppet *self)
{
	(void)self;
	return np_mutex_unlock(&mutex);
}

PUPPET_TEST(mutex, is_free_when_zero_and_taken_once)
{
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert_eq(np_mutex_try_lock(&mutex), -EAGAIN);
	cr_assert_eq(np_mutex_lock_until(&mutex, -1), NP_EDEADLINE);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(np_mutex_try_lock(&mutex), 0);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(np_mutex_lock_until(&mutex, -1), 0, "it need not wait");
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(mutex.state, 0);
}

PUPPET_TEST(mutex, refuses_null)
{
	cr_assert_eq(np_mutex_lock(NULL), -EINVAL);
	cr_assert_eq(np_mutex_lock_until(NULL, 0), -EINVAL);
	cr_assert_eq(np_mutex_lock_until(NULL, -1), -EINVAL);
	cr_assert_eq(np_mutex_try_lock(NULL), -EINVAL);
	cr_assert_eq(np_mutex_unlock(NULL), -EINVAL);
}

PUPPET_TEST(mutex, unlocking_an_unlocked_one_is_told)
{
	cr_assert_eq(np_mutex_unlock(&mutex), NP_EMISUSE);
	cr_assert_str_eq(puppet_misuse, "unlock of a mutex that is not locked");
	cr_assert_eq(np_mutex_lock(&mutex), 0, "no harm was done");
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
}

PUPPET_TEST(mutex, a_deadline_ends_the_wait_and_the_next_in_line_stays)
{
	np_mutex_lock(&mutex);
	puppets[0].deadline = np_deadline(MILLISECOND);
	puppet_order(&puppets[0], lock_until);
	cr_assert_eq(puppet_finish(&puppets[0]), NP_EDEADLINE);
	cr_assert_geq(np_time(), puppets[0].deadline);
	cr_assert_null(mutex.waiters.first, "it has left the queue");
	puppets[1].deadline = np_deadline(HOUR);
	puppet_queue(&puppets[1], lock_until, &mutex.waiters);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
}

PUPPET_TEST(mutex, a_canceled_task_may_lock_but_not_until)
{
	struct np_task *self = np_task_self();

	self->canceled = 1;
	cr_assert_eq(np_mutex_lock_until(&mutex, 0), NP_ECANCELED);
	cr_assert_eq(np_mutex_try_lock(&mutex), 0);
	puppet_queue(&puppets[0], lock, &mutex.waiters);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	puppet_order(&puppets[1], unlock);
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	self->canceled = 0;
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
	np_mutex_unlock(&mutex);
}

/* Against a model: who has it, and who waits in which order. */
PUPPET_TEST(mutex, does_what_a_model_does)
{
	uint64_t random = fixture_seed();
	struct puppet *waiting[PUPPETS];
	int waiters = 0;
	bool locked = false;

	for (int step = 0; step < 3000; step++) {
		struct puppet *puppet = &puppets[fixture_random(&random) % PUPPETS];

		if (atomic_load(&puppet->busy))
			continue;
		switch (fixture_random(&random) % 4) {
		case 0:
			cr_assert_eq(puppet_call(puppet, try_lock), locked ? -EAGAIN : 0);
			locked = true;
			break;
		case 1:
			puppet->deadline = np_deadline(HOUR);
			if (!locked) {
				cr_assert_eq(puppet_call(puppet, lock_until), 0);
				locked = true;
				break;
			}
			if (step % 8 == 0) {
				puppet->deadline = np_deadline(MILLISECOND);
				cr_assert_eq(puppet_call(puppet, lock_until), NP_EDEADLINE);
				break;
			}
			puppet_queue(puppet, step & 1 ? lock : lock_until, &mutex.waiters);
			waiting[waiters++] = puppet;
			break;
		default:
			cr_assert_eq(puppet_call(puppet, unlock), locked ? 0 : NP_EMISUSE);
			locked = waiters > 0;
			if (waiters == 0)
				break;
			cr_assert_eq(puppet_finish(waiting[0]), 0);
			for (int i = 1; i < waiters; i++)
				waiting[i - 1] = waiting[i];
			waiters--;
		}
		for (int i = 0; i < waiters; i++)
			cr_assert(atomic_load(&waiting[i]->busy));
	}
	for (int i = 0; i < waiters; i++) {
		cr_assert_eq(np_mutex_unlock(&mutex), 0);
		cr_assert_eq(puppet_finish(waiting[i]), 0);
	}
	cr_assert_eq(np_mutex_unlock(&mutex), locked ? 0 : NP_EMISUSE);
}

/* ---- under script ------------------------------------------------------------------------- */

static struct np_poller *poller;

static void begin_script(void)
{
	poller = fake_begin(&fake_edge);
	scripted.task.poller = poller;
}

static void end_script(void)
{
	fake_end(poller);
}

TestSuite(scripted_mutex, .init = begin_script, .fini = end_script, .timeout = FIXTURE_TIMEOUT);

static void unlock_it(void)
{
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
}

static void unlock_and_take_it_again(void)
{
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(scripted.readies, 1, "the one that waits is woken");
	cr_assert_eq(np_mutex_try_lock(&mutex), 0, "and others need not wait for it to come");
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(scripted.readies, 1, "it is woken once");
	cr_assert_eq(np_mutex_try_lock(&mutex), 0);
}

static void unlock_and_fail_to_take_it(void)
{
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(np_mutex_try_lock(&mutex), -EAGAIN, "it was handed over");
}

Test(scripted_mutex, is_handed_to_one_who_came_too_late_once)
{
	np_mutex_lock(&mutex);
	scripted.parked[0] = unlock_and_take_it_again;
	scripted.parked[1] = unlock_and_fail_to_take_it;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert_eq(scripted.parks, 2);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(mutex.state, 0);
}

static void let_another_queue(void)
{
	unlock_and_take_it_again();
	puppet_queue(&puppets[0], lock, &mutex.waiters);
}

Test(scripted_mutex, who_came_too_late_is_in_front_of_those_who_came_later)
{
	puppets_start(puppets, 1);
	np_mutex_lock(&mutex);
	scripted.parked[0] = let_another_queue;
	scripted.parked[1] = unlock_and_fail_to_take_it;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert(atomic_load(&puppets[0].busy));
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	puppets_stop(puppets, 1);
}

static void unlock_twice_before_two(void)
{
	puppet_queue(&puppets[0], lock, &mutex.waiters);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(np_mutex_try_lock(&mutex), 0);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_not_null(mutex.waiters.first, "one is on its way already");
}

Test(scripted_mutex, wakes_nobody_while_one_is_on_its_way)
{
	puppets_start(puppets, 1);
	np_mutex_lock(&mutex);
	scripted.parked[0] = unlock_twice_before_two;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert_eq(scripted.parks, 1);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	puppets_stop(puppets, 1);
}

Test(scripted_mutex, unlocked_between_queue_and_park_is_not_waited_for)
{
	np_mutex_lock(&mutex);
	scripted.before_commit = unlock_it;
	cr_assert_eq(np_mutex_lock_until(&mutex, np_deadline(HOUR)), 0);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	cr_assert_eq(mutex.state, 0);
}

/* A task that cannot park. */
Test(scripted_mutex, is_refused_to_a_callback_only_if_it_had_to_wait)
{
	struct np_parker callbacks = { .name = "callbacks" };
	struct np_task task = { .parker = &callbacks };

	np_task_enter(&task);
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert_eq(np_mutex_lock(&mutex), -EDEADLK);
	cr_assert_eq(np_mutex_unlock(&mutex), 0);
	np_task_enter(&scripted.task);
}

/* ---- once --------------------------------------------------------------------------------- */

static struct np_once once;
static int calls;

static void count_call(void *arg)
{
	(void)arg;
	calls++;
	for (int i = 0; i < 100; i++)
		spawn_yield();
}

static int do_once(struct puppet *self)
{
	int error = np_once_do(&once, count_call, NULL);

	(void)self;
	return error ? error : calls; /* without a lock: it has been done */
}

PUPPET_TEST(mutex, once_is_once_and_everybody_waits_for_it)
{
	for (int i = 0; i < PUPPETS; i++)
		puppet_order(&puppets[i], do_once);
	for (int i = 0; i < PUPPETS; i++)
		cr_assert_eq(puppet_finish(&puppets[i]), 1);
	cr_assert_eq(np_once_do(NULL, count_call, NULL), -EINVAL);
	cr_assert_eq(np_once_do(&once, NULL, NULL), -EINVAL);
}
