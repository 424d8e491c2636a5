/* SPDX-License-Identifier: MIT */
/*
 * core/net/race.c - see race.h.
 *
 * A descriptor's report makes one task ready; so each attempt has a task of its own, which is never
 * run: made ready, it is put into the race's list, and the task that dials is woken if it waits.
 * All else is that one's alone.
 *
 * An attempt that waits for a report will be made ready exactly once, by closing it at the latest,
 * perhaps on another thread: the race, which they all look at, ends when the last one has been.
 */
#include "core/net/race.h"

#include <netpark/net.h>

#include "core/fd.h"
#include "core/net/cancel.h"
#include "core/spin.h"
#include "core/ticket.h"

#include <errno.h>
#include <stdlib.h>

static const int64_t FALLBACK_DELAY_NS = 300 * 1000 * 1000;
static const int64_t SHARE_MIN_NS = INT64_C(2) * 1000 * 1000 * 1000;

struct race;

struct racer {
	struct np_task task; /* first */
	struct race *race;
	struct attempt attempt;
	int64_t deadline_ns;
	bool is_under_way; /* its connect has been begun and has not ended */
};

struct race {
	/* of several threads */
	uint32_t lock;
	struct np_task *reported; /* under lock: racers that were made ready */
	struct ticket *ticket;    /* under lock: of the task that waits for them, or NULL */

	/* of the one that dials */
	const struct np_dial_options *options;
	struct dial_node node;
	int64_t delay_ns;   /* INT64_MAX: one at a time */
	int64_t next_start; /* when the next is to begin, whatever becomes of the others */
	size_t begun, under_way, expected; /* how many of them */
	struct racer *winner;
	size_t count;
	struct racer racers[];
};

static struct racer *racer_of(struct np_task *task)
{
	return container_of(task, struct racer, task);
}

/* ---- who is made ready -------------------------------------------------------------------- */

/* The lock is the last that is touched: with it given the race may be over. */
static void report(struct racer *racer, struct task_list *woken)
{
	struct race *race = racer->race;

	np__spin_lock(&race->lock);
	racer->task.next = race->reported;
	race->reported = &racer->task;
	if (race->ticket)
		np__ticket_take(race->ticket, 0, woken);
	np__spin_unlock(&race->lock);
}

static void racers_ready(struct np_task *list)
{
	struct task_list woken = { .head = NULL };

	while (list) {
		struct racer *racer = racer_of(list);

		list = list->next;
		report(racer, &woken);
	}
	np_ready(woken.head);
}

static const struct np_parker racers = { .name = "dial", .ready = racers_ready };

static void wake_canceled(struct dial_node *node, struct task_list *ready)
{
	struct race *race = container_of(node, struct race, node);

	np__spin_lock(&race->lock);
	if (race->ticket)
		np__ticket_take(race->ticket, 0, ready);
	np__spin_unlock(&race->lock);
}

/* ---- waiting for them --------------------------------------------------------------------- */

/* One wait for reports. */
struct vigil {
	struct ticket ticket;
	const struct race *race;
};

/* Of those that are waited for. */
static const struct racer *first_under_way(const struct race *race)
{
	const struct racer *racer = race->racers;

	while (!racer->is_under_way)
		racer++;
	return racer;
}

/* "dial tcp 10.0.0.1:80 and 1 more" */
static int describe(const struct np_wait *wait, void *ticket, char *buf, size_t size)
{
	const struct race *race = container_of(ticket, struct vigil, ticket)->race;
	const struct target *target = &first_under_way(race)->attempt.target;
	char address[NP_ADDR_TEXT_MAX];
	struct text text;

	np_addr_format(&target->given, address, sizeof(address));
	np__text_init(&text, buf, size);
	np__text_print(&text, "%s %s %s", wait->what, target->network, address);
	if (race->under_way > 1)
		np__text_print(&text, " and %zu more", race->under_way - 1);
	return (int)text.length;
}

static const struct np_wait dial_wait = {
	.what = "dial",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = describe,
};

/* Whoever is about to make a racer ready does so soon, and not in time if the race was over. */
static const struct np_wait end_wait = { .what = "dial's end", .commit = np__ticket_commit };

