/* SPDX-License-Identifier: MIT */
/*
 * core/park_thread.c - the parker of plain threads. There are no hidden threads: of those that wait
 * on a poller one leads, that is, blocks in the backend's wait and makes the others ready; the
 * others sleep on condition variables of their own. Who leads hands the lead on when its own report
 * comes.
 *
 * A thread that waits alone always leads: it goes straight into the backend's wait, is made ready
 * by itself, and returns. No other thread, no lock that is contended, no system call but the wait.
 */
#include "core/clock.h"
#include "core/failure.h"
#include "core/misuse.h"
#include "core/poller.h"
#include "core/task.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <pthread.h>
#include <stddef.h>
#include <time.h>

struct thread_task {
	struct np_task task; /* first */
	struct np_failure failure;
	bool ready_by_self; /* seen by this thread only */

	pthread_mutex_t lock;
	pthread_cond_t changed;    /* ready or must_lead */
	bool ready;                /* under lock */
	bool must_lead;            /* under lock: the lead was handed to it */
	struct np_poller *leading; /* under lock: the poller to break, so that it sees ready */
	struct follower follower;

	/* for people */
	bool is_parked; /* under lock: it stays until that is given, and so does what it waits for
			 */
	const struct np_wait *wait; /* these, while it is parked */
	void *wait_arg;
	int64_t since;
	const char *name; /* under lock */

	/* in the list of those that have ever parked, under its lock, but for the thread itself */
	uint64_t number; /* 0: not there */
	struct thread_task *next, **previous;
};

static struct thread_task *thread_of(struct np_task *task)
{
	return (struct thread_task *)task;
}

static struct thread_task *thread_following(struct follower *follower)
{
	return (struct thread_task *)((char *)follower - offsetof(struct thread_task, follower));
}

struct np_task *np__thread_task(void)
{
	static _Thread_local struct thread_task own = {
		.task.parker = &np_parker_thread,
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.changed = PTHREAD_COND_INITIALIZER,
	};

	own.task.failure = &own.failure;
	return &own.task;
}

/* ---- the list of threads that have parked -------------------------------------------------- */

static struct {
	pthread_mutex_t lock;
	pthread_once_t once;
	pthread_key_t key; /* whose destructor says that a thread ends */
	bool has_key;
	struct thread_task *first, **end; /* by number */
	uint64_t numbers;
} parkers = { .lock = PTHREAD_MUTEX_INITIALIZER, .once = PTHREAD_ONCE_INIT, .end = &parkers.first };

static void take_out(void *arg)
{
	struct thread_task *thread = arg;

	if (thread->number == 0)
		return; /* since a fork */
	pthread_mutex_lock(&parkers.lock);
	*thread->previous = thread->next;
	if (thread->next)
		thread->next->previous = thread->previous;
	else
		parkers.end = thread->previous;
	thread->number = 0;
	pthread_mutex_unlock(&parkers.lock);
}

static void lock_list(void)
{
	pthread_mutex_lock(&parkers.lock);
}

static void unlock_list(void)
{
	pthread_mutex_unlock(&parkers.lock);
}

/* In the child. The records of the others are where their threads' stacks were. */
static void begin_anew(void)
{
	parkers.first = NULL;
	parkers.end = &parkers.first;
	thread_of(np__thread_task())->number = 0;
	unlock_list();
}

/* Nobody who is not in the child has the lock there, nor, to describe it, that of a thread. */
static void make_key(void)
{
	parkers.has_key = pthread_atfork(lock_list, unlock_list, begin_anew) == 0 &&
			  pthread_key_create(&parkers.key, take_out) == 0;
}

/* A library may be unloaded before the threads that have used it end. */
__attribute__((destructor)) static void delete_key(void)
{
	if (parkers.has_key)
		pthread_key_delete(parkers.key);
}

/* Once in its life. If it cannot be known when that ends, dumps do without this thread. */
NP_RARE static void put_in(struct thread_task *thread)
{
	pthread_once(&parkers.once, make_key);
	if (!parkers.has_key || pthread_setspecific(parkers.key, thread))
		return;
	pthread_mutex_lock(&parkers.lock);
	thread->number = ++parkers.numbers;
	thread->next = NULL;
	thread->previous = parkers.end;
	*parkers.end = thread;
	parkers.end = &thread->next;
	pthread_mutex_unlock(&parkers.lock);
}

static void note_wait(struct thread_task *thread, const struct np_wait *wait, void *arg)
{
	if (thread->number == 0)
		put_in(thread);
	thread->wait = wait;
	thread->wait_arg = arg;
	thread->since = 0;
	if (atomic_load_explicit(&np__task_times_are_wanted, memory_order_relaxed))
		thread->since = np__time_coarse();
}

/* Under the lock of a thread that is parked. "thread 3 [accept tcp 127.0.0.1:80, fd 5, 7.5 s]" */
static void describe(const struct thread_task *thread, struct text *text)
{
	np__text_put(text, "thread ");
	np__text_put_number(text, thread->number);
	if (thread->name)
		np__text_print(text, " \"%s\"", thread->name);
	np__text_put(text, " [");
	np__wait_describe(thread->wait, thread->wait_arg, text);
	np__text_print_age(text, thread->since);
	np__text_put(text, "]\n\n");
}

