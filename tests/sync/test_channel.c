/* SPDX-License-Identifier: MIT */
/* tests/sync/test_channel.c - what is sent arrives once, in order, and nobody waits for nothing. */
#include "core/sync/channel.h"
#include "tests/support/fake_backend.h"
#include "tests/sync/puppet.h"

#include <stdlib.h>

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600000000000);

enum { PUPPETS = 4 };

static struct np_channel *channel;
static struct puppet puppets[PUPPETS];

static void begin(void)
{
	np_set_misuse_hook(puppet_note_misuse);
	puppets_start(puppets, PUPPETS);
}

static void end(void)
{
	puppets_stop(puppets, PUPPETS);
	cr_assert_eq(np_channel_destroy(channel), 0);
}

TestSuite(channel, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static void make(size_t capacity)
{
	cr_assert_eq(np_channel_create(sizeof(uint64_t), capacity, &channel), 0);
}

static int send(struct puppet *self)
{
	return np_channel_send_until(channel, &self->value, self->deadline);
}

static int receive(struct puppet *self)
{
	return np_channel_receive_until(channel, &self->value, self->deadline);
}

PUPPET_TEST(channel, holds_as_many_as_its_capacity_and_gives_them_in_order)
{
	uint64_t value = 7;

	make(3);
	cr_assert_eq(np_channel_capacity(channel), 3);
	for (uint64_t round = 0; round < 10; round++) {
		for (uint64_t i = 0; i < 3; i++) {
			value = 10 * round + i;
			cr_assert_eq(np_channel_length(channel), i);
			cr_assert_eq(np_channel_try_send(channel, &value), 0);
		}
		cr_assert_eq(np_channel_try_send(channel, &value), -EAGAIN);
		cr_assert_eq(np_channel_send_until(channel, &value, -1), NP_EDEADLINE);
		for (uint64_t i = 0; i < 3; i++) {
			cr_assert_eq(np_channel_receive(channel, &value), 0);
			cr_assert_eq(value, 10 * round + i);
		}
		cr_assert_eq(np_channel_try_receive(channel, &value), -EAGAIN);
		cr_assert_eq(np_channel_receive_until(channel, &value, -1), NP_EDEADLINE);
	}
	cr_assert_eq(np_channel_length(channel), 0);
}

PUPPET_TEST(channel, refuses_nonsense)
{
	uint64_t value = 0;

	make(1);
	cr_assert_eq(np_channel_create(8, 1, NULL), -EINVAL);
	cr_assert_eq(np_channel_create(8, SIZE_MAX / 8, &channel), -ENOMEM);
	cr_assert_eq(np_channel_create(SIZE_MAX, 1, &channel), -ENOMEM);
	cr_assert_eq(np_channel_send(NULL, &value), -EINVAL);
	cr_assert_eq(np_channel_send(channel, NULL), -EINVAL);
	cr_assert_eq(np_channel_receive(NULL, &value), -EINVAL);
	cr_assert_eq(np_channel_close(NULL), -EINVAL);
	cr_assert_eq(np_channel_destroy(NULL), 0);
	cr_assert_eq(np_channel_length(NULL), 0);
	cr_assert_eq(np_channel_capacity(NULL), 0);
}

/* Guards on both sides of each copy. */
PUPPET_TEST(channel, copies_elements_of_any_size_and_no_byte_more)
{
	static const size_t sizes[] = { 0, 1, 3, 4, 7, 8, 9, 16, 100, 4096 };

	make(1);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		unsigned char *sent = malloc(sizes[i] + 1), *received = malloc(sizes[i] + 2);
		struct np_channel *any;

		memset(sent, (int)i + 1, sizes[i] + 1);
		memset(received, 0xff, sizes[i] + 2);
		cr_assert_eq(np_channel_create(sizes[i], 2, &any), 0);
		cr_assert_eq(np_channel_send(any, sent), 0);
		cr_assert_eq(np_channel_send(any, sent + 1 - !sizes[i]), 0);
		cr_assert_eq(np_channel_receive(any, NULL), 0, "dropped");
		cr_assert_eq(np_channel_receive(any, received + 1), 0);
		cr_assert(!memcmp(received + 1, sent, sizes[i]));
		cr_assert_eq(received[0], 0xff);
		cr_assert_eq(received[sizes[i] + 1], 0xff);
		cr_assert_eq(np_channel_destroy(any), 0);
		free(sent);
		free(received);
	}
}

