/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/cancel_races.c - fibers that are cancelled in each kind of wait while they are being
 * served.
 *
 * Two fibers wait for the same thing. One of them is cancelled, from another fiber or from a
 * thread, some time before, while or after something is given to whoever waits; some waits have a
 * deadline as well. Nothing may be lost: what the cancelled one did not get the other one gets, and
 * it waits for ever if a mutex is held by one who has gone, a signal was sent to one who did not
 * take it, or an element was given to nobody. At the end the thing must be as it was.
 */
#include "tests/stress/stress.h"

#include <netpark/fiber.h>

struct trial {
	struct np_mutex mutex;
	struct np_cond cond;
	int tokens; /* under mutex */
	struct np_semaphore semaphore;
	struct np_wait_group group;
	struct np_channel *channels[2];
	size_t capacity;

	int64_t deadline; /* of the one that is cancelled */
	_Atomic np_fiber_id canceled;
	uint64_t random;      /* of who gives */
	uint64_t given;       /* the number of the last one */
	atomic_uint received; /* a bit for each number */
};

/* A kind of wait. */
struct kind {
	const char *name;
	void (*begin)(struct trial *trial);
	/* Returns 0 if it was served. @number, 1 or 2, is what it sends. */
	int (*wait)(struct trial *trial, int64_t deadline, uint64_t number);
	/* For one of them; or for both, the first time. */
	void (*give)(struct trial *trial);
	bool is_for_both;
	bool is_canceled; /* else it waits on, but np_is_canceled() */
	void (*end)(struct trial *trial);
};

static const struct kind *kind;

/* Each number arrives once. */
static void receive(struct trial *trial, uint64_t number)
{
	unsigned bit = 1u << number;

	STRESS_CHECK(number == 1 || number == 2, "number %llu was never sent",
		     (unsigned long long)number);
	STRESS_CHECK(!(atomic_fetch_or(&trial->received, bit) & bit), "%llu has come twice",
		     (unsigned long long)number);
}

/* ---- mutex -------------------------------------------------------------------------------- */

static void begin_mutex(struct trial *trial)
{
	np_mutex_lock(&trial->mutex);
}

static int wait_for_mutex_until(struct trial *trial, int64_t deadline, uint64_t number)
{
	int error = np_mutex_lock_until(&trial->mutex, deadline);

	(void)number;
	if (!error) {
		STRESS_CHECK(trial->tokens++ == 0, "two have the mutex");
		np_yield();
		trial->tokens--;
		np_mutex_unlock(&trial->mutex);
	}
	return error;
}

static int wait_for_mutex(struct trial *trial, int64_t deadline, uint64_t number)
{
	int error;

	(void)deadline, (void)number;
	error = np_mutex_lock(&trial->mutex);
	np_mutex_unlock(&trial->mutex);
	return error;
}

static void give_mutex(struct trial *trial)
{
	STRESS_CHECK(np_mutex_unlock(&trial->mutex) == 0, "it was not locked");
}

static void end_mutex(struct trial *trial)
{
	STRESS_CHECK(trial->mutex.state == 0, "the mutex is left as %u", trial->mutex.state);
}

/* ---- condition ---------------------------------------------------------------------------- */

static int wait_for_cond(struct trial *trial, int64_t deadline, uint64_t number)
{
	int error = 0;

	(void)number;
	np_mutex_lock(&trial->mutex);
	while (!trial->tokens && !error)
		error = np_cond_wait_until(&trial->cond, &trial->mutex, deadline);
	/* Also after an error the mutex is there; but a token is for one who was not told so. */
	trial->tokens -= !error;
	STRESS_CHECK(np_mutex_unlock(&trial->mutex) == 0, "the wait came back without the mutex");
	return error;
}

static void give_signal(struct trial *trial)
{
	np_mutex_lock(&trial->mutex);
	trial->tokens++;
	np_cond_signal(&trial->cond);
	np_mutex_unlock(&trial->mutex);
}

static void end_cond(struct trial *trial)
{
	end_mutex(trial);
	STRESS_CHECK(trial->tokens == 0, "%d tokens are left", trial->tokens);
	STRESS_CHECK(!trial->cond.waiters.first, "somebody is left in the queue");
}

/* ---- semaphore, wait group ---------------------------------------------------------------- */

static int wait_for_permit(struct trial *trial, int64_t deadline, uint64_t number)
{
	(void)number;
	return np_semaphore_acquire_until(&trial->semaphore, 1, deadline);
}

static void give_permit(struct trial *trial)
{
	np_semaphore_release(&trial->semaphore, 1);
}

static void end_semaphore(struct trial *trial)
{
	STRESS_CHECK(trial->semaphore.count == 0 && !trial->semaphore.waiters.first,
		     "permits or waiters are left");
}

static void begin_group(struct trial *trial)
{
	np_wait_group_add(&trial->group, 1);
}

