/* SPDX-License-Identifier: MIT */
/* core/poller.c - making pollers, turning them, and who has the lead. */
#include "core/poller.h"

#include "core/spin.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <stdlib.h>

/* The one global: the poller of all who do not choose one. */
static _Atomic(struct np_poller *) default_poller;

static bool is_complete(const struct runtime_poll *backend)
{
	bool can_arm = backend->arm || !(backend->traits & RUNTIME_POLL_NEEDS_ARM);

	return backend->init && !backend->open_read == !backend->widen && backend->fini &&
	       backend->open && backend->close && can_arm && backend->wait && backend->break_wait &&
	       backend->is_poll_descriptor && backend->descriptor && backend->tag_bits >= 32 &&
	       backend->tag_bits <= 64;
}

/*
 * Of who chose no backend: the next of the list, where the kernel has nothing for one, or a sandbox
 * forbids it. Any other error may be gone the next time, so it is told.
 */
static int init_backend(const struct runtime_poll *chosen, struct np_poller *poller)
{
	const struct runtime_poll *backend = chosen ? chosen : runtime_poll_default();
	size_t index = 0;
	int error;

	do {
		poller->backend = backend;
		error = backend->init(&poller->state);
		backend = chosen ? NULL : runtime_poll_at(++index);
	} while (backend && np__sys_is_refusal(error));
	return error;
}

int np_poller_create(const struct np_poller_options *options, struct np_poller **ret_poller)
{
	NP_UNCANCELLED;
	static const struct np_poller_options defaults = { .backend = NULL };
	struct np_poller *poller;
	int error;

	if (!options)
		options = &defaults;
	if (!ret_poller || options->flags & ~(unsigned)NP_POLLER_HOST_DRIVEN ||
	    (options->backend && !is_complete(options->backend)))
		return -EINVAL;
	np__fork_watch();
	poller = calloc(1, sizeof(*poller));
	if (!poller)
		return -ENOMEM;
	poller->flags = options->flags;
	poller->generation = np__fork_generation();
	error = init_backend(options->backend, poller);
	if (error) {
		free(poller);
		return error;
	}
	np__desc_table_init(&poller->table);
	np__timers_init(&poller->timers);
	pthread_mutex_init(&poller->follow_lock, NULL);
	*ret_poller = poller;
	return 0;
}

void np__poller_end(struct np_poller *poller)
{
	NP_UNCANCELLED;
	poller->backend->fini(poller->state);
	pthread_mutex_destroy(&poller->follow_lock);
	np__timers_fini(&poller->timers);
	np__desc_table_fini(&poller->table);
	free(poller);
}

int np_poller_destroy(struct np_poller *poller)
{
	if (!poller)
		return 0;
	if (poller == atomic_load(&default_poller))
		return -EINVAL;
	if (poller->table.open > 0 || atomic_load(&poller->led))
		return -EBUSY;
	np__poller_end(poller);
	return 0;
}

void np__poller_retire(struct np_poller *poller)
{
	bool is_over;

	atomic_store(&poller->is_attended, false);
	np__poller_give_lead(poller);
	np__spin_lock(&poller->table.lock);
	poller->is_retired = true;
	is_over = poller->table.open == 0;
	np__spin_unlock(&poller->table.lock);
	if (is_over)
		np__poller_end(poller);
}

/*
 * Without a lock, which a child could find locked by a thread that is not there. A child makes one
 * of its own; what waits on the one before waits in the parent.
 */
int np_poller_default(struct np_poller **ret_poller)
{
	struct np_poller *poller = atomic_load(&default_poller);
	struct np_poller *fresh;
	int error;

	if (!ret_poller)
		return -EINVAL;
	if (!poller || np__poller_is_inherited(poller)) {
		error = np_poller_create(NULL, &fresh);
		if (error)
			return error;
		if (atomic_compare_exchange_strong(&default_poller, &poller, fresh))
			poller = fresh;
		else
			np__poller_end(fresh); /* somebody else was faster */
	}
	*ret_poller = poller;
	return 0;
}

/*
 * How long the turn may sleep. in_turn is set before this looks at the timers; who makes an earlier
 * one looks at in_turn afterwards, so either the new time is seen here or the turn is broken.
 */
static int64_t until_next_timer(struct np_poller *poller, int64_t delta_ns)
{
	int64_t next = atomic_load(&poller->timers.next);
	int64_t now;

	if (next == 0 || delta_ns == 0)
		return delta_ns;
	now = np_time();
	if (next <= now)
		return 0;
	return delta_ns < 0 || next - now < delta_ns ? next - now : delta_ns;
}

