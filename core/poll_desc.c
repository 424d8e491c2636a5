/* SPDX-License-Identifier: MIT */
/* core/poll_desc.c - waiting, waking, expiring, closing: the state machine of core/poll_desc.h. */
#include "core/poll_desc.h"

#include "core/fork.h"
#include "core/misuse.h"
#include "core/poller.h"
#include "core/spin.h"

#include <errno.h>

/*
 * The transitions of a slot carry the names that the model in tests/model uses:
 *
 *	T1  nil -> WAIT       claim()       T7  task -> READY   slot_report()
 *	T2  READY -> nil      claim()       T8  task -> nil     slot_cancel()
 *	T3  WAIT -> task      commit()      T9  nil -> READY    slot_report()
 *	T4  WAIT -> nil       claim()       T12 any -> nil      finish()
 *	T5  WAIT -> READY     slot_report() T13 READY -> nil    np_poll_reset()
 *	T6  WAIT -> nil       slot_cancel() T14 any -> nil      np__poll_create()
 *
 * np__poll_wait_quickly() takes T1 and T3 in one step.
 */

/* NP_READ or NP_WRITE as an index, or -EINVAL. */
static int side_of(int mode)
{
	switch (mode) {
	case NP_READ:
		return SIDE_READ;
	case NP_WRITE:
		return SIDE_WRITE;
	default:
		return -EINVAL;
	}
}

static struct np_task *task_in(uintptr_t value)
{
	return value > SLOT_WAIT ? (struct np_task *)value : NULL;
}

/* Whoever takes a task out of a slot makes it ready; nobody else can take it again. */
static void hand_out(uintptr_t value, struct task_list *ready)
{
	struct np_task *task = task_in(value);

	if (task)
		task_list_append(ready, task);
}

/* Whatever was there, a report before it too. */
static inline void slot_report(struct np_poll_desc *desc, int side, struct woken *woken)
{
	struct np_task *task = task_in(atomic_exchange(&desc->slot[side], SLOT_READY));

	if (!task)
		return;
	__builtin_prefetch(task, 1); /* soon it runs */
	if (task->home != desc->poller) {
		task_list_append(&woken->elsewhere, task);
		return;
	}
	woken->last->next = task;
	woken->last = task;
	woken->count++;
}

/* Deadline or close: whoever waits goes on without a report; a report that is there stays. */
static void slot_cancel(_Atomic uintptr_t *slot, struct task_list *ready)
{
	uintptr_t old = atomic_load(slot);

	while (old >= SLOT_WAIT && !atomic_compare_exchange_weak(slot, &old, SLOT_NIL))
		;
	if (old >= SLOT_WAIT)
		hand_out(old, ready);
}

/* Why a wait of this side must fail, or 0. Closed before timeout before not pollable. */
static inline int check(const struct np_poll_desc *desc, int side)
{
	uint32_t info = atomic_load(&desc->info);

	if (info & INFO_CLOSING)
		return NP_ECLOSED;
	if (atomic_load(&desc->deadline[side]) == DEADLINE_EXPIRED)
		return NP_EDEADLINE;
	if (side == SIDE_READ && info & INFO_EVENT_ERROR)
		return NP_ENOTPOLLABLE;
	return 0;
}

/*
 * Become the waiter. Returns 0 if the slot is WAIT now; 1 if a report was taken instead; or why
 * not. A report that comes between T1 and T4 is found by T4 and wins over the error.
 */
static int claim(struct np_poll_desc *desc, int side)
{
	_Atomic uintptr_t *slot = &desc->slot[side];
	uintptr_t old = SLOT_NIL;
	int error;

	while (!atomic_compare_exchange_strong(slot, &old, SLOT_WAIT)) { /* T1 */
		if (old != SLOT_READY)
			return np__misuse("two tasks wait on one direction of a poll descriptor");
		if (atomic_compare_exchange_strong(slot, &old, SLOT_NIL)) /* T2 */
			return 1;
		old = SLOT_NIL;
	}
	error = check(desc, side); /* again: what closed us may not have seen WAIT */
	if (!error)
		return 0;
	return atomic_exchange(slot, SLOT_NIL) == SLOT_READY ? 1 : error; /* T4 */
}