static int wait_for_group(struct trial *trial, int64_t deadline, uint64_t number)
{
	(void)number;
	return np_wait_group_wait_until(&trial->group, deadline);
}

static void give_done(struct trial *trial)
{
	np_wait_group_done(&trial->group);
}

static void end_group(struct trial *trial)
{
	STRESS_CHECK(trial->group.count == 0 && !trial->group.waiters.first, "waiters are left");
}

/* ---- channels ----------------------------------------------------------------------------- */

static void begin_channels(struct trial *trial)
{
	trial->capacity = stress_below(&trial->random, 2);
	for (int i = 0; i < 2; i++)
		STRESS_CHECK(
			!np_channel_create(sizeof(uint64_t), trial->capacity, &trial->channels[i]),
			"no memory");
}

static int wait_to_receive(struct trial *trial, int64_t deadline, uint64_t unused)
{
	uint64_t number;
	int error = np_channel_receive_until(trial->channels[0], &number, deadline);

	(void)unused;
	if (!error)
		receive(trial, number);
	return error;
}

static int select_to_receive(struct trial *trial, int64_t deadline, uint64_t unused)
{
	uint64_t number[2] = { 0, 0 };
	struct np_select_case cases[] = {
		{ .channel = trial->channels[0], .element = &number[0] },
		{ .channel = trial->channels[1], .element = &number[1] },
	};
	int chosen = np_select(cases, 2, deadline);

	(void)unused;
	if (chosen < 0)
		return chosen;
	receive(trial, number[chosen]);
	STRESS_CHECK(number[!chosen] == 0, "it was given twice");
	return cases[chosen].result;
}

/* On either: who receives from one only is never in the way of those who select. */
static void give_element(struct trial *trial)
{
	unsigned channel = kind->wait == select_to_receive ? stress_below(&trial->random, 2) : 0;

	trial->given++;
	STRESS_CHECK(np_channel_send(trial->channels[channel], &trial->given) == 0, "not sent");
}

/* A channel that is full, so that who sends has to wait. */
static void begin_full(struct trial *trial)
{
	const uint64_t filler = 0;

	begin_channels(trial);
	for (int i = 0; i < 2; i++)
		while (np_channel_try_send(trial->channels[i], &filler) == 0)
			;
}

static int wait_to_send(struct trial *trial, int64_t deadline, uint64_t number)
{
	return np_channel_send_until(trial->channels[0], &number, deadline);
}

static int select_to_send(struct trial *trial, int64_t deadline, uint64_t number)
{
	struct np_select_case cases[] = {
		{ .channel = trial->channels[0], .element = &number, .operation = NP_SELECT_SEND },
		{ .channel = trial->channels[1] }, /* nothing comes there but what fills it */
	};
	int chosen;

	np_channel_try_receive(trial->channels[1], NULL);
	chosen = np_select(cases, 2, deadline);
	STRESS_CHECK(chosen != 1, "it received from an empty channel");
	return chosen < 0 ? chosen : cases[0].result;
}

static void take_element(struct trial *trial)
{
	uint64_t number;

	do
		STRESS_CHECK(np_channel_receive(trial->channels[0], &number) == 0, "not received");
	while (number == 0);
	receive(trial, number);
}

static void end_channels(struct trial *trial)
{
	for (int i = 0; i < 2; i++) {
		STRESS_CHECK(i == 1 || np_channel_length(trial->channels[i]) == 0,
			     "something is left in the channel");
		STRESS_CHECK(np_channel_destroy(trial->channels[i]) == 0, "somebody waits");
	}
}

static const struct kind kinds[] = {
	{ "a mutex", begin_mutex, wait_for_mutex_until, give_mutex, true, true, end_mutex },
	{ "a mutex whatever comes", begin_mutex, wait_for_mutex, give_mutex, true, false,
	  end_mutex },
	{ "a condition", NULL, wait_for_cond, give_signal, false, true, end_cond },
	{ "a semaphore", NULL, wait_for_permit, give_permit, false, true, end_semaphore },
	{ "a wait group", begin_group, wait_for_group, give_done, true, true, end_group },
	{ "receiving", begin_channels, wait_to_receive, give_element, false, true, end_channels },
	{ "receiving by select", begin_channels, select_to_receive, give_element, false, true,
	  end_channels },
	{ "sending", begin_full, wait_to_send, take_element, false, true, end_channels },
	{ "sending by select", begin_full, select_to_send, take_element, false, true,
	  end_channels },
};

/* ---- one trial ---------------------------------------------------------------------------- */

static int be_canceled(void *arg)
{
	struct trial *trial = arg;
	int result;

	atomic_store(&trial->canceled, np_self());
	result = kind->wait(trial, trial->deadline, 1);
	STRESS_CHECK(result == 0 || result == NP_ECANCELED ||
			     (result == NP_EDEADLINE && trial->deadline),
		     "a wait ended with %d", result);
	return result;
}

