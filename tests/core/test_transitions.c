/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_transitions.c - the transitions of a poll descriptor's slots, by the names of
 * core/poll_desc.c, and the invariants that follow. Each race is played as a sequence.
 */
#include "core/poll_desc.h"
#include "core/poller.h"
#include "tests/support/fake_backend.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <signal.h>
#include <string.h>

enum { FD = 5, OTHER = 6 };

static struct np_poller *poller;
static struct np_poll_desc *desc;

static void begin_on(const struct runtime_poll *backend)
{
	poller = fake_begin(backend);
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
}

static void begin(void)
{
	begin_on(&fake_edge);
}

static void end(void)
{
	if (!(atomic_load(&desc->info) & INFO_CLOSING))
		np_poll_unblock(desc);
	FIXTURE_DEMAND(np_poll_close(desc) == 0, "the descriptor was not closed");
	fake_end(poller);
}

TestSuite(transitions, .init = begin, .fini = end, .timeout = FIXTURE_TIMEOUT);

/* ---- what other threads do ---------------------------------------------------------------- */

static void report_read(void)
{
	fake_inject(FD, RUNTIME_POLL_READ);
	np_poller_turn(poller, 0);
}

static void report_write(void)
{
	fake_inject(FD, RUNTIME_POLL_WRITE);
	np_poller_turn(poller, 0);
}

static void unblock(void)
{
	np_poll_unblock(desc);
}

static void expire(void)
{
	np_poll_set_deadline(desc, -1, NP_READ);
}

static void expire_and_clear(void)
{
	np_poll_set_deadline(desc, -1, NP_READ);
	np_poll_set_deadline(desc, 0, NP_READ);
}

static void expire_then_report(void)
{
	expire();
	report_read();
}

static void report_then_expire(void)
{
	report_read();
	expire();
}

static void report_then_unblock(void)
{
	report_read();
	unblock();
}

static void report_twice(void)
{
	report_read();
	report_read();
}

/* ---- T1, T3, T7, T12: wait, park, report, resume ------------------------------------------- */

Test(transitions, a_report_wakes_the_parked_task_once)
{
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 1);
	cr_assert_eq(atomic_load(&desc->slot[SIDE_READ]), SLOT_NIL, "the report was taken");
}

static void look_at_stats(void)
{
	struct np_poller_stats stats;

	np_poller_get_stats(poller, &stats);
	cr_assert_eq(stats.parked, 1);
	report_read();
	np_poller_get_stats(poller, &stats);
	cr_assert_eq(stats.parked, 0);
}

Test(transitions, parked_tasks_are_counted_while_they_are_parked)
{
	scripted.parked[0] = look_at_stats;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
}

Test(transitions, reports_of_the_other_side_wake_nobody)
{
	scripted.parked[0] = report_read;
	report_write();
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 1, "the report of the write side is no report to read");
	cr_assert_eq(np_poll_wait(desc, NP_WRITE), 0, "but is kept for the write side");
	cr_assert_eq(scripted.parks, 1);
}

/* ---- T2, T9, T10, T13: latched reports ----------------------------------------------------- */

Test(transitions, a_report_that_came_before_the_wait_is_taken_without_parking)
{
	report_read();
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 0);
}

Test(transitions, two_reports_are_one)
{
	report_twice();
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 1, "the second wait had to park");
}

Test(transitions, reset_drops_the_report_of_its_side_only)
{
	fake_inject(FD, RUNTIME_POLL_READ | RUNTIME_POLL_WRITE);
	np_poller_turn(poller, 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
	cr_assert_eq(np_poll_wait(desc, NP_WRITE), 0);
	cr_assert_eq(scripted.parks, 0);
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 1);
}

/* ---- T5, T6: between claim and commit ------------------------------------------------------ */

Test(transitions, a_report_between_claim_and_commit_means_no_park)
{
	scripted.before_commit = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(scripted.readies, 0, "nobody may be made ready who was not parked");
}

Test(transitions, an_unblock_between_claim_and_commit_means_no_park)
{
	scripted.before_commit = unblock;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ECLOSED);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(scripted.readies, 0);
}

Test(transitions, a_deadline_between_claim_and_commit_means_no_park)
{
	scripted.before_commit = expire;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(scripted.readies, 0);
}

static void expire_and_clear_once(void)
{
	scripted.before_commit = NULL;
	expire_and_clear();
}

Test(transitions, a_deadline_that_came_and_went_between_claim_and_commit_is_no_error)
{
	scripted.before_commit = expire_and_clear_once;
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(scripted.parks, 1, "it waited again");
}

