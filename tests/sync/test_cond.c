/* SPDX-License-Identifier: MIT */
/* tests/sync/test_cond.c - no signal missed, none lost, and the mutex back in every case. */
#include "tests/support/fake_backend.h"
#include "tests/sync/puppet.h"
#include "tests/support/fixture.h"

#include <errno.h>

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600000000000);

enum { PUPPETS = 4 };

static struct np_mutex mutex;
static struct np_cond cond;
static struct puppet puppets[PUPPETS];

static void begin(void)
{
	np_set_misuse_hook(puppet_note_misuse);
	puppets_start(puppets, PUPPETS);
}

static void end(void)
{
	puppets_stop(puppets, PUPPETS);
	cr_assert_eq(np_mutex_try_lock(&mutex), 0, "somebody has kept the mutex");
}

TestSuite(cond, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* Returns the error of the wait, 1 if it left without the mutex. */
static int wait_once(struct puppet *self)
{
	int error;

	np_mutex_lock(&mutex);
	error = np_cond_wait_until(&cond, &mutex, self->deadline);
	if (np_mutex_try_lock(&mutex) != -EAGAIN)
		return 1;
	np_mutex_unlock(&mutex);
	return error;
}

PUPPET_TEST(cond, a_signal_ends_the_longest_wait)
{
	for (int i = 0; i < PUPPETS; i++)
		puppet_queue(&puppets[i], wait_once, &cond.waiters);
	for (int i = 0; i < PUPPETS; i++) {
		cr_assert_eq(np_cond_signal(&cond), 0);
		cr_assert_eq(puppet_finish(&puppets[i]), 0);
		for (int j = i + 1; j < PUPPETS; j++)
			cr_assert(atomic_load(&puppets[j].busy), "it woke more than one");
	}
	cr_assert_eq(np_cond_signal(&cond), 0, "nobody is there");
}

PUPPET_TEST(cond, a_broadcast_ends_all_that_have_begun)
{
	for (int i = 0; i < PUPPETS; i++) {
		puppets[i].deadline = i & 1 ? np_deadline(HOUR) : 0;
		puppet_queue(&puppets[i], wait_once, &cond.waiters);
	}
	cr_assert_eq(np_cond_broadcast(&cond), 0);
	for (int i = 0; i < PUPPETS; i++)
		cr_assert_eq(puppet_finish(&puppets[i]), 0);
	puppet_queue(&puppets[0], wait_once, &cond.waiters);
	np_cond_signal(&cond);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
}

PUPPET_TEST(cond, a_deadline_ends_one_wait_and_takes_no_signal)
{
	puppets[0].deadline = np_deadline(MILLISECOND);
	cr_assert_eq(puppet_call(&puppets[0], wait_once), NP_EDEADLINE);
	puppets[0].deadline = -1;
	cr_assert_eq(puppet_call(&puppets[0], wait_once), NP_EDEADLINE);
	puppet_queue(&puppets[1], wait_once, &cond.waiters);
	np_cond_signal(&cond);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
}

PUPPET_TEST(cond, a_canceled_task_does_not_wait)
{
	np_task_self()->canceled = 1;
	np_mutex_lock(&mutex);
	cr_assert_eq(np_cond_wait(&cond, &mutex), NP_ECANCELED);
	FIXTURE_DEMAND(np_mutex_try_lock(&mutex) == -EAGAIN, "the mutex is not locked");
	np_mutex_unlock(&mutex);
	np_task_self()->canceled = 0;
}

PUPPET_TEST(cond, waiting_without_the_mutex_is_told)
{
	cr_assert_eq(np_cond_wait(&cond, &mutex), NP_EMISUSE);
	cr_assert_str_eq(puppet_misuse, "wait on a condition with a mutex that is not locked");
	cr_assert_null(cond.waiters.first);
	cr_assert_eq(np_cond_wait(NULL, &mutex), -EINVAL);
	cr_assert_eq(np_cond_wait(&cond, NULL), -EINVAL);
	cr_assert_eq(np_cond_signal(NULL), -EINVAL);
	cr_assert_eq(np_cond_broadcast(NULL), -EINVAL);
}

/* Against a model: who waits, in which order. */

static struct puppet *waiting[PUPPETS];
static int waiters;

/* The first @count are let go, and get the mutex one after the other. */
static void expect_woken(int count)
{
	for (int i = 0; i < count; i++)
		cr_assert_eq(puppet_finish(waiting[i]), 0);
	waiters -= count;
	for (int i = 0; i < waiters; i++) {
		waiting[i] = waiting[i + count];
		cr_assert(atomic_load(&waiting[i]->busy), "woken too early");
	}
}

static void wait_or_expire(struct puppet *puppet, uint64_t random)
{
	puppet->deadline = random % 4 == 0   ? np_deadline(MILLISECOND)
			   : random % 4 == 1 ? np_deadline(HOUR)
					     : 0;
	if (random % 4 == 0) {
		cr_assert_eq(puppet_call(puppet, wait_once), NP_EDEADLINE);
	} else {
		puppet_queue(puppet, wait_once, &cond.waiters);
		waiting[waiters++] = puppet;
	}
}

/* With the mutex or without: nobody comes back before it is given up. */
static void wake(uint64_t random)
{
	bool wakes_all = random % 4 == 0, is_locked = random / 4 % 2;
	int count = wakes_all || waiters == 0 ? waiters : 1;

	if (is_locked)
		np_mutex_lock(&mutex);
	cr_assert_eq(wakes_all ? np_cond_broadcast(&cond) : np_cond_signal(&cond), 0);
	for (int i = 0; i < count && is_locked; i++)
		cr_assert(atomic_load(&waiting[i]->busy), "without the mutex");
	if (is_locked)
		np_mutex_unlock(&mutex);
	expect_woken(count);
}

PUPPET_TEST(cond, does_what_a_model_does)
{
	uint64_t random = fixture_seed();

	for (int step = 0; step < 3000; step++) {
		struct puppet *puppet = &puppets[fixture_random(&random) % PUPPETS];

		if (!atomic_load(&puppet->busy))
			wait_or_expire(puppet, fixture_random(&random));
		if (fixture_random(&random) % 2)
			wake(fixture_random(&random));
	}
	np_cond_broadcast(&cond);
	expect_woken(waiters);
}

/* ---- under script ------------------------------------------------------------------------- */

static struct np_poller *poller;

static void begin_script(void)
{
	poller = fake_begin(&fake_edge);
	np_mutex_lock(&mutex);
}

static void end_script(void)
{
	FIXTURE_DEMAND(np_mutex_try_lock(&mutex) == -EAGAIN, "the mutex is not locked");
	fake_end(poller);
}

TestSuite(scripted_cond, .init = begin_script, .fini = end_script, .timeout = FIXTURE_TIMEOUT);

static void signal_it(void)
{
	cr_assert_eq(np_mutex_try_lock(&mutex), 0, "it was given up");
	cr_assert_eq(np_cond_signal(&cond), 0);
	cr_assert_null(cond.waiters.first);
	np_mutex_unlock(&mutex);
}

Test(scripted_cond, a_signal_before_it_is_parked_is_not_missed)
{
	scripted.before_commit = signal_it;
	scripted.task.poller = poller;
	cr_assert_eq(np_cond_wait_until(&cond, &mutex, np_deadline(HOUR)), 0);
	cr_assert_eq(scripted.refusals, 1);
}

/* Without a deadline, and with nobody to be woken by the mutex, nobody can come before that. */
static void find_it_locked(void)
{
	cr_assert_eq(__atomic_load_n(&cond.lock, __ATOMIC_RELAXED), 1);
}

Test(scripted_cond, a_signal_as_soon_as_it_is_parked_is_not_missed)
{
	scripted.before_commit = find_it_locked;
	scripted.parked[0] = signal_it;
	cr_assert_eq(np_cond_wait(&cond, &mutex), 0);
	cr_assert_eq(scripted.parks, 1);
}

Test(scripted_cond, a_signal_before_it_is_parked_beats_a_deadline_that_is_past)
{
	scripted.before_commit = signal_it;
	scripted.task.poller = poller;
	cr_assert_eq(np_cond_wait_until(&cond, &mutex, 1), 0);
}

/*
 * Another task waits for the mutex. It is made ready while that is being given up, which is when
 * somebody else could get it and signal.
 */
static bool was_queued;

static void look_at_queue(struct np_task *list)
{
	(void)list;
	was_queued = cond.waiters.first != NULL;
}

static void wait_meanwhile(struct np_task *self, const struct np_wait *wait, void *arg,
			   struct np_poller *unused)
{
	(void)unused;
	cr_assert(wait->commit(self, arg));
	np_task_enter(&scripted.task);
	cr_assert_eq(np_cond_wait(&cond, &mutex), 0);
	np_mutex_unlock(&mutex);
	np_task_enter(self);
}

Test(scripted_cond, a_wait_is_queued_before_the_mutex_is_given_up)
{
	struct np_parker parker = { .park = wait_meanwhile, .ready = look_at_queue };
	struct np_task task = { .parker = &parker };

	scripted.parked[0] = signal_it;
	np_task_enter(&task);
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert(was_queued);
	np_task_enter(&scripted.task);
}

/* The deadline is met, and before the waiter has noticed a signal comes: it goes to the next. */
static struct puppet other;

static void expire_then_signal(void)
{
	const struct np_wait_queue *queue = &cond.waiters;

	puppet_queue(&other, wait_once, queue);
	cr_assert_eq(np_poller_turn(poller, 0), 1);
	cr_assert_eq(np_cond_signal(&cond), 0);
	cr_assert_eq(puppet_finish(&other), 0);
}

Test(scripted_cond, a_wait_that_is_over_takes_no_signal_from_the_next)
{
	puppets_start(&other, 1);
	scripted.task.poller = poller;
	scripted.parked[0] = expire_then_signal;
	cr_assert_eq(np_cond_wait_until(&cond, &mutex, 1), NP_EDEADLINE);
	puppets_stop(&other, 1);
}
