/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_detached.c - calls on the threads for blocking ones that are not waited for to
 * the end (struct np_detached): what they may hold up, and what not.
 */
#include "tests/fiber/fiber_fixture.h"

#include <netpark/park.h>

#include <criterion/criterion.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int go_on[2]; /* a pipe: a byte for each call that is under way */
static atomic_int running, dropped;
static atomic_int told;

static void begin(void)
{
	cr_assert_eq(pipe(go_on), 0);
	fixture_begin();
}

static void end(void)
{
	fixture_end();
	close(go_on[0]);
	close(go_on[1]);
}

TestSuite(detached, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

static void wait_long(struct np_detached *self)
{
	char byte;

	(void)self;
	atomic_fetch_add(&running, 1);
	while (read(go_on[0], &byte, 1) < 0)
		;
}

static void drop(struct np_detached *self)
{
	free(self);
	atomic_fetch_add(&dropped, 1);
}

/* By a fiber that does not wait for it. */
static struct np_detached *detach_to(void (*fn)(struct np_detached *self))
{
	struct np_task *self = np_task_self();
	struct np_detached *call = calloc(1, sizeof(*call));

	call->run = fn;
	call->drop = drop;
	cr_assert_eq(self->parker->detach(self, call), 0);
	return call;
}

static struct np_detached *detach(void)
{
	return detach_to(wait_long);
}

static void abandon(struct np_detached *call)
{
	__atomic_store_n(&call->abandoned, 1, __ATOMIC_SEQ_CST);
}

static void let_go(int count)
{
	for (int i = 0; i < count; i++)
		cr_assert_eq(write(go_on[1], "", 1), 1);
}

static int run(int (*body)(void *arg), void *arg, const struct np_run_options *options)
{
	struct np_run_options all = *options;

	all.workers = 2;
	all.backend = fixture_backend();
	atomic_store(&running, 0);
	atomic_store(&dropped, 0);
	return np_run(body, arg, &all);
}

/* ---- the end of a runtime ----------------------------------------------------------------- */

static int leave_behind(void *arg)
{
	int count = *(int *)arg;

	for (int i = 0; i < count; i++)
		abandon(detach());
	FIBER_UNTIL(atomic_load(&running) > 0);
	return 5;
}

/* Some of them run, others are in line: for a thread, and for a share of the threads. */
Test(detached, are_not_waited_for_at_the_end)
{
	const struct np_run_options options = { .blocking_threads = 4 };
	int counts[] = { 1, 2, 20 };

	for (int i = 0; i < 3; i++) {
		cr_assert_eq(run(leave_behind, &counts[i], &options), 5);
		cr_assert_eq(atomic_load(&dropped), 0);
		let_go(counts[i]);
		FIXTURE_UNTIL(atomic_load(&dropped) == counts[i]);
	}
}

static int finish_first(void *arg)
{
	(void)arg;
	abandon(detach());
	let_go(1);
	FIBER_UNTIL(atomic_load(&dropped) == 1);
	return 0;
}

Test(detached, that_are_over_leave_their_thread_to_others)
{
	const struct np_run_options options = { .blocking_threads = 1 };

	for (int i = 0; i < 20; i++)
		cr_assert_eq(run(finish_first, NULL, &options), 0);
}

/* ---- blocking calls beside them ----------------------------------------------------------- */

static int answer(void *arg)
{
	return *(int *)arg;
}

static int call_beside(void *arg)
{
	int seven = 7;

	(void)arg;
	for (int i = 0; i < 8; i++)
		abandon(detach());
	FIBER_UNTIL(atomic_load(&running) == 2);
	for (int i = 0; i < 100; i++)
		cr_assert_eq(np_blocking(answer, &seven), 7);
	cr_assert_eq(atomic_load(&running), 2);
	let_go(3);
	FIBER_UNTIL(atomic_load(&running) == 5);
	cr_assert_eq(np_blocking(answer, &seven), 7);
	let_go(5);
	FIBER_UNTIL(atomic_load(&dropped) == 8);
	return 0;
}

Test(detached, leave_half_of_the_threads_to_blocking_calls)
{
	const struct np_run_options options = { .blocking_threads = 4 };

	cr_assert_eq(run(call_beside, NULL, &options), 0);
}

/* ---- those that give up in line ------------------------------------------------------------ */

enum { QUITTERS = 1000, PATIENT = 3 };

static atomic_int answered;

static void answer_patient(struct np_detached *self)
{
	(void)self;
	atomic_fetch_add(&answered, 1);
}

static int give_up_in_line(void *arg)
{
	(void)arg;
	abandon(detach());
	FIBER_UNTIL(atomic_load(&running) == 1);
	for (int i = 0; i < PATIENT; i++)
		detach_to(answer_patient);
	for (int i = 0; i < QUITTERS; i++)
		abandon(detach());
	cr_assert_geq(atomic_load(&dropped), QUITTERS * 3 / 4);
	cr_assert_eq(atomic_load(&running), 1);
	let_go(1 + QUITTERS);
	FIBER_UNTIL(atomic_load(&dropped) == 1 + PATIENT + QUITTERS);
	cr_assert_eq(atomic_load(&answered), PATIENT);
	return 0;
}

/* A name server that is silent for long would have them all stay. */
Test(detached, that_are_abandoned_in_line_are_not_kept)
{
	const struct np_run_options options = { .blocking_threads = 2 };

	cr_assert_eq(run(give_up_in_line, NULL, &options), 0);
}

/* ---- deadlocks ---------------------------------------------------------------------------- */

static void note(const char *what)
{
	(void)what;
	atomic_fetch_add(&told, 1);
}

static struct np_channel *channel;

static int receive(void *arg)
{
	int value;

	(void)arg;
	return np_channel_receive(channel, &value);
}

static int get_stuck_beside(void *arg)
{
	abandon(detach());
	FIBER_UNTIL(atomic_load(&running) == 1);
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	cr_assert_eq(receive(arg), NP_ECANCELED);
	return np_channel_destroy(channel);
}

/* It will wake nobody. */
Test(detached, that_are_abandoned_hide_no_deadlock)
{
	const struct np_run_options options = { .flags = NP_RUN_ALONE };

	np_set_misuse_hook(note);
	cr_assert_eq(run(get_stuck_beside, NULL, &options), NP_EDEADLOCK);
	cr_assert_eq(told, 1);
	cr_assert_eq(atomic_load(&dropped), 0);
	let_go(1);
	FIXTURE_UNTIL(atomic_load(&dropped) == 1);
}

/* Longer than it takes to notice a deadlock where there is one: after a tenth of a second. */
static void send_later(struct np_detached *self)
{
	const struct timespec pause = { 0, 300 * 1000 * 1000 };
	int value = 1;

	(void)self;
	nanosleep(&pause, NULL);
	cr_assert_eq(np_channel_send(channel, &value), 0);
}

static int wait_for_call(void *arg)
{
	struct np_task *self = np_task_self();
	struct np_detached *call = calloc(1, sizeof(*call));

	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	call->run = send_later;
	call->drop = drop;
	cr_assert_eq(self->parker->detach(self, call), 0);
	cr_assert_eq(receive(arg), 0);
	FIBER_UNTIL(atomic_load(&dropped) == 1);
	return np_channel_destroy(channel);
}

Test(detached, that_are_waited_for_are_no_deadlock)
{
	const struct np_run_options options = { .flags = NP_RUN_ALONE };

	np_set_misuse_hook(note);
	cr_assert_eq(run(wait_for_call, NULL, &options), 0);
	cr_assert_eq(told, 0);
}