/* ---- T8: the parked task is handed out without a report ------------------------------------ */

Test(transitions, unblock_wakes_the_parked_task)
{
	scripted.parked[0] = unblock;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ECLOSED);
}

Test(transitions, an_expired_deadline_wakes_the_parked_task)
{
	scripted.parked[0] = expire;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
}

Test(transitions, a_deadline_moved_before_the_task_ran_is_no_error)
{
	scripted.parked[0] = expire_and_clear;
	scripted.parked[1] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 2);
}

Test(transitions, a_report_right_after_the_deadline_wins)
{
	scripted.parked[0] = expire_then_report;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE, "and the next wait fails");
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_EDEADLINE);
}

Test(transitions, a_report_right_before_the_deadline_wins)
{
	scripted.parked[0] = report_then_expire;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
}

Test(transitions, a_report_right_before_the_unblock_wins)
{
	scripted.parked[0] = report_then_unblock;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ECLOSED);
}

/* ---- T4: closed between the first look and the claim ---------------------------------------- */

static void unblock_in_arm(int fd, unsigned mode)
{
	(void)fd, (void)mode;
	np_poll_unblock(desc);
}

static void expire_in_arm(int fd, unsigned mode)
{
	(void)fd, (void)mode;
	expire();
}

static void report_in_arm(int fd, unsigned mode)
{
	(void)fd;
	fake_inject(FD, mode);
	np_poller_turn(poller, 0);
}

static void begin_level(void)
{
	begin_on(&fake_level);
}

TestSuite(level, .init = begin_level, .fini = end, .timeout = FIXTURE_TIMEOUT);

Test(level, an_unblock_before_the_claim_is_seen_after_it)
{
	fake.in_arm = unblock_in_arm;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ECLOSED);
	cr_assert_eq(scripted.parks + scripted.refusals, 0);
}

Test(level, a_deadline_before_the_claim_is_seen_after_it)
{
	fake.in_arm = expire_in_arm;
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
	cr_assert_eq(scripted.parks + scripted.refusals, 0);
}

Test(level, a_report_between_arm_and_claim_is_latched)
{
	fake.in_arm = report_in_arm;
	cr_assert_eq(np_poll_wait(desc, NP_WRITE), 0);
	cr_assert_eq(scripted.parks + scripted.refusals, 0);
}

Test(level, each_wait_arms_once_however_often_it_parks)
{
	scripted.parked[0] = expire_and_clear;
	scripted.parked[1] = expire_and_clear;
	scripted.parked[2] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 3);
	cr_assert_eq(fake.arms, 1);
}

Test(level, a_wait_that_must_fail_does_not_arm)
{
	expire();
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EDEADLINE);
	cr_assert_eq(fake.arms, 0);
}

static void report_error_alone(void)
{
	fake_inject(FD, RUNTIME_POLL_READ | RUNTIME_POLL_WRITE | RUNTIME_POLL_ERROR);
	np_poller_turn(poller, 0);
}

/* Nothing is reported that was not asked for, so nothing would ever end the error. */
Test(level, an_error_is_told_once)
{
	report_error_alone();
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_ENOTPOLLABLE);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
}

Test(level, tags_of_thirty_two_bits_do)
{
	scripted.parked[0] = report_read;
	fake.tags[FD] &= UINT32_MAX;
	cr_assert_neq(fake.tags[FD], 0);
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
}

/* ---- order of errors ------------------------------------------------------------------------ */

static void report_error(void)
{
	fake_inject(FD, RUNTIME_POLL_READ | RUNTIME_POLL_WRITE | RUNTIME_POLL_ERROR);
	np_poller_turn(poller, 0);
}

Test(transitions, closed_comes_before_timeout_before_not_pollable)
{
	report_error();
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_ENOTPOLLABLE);
	expire();
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_EDEADLINE);
	unblock();
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_ECLOSED);
	cr_assert_eq(np_poll_reset(desc, NP_WRITE), NP_ECLOSED);
}

Test(transitions, only_reads_are_not_pollable_and_a_healthy_report_ends_it)
{
	report_error();
	cr_assert_eq(np_poll_reset(desc, NP_WRITE), 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), NP_ENOTPOLLABLE);
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ENOTPOLLABLE);
	report_read();
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
}

Test(transitions, an_error_wakes_the_reader_who_is_told)
{
	scripted.parked[0] = report_error;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0, "it was a report");
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_ENOTPOLLABLE);
}

/* ---- begin and end, for callbacks ------------------------------------------------------------ */

