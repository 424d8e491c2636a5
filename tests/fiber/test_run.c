/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_run.c - the runtime's beginning and end, starting fibers, yielding, sleeping. */
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

TestSuite(run, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000000;

static atomic_int counter;

static void count(void *arg)
{
	(void)arg;
	atomic_fetch_add(&counter, 1);
}

static int return_arg(void *arg)
{
	return *(int *)arg;
}

Test(run, returns_what_main_returns)
{
	int value = 42;
	int error = -ENOTDIR;

	cr_assert_eq(fiber_run_with(return_arg, &value, 1), 42);
	cr_assert_eq(fiber_run_with(return_arg, &value, 3), 42, "a second time");
	cr_assert_eq(fiber_run_with(return_arg, &error, 1), -ENOTDIR);
}

Test(run, refuses_nonsense)
{
	struct np_run_options options = { .flags = 1u << 20 };

	cr_assert_eq(np_run(NULL, NULL, NULL), -EINVAL);
	cr_assert_eq(np_run(return_arg, NULL, &options), -EINVAL);
	options = (struct np_run_options){ .workers = 100000 };
	cr_assert_eq(np_run(return_arg, NULL, &options), -EINVAL);
	options = (struct np_run_options){ .stack_size = SIZE_MAX };
	cr_assert_eq(np_run(return_arg, NULL, &options), -EINVAL);
	cr_assert_eq(np_go(NULL, NULL), -EINVAL);
	cr_assert_eq(np_go(count, NULL), NP_ENORUNTIME);
	cr_assert_eq(np_cancel(12345), 0, "nobody is as good as somebody who has ended");
}

static void *run_elsewhere(void *arg)
{
	int zero = 0;

	*(int *)arg = np_run(return_arg, &zero, NULL);
	return NULL;
}

FIBER_TEST(run, there_is_one_runtime_at_a_time)
{
	int result = 0;
	int zero = 0;
	pthread_t thread;

	cr_assert_eq(np_run(return_arg, &zero, NULL), -EBUSY);
	pthread_create(&thread, NULL, run_elsewhere, &result);
	pthread_join(thread, NULL);
	cr_assert_eq(result, -EBUSY);
}

static void first_and_last(void)
{
	for (int i = 0; i < 10000; i++)
		cr_assert_eq(np_go(count, NULL), 0);
}

Test(run, ends_when_all_have_ended)
{
	atomic_store(&counter, 0);
	fiber_run(first_and_last);
	cr_assert_eq(counter, 30000, "those that had not begun when main returned run, too");
}

static pthread_t caller;

static void expect_caller(void)
{
	cr_assert(pthread_equal(pthread_self(), caller));
}

Test(run, main_runs_on_the_calling_thread)
{
	caller = pthread_self();
	fiber_run(expect_caller);
}

/* ---- who is who --------------------------------------------------------------------------- */

enum { MANY = 1000 };

static np_fiber_id ids[MANY];

static void note_id(void *arg)
{
	ids[(uintptr_t)arg] = np_self();
	atomic_fetch_add(&counter, 1);
}

static int compare_ids(const void *a, const void *b)
{
	const np_fiber_id *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

FIBER_TEST(run, no_two_fibers_have_the_same_id)
{
	np_fiber_id self = np_self();

	cr_assert_neq(self, 0);
	/* In batches, so that records are used again. */
	for (uintptr_t i = 0; i < MANY; i += 50) {
		atomic_store(&counter, 0);
		for (uintptr_t k = i; k < i + 50; k++)
			cr_assert_eq(np_go(note_id, (void *)k), 0);
		FIBER_UNTIL(atomic_load(&counter) == 50);
	}
	cr_assert_eq(np_self(), self);
	qsort(ids, MANY, sizeof(ids[0]), compare_ids);
	for (int i = 0; i < MANY; i++) {
		cr_assert_neq(ids[i], 0);
		cr_assert_neq(ids[i], self);
		cr_assert(i == 0 || ids[i] != ids[i - 1]);
	}
}

Test(run, a_thread_is_no_fiber)
{
	static const struct np_local local;

	cr_assert_eq(np_self(), 0);
	cr_assert_eq(np_stack_used(), 0);
	cr_assert_not(np_is_canceled());
	cr_assert_eq(np_local_set(&local, &counter), NP_ENORUNTIME);
	cr_assert_null(np_local_get(&local));
	np_yield();
	np_shield(true);
	np_set_name("nobody");
	cr_assert_eq(np_sleep(1), 0);
}

/* ---- order -------------------------------------------------------------------------------- */

static int order[16];
static int places;

static void take_place(void *arg)
{
	order[places++] = (int)(intptr_t)arg;
	np_yield();
	order[places++] = (int)(intptr_t)arg + 10;
}

static int start_in_order(void *arg)
{
	(void)arg;
	places = 0;
	for (intptr_t i = 0; i < 4; i++)
		cr_assert_eq(np_go(take_place, (void *)i), 0);
	cr_assert_eq(places, 0, "a fiber begins when others let it");
	FIBER_UNTIL(places == 8);
	return 0;
}

Test(run, one_worker_runs_them_in_turn)
{
	static const int expected[] = { 0, 1, 2, 3, 10, 11, 12, 13 };

	cr_assert_eq(fiber_run_with(start_in_order, NULL, 1), 0);
	for (int i = 0; i < 8; i++)
		cr_assert_eq(order[i], expected[i], "place %d has %d", i, order[i]);
}

enum { WAITERS = 6 };

static struct np_mutex order_mutex;
static struct np_cond order_cond;
static struct np_semaphore order_semaphores[WAITERS];

static int wait_for_broadcast(void *arg)
{
	np_mutex_lock(&order_mutex);
	np_cond_wait(&order_cond, &order_mutex);
	order[places++] = (int)(intptr_t)arg;
	np_mutex_unlock(&order_mutex);
	return 0;
}

static int broadcast(void *arg)
{
	(void)arg;
	return np_cond_broadcast(&order_cond);
}

static int wait_for_permit(void *arg)
{
	np_semaphore_acquire(&order_semaphores[(intptr_t)arg], 1);
	order[places++] = (int)(intptr_t)arg;
	return 0;
}

static int release_each(void *arg)
{
	(void)arg;
	for (int i = 0; i < WAITERS; i++)
		np_semaphore_release(&order_semaphores[i], 1);
	return 0;
}

static void expect_order(int (*wait)(void *arg), int (*wake)(void *arg))
{
	struct np_group group = { 0 };

	places = 0;
	for (intptr_t i = 0; i < WAITERS; i++)
		cr_assert_eq(np_group_go(&group, wait, (void *)i), 0);
	np_yield(); /* each of them runs until it waits */
	cr_assert_eq(np_blocking(wake, NULL), 0);
	cr_assert_eq(np_group_join(&group), 0);
	for (int i = 0; i < WAITERS; i++)
		cr_assert_eq(order[i], i, "place %d has %d", i, order[i]);
}

static int wait_in_order(void *arg)
{
	(void)arg;
	for (int round = 0; round < 20; round++) {
		expect_order(wait_for_broadcast, broadcast);
		expect_order(wait_for_permit, release_each);
	}
	return 0;
}

Test(run, who_is_woken_by_a_thread_goes_on_in_the_order_of_waking)
{
	cr_assert_eq(fiber_run_with(wait_in_order, NULL, 1), 0);
}

/* ---- threads ------------------------------------------------------------------------------ */

static void *start_from_thread(void *arg)
{
	for (int i = 0; i < 100; i++)
		if (np_go(count, NULL) == 0)
			++*(int *)arg;
	return NULL;
}

FIBER_TEST(run, threads_start_fibers_too)
{
	pthread_t threads[2];
	int started[2] = { 0, 0 };

	atomic_store(&counter, 0);
	for (int i = 0; i < 2; i++)
		pthread_create(&threads[i], NULL, start_from_thread, &started[i]);
	FIBER_UNTIL(atomic_load(&counter) == 200);
	for (int i = 0; i < 2; i++)
		pthread_join(threads[i], NULL);
	cr_assert_eq(started[0] + started[1], 200);
}

static _Thread_local int own;
static atomic_int moved;

/* Not inlined, so that they look anew. */
__attribute__((noinline)) static int *address_of_own(void)
{
	return &own;
}

__attribute__((noinline)) static int *address_of_errno(void)
{
	return &errno;
}

/* What a compiler may do with a thread-local variable: keep its address. */
static void park_and_look(void *arg)
{
	int *address = address_of_own();
	int *number = address_of_errno();

	(void)arg;
	for (int i = 0; i < 50; i++) {
		if (i % 2)
			np_yield();
		else
			np_sleep(1000);
		if (address != address_of_own() || number != address_of_errno())
			atomic_fetch_add(&moved, 1);
	}
	atomic_fetch_add(&counter, 1);
}

FIBER_TEST(run, a_fiber_stays_on_its_thread)
{
	atomic_store(&counter, 0);
	for (int i = 0; i < 200; i++)
		cr_assert_eq(np_go(park_and_look, NULL), 0);
	FIBER_UNTIL(atomic_load(&counter) == 200);
	cr_assert_eq(moved, 0);
}

static pthread_t seen[64];

/* Keeps its worker busy until others have run elsewhere. */
static void meet(void *arg)
{
	seen[(uintptr_t)arg] = pthread_self();
	atomic_fetch_add(&counter, 1);
	for (struct fixture_patience patience = { 0 }; atomic_load(&counter) < 2;)
		fixture_stay_patient(&patience, "a second fiber runs at the same time");
}

static int meet_on_two(void *arg)
{
	(void)arg;
	atomic_store(&counter, 0);
	for (uintptr_t i = 0; i < 2; i++)
		cr_assert_eq(np_go(meet, (void *)i), 0);
	FIBER_UNTIL(atomic_load(&counter) == 2);
	return 0;
}

Test(run, newborn_fibers_are_stolen_by_workers_that_have_nothing_to_do)
{
	cr_assert_eq(fiber_run_with(meet_on_two, NULL, 2), 0);
	cr_assert_not(pthread_equal(seen[0], seen[1]));
}

/* ---- sleep -------------------------------------------------------------------------------- */

enum { STAYING = 64 };

struct stay {
	struct np_semaphore may_end;
	atomic_int here, elsewhere;
	pthread_t here_is;
};

static int stay(void *arg)
{
	struct stay *all = arg;

	if (pthread_equal(pthread_self(), all->here_is))
		atomic_fetch_add(&all->here, 1);
	else
		atomic_fetch_add(&all->elsewhere, 1);
	return np_semaphore_acquire(&all->may_end, 1);
}

/* Started in one go by a fiber of one worker. */
static int start_many_that_stay(void *arg)
{
	struct stay *all = arg;
	struct np_group group = { 0 };

	all->here_is = pthread_self();
	for (int i = 0; i < STAYING; i++)
		cr_assert_eq(np_group_go(&group, stay, all), 0);
	FIBER_UNTIL(atomic_load(&all->here) + atomic_load(&all->elsewhere) == STAYING);
	np_semaphore_release(&all->may_end, STAYING);
	return np_group_join(&group);
}

/* A worker that is kept from running gets fewer, and on a busy machine that is for many tries. */
Test(run, fibers_that_stay_are_shared_out)
{
	const int64_t give_up = np_deadline(60000 * MILLISECOND);

	while (np_time() < give_up) {
		struct stay all = { .here = 0 };

		cr_assert_eq(fiber_run_with(start_many_that_stay, &all, 2), 0);
		if (all.here >= STAYING / 4 && all.elsewhere >= STAYING / 4)
			return;
	}
	cr_assert_fail("one of two workers had more than three quarters of the fibers each time");
}

/* The other worker, which has fewer, is busy for as long as it takes. */
static int start_many_and_compute(void *arg)
{
	struct stay *all = arg;
	struct np_group group = { 0 };
	struct fixture_patience patience = { 0 };

	for (int i = 0; i < STAYING; i++)
		cr_assert_eq(np_group_go(&group, stay, all), 0);
	while (atomic_load(&all->here) + atomic_load(&all->elsewhere) < STAYING)
		fixture_stay_patient(&patience, "the other worker runs all");
	np_semaphore_release(&all->may_end, STAYING);
	return np_group_join(&group);
}

Test(run, fibers_are_not_left_for_a_worker_that_does_not_come)
{
	struct stay all = { .here = 0 };

	cr_assert_eq(fiber_run_with(start_many_and_compute, &all, 2), 0);
}

enum { COMPUTING = 16 };

struct computing {
	struct np_group group;
	atomic_bool is_elsewhere, may_end;
	atomic_int begun;
};

/* The other worker has one fiber to the end. */
static int keep_worker(void *arg)
{
	struct computing *all = arg;
	struct fixture_patience patience = { 0 };

	atomic_store(&all->is_elsewhere, true);
	while (!atomic_load(&all->may_end))
		fixture_stay_patient(&patience, "all have begun");
	return 0;
}

/* All of them together keep their worker from a look for longer than it remembers one. */
static int compute(void *arg)
{
	struct computing *all = arg;

	atomic_fetch_add(&all->begun, 1);
	while (!atomic_load(&all->may_end)) {
		for (int64_t end = np_deadline(MILLISECOND); np_time() < end;)
			;
		np_yield();
	}
	return 0;
}

static int start_those_that_compute(void *arg)
{
	struct computing *all = arg;

	cr_assert_eq(np_group_go(&all->group, keep_worker, all), 0);
	while (!atomic_load(&all->is_elsewhere))
		sched_yield();
	for (int i = 0; i < COMPUTING; i++)
		cr_assert_eq(np_group_go(&all->group, compute, all), 0);
	FIBER_UNTIL(atomic_load(&all->begun) == COMPUTING);
	atomic_store(&all->may_end, true);
	return np_group_join(&all->group);
}

Test(run, fibers_are_not_left_for_ever_by_a_worker_that_seldom_looks)
{
	struct computing all = { .begun = 0 };

	cr_assert_eq(fiber_run_with(start_those_that_compute, &all, 2), 0);
}

enum { PARENTS = 30, CHILDREN = 10000 };

static atomic_int alive, most_alive;

static void live_for_a_moment(void *arg)
{
	(void)arg;
	np_yield();
	atomic_fetch_sub(&alive, 1);
}

static int start_children(void *arg)
{
	(void)arg;
	for (int i = 0; i < CHILDREN; i++) {
		int now = atomic_fetch_add(&alive, 1) + 1;

		if (now > atomic_load(&most_alive))
			atomic_store(&most_alive, now);
		cr_assert_eq(np_go(live_for_a_moment, NULL), 0);
		np_yield();
	}
	return 0;
}

static int start_parents(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < PARENTS; i++)
		cr_assert_eq(np_group_go(&group, start_children, NULL), 0);
	return np_group_join(&group);
}

/* Or those that start others would be the only ones to go on, until there is no memory. */
Test(run, fibers_begin_as_fast_as_they_are_started)
{
	atomic_store(&alive, 0);
	atomic_store(&most_alive, 0);
	cr_assert_eq(fiber_run_with(start_parents, NULL, 2), 0);
	cr_assert_eq(atomic_load(&alive), 0);
	cr_assert_lt(atomic_load(&most_alive), PARENTS * CHILDREN / 16, "%d of %d at once",
		     atomic_load(&most_alive), PARENTS * CHILDREN);
}

FIBER_TEST(run, sleep_is_never_early)
{
	static const int64_t durations[] = { 1, 1000, 100000, 3000000 };

	for (size_t i = 0; i < sizeof(durations) / sizeof(durations[0]); i++) {
		int64_t before = np_time();

		cr_assert_eq(np_sleep(durations[i]), 0);
		cr_assert_geq(np_time() - before, durations[i]);
	}
	cr_assert_eq(np_sleep(0), 0);
	cr_assert_eq(np_sleep(-5), 0);
}

static void sleep_and_count(void *arg)
{
	(void)arg;
	if (np_sleep(2 * MILLISECOND) == 0)
		atomic_fetch_add(&counter, 1);
}

FIBER_TEST(run, many_sleep_at_once)
{
	atomic_store(&counter, 0);
	for (int i = 0; i < 2000; i++)
		cr_assert_eq(np_go(sleep_and_count, NULL), 0);
	FIBER_UNTIL(atomic_load(&counter) == 2000);
}

enum { SLEEPERS = 8, CHAINS = 64 };

static int sleep_in_the_way(void *arg)
{
	int result = np_sleep(2 * MILLISECOND);

	(void)arg;
	atomic_fetch_add(&counter, 1);
	return result;
}

/* The next begins where this one ends, so there is never a fiber that is ready. */
static void go_on(void *arg)
{
	if (atomic_load(&counter) < SLEEPERS)
		cr_assert_eq(np_go(go_on, arg), 0);
}

FIBER_TEST(run, chains_of_fibers_keep_no_sleeper_asleep)
{
	struct np_group group = { 0 };

	atomic_store(&counter, 0);
	for (int i = 0; i < SLEEPERS; i++)
		cr_assert_eq(np_group_go(&group, sleep_in_the_way, NULL), 0);
	for (int i = 0; i < CHAINS; i++)
		cr_assert_eq(np_go(go_on, NULL), 0);
	cr_assert_eq(np_group_join(&group), 0);
}

/* ---- the stack ---------------------------------------------------------------------------- */

__attribute__((noinline)) static size_t use_stack(size_t size)
{
	volatile unsigned char buf[16384];

	for (size_t i = 0; i < sizeof(buf); i += 64)
		buf[i] = 1;
	return size > sizeof(buf) ? use_stack(size - sizeof(buf)) + buf[0] : buf[0];
}

FIBER_TEST(run, the_stack_tells_how_much_of_it_was_used)
{
	size_t before = np_stack_used();

	cr_assert_gt(before, 0);
	cr_assert_gt(use_stack(100000), 0);
	cr_assert_geq(np_stack_used(), 100000);
	cr_assert_leq(np_stack_used(), 256 * 1024);
}

static int use_much(void *arg)
{
	size_t size = *(size_t *)arg;

	cr_assert_gt(use_stack(size), 0);
	cr_assert_geq(np_stack_used(), size);
	return 0;
}

Test(run, a_stack_is_as_large_as_it_was_asked_for)
{
	const struct np_run_options options = {
		.workers = 1,
		.stack_size = 1 << 20,
		.backend = np_poller_backend(test_poller),
	};
	size_t much = 600 << 10;

	cr_assert_eq(np_run(use_much, &much, &options), 0);
}

/*
 * A fiber never returns from its last calls. What AddressSanitizer has noted of their frames must
 * not be there any more for the next fiber, which may be code that the sanitizer does not know and
 * that makes no notes itself. It sees what such code passes to the C library.
 */
static void *(*volatile set)(void *, int, size_t) = memset;

__attribute__((no_sanitize_address)) static void fill(void *arg)
{
	char buf[4096];

	set(buf, (int)(intptr_t)arg, sizeof(buf));
	atomic_fetch_add(&counter, buf[4095] == (char)(intptr_t)arg);
}

FIBER_TEST(run, a_stack_is_as_new_for_the_next_fiber)
{
	atomic_store(&counter, 0);
	for (intptr_t i = 0; i < 100; i++) {
		cr_assert_eq(np_go(fill, (void *)i), 0);
		FIBER_UNTIL(atomic_load(&counter) == i + 1);
	}
}

/* ---- blocking calls ----------------------------------------------------------------------- */

enum { CALLS = 40, CALLS_AT_ONCE = 2 };

static atomic_int calls_begun, calls_inside, calls_most;

static void note_most(int now)
{
	int most = atomic_load(&calls_most);

	while (now > most && !atomic_compare_exchange_weak(&calls_most, &most, now))
		;
}

/* The first waits for the second, each gives a third the time to begin. */
static int be_inside(void *arg)
{
	(void)arg;
	note_most(atomic_fetch_add(&calls_inside, 1) + 1);
	atomic_fetch_add(&calls_begun, 1);
	for (struct fixture_patience patience = { 0 }; atomic_load(&calls_begun) < 2;)
		fixture_stay_patient(&patience, "two calls run at once");
	for (int i = 0; i < 20; i++)
		np_yield(); /* a thread: sched_yield(2) */
	atomic_fetch_sub(&calls_inside, 1);
	return 0;
}

static int block(void *arg)
{
	return np_blocking(be_inside, arg);
}

static int block_many(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < CALLS; i++)
		cr_assert_eq(np_group_go(&group, block, NULL), 0);
	return np_group_join(&group);
}