PUPPET_TEST(channel, without_room_sender_and_receiver_meet)
{
	make(0);
	puppets[0].value = 5;
	puppet_queue(&puppets[0], send, &channel->senders);
	cr_assert_eq(puppet_call(&puppets[1], receive), 0);
	cr_assert_eq(puppets[1].value, 5);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	puppet_queue(&puppets[1], receive, &channel->receivers);
	puppets[0].value = 6;
	cr_assert_eq(puppet_call(&puppets[0], send), 0);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
	cr_assert_eq(puppets[1].value, 6);
}

PUPPET_TEST(channel, a_sender_that_waits_is_behind_what_is_in_the_ring)
{
	uint64_t value = 1;

	make(1);
	cr_assert_eq(np_channel_send(channel, &value), 0);
	puppets[0].value = 2;
	puppet_queue(&puppets[0], send, &channel->senders);
	puppets[1].value = 3;
	puppet_queue(&puppets[1], send, &channel->senders);
	for (uint64_t i = 1; i <= 3; i++) {
		cr_assert_eq(np_channel_receive(channel, &value), 0);
		cr_assert_eq(value, i);
	}
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	cr_assert_eq(puppet_finish(&puppets[1]), 0);
}

PUPPET_TEST(channel, a_deadline_ends_the_wait_and_nothing_is_sent)
{
	uint64_t value = 9;

	make(0);
	puppets[0].deadline = np_deadline(MILLISECOND);
	cr_assert_eq(puppet_call(&puppets[0], send), NP_EDEADLINE);
	cr_assert_eq(np_channel_try_receive(channel, &value), -EAGAIN);
	puppets[0].deadline = np_deadline(MILLISECOND);
	cr_assert_eq(puppet_call(&puppets[0], receive), NP_EDEADLINE);
	cr_assert_eq(np_channel_try_send(channel, &value), -EAGAIN);
	puppets[0].deadline = np_deadline(HOUR);
	puppet_queue(&puppets[0], receive, &channel->receivers);
	cr_assert_eq(np_channel_send(channel, &value), 0);
	cr_assert_eq(puppet_finish(&puppets[0]), 0);
	cr_assert_eq(puppets[0].value, 9);
}

PUPPET_TEST(channel, closed_gives_what_it_has_then_says_so)
{
	uint64_t value = 4;

	make(2);
	np_channel_send(channel, &value);
	cr_assert_eq(np_channel_close(channel), 0);
	cr_assert_eq(np_channel_close(channel), NP_ECLOSED);
	cr_assert_eq(np_channel_send(channel, &value), NP_ECLOSED);
	cr_assert_eq(np_channel_try_send(channel, &value), NP_ECLOSED);
	value = 0;
	cr_assert_eq(np_channel_receive(channel, &value), 0);
	cr_assert_eq(value, 4);
	cr_assert_eq(np_channel_receive(channel, &value), NP_ECLOSED);
	cr_assert_eq(np_channel_try_receive(channel, &value), NP_ECLOSED);
	cr_assert_eq(value, 4, "not written");
}

PUPPET_TEST(channel, close_wakes_all_who_wait)
{
	uint64_t value = 1;

	make(0);
	for (int i = 0; i < PUPPETS; i++)
		puppet_queue(&puppets[i], receive, &channel->receivers);
	np_channel_close(channel);
	for (int i = 0; i < PUPPETS; i++)
		cr_assert_eq(puppet_finish(&puppets[i]), NP_ECLOSED);
	np_channel_destroy(channel);

	make(1);
	np_channel_send(channel, &value);
	for (int i = 0; i < PUPPETS; i++)
		puppet_queue(&puppets[i], send, &channel->senders);
	np_channel_close(channel);
	for (int i = 0; i < PUPPETS; i++)
		cr_assert_eq(puppet_finish(&puppets[i]), NP_ECLOSED);
	cr_assert_eq(np_channel_receive(channel, &value), 0);
	cr_assert_eq(np_channel_receive(channel, &value), NP_ECLOSED, "theirs were not sent");
}