/* T3. If a report or a close came first the slot is not WAIT any more, and nobody parks. */
static bool commit(struct np_task *task, void *arg)
{
	_Atomic uintptr_t *slot = arg;
	uintptr_t expected = SLOT_WAIT;

	return atomic_compare_exchange_strong(slot, &expected, (uintptr_t)task);
}

/* As a deadline would, if the task is still there. The slot's memory outlives its descriptor. */
static bool retract(struct np_task *task, void *arg)
{
	_Atomic uintptr_t *slot = arg;
	uintptr_t expected = (uintptr_t)task;

	return atomic_compare_exchange_strong(slot, &expected, SLOT_NIL);
}

const struct np_wait np__poll_waits[SIDES] = {
	[SIDE_READ] = { "read", commit, retract, np__poll_describe },
	[SIDE_WRITE] = { "write", commit, retract, np__poll_describe },
};

/* For those that even a deadline does not end. */
const struct np_wait np__poll_stubborn_waits[SIDES] = {
	[SIDE_READ] = { "read's completion", commit, NULL, np__poll_describe },
	[SIDE_WRITE] = { "write's completion", commit, NULL, np__poll_describe },
};

/* After the park: 1 if there was a report. */
static int finish(struct np_poll_desc *desc, int side)
{
	return atomic_exchange(&desc->slot[side], SLOT_NIL) == SLOT_READY; /* T12 */
}

/* What each wait needs: a registration, somebody to report, a report to ask for. 0 or an error. */
static int prepare(struct np_poll_desc *desc, int side, struct np_task *self)
{
	uint32_t info = atomic_load(&desc->info);

	if (np__poller_is_inherited(desc->poller))
		return NP_EFORKED;
	if (desc->poller != self->home && self->parker->attend) {
		int error = self->parker->attend(self, desc->poller);

		if (error)
			return error;
	}
	if (!(info & INFO_REGISTERED) || (info & INFO_READS_ONLY && side == SIDE_WRITE)) {
		int error = np__poll_register(desc, side);

		if (error)
			return error;
	}
	/* Before T1, so that a report which comes at once is latched. */
	if (info & INFO_NEEDS_ARM)
		desc->poller->backend->arm(desc->poller->state, desc->fd, 1u << side);
	return 0;
}

/* Park in a slot that claim() made WAIT; 1 if there was a report. */
static int park(struct np_poll_desc *desc, int side, struct np_task *self,
		const struct np_wait *wait)
{
	self->parker->park(self, wait, &desc->slot[side], desc->poller);
	return finish(desc, side);
}

void np__poll_expire_by_clock(struct np_poll_desc *desc)
{
	struct task_list ready = { .head = NULL };

	np__poll_expire(desc, np_time(), &ready);
	np_ready(ready.head);
}

/* From T1 on, again and again until there is a report or an error. */
static int wait_registered(struct np_poll_desc *desc, int side, struct np_task *self)
{
	for (;;) {
		int result;

		if (np__task_is_canceled(self))
			return NP_ECANCELED;
		result = claim(desc, side);
		if (result == 0)
			result = park(desc, side, self, &np__poll_waits[side]);
		if (result != 0)
			return result > 0 ? 0 : result;
		/*
		 * No report. If there is no error either, the task was cancelled, or a deadline
		 * fired and was moved since.
		 */
		result = check(desc, side);
		if (result)
			return result;
	}
}

int np__poll_wait(struct np_poll_desc *desc, int side, struct np_task *self)
{
	int error;

	if (!self->parker->park)
		return -EDEADLK;
	error = check(desc, side);
	if (!error)
		error = prepare(desc, side, self);
	return error ? error : wait_registered(desc, side, self);
}

int np_poll_wait(struct np_poll_desc *desc, int mode)
{
	int side = side_of(mode);

	if (!desc || side < 0)
		return -EINVAL;
	return np__poll_wait_quickly(desc, side, np__task_self());
}

int np__poll_wait_drained_slowly(struct np_poll_desc *desc, struct np_task *self)
{
	/* In a child the wait fails, but what has come since can be read. */
	if (atomic_load(&desc->info) & INFO_DOUBTS || np__poller_is_inherited(desc->poller))
		return POLL_ASK_KERNEL;
	/* It counts even if there is a report, which the wait would take. */
	if (atomic_load_explicit(&desc->deadline[SIDE_READ], memory_order_relaxed) > 0 &&
	    desc->poller != self->home)
		np__poll_expire_by_clock(desc);
	return np__poll_wait(desc, SIDE_READ, self);
}

