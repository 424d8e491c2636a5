/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/channel_races.c - channels and selects under many hands of any kind.
 *
 * Each element carries its sender and a number that grows: it must arrive once, and those of one
 * sender that one receiver gets from one channel in the order of sending. Deadlines as short as a
 * hand-over end waits while they are being served: what was not sent is sent again, so nothing may
 * arrive twice.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { SENDERS = 3, RECEIVERS = 3, CHANNELS = 3, SENT = 300 };

struct element {
	uint32_t sender;
	uint32_t number;
	uint64_t check; /* so that it is not one word, and a torn copy shows */
};

struct storm {
	struct np_channel *channels[CHANNELS];
	struct np_wait_group senders;
	bool selects;
	atomic_uchar arrived[SENDERS][SENT];
};

struct hand {
	struct storm *storm;
	uint32_t index;
	uint64_t random;
	struct spawn task;
};

static unsigned seeds;

/* Past, soon, far or none. */
static int64_t some_deadline(uint64_t *random)
{
	switch (stress_below(random, 4)) {
	case 0:
		return -1;
	case 1:
		return np_deadline(stress_below(random, 100) * MICROSECOND);
	case 2:
		return np_deadline(HOUR);
	default:
		return 0;
	}
}

/* ---- sending ------------------------------------------------------------------------------ */

static int send_by_select(struct hand *self, struct element *element)
{
	struct np_select_case cases[CHANNELS];
	int first = (int)stress_below(&self->random, CHANNELS);
	int chosen;

	for (int i = 0; i < CHANNELS; i++)
		cases[i] = (struct np_select_case){
			.channel = self->storm->channels[(first + i) % CHANNELS],
			.element = element,
			.operation = NP_SELECT_SEND,
		};
	chosen = np_select(cases, CHANNELS, some_deadline(&self->random));
	return chosen < 0 ? chosen : cases[chosen].result;
}

static int send_somehow(struct hand *self, struct element *element)
{
	struct np_channel *channel = self->storm->channels[0];

	if (self->storm->selects && stress_below(&self->random, 4))
		return send_by_select(self, element);
	if (self->storm->selects)
		channel = self->storm->channels[stress_below(&self->random, CHANNELS)];
	return np_channel_send_until(channel, element, some_deadline(&self->random));
}

static void send_all(void *arg)
{
	struct hand *self = arg;

	for (uint32_t number = 0; number < SENT; number++) {
		struct element element = { self->index, number, ~(uint64_t)number };
		int error;

		do
			error = send_somehow(self, &element);
		while (error == NP_EDEADLINE);
		STRESS_CHECK(error == 0, "send: %s", np_strerror(error));
	}
	np_wait_group_done(&self->storm->senders);
}

/* ---- receiving ---------------------------------------------------------------------------- */

/* From any that is not closed yet; NP_ECLOSED when all are. */
static int receive_by_select(struct hand *self, bool *closed, struct element *element,
			     int *ret_channel)
{
	struct np_select_case cases[CHANNELS];
	int open = 0;
	int chosen;

	for (int i = 0; i < CHANNELS; i++) {
		cases[i] = (struct np_select_case){
			.channel = closed[i] ? NULL : self->storm->channels[i],
			.element = element,
		};
		open += !closed[i];
	}
	if (!open)
		return NP_ECLOSED;
	chosen = np_select(cases, CHANNELS, some_deadline(&self->random));
	if (chosen < 0)
		return chosen;
	*ret_channel = chosen;
	if (cases[chosen].result != NP_ECLOSED)
		return cases[chosen].result;
	closed[chosen] = true;
	return NP_EDEADLINE;
}

static void arrive(struct storm *storm, const struct element *element, int64_t *last)
{
	uint32_t sender = element->sender, number = element->number;

	STRESS_CHECK(sender < SENDERS && number < SENT && element->check == ~(uint64_t)number,
		     "an element is torn");
	STRESS_CHECK(!atomic_exchange(&storm->arrived[sender][number], 1),
		     "%u of %u has arrived twice", number, sender);
	STRESS_CHECK(number > last[sender], "%u of %u came after %lld", number, sender,
		     (long long)last[sender]);
	last[sender] = number;
}

static void receive_all(void *arg)
{
	struct hand *self = arg;
	int64_t last[CHANNELS][SENDERS];
	bool closed[CHANNELS] = { false };
	struct element element;
	int channel = 0, error;

	memset(last, 0xff, sizeof(last)); /* -1 */
	do {
		if (self->storm->selects)
			error = receive_by_select(self, closed, &element, &channel);
		else
			error = np_channel_receive_until(self->storm->channels[0], &element,
							 some_deadline(&self->random));
		if (error == 0)
			arrive(self->storm, &element, last[channel]);
	} while (error == 0 || error == NP_EDEADLINE);
	STRESS_CHECK(error == NP_ECLOSED, "receive: %s", np_strerror(error));
}

/* ---- the storm ---------------------------------------------------------------------------- */