Test(transitions, a_callback_is_made_ready_once_and_told_why)
{
	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), 0);
	cr_assert_eq(scripted.readies, 0);
	report_twice();
	cr_assert_eq(scripted.readies, 1);
	cr_assert_eq(np_poll_end(desc, NP_READ), 0);

	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), 0);
	expire();
	cr_assert_eq(scripted.readies, 2);
	cr_assert_eq(np_poll_end(desc, NP_READ), NP_EDEADLINE);
	np_poll_set_deadline(desc, 0, NP_READ);

	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), 0);
	expire_and_clear();
	cr_assert_eq(scripted.readies, 3);
	cr_assert_eq(np_poll_end(desc, NP_READ), -EAGAIN, "begin again");

	report_read();
	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), 1, "there already");
	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), 0);
	unblock();
	cr_assert_eq(scripted.readies, 4);
	cr_assert_eq(np_poll_end(desc, NP_READ), NP_ECLOSED);
	cr_assert_eq(np_poll_begin(desc, NP_READ, &scripted.task), NP_ECLOSED);
}

/* ---- wait, whatever happens ------------------------------------------------------------------ */

static void expire_and_unblock(void)
{
	expire();
	unblock();
	report_read();
}

Test(transitions, a_canceled_wait_ends_by_a_report_alone)
{
	expire();
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait_canceled(desc, NP_READ), 0);
	scripted.parked[1] = expire_and_unblock;
	cr_assert_eq(np_poll_wait_canceled(desc, NP_READ), 0);
}

/* ---- I17: reports for what is closed --------------------------------------------------------- */

static struct np_poll_desc *successor;

/* Runs in the middle of a turn: the report in its batch is for a registration that ends now. */
static void close_and_open_another(void)
{
	fake.in_wait = NULL;
	fake_inject(FD, RUNTIME_POLL_READ | RUNTIME_POLL_WRITE | RUNTIME_POLL_ERROR);
	np_poll_unblock(desc);
	np_poll_close(desc);
	cr_assert_eq(np_poll_open(poller, OTHER, &successor), 0);
}

Test(transitions, a_report_in_the_batch_of_a_turn_does_not_reach_a_successor)
{
	struct np_poll_desc *closed = desc;

	fake.in_wait = close_and_open_another;
	np_poller_turn(poller, 0);
	cr_assert_neq(successor, closed, "what the batch may name is not given out in this turn");
	cr_assert_eq(atomic_load(&successor->slot[SIDE_READ]), SLOT_NIL);
	cr_assert_eq(np_poll_reset(successor, NP_READ), 0);
	cr_assert_eq(atomic_load(&closed->slot[SIDE_READ]), SLOT_NIL, "nor what is closed");
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
	cr_assert_eq(desc, closed, "after the turn it is");
	np_poll_unblock(successor);
	np_poll_close(successor);
}

Test(transitions, a_tag_of_an_earlier_life_is_dropped)
{
	uint64_t old_tag = fake.tags[FD];
	struct np_poll_desc *closed = desc;

	np_poll_unblock(desc);
	np_poll_close(desc);
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
	cr_assert_eq(desc, closed);
	cr_assert_neq(fake.tags[FD], old_tag);
	fake_inject_tag(old_tag, RUNTIME_POLL_READ | RUNTIME_POLL_ERROR | RUNTIME_POLL_HANGUP);
	np_poller_turn(poller, 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
	cr_assert_eq(atomic_load(&desc->info), INFO_OPEN | INFO_REGISTERED);
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(scripted.parks, 1);
}

Test(transitions, a_descriptor_begins_anew_when_it_is_opened_again)
{
	report_error();
	np_poll_set_deadline(desc, np_deadline(INT64_C(3600000000000)), NP_READ_WRITE);
	np_poll_unblock(desc);
	np_poll_close(desc);
	cr_assert_eq(np_poll_open(poller, FD, &desc), 0);
	cr_assert_eq(np_poll_reset(desc, NP_READ), 0);
	cr_assert_eq(atomic_load(&desc->slot[SIDE_READ]), SLOT_NIL);
	cr_assert_eq(atomic_load(&desc->slot[SIDE_WRITE]), SLOT_NIL);
	cr_assert_eq(atomic_load(&desc->deadline[SIDE_READ]), DEADLINE_NONE);
	cr_assert_eq(np_poller_next_deadline(poller), 0);
}

static void churn_in_wait(void)
{
	fake.in_wait = NULL;
	for (int i = 0; i < 200; i++) {
		cr_assert_eq(np_poll_open(poller, OTHER, &successor), 0);
		np_poll_unblock(successor);
		np_poll_close(successor);
	}
	cr_assert_gt(fake.breaks, 0, "a turn that keeps so many in limbo is asked to end");
}

Test(transitions, limbo_does_not_grow_for_ever)
{
	fake.in_wait = churn_in_wait;
	np_poller_turn(poller, 0);
	cr_assert_eq(atomic_load(&poller->table.limbo_count), 0);
}

/* ---- misuse -----------------------------------------------------------------------------------
 */

static const char *told;

static void note(const char *what)
{
	told = what;
}

static void wait_there_too(void)
{
	np_set_misuse_hook(note);
	cr_assert_eq(np_poll_wait(desc, NP_READ), NP_EMISUSE);
	cr_assert(told && strstr(told, "two tasks wait"));
	np_set_misuse_hook(NULL);
	report_read();
}

Test(transitions, a_second_waiter_is_told_and_the_first_goes_on)
{
	scripted.parked[0] = wait_there_too;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
}

static void close_under_waiter(void)
{
	np_set_misuse_hook(note);
	cr_assert_eq(np_poll_close(desc), NP_EMISUSE);
	cr_assert(told && strstr(told, "without being unblocked"));
	np_set_misuse_hook(NULL);
	report_read();
}

Test(transitions, a_close_without_unblock_is_told_and_not_done)
{
	scripted.parked[0] = close_under_waiter;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0);
	cr_assert_eq(fake.closes, 0);
}