/* The time of @timer has come. Returns when its owner wants to be asked again, or 0. */
static int64_t expire(struct timer *timer, int64_t now, struct task_list *ready)
{
	if (timer->owner == TIMER_OF_DESC)
		return np__poll_expire(container_of(timer, struct np_poll_desc, timer), now, ready);
	np__ticket_take(container_of(timer, struct ticket, timer), NP_EDEADLINE, ready);
	return 0;
}

/*
 * Visit those whose time has come. The entry goes before the deadlines are looked at: see
 * np_poll_set_deadline().
 */
static void run_timers(struct np_poller *poller, struct task_list *ready)
{
	struct timers *timers = &poller->timers;
	struct timer *timer;
	int64_t next = atomic_load(&timers->next);
	int64_t now;

	if (next == 0)
		return;
	now = np_time();
	if (next > now)
		return;
	pthread_mutex_lock(&timers->lock);
	while ((timer = np__timers_due(timers, now))) {
		np__timers_disarm(timers, timer);
		next = expire(timer, now, ready);
		if (next)
			np__timers_arm(timers, timer, next);
	}
	pthread_mutex_unlock(&timers->lock);
}

/* There is a new earliest timer: a turn that would sleep past it is ended. */
static void tell_turn(struct np_poller *poller)
{
	if (poller->flags & NP_POLLER_HOST_DRIVEN || atomic_load(&poller->in_turn))
		np_poller_break(poller);
}

void np__poller_arm_timer(struct np_poller *poller, struct np_poll_desc *desc)
{
	struct timers *timers = &poller->timers;
	struct task_list ready = { .head = NULL };
	int is_first = 0;

	pthread_mutex_lock(&timers->lock);
	if (!(atomic_load(&desc->info) & INFO_CLOSING)) {
		int64_t next = np__poll_expire(desc, np_time(), &ready);

		if (next)
			is_first = np__timers_arm(timers, &desc->timer, next);
	}
	pthread_mutex_unlock(&timers->lock);
	np_ready(ready.head);
	if (is_first)
		tell_turn(poller);
}

void np__poller_arm_ticket(struct np_poller *poller, struct ticket *ticket, int64_t when)
{
	int is_first;

	pthread_mutex_lock(&poller->timers.lock);
	is_first = np__timers_arm(&poller->timers, &ticket->timer, when);
	pthread_mutex_unlock(&poller->timers.lock);
	if (is_first)
		tell_turn(poller);
}

/*
 * A look leaves a break for the next wait that blocks. A host may only ever look, since it blocks
 * in a loop of its own, and would find the descriptor readable for ever; so where a break is known
 * to be pending its look becomes the shortest wait.
 */
static int wait_for_host(struct np_poller *poller, int64_t delta_ns,
			 struct runtime_poll_event *events)
{
	bool broken = atomic_exchange(&poller->broken, false);
	int n;

	if (broken && delta_ns == 0)
		delta_ns = 1;
	n = poller->backend->wait(poller->state, delta_ns, events, EVENTS_PER_TURN);
	/* A full batch may have left the wake-up behind. */
	if (broken && (n < 0 || n == EVENTS_PER_TURN))
		atomic_store(&poller->broken, true);
	return n;
}

static int wait_for_events(struct np_poller *poller, int64_t delta_ns,
			   struct runtime_poll_event *events)
{
	delta_ns = until_next_timer(poller, delta_ns);
	if (poller->flags & NP_POLLER_HOST_DRIVEN)
		return wait_for_host(poller, delta_ns, events);
	return poller->backend->wait(poller->state, delta_ns, events, EVENTS_PER_TURN);
}

int np__poller_turn(struct np_poller *poller, int64_t delta_ns)
{
	struct runtime_poll_event events[EVENTS_PER_TURN];
	struct woken woken;
	int n;

	atomic_store(&poller->in_turn, true);
	n = wait_for_events(poller, delta_ns, events);
	np__poll_report(poller, events, n, &woken);
	run_timers(poller, &woken.elsewhere);
	atomic_store_explicit(&poller->in_turn, false, memory_order_release);
	np__desc_end_limbo(&poller->table);
	if (woken.first)
		woken.first->parker->ready_at_home(woken.first, woken.last);
	np_ready(woken.elsewhere.head);
	return n < 0 ? n : woken.count + woken.elsewhere.count;
}