Test(run, no_more_blocking_calls_run_at_once_than_there_may_be_threads)
{
	const struct np_run_options options = {
		.workers = 2,
		.backend = np_poller_backend(test_poller),
		.blocking_threads = CALLS_AT_ONCE,
	};

	cr_assert_eq(np_run(block_many, NULL, &options), 0);
	cr_assert_eq(calls_begun, CALLS, "the others are served later");
	cr_assert_eq(calls_most, CALLS_AT_ONCE);
}

/* ---- fiber-local storage ------------------------------------------------------------------ */

static atomic_int destroyed;

static void destroy(void *value)
{
	atomic_fetch_add(&destroyed, *(int *)value);
	free(value);
}

static const struct np_local local = { .destroy = destroy };
static const struct np_local plain;

static void have_own_value(void *arg)
{
	int *value = malloc(sizeof(*value));

	*value = (int)(intptr_t)arg;
	if (np_local_get(&local) == NULL && np_local_set(&local, value) == 0 &&
	    np_local_set(&plain, arg) == 0) {
		np_yield();
		if (np_local_get(&local) == value && np_local_get(&plain) == arg)
			atomic_fetch_add(&counter, 1);
	}
}

static void set_locals(void)
{
	for (intptr_t i = 1; i <= 100; i++)
		cr_assert_eq(np_go(have_own_value, (void *)i), 0);
}

Test(run, each_fiber_has_its_own_values_and_their_end)
{
	atomic_store(&counter, 0);
	atomic_store(&destroyed, 0);
	fiber_run(set_locals);
	cr_assert_eq(counter, 300);
	cr_assert_eq(destroyed, 3 * 5050);
}

static void destroy_slowly(void *value)
{
	for (int i = 0; i < 3; i++)
		np_yield();
	atomic_fetch_add((atomic_int *)value, 1);
}

static const struct np_local slow_local = { .destroy = destroy_slowly };

static int have_slow_value(void *arg)
{
	return np_local_set(&slow_local, arg);
}

FIBER_TEST(run, values_of_a_groups_fibers_are_gone_when_it_is_joined)
{
	atomic_int gone = 0;

	for (int round = 1; round <= 20; round++) {
		struct np_group group = { 0 };

		for (int i = 0; i < 3; i++)
			cr_assert_eq(np_group_go(&group, have_slow_value, &gone), 0);
		cr_assert_eq(np_group_join(&group), 0);
		cr_assert_eq(gone, 3 * round);
	}
}