Test(transitions, a_second_unblock_is_told)
{
	np_set_misuse_hook(note);
	unblock();
	cr_assert_null(told);
	cr_assert_eq(np_poll_unblock(desc), NP_EMISUSE);
	cr_assert(told && strstr(told, "unblocked twice"));
	np_set_misuse_hook(NULL);
}

Test(transitions, misuse_aborts_unless_somebody_asked_for_it, .signal = SIGABRT)
{
	unblock();
	unblock();
}

/* ---- bad input ---------------------------------------------------------------------------------
 */

Test(transitions, nonsense_is_refused)
{
	struct np_poll_desc *other;

	cr_assert_eq(np_poll_open(NULL, 1, &other), -EINVAL);
	cr_assert_eq(np_poll_open(poller, 1, NULL), -EINVAL);
	cr_assert_eq(np_poll_open(poller, -1, &other), -EBADF);
	cr_assert_eq(np_poll_open(poller, 63, &other), -EINVAL, "the poller's own");
	fake.open_error = -ENOSPC;
	cr_assert_eq(np_poll_open(poller, OTHER, &other), -ENOSPC);
	cr_assert_eq(np_poll_reset(NULL, NP_READ), -EINVAL);
	cr_assert_eq(np_poll_reset(desc, NP_READ_WRITE), -EINVAL);
	cr_assert_eq(np_poll_reset(desc, 0), -EINVAL);
	cr_assert_eq(np_poll_wait(desc, 4), -EINVAL);
	cr_assert_eq(np_poll_wait(NULL, NP_READ), -EINVAL);
	cr_assert_eq(np_poll_wait_canceled(desc, 0), -EINVAL);
	cr_assert_eq(np_poll_begin(desc, NP_READ, NULL), -EINVAL);
	cr_assert_eq(np_poll_begin(desc, 3, &scripted.task), -EINVAL);
	cr_assert_eq(np_poll_end(NULL, NP_READ), -EINVAL);
	cr_assert_eq(np_poll_set_deadline(desc, 1, 0), -EINVAL);
	cr_assert_eq(np_poll_set_deadline(desc, 1, 4), -EINVAL);
	cr_assert_eq(np_poll_set_deadline(NULL, 1, NP_READ), -EINVAL);
	cr_assert_eq(np_poll_unblock(NULL), -EINVAL);
	cr_assert_eq(np_poll_close(NULL), -EINVAL);
}

Test(transitions, a_task_that_cannot_park_is_told_so)
{
	static const struct np_parker callbacks = { .name = "callbacks" };
	struct np_task task = { .parker = &callbacks };

	report_read();
	np_task_enter(&task);
	cr_assert_eq(np_poll_wait(desc, NP_READ), -EDEADLK);
	cr_assert_eq(np_poll_begin(desc, NP_READ, &task), 1, "the report was not taken");
	np_task_enter(&scripted.task);
	scripted.parked[0] = report_read;
	cr_assert_eq(np_poll_wait(desc, NP_READ), 0, "and nothing is left behind");
}