static void start(struct hand *hand, struct storm *storm, int index, void (*fn)(void *))
{
	*hand = (struct hand){ .storm = storm,
			       .index = (uint32_t)index,
			       .random = stress_seed(seeds++) };
	spawn_start(&hand->task, fn, hand);
}

static void storm(bool selects, size_t capacity)
{
	static struct storm all;
	struct hand senders[SENDERS], receivers[RECEIVERS];

	stress_phase(selects ? "the select storm" : "the channel storm");
	memset(&all, 0, sizeof(all));
	all.selects = selects;
	for (size_t i = 0; i < CHANNELS; i++)
		np_channel_create(sizeof(struct element), (capacity + i) % 3, &all.channels[i]);
	np_wait_group_add(&all.senders, SENDERS);
	for (int i = 0; i < SENDERS; i++)
		start(&senders[i], &all, i, send_all);
	for (int i = 0; i < RECEIVERS; i++)
		start(&receivers[i], &all, i, receive_all);
	np_wait_group_wait(&all.senders);
	for (int i = 0; i < CHANNELS; i++)
		STRESS_CHECK(np_channel_close(all.channels[i]) == 0, "closed already");
	for (int i = 0; i < SENDERS; i++)
		spawn_join(&senders[i].task);
	for (int i = 0; i < RECEIVERS; i++)
		spawn_join(&receivers[i].task);
	for (int i = 0; i < CHANNELS; i++)
		STRESS_CHECK(np_channel_destroy(all.channels[i]) == 0, "somebody waits");
	for (int i = 0; i < SENDERS; i++)
		for (int n = 0; n < SENT; n++)
			STRESS_CHECK(atomic_load(&all.arrived[i][n]), "%d of %d is lost", n, i);
}

/* ---- close against all -------------------------------------------------------------------- */

struct closing {
	struct np_channel *channel;
	atomic_long sent;
	atomic_long received;
};

static void send_until_closed(void *arg)
{
	struct closing *closing = arg;
	uint64_t word = 1;

	while (np_channel_send(closing->channel, &word) == 0)
		atomic_fetch_add(&closing->sent, 1);
}

static void receive_until_closed(void *arg)
{
	struct closing *closing = arg;
	struct np_select_case one = { .channel = closing->channel };

	while (np_select(&one, 1, 0) == 0 && one.result == 0)
		atomic_fetch_add(&closing->received, 1);
}

static void close_storm(size_t capacity)
{
	struct closing closing = { .channel = NULL };
	uint64_t random = stress_seed(seeds++);
	struct spawn tasks[4];

	stress_phase("the close storm");
	np_channel_create(sizeof(uint64_t), capacity, &closing.channel);
	for (int i = 0; i < 4; i++)
		spawn_start(&tasks[i], i & 1 ? send_until_closed : receive_until_closed, &closing);
	for (unsigned i = stress_below(&random, 30); i > 0; i--)
		stress_jitter(&random);
	np_channel_close(closing.channel);
	for (int i = 0; i < 4; i++)
		spawn_join(&tasks[i]);
	np_channel_destroy(closing.channel);
	STRESS_CHECK(atomic_load(&closing.sent) == atomic_load(&closing.received),
		     "%ld were sent, %ld received", atomic_load(&closing.sent),
		     atomic_load(&closing.received));
}

/* ---- the memory --------------------------------------------------------------------------- */

static void send_one(void *arg)
{
	struct hand *self = arg;
	struct np_channel *channel = self->storm->channels[0];
	uint64_t word = 1;
	int error;

	do
		error = stress_below(&self->random, 2)
				? np_channel_send(channel, &word)
				: np_channel_send_until(channel, &word, np_deadline(HOUR));
	while (error == NP_EDEADLINE);
}

static void close_one(void *arg)
{
	struct hand *self = arg;

	np_channel_close(self->storm->channels[0]);
}

/* Who got the last element, or knows of the close, destroys it at once. */
static void last_use(void)
{
	static struct storm one;
	struct hand hand;
	uint64_t random = stress_seed(seeds++);

	stress_phase("the last use");
	for (int i = 0; i < 50; i++) {
		bool closes = stress_below(&random, 2);
		int error;

		np_channel_create(sizeof(uint64_t), stress_below(&random, 2), &one.channels[0]);
		start(&hand, &one, 0, closes ? close_one : send_one);
		stress_jitter(&random);
		error = np_channel_receive(one.channels[0], NULL);
		STRESS_CHECK(error == (closes ? NP_ECLOSED : 0), "receive: %d", error);
		STRESS_CHECK(np_channel_destroy(one.channels[0]) == 0, "somebody waits");
		spawn_join(&hand.task);
	}
}

static void storms(void *arg)
{
	(void)arg;
	for (int round = 0; round < stress_rounds; round++) {
		storm(false, (size_t)round);
		storm(true, (size_t)round);
		close_storm((size_t)round % 3);
		last_use();
	}
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 60);
	spawn_run(storms, NULL, stress_backend);
	return stress_end();
}