/* Until a racer is reported, or there is something else to do; @until is of np_time(), 0: never. */
static int wait_for_report(struct race *race, const struct np_wait *wait, int64_t until)
{
	struct vigil vigil = { .race = race };
	int error = np__ticket_draw(&vigil.ticket);

	if (error)
		return error;
	np__spin_lock(&race->lock);
	if (!race->reported && (!wait->retract || !np__dial_is_canceled(race->options->cancel)))
		/* cppcheck-suppress autoVariables ; NULL again before the frame is gone */
		race->ticket = &vigil.ticket;
	np__spin_unlock(&race->lock);
	if (!race->ticket)
		return 0;
	error = np__ticket_wait(&vigil.ticket, wait, until);
	np__spin_lock(&race->lock);
	race->ticket = NULL;
	np__spin_unlock(&race->lock);
	return error == NP_EDEADLINE ? 0 : error;
}

/* The racers that were made ready since, as a list. */
static struct np_task *take_reports(struct race *race)
{
	struct np_task *list;

	np__spin_lock(&race->lock);
	list = race->reported;
	race->reported = NULL;
	np__spin_unlock(&race->lock);
	for (struct np_task *task = list; task; task = task->next)
		race->expected--;
	return list;
}

/* ---- attempts ----------------------------------------------------------------------------- */

/* 0: the racer will be made ready; 1: there is a report already; or an error. */
static int expect_report(struct racer *racer)
{
	struct np_poll_desc *desc;
	int result = np__fd_desc(racer->attempt.conn, &desc);

	/* Somebody will have to wait for what is begun. */
	if (!result && !np_task_self()->parker->park)
		result = -EDEADLK;
	if (!result)
		result = np_poll_begin(desc, NP_WRITE, &racer->task);
	if (result == 0)
		racer->race->expected++;
	return result;
}

/* The attempt has got as far as @result: on, until there is something to wait for or an end. */
static void go_on(struct racer *racer, int result)
{
	struct race *race = racer->race;

	while (result == -EINPROGRESS) {
		int report = expect_report(racer);

		if (report == 0)
			return;
		result = report < 0 ? report : np__fd_connect_ask(racer->attempt.conn);
		if (result != -EINPROGRESS)
			result = np__attempt_end(&racer->attempt, result);
	}
	racer->is_under_way = false;
	race->under_way--;
	if (result == 0)
		race->winner = racer;
	else
		race->next_start = 0;
}

/* What is left, divided by those who have yet to begin; but nobody connects in no time. Go. */
static int64_t share(const struct race *race, int64_t now)
{
	int64_t left = race->options->deadline_ns - now;
	int64_t share = left / (int64_t)(race->count - race->begun);

	if (race->options->deadline_ns == 0)
		return 0;
	if (share < SHARE_MIN_NS)
		share = left < SHARE_MIN_NS ? left : SHARE_MIN_NS;
	return now + share;
}

static void begin_next(struct race *race, int64_t now)
{
	struct racer *racer = &race->racers[race->begun];
	int result;

	racer->deadline_ns = share(race, now);
	racer->is_under_way = true;
	race->begun++;
	race->under_way++;
	race->next_start = race->delay_ns > INT64_MAX - now ? INT64_MAX : now + race->delay_ns;
	result = np__attempt_begin(&racer->attempt);
	go_on(racer, result);
}

static void look_at_reports(struct race *race)
{
	struct np_task *task = take_reports(race);

	while (task && !race->winner) {
		struct racer *racer = racer_of(task);
		struct np_poll_desc *desc;
		int result;

		task = task->next;
		if (!racer->is_under_way)
			continue; /* its time was over */
		desc = atomic_load(&racer->attempt.conn->desc);
		result = np_poll_end(desc, NP_WRITE);
		if (result == 0)
			result = np__fd_connect_ask(racer->attempt.conn);
		else if (result == -EAGAIN)
			result = -EINPROGRESS;
		if (result != -EINPROGRESS)
			result = np__attempt_end(&racer->attempt, result);
		go_on(racer, result);
	}
}