PUPPET_TEST(channel, destroying_one_on_which_somebody_waits_is_told)
{
	make(0);
	puppet_queue(&puppets[0], receive, &channel->receivers);
	cr_assert_eq(np_channel_destroy(channel), NP_EMISUSE);
	cr_assert_str_eq(puppet_misuse, "destroying a channel on which somebody waits");
	np_channel_close(channel);
	cr_assert_eq(puppet_finish(&puppets[0]), NP_ECLOSED);
}

PUPPET_TEST(channel, a_canceled_task_neither_sends_nor_receives)
{
	uint64_t value = 1;

	make(1);
	np_task_self()->canceled = 1;
	cr_assert_eq(np_channel_send(channel, &value), NP_ECANCELED);
	cr_assert_eq(np_channel_receive(channel, &value), NP_ECANCELED);
	cr_assert_eq(np_channel_try_send(channel, &value), 0, "this call never waits");
	np_task_self()->canceled = 0;
}

/* A thread's is never filled up again. */
Test(channel, calls_that_do_not_wait_use_up_the_budget)
{
	struct np_task *self = np_task_self();
	uint32_t before = self->budget;
	uint64_t value = 1;
	struct np_select_case one;

	make(1);
	one = (struct np_select_case){ .channel = channel };
	np_channel_send(channel, &value);
	np_channel_receive(channel, &value);
	np_channel_try_receive(channel, &value);
	np_select(&one, 1, -1);
	cr_assert_eq(before - self->budget, 4);
	cr_assert_eq(np_channel_destroy(channel), 0);
}

/*
 * ---- under script: what comes when the other side is parked, or between queueing and parking,
 * which is possible only with a deadline
 */

static struct np_poller *poller;
static uint64_t passed;

static void begin_script(void)
{
	poller = fake_begin(&fake_edge);
	scripted.task.poller = poller;
	make(0);
}

static void end_script(void)
{
	fake_end(poller);
}

TestSuite(scripted_channel, .init = begin_script, .fini = end_script, .timeout = FIXTURE_TIMEOUT);

static void receive_and_destroy(void)
{
	cr_assert_eq(np_channel_try_receive(channel, &passed), 0);
	channel->lock = 1; /* who touches what is freed shall hang, with or without a sanitizer */
}

static void check_destroyed(void)
{
	cr_assert_eq(channel->lock, 1, "the sender has touched what was no longer its");
	channel->lock = 0;
	cr_assert_eq(np_channel_destroy(channel), 0);
}

Test(scripted_channel, may_be_destroyed_by_the_receiver_before_the_sender_has_parked)
{
	uint64_t value = 3;

	scripted.before_commit = receive_and_destroy;
	cr_assert_eq(np_channel_send_until(channel, &value, np_deadline(HOUR)), 0);
	cr_assert_eq(scripted.refusals, 1);
	cr_assert_eq(passed, 3);
	check_destroyed();
}

Test(scripted_channel, may_be_destroyed_by_the_receiver_when_the_sender_has_parked)
{
	uint64_t value = 3;

	scripted.parked[0] = receive_and_destroy;
	cr_assert_eq(np_channel_send(channel, &value), 0);
	cr_assert_eq(scripted.parks, 1);
	check_destroyed();
}

Test(scripted_channel, may_be_destroyed_by_who_wins_a_select)
{
	uint64_t value = 3;
	struct np_select_case cases[] = {
		{ .channel = NULL },
		{ .channel = channel, .element = &value, .operation = NP_SELECT_SEND },
	};

	scripted.before_commit = receive_and_destroy;
	cr_assert_eq(np_select(cases, 2, np_deadline(HOUR)), 1);
	cr_assert_eq(cases[1].result, 0);
	check_destroyed();
}