static int wait_on(void *arg)
{
	return kind->wait(arg, 0, 2);
}

static int cancel(void *arg)
{
	struct trial *trial = arg;

	STRESS_UNTIL(atomic_load(&trial->canceled) != 0);
	np_cancel(atomic_load(&trial->canceled));
	return 0;
}

static void *cancel_from_thread(void *arg)
{
	cancel(arg);
	return NULL;
}

static int64_t some_deadline(uint64_t *random)
{
	switch (stress_below(random, 4)) {
	case 0:
		return np_deadline((1 + stress_below(random, 50)) * MICROSECOND);
	case 1:
		return np_deadline(HOUR);
	default:
		return 0;
	}
}

static void pause_a_little(uint64_t *random)
{
	for (unsigned i = stress_below(random, 4); i > 0; i--) {
		stress_jitter(random);
		np_yield();
	}
}

static void try_it(struct trial *trial)
{
	struct np_group one = { 0 }, other = { 0 }, hands = { 0 };
	uint64_t *random = &trial->random;
	bool by_thread = stress_below(random, 2), is_early = stress_below(random, 4);
	pthread_t thread = pthread_self();
	int result;

	STRESS_CHECK(!np_group_go(&one, be_canceled, trial), "np_group_go");
	STRESS_CHECK(!np_group_go(&other, wait_on, trial), "np_group_go");
	pause_a_little(random);
	if (by_thread)
		thread = stress_start(cancel_from_thread, trial);
	else
		STRESS_CHECK(!np_group_go(&hands, cancel, trial), "np_group_go");
	pause_a_little(random);
	if (is_early || !kind->is_canceled)
		kind->give(trial);
	result = np_group_join(&one);
	STRESS_CHECK(kind->is_canceled || result == 0, "the wait was cut short");
	STRESS_CHECK(is_early || !kind->is_canceled || result < 0, "it was served by nobody");
	if ((!is_early && kind->is_canceled) || (result == 0 && !kind->is_for_both))
		kind->give(trial);
	STRESS_CHECK(np_group_join(&other) == 0, "who was not cancelled was not served");
	np_group_join(&hands);
	if (by_thread)
		stress_join(thread);
}

static int run_trials(void *arg)
{
	struct trial trial = { .random = *(uint64_t *)arg };

	for (int round = 0; round < stress_rounds; round++) {
		trial = (struct trial){
			.random = trial.random,
			.deadline = some_deadline(&trial.random),
		};
		if (kind->begin)
			kind->begin(&trial);
		try_it(&trial);
		kind->end(&trial);
	}
	return 0;
}

/* ---- a group of its own ------------------------------------------------------------------- */

struct family {
	struct trial trial;
	int member_result;
};

static int be_member(void *arg)
{
	struct family *family = arg;

	return family->member_result = np_semaphore_acquire(&family->trial.semaphore, 1);
}

static int join_family(void *arg)
{
	struct family *family = arg;
	struct np_group inner = { 0 };

	STRESS_CHECK(!np_group_go(&inner, be_member, family), "np_group_go");
	atomic_store(&family->trial.canceled, np_self());
	return np_group_join(&inner);
}

/* Who joins is cancelled while what its member waits for comes: both say the same. */
static int join_families(void *arg)
{
	uint64_t random = *(uint64_t *)arg;

	for (int round = 0; round < stress_rounds; round++) {
		struct family family = { .member_result = 1 };
		struct np_group outer = { 0 };
		pthread_t thread;
		int result;

		STRESS_CHECK(!np_group_go(&outer, join_family, &family), "np_group_go");
		pause_a_little(&random);
		thread = stress_start(cancel_from_thread, &family.trial);
		pause_a_little(&random);
		np_semaphore_release(&family.trial.semaphore, 1);
		result = np_group_join(&outer);
		stress_join(thread);
		STRESS_CHECK(result == family.member_result, "%d was told of %d", result,
			     family.member_result);
		STRESS_CHECK((family.trial.semaphore.count == 1) == (result == NP_ECANCELED),
			     "%d, and %llu permits are left", result,
			     (unsigned long long)family.trial.semaphore.count);
	}
	return 0;
}

static void run_on_some_workers(int (*body)(void *arg))
{
	static const unsigned workers[] = { 1, 2, 8 };
	static unsigned seeds;

	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		const struct np_run_options options = {
			.workers = workers[i],
			.backend = stress_backend,
		};
		uint64_t random = stress_seed(seeds++);
		int result = np_run(body, &random, &options);

		STRESS_CHECK(result == 0, "np_run: %s", np_strerror(result));
	}
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 400);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		kind = &kinds[i];
		stress_phase(kind->name);
		run_on_some_workers(run_trials);
	}
	stress_phase("joining");
	run_on_some_workers(join_families);
	return stress_end();
}