bool np__poller_try_lead(struct np_poller *poller)
{
	return !atomic_exchange(&poller->led, true);
}

static void add_follower(struct np_poller *poller, struct follower *follower)
{
	follower->next = poller->followers;
	if (follower->next)
		follower->next->previous = &follower->next;
	follower->previous = &poller->followers;
	poller->followers = follower;
	atomic_fetch_add(&poller->follower_count, 1);
}

static void remove_follower(struct np_poller *poller, struct follower *follower)
{
	*follower->previous = follower->next;
	if (follower->next)
		follower->next->previous = follower->previous;
	follower->previous = NULL;
	atomic_fetch_sub(&poller->follower_count, 1);
}

/*
 * The lead is free before the followers are counted; a follower is counted before it looks whether
 * the lead is free. So a poller with followers is never left without a leader.
 */
void np__poller_give_lead(struct np_poller *poller)
{
	struct follower *heir;

	atomic_store(&poller->led, false);
	if (atomic_load(&poller->follower_count) == 0)
		return;
	pthread_mutex_lock(&poller->follow_lock);
	heir = poller->followers;
	if (heir && np__poller_try_lead(poller)) {
		remove_follower(poller, heir);
		heir->take_lead(heir);
	}
	pthread_mutex_unlock(&poller->follow_lock);
}

bool np__poller_follow(struct np_poller *poller, struct follower *follower)
{
	bool leads;

	pthread_mutex_lock(&poller->follow_lock);
	add_follower(poller, follower);
	leads = np__poller_try_lead(poller);
	if (leads)
		remove_follower(poller, follower);
	pthread_mutex_unlock(&poller->follow_lock);
	return leads;
}

void np__poller_unfollow(struct np_poller *poller, struct follower *follower)
{
	pthread_mutex_lock(&poller->follow_lock);
	if (follower->previous)
		remove_follower(poller, follower);
	pthread_mutex_unlock(&poller->follow_lock);
}

int np_poller_turn(struct np_poller *poller, int64_t delta_ns)
{
	NP_UNCANCELLED;
	int result;

	if (!poller)
		return -EINVAL;
	if (np__poller_is_inherited(poller))
		return NP_EFORKED;
	if (!np__poller_try_lead(poller))
		return -EBUSY;
	result = np__poller_turn(poller, delta_ns);
	np__poller_give_lead(poller);
	return result;
}

/* First the wake-up, then the note of it: wait_for_host() asks the other way round. */
int np_poller_break(struct np_poller *poller)
{
	int error;

	if (!poller)
		return -EINVAL;
	if (np__poller_is_inherited(poller))
		return NP_EFORKED;
	error = poller->backend->break_wait(poller->state);
	atomic_store(&poller->broken, true);
	return error;
}

int np_poller_descriptor(const struct np_poller *poller)
{
	return poller ? poller->backend->descriptor(poller->state) : -EINVAL;
}

int64_t np_poller_next_deadline(const struct np_poller *poller)
{
	return poller ? atomic_load(&poller->timers.next) : 0;
}

bool np_poller_is_descriptor(const struct np_poller *poller, int fd)
{
	return poller && poller->backend->is_poll_descriptor(poller->state, fd);
}

const struct runtime_poll *np_poller_backend(const struct np_poller *poller)
{
	return poller ? poller->backend : NULL;
}

void np_poller_get_stats(struct np_poller *poller, struct np_poller_stats *ret_stats)
{
	struct np_poller_stats stats = { 0, 0, 0, 0 };

	np__spin_lock(&poller->table.lock);
	for (size_t place = FIRST_PLACE; place < poller->table.used; place++) {
		struct np_poll_desc *desc = np__desc_at(&poller->table, place);
		uint32_t info = atomic_load(&desc->info);

		if (!(info & INFO_OPEN))
			continue;
		stats.descriptors++;
		stats.registered += (info & INFO_REGISTERED) != 0;
		for (int side = SIDE_READ; side < SIDES; side++)
			stats.parked += atomic_load(&desc->slot[side]) > SLOT_WAIT;
	}
	np__spin_unlock(&poller->table.lock);
	pthread_mutex_lock(&poller->timers.lock);
	stats.timers = poller->timers.count;
	pthread_mutex_unlock(&poller->timers.lock);
	*ret_stats = stats;
}