static void close_it(void)
{
	cr_assert_eq(np_channel_close(channel), 0);
	channel->lock = 1;
}

Test(scripted_channel, may_be_destroyed_by_who_was_told_that_it_is_closed)
{
	scripted.before_commit = close_it;
	cr_assert_eq(np_channel_receive_until(channel, &passed, np_deadline(HOUR)), NP_ECLOSED);
	check_destroyed();
}

static void expire_then_send(void)
{
	uint64_t value = 8;

	cr_assert_eq(np_poller_turn(poller, 0), 1);
	cr_assert_eq(np_channel_try_send(channel, &value), -EAGAIN, "nobody waits any more");
}

Test(scripted_channel, nothing_is_given_to_a_wait_that_is_over)
{
	passed = 1;
	scripted.parked[0] = expire_then_send;
	cr_assert_eq(np_channel_receive_until(channel, &passed, 1), NP_EDEADLINE);
	cr_assert_eq(passed, 1);
	cr_assert_eq(np_channel_destroy(channel), 0);
}

/* ---- the ticket itself -------------------------------------------------------------------- */

static struct ticket ticket;
static struct wakeups wakeups;
static const struct np_wait kind = {
	.what = "test",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
};

static void claim(void)
{
	struct task_list nobody = { .head = NULL };

	cr_assert(np__ticket_claim(&ticket, 5, &wakeups));
	cr_assert(!np__ticket_claim(&ticket, 6, &wakeups));
	cr_assert(!np__ticket_take(&ticket, 7, &nobody));
	cr_assert(!np__ticket_retract(&scripted.task, &ticket));
}

static void tell(void)
{
	cr_assert_eq(scripted.readies, 0, "not before it is told");
	cr_assert(!np__ticket_retract(&scripted.task, &ticket));
	np__wakeups_send(&wakeups);
}

static void claim_and_tell(void)
{
	claim();
	tell();
}

static void begin_ticket(void)
{
	begin_script();
	np_channel_destroy(channel);
	cr_assert_eq(np__ticket_draw(&ticket), 0);
}

TestSuite(ticket, .init = begin_ticket, .fini = end_script, .timeout = FIXTURE_TIMEOUT);

Test(ticket, claimed_before_it_is_parked_waits_to_be_told)
{
	scripted.before_commit = claim;
	scripted.parked[0] = tell;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, 0), 5);
	cr_assert_eq(scripted.parks, 1);
}

Test(ticket, claimed_and_told_before_it_is_parked_is_not_parked)
{
	scripted.before_commit = claim_and_tell;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, 0), 5);
	cr_assert_eq(scripted.refusals, 1);
}

Test(ticket, claimed_when_parked)
{
	scripted.parked[0] = claim_and_tell;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, 0), 5);
}

Test(ticket, claimed_before_the_wait_gives_up_wins)
{
	claim();
	scripted.parked[0] = tell;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, -1), 5);
}

Test(ticket, with_a_deadline_claimed_before_it_is_parked_leaves_no_timer)
{
	scripted.before_commit = claim;
	scripted.parked[0] = tell;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, np_deadline(HOUR)), 5);
	cr_assert_eq(np_poller_next_deadline(poller), 0);
}

static uint32_t lock = 1;

static void cancel_then_claim(void)
{
	cr_assert_eq(lock, 0, "given as it parked");
	cr_assert(np__ticket_retract(&scripted.task, &ticket));
	cr_assert(!np__ticket_claim(&ticket, 5, &wakeups));
	np_ready(&scripted.task);
}

Test(ticket, that_keeps_the_lock_is_claimed_by_one_only)
{
	np__ticket_keep(&ticket, &lock, 0);
	scripted.parked[0] = cancel_then_claim;
	cr_assert_eq(np__ticket_wait(&ticket, &kind, 0), NP_ECANCELED);
}

Test(ticket, that_keeps_the_lock_gives_it_before_it_waits_for_time)
{
	np__ticket_keep(&ticket, &lock, 0);
	cr_assert_eq(np__ticket_wait(&ticket, &kind, -1), NP_EDEADLINE);
	cr_assert_eq(lock, 0);
}