static void end_late_ones(struct race *race, int64_t now)
{
	for (size_t i = 0; i < race->begun; i++) {
		struct racer *racer = &race->racers[i];

		if (racer->is_under_way && racer->deadline_ns && racer->deadline_ns <= now)
			go_on(racer, np__attempt_end(&racer->attempt, NP_EDEADLINE));
	}
}

/* ---- the race ----------------------------------------------------------------------------- */

static bool may_begin(const struct race *race, int64_t now)
{
	int64_t deadline = race->options->deadline_ns;

	return race->begun < race->count && (!deadline || now < deadline);
}

/* When there is something to do if nobody reports. */
static int64_t next_event(const struct race *race)
{
	int64_t next = race->begun < race->count ? race->next_start : INT64_MAX;

	for (size_t i = 0; i < race->begun; i++) {
		const struct racer *racer = &race->racers[i];

		if (racer->is_under_way && racer->deadline_ns && racer->deadline_ns < next)
			next = racer->deadline_ns;
	}
	return next;
}

/* One step. True if the race is decided, with its result. */
static bool step(struct race *race, int *result)
{
	int64_t now;

	look_at_reports(race);
	now = np_time();
	if (!race->winner)
		end_late_ones(race, now);
	*result = 0;
	if (!race->winner &&
	    (np__task_is_canceled(np_task_self()) || np__dial_is_canceled(race->options->cancel)))
		*result = NP_ECANCELED;
	while (!race->winner && !*result && race->next_start <= now && may_begin(race, now))
		begin_next(race, now);
	if (race->winner || *result)
		return true;
	if (race->under_way > 0)
		*result = wait_for_report(race, &dial_wait, next_event(race));
	else if (!may_begin(race, now))
		*result = race->begun ? race->racers[0].attempt.error : NP_EDEADLINE;
	return *result != 0;
}

/* Close all but the winner, and wait until nobody is about to look at the race any more. */
static void end(struct race *race)
{
	for (size_t i = 0; i < race->begun; i++)
		if (race->racers[i].is_under_way)
			np_close(race->racers[i].attempt.conn);
	take_reports(race);
	while (race->expected > 0) {
		wait_for_report(race, &end_wait, 0);
		take_reports(race);
	}
}

static struct race *create(const struct np_dial_options *options, const struct np_addr *local,
			   const struct target *like, const struct np_addr *addrs, size_t count)
{
	struct race *race = calloc(1, sizeof(*race) + count * sizeof(race->racers[0]));

	if (!race)
		return NULL;
	race->options = options;
	race->node.wake = wake_canceled;
	race->count = count;
	race->delay_ns =
		options->fallback_delay_ns ? options->fallback_delay_ns : FALLBACK_DELAY_NS;
	if (!target_is_tcp(like) || race->delay_ns < 0)
		race->delay_ns = INT64_MAX;
	for (size_t i = 0; i < count; i++) {
		struct racer *racer = &race->racers[i];

		racer->task.parker = &racers;
		racer->race = race;
		np__attempt_init(&racer->attempt, options, local, like, &addrs[i]);
	}
	return race;
}

/* The canceler and the winner may have come at once: here it is decided who came first. */
static int conclude(struct race *race, int result, struct np_fd **ret_conn)
{
	struct np_fd *conn = race->winner ? race->winner->attempt.conn : NULL;

	if (np__dial_detach(race->options->cancel, &race->node))
		result = NP_ECANCELED;
	if (!result) {
		*ret_conn = conn;
		return 0;
	}
	np_close(conn);
	if (race->racers[0].attempt.error != result)
		race->racers[0].attempt.call = NULL;
	race->racers[0].attempt.error = result;
	return np__attempt_fail(&race->racers[0].attempt);
}

int np__race(const struct np_dial_options *options, const struct np_addr *local,
	     const struct target *like, const struct np_addr *addrs, size_t count,
	     struct np_fd **ret_conn)
{
	struct race *race = create(options, local, like, addrs, count);
	int result;

	if (!race)
		return np__target_fail("dial", like, -ENOMEM, NULL);
	np__dial_attach(options->cancel, &race->node);
	while (!step(race, &result))
		;
	end(race);
	result = conclude(race, result, ret_conn);
	free(race);
	return result;
}