int np_poll_wait_canceled(struct np_poll_desc *desc, int mode)
{
	struct np_task *self = np__task_self();
	int side = side_of(mode);
	int result;

	if (!desc || side < 0)
		return -EINVAL;
	if (!self->parker->park)
		return -EDEADLK;
	result = prepare(desc, side, self);
	if (result)
		return result;
	do {
		uintptr_t old = SLOT_NIL;

		/* claim() without its check: deadline and close do not count. */
		if (atomic_compare_exchange_strong(&desc->slot[side], &old, SLOT_WAIT))
			result = park(desc, side, self, &np__poll_stubborn_waits[side]);
		else if (old == SLOT_READY)
			result = finish(desc, side);
		else
			result = np__misuse("two tasks wait on one direction of a poll descriptor");
	} while (result == 0);
	return result > 0 ? 0 : result;
}

int np_poll_begin(struct np_poll_desc *desc, int mode, struct np_task *task)
{
	int side = side_of(mode);
	int result;

	if (!desc || side < 0 || !task)
		return -EINVAL;
	result = check(desc, side);
	if (!result)
		result = prepare(desc, side, task);
	while (!result) {
		result = claim(desc, side);
		if (result || commit(task, &desc->slot[side]))
			break;
		result = finish(desc, side) ? 1 : check(desc, side);
	}
	return result;
}

int np_poll_end(struct np_poll_desc *desc, int mode)
{
	int side = side_of(mode);
	int error;

	if (!desc || side < 0)
		return -EINVAL;
	if (finish(desc, side))
		return 0;
	error = check(desc, side);
	return error ? error : -EAGAIN;
}

int np__poll_check_slowly(struct np_poll_desc *desc, int side)
{
	int error;

	if (atomic_load_explicit(&desc->deadline[side], memory_order_relaxed) > 0 &&
	    desc->poller != np__task_self()->home)
		np__poll_expire_by_clock(desc);
	error = check(desc, side);
	/* Told once: where reports have to be asked for, no healthy one would come to end it. */
	if (error == NP_ENOTPOLLABLE && atomic_load(&desc->info) & INFO_NEEDS_ARM)
		atomic_fetch_and(&desc->info, ~(uint32_t)INFO_EVENT_ERROR);
	return error;
}

int np_poll_reset(struct np_poll_desc *desc, int mode)
{
	int side = side_of(mode);

	return desc && side >= 0 ? np__poll_reset(desc, side) : -EINVAL;
}

/*
 * The time is stored before the timer is looked at; who runs the timers takes an entry out before
 * it looks at the times (np__poller_turn()). So either the entry seen here is there still, or its
 * visit sees the new time. An entry at or before the new time will do: no lock.
 */
int np_poll_set_deadline(struct np_poll_desc *desc, int64_t deadline_ns, int mode)
{
	struct task_list ready = { .head = NULL };
	int64_t timer;

	if (!desc || mode < NP_READ || mode > NP_READ_WRITE)
		return -EINVAL;
	if (deadline_ns < 0)
		deadline_ns = DEADLINE_EXPIRED;
	for (int side = SIDE_READ; side < SIDES; side++) {
		if (!(mode & (1 << side)))
			continue;
		atomic_store(&desc->deadline[side], deadline_ns);
		if (deadline_ns == DEADLINE_EXPIRED)
			slot_cancel(&desc->slot[side], &ready);
	}
	np_ready(ready.head);
	if (deadline_ns <= 0)
		return 0;
	timer = atomic_load(&desc->timer.when);
	if (timer == 0 || timer > deadline_ns)
		np__poller_arm_timer(desc->poller, desc);
	return 0;
}

