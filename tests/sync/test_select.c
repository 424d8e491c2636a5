/* SPDX-License-Identifier: MIT */
/*
 * tests/sync/test_select.c - one of several, each as likely; and channels and selects together
 * against a model of both.
 */
#include "core/sync/channel.h"
#include "tests/support/fake_backend.h"
#include "tests/sync/puppet.h"

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600) * 1000000000;

enum { PUPPETS = 6, CHANNELS = 3, CASES = 4 };

static struct np_channel *channels[CHANNELS];
static struct puppet puppets[PUPPETS];

static void begin(void)
{
	puppets_start(puppets, PUPPETS);
	for (int i = 0; i < CHANNELS; i++)
		np_channel_create(sizeof(uint64_t), (size_t)i, &channels[i]);
}

static void end(void)
{
	puppets_stop(puppets, PUPPETS);
	for (int i = 0; i < CHANNELS; i++)
		cr_assert_eq(np_channel_destroy(channels[i]), 0);
}

TestSuite(select, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static struct np_select_case case_of(struct np_channel *channel, int operation, uint64_t *element)
{
	return (struct np_select_case){ .channel = channel,
					.element = element,
					.operation = operation };
}

PUPPET_TEST(select, refuses_nonsense)
{
	struct np_select_case one = case_of(channels[1], 2, NULL);

	cr_assert_eq(np_select(&one, 1, -1), -EINVAL);
	one.operation = NP_SELECT_SEND;
	cr_assert_eq(np_select(&one, 1, -1), -EINVAL, "nothing to send");
	cr_assert_eq(np_select(&one, -1, -1), -EINVAL);
	cr_assert_eq(np_select(NULL, 1, -1), -EINVAL);
	cr_assert_eq(np_select(NULL, 0, -1), NP_EDEADLINE);
	cr_assert_eq(np_select(NULL, 0, np_deadline(MILLISECOND)), NP_EDEADLINE);
	one = case_of(NULL, 9, NULL);
	cr_assert_eq(np_select(&one, 1, -1), NP_EDEADLINE, "no channel, no case");
	np_task_self()->canceled = 1;
	cr_assert_eq(np_select(&one, 1, 0), NP_ECANCELED);
	np_task_self()->canceled = 0;
}

PUPPET_TEST(select, does_what_can_be_done)
{
	uint64_t sent = 11, received = 0;
	struct np_select_case cases[] = {
		case_of(channels[0], NP_SELECT_SEND, &sent),
		case_of(channels[1], NP_SELECT_RECEIVE, &received),
		case_of(channels[0], NP_SELECT_RECEIVE, &received),
		case_of(channels[2], NP_SELECT_SEND, &sent),
	};

	cr_assert_eq(np_select(cases, 3, -1), NP_EDEADLINE, "it does not meet itself");
	cr_assert_eq(np_select(cases, 4, -1), 3);
	cr_assert_eq(np_channel_length(channels[2]), 1);
	sent = 12;
	np_channel_send(channels[1], &sent);
	cr_assert_eq(np_select(cases, 3, 0), 1);
	cr_assert_eq(received, 12);
	cr_assert_eq(cases[1].result, 0);
	np_channel_close(channels[1]);
	cr_assert_eq(np_select(cases, 3, 0), 1);
	cr_assert_eq(cases[1].result, NP_ECLOSED);
	cases[1].operation = NP_SELECT_SEND;
	cr_assert_eq(np_select(cases, 3, 0), 1);
	cr_assert_eq(cases[1].result, NP_ECLOSED);
}

/*
 * Counts of a fair choice are that far from the mean, six standard deviations, about once in a
 * thousand million runs; a choice that begins at a random place and takes the next is far beyond.
 */
static void check_even(const int *counts, const int *ready, int ready_count, int rounds)
{
	for (int i = 0; i < ready_count; i++) {
		int64_t off = (int64_t)counts[ready[i]] * ready_count - rounds;

		cr_assert_leq(off * off, (int64_t)36 * rounds * ready_count, "%d of %d",
			      counts[ready[i]], rounds);
	}
}

PUPPET_TEST(select, each_that_can_be_done_is_as_likely)
{
	enum { MANY = 8, ROUNDS = 20000 };
	static const int ready[] = { 0, 1, 2, 6 };
	struct np_channel *many[MANY];
	struct np_select_case cases[MANY];
	int counts[MANY] = { 0 };
	uint64_t value;

	for (int i = 0; i < MANY; i++) {
		np_channel_create(sizeof(value), 1, &many[i]);
		cases[i] = case_of(many[i], NP_SELECT_RECEIVE, &value);
	}
	for (int i = 0; i < 4; i++)
		np_channel_close(many[ready[i]]);
	for (int round = 0; round < ROUNDS; round++)
		counts[np_select(cases, MANY, 0)]++;
	check_even(counts, ready, 4, ROUNDS);
	for (int i = 0; i < MANY; i++)
		np_channel_destroy(many[i]);
}

PUPPET_TEST(select, of_cases_of_one_channel_each_is_as_likely)
{
	static const int ready[] = { 0, 1, 2 };
	struct np_select_case cases[3];
	int counts[3] = { 0 };

	np_channel_close(channels[0]);
	for (int i = 0; i < 3; i++)
		cases[i] = case_of(channels[0], NP_SELECT_RECEIVE, NULL);
	for (int round = 0; round < 9000; round++)
		counts[np_select(cases, 3, 0)]++;
	check_even(counts, ready, 3, 9000);
}

static int select_two(struct puppet *self)
{
	struct np_select_case cases[] = {
		case_of(self->object, NP_SELECT_RECEIVE, &self->value),
		case_of(self->other, NP_SELECT_RECEIVE, &self->value),
		case_of(self->object, NP_SELECT_SEND, &self->value),
	};
	int chosen = np_select(cases, 3, self->deadline);

	return chosen < 0 ? chosen : 10 * chosen + (cases[chosen].result == NP_ECLOSED);
}

PUPPET_TEST(select, leaves_all_queues_when_one_is_done)
{
	uint64_t value = 21;

	puppets[0].object = channels[0];
	puppets[0].other = channels[1];
	puppet_queue(&puppets[0], select_two, &channels[1]->receivers);
	cr_assert_eq(np_channel_send(channels[1], &value), 0);
	cr_assert_eq(puppet_finish(&puppets[0]), 10);
	cr_assert_eq(puppets[0].value, 21);
	cr_assert(!channels[0]->receivers.first && !channels[0]->senders.first);
	puppets[0].deadline = np_deadline(MILLISECOND);
	cr_assert_eq(puppet_call(&puppets[0], select_two), NP_EDEADLINE);
	cr_assert(!channels[0]->receivers.first && !channels[0]->senders.first);
	cr_assert(!channels[1]->receivers.first);
}

PUPPET_TEST(select, two_that_send_and_receive_meet_each_other)
{
	puppets[0].object = puppets[1].object = channels[0];
	puppets[0].other = puppets[1].other = channels[1];
	puppet_queue(&puppets[0], select_two, &channels[0]->receivers);
	puppet_order(&puppets[1], select_two);
	cr_assert_eq(puppet_finish(&puppets[0]) + puppet_finish(&puppets[1]), 20);
}

PUPPET_TEST(select, is_told_that_a_channel_was_closed)
{
	puppets[0].object = channels[0];
	puppets[0].other = channels[1];
	puppet_queue(&puppets[0], select_two, &channels[1]->receivers);
	np_channel_close(channels[1]);
	cr_assert_eq(puppet_finish(&puppets[0]), 11);
}

PUPPET_TEST(select, sorts_any_number_of_cases)
{
	enum { MANY = 1000 };
	static struct np_select_case cases[MANY];
	uint64_t random = fixture_seed(), value = 0;

	for (int i = 0; i < MANY; i++)
		cases[i] = case_of(channels[fixture_random(&random) % CHANNELS], NP_SELECT_RECEIVE,
				   &value);
	cases[MANY / 2].channel = NULL;
	cr_assert_eq(np_select(cases, MANY, -1), NP_EDEADLINE);
	cr_assert_eq(np_select(cases, MANY, np_deadline(MILLISECOND)), NP_EDEADLINE);
	for (int i = 0; i < CHANNELS; i++)
		cr_assert(!channels[i]->lock && !channels[i]->receivers.first);
}

/* ---- several cases of a channel that is destroyed -------------------------------------------- */

enum { TWIN_ROUNDS = 20, CLOSED = 10 };

/* What the puppet does with one channel, between a case of another; and the end of it. */
struct twins {
	int operations[2];
	bool destroys; /* the puppet, that is */
};

static const struct twins all_twins[] = {
	{ { NP_SELECT_SEND, NP_SELECT_SEND }, false },
	{ { NP_SELECT_SEND, NP_SELECT_RECEIVE }, false },
	{ { NP_SELECT_RECEIVE, NP_SELECT_SEND }, false },
	{ { NP_SELECT_SEND, NP_SELECT_RECEIVE }, true },
	{ { NP_SELECT_RECEIVE, NP_SELECT_SEND }, true },
	{ { NP_SELECT_RECEIVE, NP_SELECT_RECEIVE }, true },
};

/* Returns what it did. */
static int select_twins(struct puppet *self)
{
	const struct twins *twins = self->other;
	uint64_t ignored;
	struct np_select_case cases[] = {
		case_of(self->object, twins->operations[0], &self->value),
		case_of(channels[1], NP_SELECT_RECEIVE, &ignored),
		case_of(self->object, twins->operations[1], &self->value),
	};
	int chosen = np_select(cases, 3, self->deadline);

	if (chosen < 0)
		return chosen;
	if (twins->destroys && np_channel_destroy(self->object))
		return NP_EMISUSE;
	return cases[chosen].operation + (cases[chosen].result == NP_ECLOSED ? CLOSED : 0);
}

/* A channel for which the puppet's select waits. */
static struct np_channel *begin_twins(const struct twins *twins, int64_t deadline)
{
	struct np_channel *channel;

	cr_assert_eq(np_channel_create(sizeof(uint64_t), 0, &channel), 0);
	puppets[0].object = channel;
	puppets[0].other = (void *)(uintptr_t)twins;
	puppets[0].value = 2;
	puppets[0].deadline = deadline;
	puppet_queue(&puppets[0], select_twins, channel_queue(channel, twins->operations[1]));
	return channel;
}

/* Who has the last element, the puppet or this task, asks nobody whether the other has returned. */
static void meet_twins(const struct twins *twins, int64_t deadline)
{
	struct np_channel *channel = begin_twins(twins, deadline);
	uint64_t value = 3;

	if (twins->destroys) {
		cr_assert_eq(np_channel_send(channel, &value), 0);
		cr_assert_eq(puppet_finish(&puppets[0]), NP_SELECT_RECEIVE);
		cr_assert_eq(puppets[0].value, 3);
	} else {
		cr_assert_eq(np_channel_receive(channel, &value), 0);
		cr_assert_eq(np_channel_destroy(channel), 0, "%s", puppet_misuse);
		cr_assert_eq(value, 2);
		cr_assert_eq(puppet_finish(&puppets[0]), NP_SELECT_SEND);
	}
}

PUPPET_TEST(select, of_a_channel_in_several_cases_leaves_none_behind_when_it_meets_another)
{
	np_set_misuse_hook(puppet_note_misuse);
	for (int round = 0; round < TWIN_ROUNDS; round++)
		for (size_t i = 0; i < sizeof(all_twins) / sizeof(all_twins[0]); i++)
			meet_twins(&all_twins[i], round % 2 ? np_deadline(HOUR) : 0);
}

PUPPET_TEST(select, of_a_channel_in_several_cases_leaves_none_behind_when_that_is_closed)
{
	struct twins twins;

	np_set_misuse_hook(puppet_note_misuse);
	for (int round = 0; round < TWIN_ROUNDS; round++)
		for (size_t i = 0; i < sizeof(all_twins) / sizeof(all_twins[0]); i++) {
			twins = all_twins[i];
			twins.destroys = true;
			np_channel_close(begin_twins(&twins, 0));
			cr_assert_geq(puppet_finish(&puppets[0]), CLOSED, "%s", puppet_misuse);
		}
}

/* ---- a model ------------------------------------------------------------------------------ */

/* What a puppet selects from; cases of it that are not there have no channel. */
struct plan {
	int count;
	int channel[CASES];
	int operation[CASES];
	uint64_t sent[CASES];
	uint64_t received[CASES];
	struct np_select_case cases[CASES];
	bool waits;
	uint64_t since; /* the order of beginning to wait */
};

struct model_channel {
	uint64_t held[CHANNELS];
	size_t count;
	bool closed;
};

static struct plan plans[PUPPETS];
static struct model_channel model[CHANNELS];
static uint64_t now;

static int select_plan(struct puppet *self)
{
	struct plan *plan = self->object;

	return np_select(plan->cases, plan->count, self->deadline);
}

/* The first who waits to do the opposite on that channel. */
static int partner(int channel, int operation, int *ret_case)
{
	int found = -1;

	for (int i = 0; i < PUPPETS; i++)
		for (int c = 0; c < plans[i].count; c++)
			if (plans[i].waits && plans[i].channel[c] == channel &&
			    plans[i].operation[c] != operation &&
			    (found < 0 || plans[i].since < plans[found].since)) {
				found = i;
				*ret_case = c;
			}
	return found;
}

static bool is_possible(int channel, int operation)
{
	int ignored;

	if (model[channel].closed || partner(channel, operation, &ignored) >= 0)
		return true;
	return operation == NP_SELECT_SEND ? model[channel].count < (size_t)channel
					   : model[channel].count > 0;
}

/* Who waited has been served: case @c of its plan, nothing else. */
static void expect_served(int i, int c, int result)
{
	int chosen = puppet_finish(&puppets[i]);

	plans[i].waits = false;
	cr_assert_geq(chosen, 0);
	/* Two cases of one kind on one channel are as good. */
	cr_assert_eq(plans[i].channel[chosen], plans[i].channel[c]);
	cr_assert_eq(plans[i].operation[chosen], plans[i].operation[c]);
	cr_assert_eq(plans[i].cases[chosen].result, result);
}

static void model_send(int channel, uint64_t value)
{
	struct model_channel *m = &model[channel];
	int c, receiver = partner(channel, NP_SELECT_SEND, &c);

	if (receiver >= 0) {
		expect_served(receiver, c, 0);
		cr_assert_eq(plans[receiver].received[puppets[receiver].result], value);
	} else {
		cr_assert_lt(m->count, (size_t)channel);
		m->held[m->count++] = value;
	}
}

static void model_receive(int channel, uint64_t value)
{
	struct model_channel *m = &model[channel];
	int c, sender = partner(channel, NP_SELECT_RECEIVE, &c);
	uint64_t next = 0;

	if (sender >= 0) {
		expect_served(sender, c, 0);
		next = plans[sender].sent[puppets[sender].result];
	}
	if (m->count) {
		cr_assert_eq(value, m->held[0]);
		m->count--;
		for (size_t i = 0; i < m->count; i++)
			m->held[i] = m->held[i + 1];
		if (sender >= 0)
			m->held[m->count++] = next;
	} else {
		cr_assert(sender >= 0);
		cr_assert_eq(value, next);
	}
}

static void model_done(struct plan *plan, int chosen)
{
	int channel = plan->channel[chosen];
	int operation = plan->operation[chosen];
	bool is_closed =
		model[channel].closed && (operation == NP_SELECT_SEND || !model[channel].count);

	cr_assert_eq(plan->cases[chosen].result, is_closed ? NP_ECLOSED : 0);
	if (is_closed)
		return;
	if (operation == NP_SELECT_SEND)
		model_send(channel, plan->sent[chosen]);
	else
		model_receive(channel, plan->received[chosen]);
}

static void make_plan(struct plan *plan, uint64_t *random)
{
	*plan = (struct plan){ .count = 1 + (int)(fixture_random(random) % CASES) };
	for (int c = 0; c < plan->count; c++) {
		bool sends = fixture_random(random) % 2;

		plan->channel[c] = (int)(fixture_random(random) % CHANNELS);
		plan->operation[c] = sends ? NP_SELECT_SEND : NP_SELECT_RECEIVE;
		plan->sent[c] = fixture_random(random);
		plan->cases[c] = case_of(channels[plan->channel[c]], plan->operation[c],
					 sends ? &plan->sent[c] : &plan->received[c]);
	}
}

static void run_plan(int i, uint64_t random)
{
	struct plan *plan = &plans[i];
	struct np_wait_queue *queue = channel_queue(channels[plan->channel[0]], plan->operation[0]);
	bool possible = false;
	int chosen;

	for (int c = 0; c < plan->count; c++)
		possible = possible || is_possible(plan->channel[c], plan->operation[c]);
	puppets[i].object = plan;
	puppets[i].deadline = random % 8 == 0 ? -1 : random % 8 == 1 ? np_deadline(MILLISECOND) : 0;
	if (!possible && puppets[i].deadline == 0) {
		puppet_queue(&puppets[i], select_plan, queue);
		plan->since = ++now;
		plan->waits = true;
		return;
	}
	chosen = puppet_call(&puppets[i], select_plan);
	if (!possible) {
		cr_assert_eq(chosen, NP_EDEADLINE);
		return;
	}
	cr_assert(chosen >= 0 && is_possible(plan->channel[chosen], plan->operation[chosen]));
	model_done(plan, chosen);
}

static void close_channel(int channel)
{
	int c, waiter;

	np_channel_close(channels[channel]);
	while ((waiter = partner(channel, NP_SELECT_SEND, &c)) >= 0 ||
	       (waiter = partner(channel, NP_SELECT_RECEIVE, &c)) >= 0) {
		int chosen = puppet_finish(&puppets[waiter]);

		plans[waiter].waits = false;
		cr_assert_eq(plans[waiter].channel[chosen], channel);
		cr_assert_eq(plans[waiter].cases[chosen].result, NP_ECLOSED);
	}
	model[channel].closed = true;
}

/* A closed one is in every plan's way: a new one takes its place when nobody uses it. */
static void renew(int channel)
{
	cr_assert_eq(np_channel_destroy(channels[channel]), 0);
	np_channel_create(sizeof(uint64_t), (size_t)channel, &channels[channel]);
	model[channel] = (struct model_channel){ .count = 0 };
}

PUPPET_TEST(select, and_channels_do_what_a_model_does)
{
	uint64_t random = fixture_seed();

	for (int step = 0; step < 6000; step++) {
		int i = (int)(fixture_random(&random) % PUPPETS);
		int channel = (int)(fixture_random(&random) % CHANNELS);

		if (!plans[i].waits) {
			make_plan(&plans[i], &random);
			run_plan(i, fixture_random(&random));
		}
		if (model[channel].closed && fixture_random(&random) % 16 == 0)
			renew(channel);
		else if (fixture_random(&random) % 64 == 0)
			close_channel(channel);
		for (i = 0; i < CHANNELS; i++)
			cr_assert_eq(np_channel_length(channels[i]), model[i].count);
		for (i = 0; i < PUPPETS; i++)
			cr_assert_eq(atomic_load(&puppets[i].busy), plans[i].waits);
	}
	for (int i = 0; i < CHANNELS; i++)
		close_channel(i);
}