bool np__threads_describe(uint64_t *after, struct text *text, size_t room)
{
	struct thread_task *thread;

	pthread_mutex_lock(&parkers.lock);
	for (thread = parkers.first; thread; thread = thread->next) {
		if (thread->number <= *after)
			continue;
		if (text->size - np__text_held(text) <= room)
			break;
		*after = thread->number;
		pthread_mutex_lock(&thread->lock);
		if (thread->is_parked)
			describe(thread, text);
		pthread_mutex_unlock(&thread->lock);
	}
	pthread_mutex_unlock(&parkers.lock);
	return thread != NULL;
}

void np__thread_set_name(const char *name)
{
	struct thread_task *thread = thread_of(np__thread_task());

	pthread_mutex_lock(&thread->lock);
	thread->name = name;
	pthread_mutex_unlock(&thread->lock);
}

/* ---- parking ------------------------------------------------------------------------------ */

/*
 * Under the lock to the end: the thread looks at ready under it, too, so it cannot leave, and end,
 * and take its record with it, while its waker is still using that.
 */
static void ready_one(struct thread_task *thread)
{
	if (&thread->task == np__thread_task()) {
		thread->ready_by_self = true;
		return;
	}
	pthread_mutex_lock(&thread->lock);
	thread->ready = true;
	if (thread->leading)
		np_poller_break(thread->leading);
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

static void thread_ready(struct np_task *list)
{
	while (list) {
		struct np_task *task = list;

		list = task->next; /* before it runs and parks again */
		ready_one(thread_of(task));
	}
}

/* Has it been made ready? If not it will lead @poller, and whoever makes it ready breaks that. */
static bool is_ready(struct thread_task *thread, struct np_poller *poller)
{
	bool ready;

	if (thread->ready_by_self)
		return true;
	pthread_mutex_lock(&thread->lock);
	ready = thread->ready;
	thread->is_parked = !ready;
	thread->leading = ready ? NULL : poller;
	pthread_mutex_unlock(&thread->lock);
	return ready;
}

/*
 * A wait fails for want of memory, or for a limit that was lowered under it: that passes, or is for
 * others to see. There is nobody here to return it to, so try again, without spinning. EBADF does
 * not pass: somebody closed the backend's descriptor.
 */
static void wait_has_failed(int error)
{
	const struct timespec pause = { 0, 10 * 1000 * 1000 };

	if (error == -EBADF)
		np__misuse("a poller's own descriptor was closed by the program");
	nanosleep(&pause, NULL);
}

static void lead(struct thread_task *thread, struct np_poller *poller)
{
	while (!is_ready(thread, poller)) {
		int error = np__poller_turn(poller, -1);

		if (error < 0)
			wait_has_failed(error);
	}
	if (thread->ready_by_self) {
		pthread_mutex_lock(&thread->lock);
		thread->leading = NULL;
		thread->is_parked = false;
		pthread_mutex_unlock(&thread->lock);
	}
	np__poller_give_lead(poller);
}

static void take_lead(struct follower *follower)
{
	struct thread_task *thread = thread_following(follower);

	pthread_mutex_lock(&thread->lock);
	thread->must_lead = true;
	pthread_cond_signal(&thread->changed);
	pthread_mutex_unlock(&thread->lock);
}

/* Sleep until ready, or until the lead comes. Returns true if it came, be it ready or not. */
static bool sleep_until_woken(struct thread_task *thread)
{
	bool leads;

	pthread_mutex_lock(&thread->lock);
	thread->is_parked = true;
	while (!thread->ready && !thread->must_lead)
		pthread_cond_wait(&thread->changed, &thread->lock);
	thread->is_parked = false;
	leads = thread->must_lead;
	pthread_mutex_unlock(&thread->lock);
	return leads;
}

static void follow_or_lead(struct thread_task *thread, struct np_poller *poller)
{
	bool leads = np__poller_try_lead(poller);

	if (!leads) {
		thread->follower.take_lead = take_lead;
		leads = np__poller_follow(poller, &thread->follower);
	}
	if (!leads) {
		sleep_until_woken(thread);
		np__poller_unfollow(poller, &thread->follower);
		/* Asked again: the lead may have come between waking and unfollowing. */
		pthread_mutex_lock(&thread->lock);
		leads = thread->must_lead;
		pthread_mutex_unlock(&thread->lock);
	}
	if (leads)
		lead(thread, poller);
}

static void thread_park(struct np_task *self, const struct np_wait *wait, void *arg,
			struct np_poller *poller)
{
	struct thread_task *thread = thread_of(self);

	/* Nobody else knows this task before commit. */
	thread->ready_by_self = false;
	thread->ready = false;
	thread->must_lead = false;
	if (!wait->commit(self, arg))
		return;

	NP_UNCANCELLED;
	note_wait(thread, wait, arg);
	if (poller && !(poller->flags & NP_POLLER_HOST_DRIVEN))
		follow_or_lead(thread, poller);
	else
		sleep_until_woken(thread);
}

const struct np_parker np_parker_thread = {
	.name = "thread",
	.park = thread_park,
	.ready = thread_ready,
};