int64_t np__poll_expire(struct np_poll_desc *desc, int64_t now, struct task_list *ready)
{
	int64_t earliest = 0;

	for (int side = SIDE_READ; side < SIDES; side++) {
		int64_t deadline = atomic_load(&desc->deadline[side]);

		/* A setter may be moving it: what is in force is what the swap finds. */
		while (deadline > 0 && deadline <= now) {
			if (atomic_compare_exchange_weak(&desc->deadline[side], &deadline,
							 DEADLINE_EXPIRED)) {
				slot_cancel(&desc->slot[side], ready);
				deadline = DEADLINE_EXPIRED;
			}
		}
		if (deadline > 0 && (earliest == 0 || deadline < earliest))
			earliest = deadline;
	}
	return earliest;
}

/* What a report tells beside readiness; before the slots, so that who is woken sees it. */
static void note(struct np_poll_desc *desc, uint32_t flags)
{
	bool is_error =
		flags & RUNTIME_POLL_ERROR && !(atomic_load(&desc->info) & INFO_IS_ANSWERED);
	uint32_t told = (is_error ? INFO_EVENT_ERROR : 0) |
			(flags & RUNTIME_POLL_HANGUP ? INFO_HANGUP : 0) |
			(flags & RUNTIME_POLL_PRIORITY ? INFO_PRIORITY : 0);

	/* A healthy report ends the error. */
	if (!(told & INFO_EVENT_ERROR))
		atomic_fetch_and(&desc->info, ~(uint32_t)INFO_EVENT_ERROR);
	atomic_fetch_or(&desc->info, told);
}

static inline void report(struct np_poll_desc *desc, uint32_t flags, struct woken *woken)
{
	uint32_t info = atomic_load_explicit(&desc->info, memory_order_relaxed);

	if (flags == RUNTIME_POLL_READ && !(info & INFO_EVENT_ERROR)) { /* nearly always */
		slot_report(desc, SIDE_READ, woken);
		return;
	}
	if (flags & ~(uint32_t)(RUNTIME_POLL_READ | RUNTIME_POLL_WRITE) || info & INFO_EVENT_ERROR)
		note(desc, flags);
	if (flags & RUNTIME_POLL_READ)
		slot_report(desc, SIDE_READ, woken);
	if (flags & RUNTIME_POLL_WRITE)
		slot_report(desc, SIDE_WRITE, woken);
}

void np__poll_report(struct np_poller *poller, const struct runtime_poll_event *events, int count,
		     struct woken *ret_woken)
{
	struct np_task before = { .next = NULL };
	struct woken woken = { .last = &before };
	const uint64_t mask = ~UINT64_C(0) >> (64 - poller->backend->tag_bits);
	struct np_poll_desc *descs[EVENTS_PER_TURN];

	for (int i = 0; i < count; i++) {
		descs[i] = np__desc_of_tag(&poller->table, events[i].tag);
		__builtin_prefetch(descs[i]->slot, 1);
	}
	for (int i = 0; i < count; i++)
		if (!((events[i].tag ^ atomic_load(&descs[i]->tag)) &
		      mask)) /* not another's by now */
			report(descs[i], events[i].flags, &woken);
	woken.last->next = NULL;
	woken.first = before.next;
	*ret_woken = woken;
}

/* What of the backend's traits matters to each wait. */
static uint32_t info_of(unsigned traits)
{
	if (traits & RUNTIME_POLL_NEEDS_ARM)
		return INFO_NEEDS_ARM; /* level-triggered: looks at what is there, so it is never
					  vague */
	return traits & RUNTIME_POLL_REPORTS_PRIORITY ? 0 : INFO_IS_VAGUE;
}

int np__poll_create(struct np_poller *poller, int fd, struct np_poll_desc **ret_desc)
{
	struct np_poll_desc *desc;
	int error = np__poller_is_inherited(poller) ? NP_EFORKED : np__desc_alloc(poller, &desc);

	if (error)
		return error;
	desc->fd = fd;
	desc->peer = NULL;
	for (int side = SIDE_READ; side < SIDES; side++) {
		atomic_store(&desc->slot[side], SLOT_NIL); /* T14 */
		atomic_store(&desc->deadline[side], DEADLINE_NONE);
	}
	atomic_store(&desc->info, INFO_OPEN | info_of(poller->backend->traits));
	*ret_desc = desc;
	return 0;
}

/* What the backend has to be told for @side, if anything. */
static int tell_backend(struct np_poll_desc *desc, int side)
{
	const struct runtime_poll *backend = desc->poller->backend;
	uint64_t tag = atomic_load(&desc->tag);
	uint32_t info = atomic_load(&desc->info);
	bool reads_only = side == SIDE_READ && backend->open_read;
	int error = 0;

	if (!(info & INFO_REGISTERED)) {
		error = reads_only ? backend->open_read(desc->poller->state, desc->fd, tag)
				   : backend->open(desc->poller->state, desc->fd, tag);
		if (!error)
			atomic_fetch_or(&desc->info,
					INFO_REGISTERED | (reads_only ? INFO_READS_ONLY : 0));
	} else if (info & INFO_READS_ONLY && side == SIDE_WRITE) {
		error = backend->widen(desc->poller->state, desc->fd, tag);
		if (!error)
			atomic_fetch_and(&desc->info, ~(uint32_t)INFO_READS_ONLY);
	}
	return error;
}

/* A reader and a writer may come here together: the second waits for what the first tells. */
int np__poll_register(struct np_poll_desc *desc, int side)
{
	unsigned turns = 0;
	int error;

	while (atomic_fetch_or(&desc->info, INFO_JOINING) & INFO_JOINING)
		np__spin_pause(&turns);
	error = tell_backend(desc, side);
	atomic_fetch_and(&desc->info, ~(uint32_t)INFO_JOINING);
	return error;
}

/* No more timers: who would arm one sees CLOSING, under their lock, or is not seen here only now.
 */
static void disarm(struct np_poll_desc *desc)
{
	struct timers *timers = &desc->poller->timers;

	if (!atomic_load(&desc->timer.when))
		return;
	pthread_mutex_lock(&timers->lock);
	np__timers_disarm(timers, &desc->timer);
	pthread_mutex_unlock(&timers->lock);
}

bool np__poll_leaves_by_itself(const struct np_poll_desc *desc)
{
	return desc->poller->backend->traits & RUNTIME_POLL_FORGETS_CLOSED &&
	       !np__fork_has_happened();
}

void np__poll_release(struct np_poll_desc *desc)
{
	struct np_poller *poller = desc->poller;

	atomic_store(&desc->info, INFO_CLOSING);
	disarm(desc); /* again, for who set a deadline while this was unblocked */
	if (np__desc_free(desc))
		np__poller_end(poller);
}

/* Forget the registration and give the descriptor back. */
static void destroy(struct np_poll_desc *desc)
{
	if (atomic_load(&desc->info) & INFO_REGISTERED)
		desc->poller->backend->close(desc->poller->state, desc->fd);
	np__poll_release(desc);
}

int np_poll_open(struct np_poller *poller, int fd, struct np_poll_desc **ret_desc)
{
	struct np_poll_desc *desc;
	int error;

	if (!poller || !ret_desc)
		return -EINVAL;
	if (fd < 0)
		return -EBADF;
	if (np_poller_is_descriptor(poller, fd))
		return -EINVAL;
	error = np__poll_create(poller, fd, &desc);
	if (error)
		return error;
	error = np__poll_register(desc, SIDE_WRITE); /* both: what Go promises */
	if (error) {
		destroy(desc);
		return error;
	}
	*ret_desc = desc;
	return 0;
}

int np_poll_unblock(struct np_poll_desc *desc)
{
	struct task_list ready = { .head = NULL };

	if (!desc)
		return -EINVAL;
	if (atomic_fetch_or(&desc->info, INFO_CLOSING) & INFO_CLOSING)
		return np__misuse("a poll descriptor is unblocked twice");
	slot_cancel(&desc->slot[SIDE_READ], &ready);
	slot_cancel(&desc->slot[SIDE_WRITE], &ready);
	disarm(desc);
	np_ready(ready.head);
	return 0;
}

int np_poll_close(struct np_poll_desc *desc)
{
	if (!desc)
		return -EINVAL;
	if (!(atomic_load(&desc->info) & INFO_CLOSING))
		return np__misuse("a poll descriptor is closed without being unblocked");
	if (atomic_load(&desc->slot[SIDE_READ]) > SLOT_READY ||
	    atomic_load(&desc->slot[SIDE_WRITE]) > SLOT_READY)
		return np__misuse("a poll descriptor is closed while a task waits on it");
	destroy(desc);
	return 0;
}
