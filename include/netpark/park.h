/* SPDX-License-Identifier: MIT */
/*
 * netpark/park.h - the seam between netpark and whatever runs the program's tasks.
 *
 * A task is who waits: a thread, a fiber, or a callback of the host's own loop. A parker knows how
 * to stop one and how to make it run again. Everything above (descriptors, deadlines, close from
 * elsewhere) uses these two calls and nothing else; Go's are gopark and goready.
 *
 * A program that only uses threads never sees this header: a thread that calls np_read() and has
 * no other task is given netpark's thread parker.
 */
#ifndef NETPARK_PARK_H
#define NETPARK_PARK_H

#include <netpark/base.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct np_failure;
struct np_parker;
struct np_poller;

/**
 * struct np_task - one who waits; embedded first in a fiber, a thread's record or a callback's
 *
 * Owned by its parker, alive for as long as anybody may make it ready: until the park that was
 * committed has been answered.
 */
struct np_task {
	const struct np_parker *parker; /* constant */
	struct np_task *next;           /* link of the ready list that carries it; else undefined */
	struct np_poller *poller;       /* where descriptors it waits for first are registered;
					   NULL: the default poller */
	struct np_poller *home; /* the parker's: the one poller that the task's thread alone turns;
				   NULL if there is none, or where the parker has no stop() */
	struct np_failure *failure; /* a record for np_error_text(), or NULL for none; tasks of one
				       thread may share it if none runs between a failing call and
				       its next call of netpark */
	uint32_t budget;            /* the parker's: calls of netpark that may still do without
				       parking before it is asked to yield; wraps */
	uint32_t canceled;          /* atomic: not 0 once the task is to end, then its waits are
				       NP_ECANCELED */
};

/**
 * struct np_wait - a kind of wait: how a task is published to who will make it ready, and taken
 * back
 *
 * Constant. @arg is that of park().
 */
struct np_wait {
	const char *what; /* for people: "channel receive" */

	/**
	 * commit() - publish the task to whoever will make it ready
	 *
	 * It may release a lock under which the task was put into a queue.
	 * Return: true if it did; false if the reason to park has gone: then the task goes on at
	 * once and nobody will make it ready.
	 */
	bool (*commit)(struct np_task *task, void *arg);

	/**
	 * retract() - the opposite: nobody shall make it ready any more
	 *
	 * By the parker, on the thread that would run the task, while it is parked or has just
	 * committed. Return: true: nobody has and nobody will, the task goes on with its wait
	 * undone and looks at its canceled; false: somebody has or is about to. NULL where a wait
	 * must not be cut short.
	 */
	bool (*retract)(struct np_task *task, void *arg);

	/**
	 * describe() - for people, in full: "read tcp 127.0.0.1:80->127.0.0.1:4242, fd 7"
	 *
	 * By who sees to it that the task does not go on meanwhile: np_dump(). May wait for
	 * nothing. Return: as snprintf(3). NULL: what says it all.
	 */
	int (*describe)(const struct np_wait *self, void *arg, char *buf, size_t size);
};

/**
 * struct np_detached - a call that blocks its thread and that need not be waited for to the end;
 * embedded in what it works on
 *
 * Not cut short. Who began it may stop waiting at any time, so what it works on belongs to both.
 */
struct np_detached {
	void (*run)(struct np_detached *self);  /* the call, on a thread where it may block; makes
						   who waits for it ready */
	void (*drop)(struct np_detached *self); /* then, on the same thread: the parker is done
						   with it, and it may be given back; on any thread
						   if it was abandoned before run() */
	struct np_detached *next;               /* the parker's, until drop() */
	uint32_t abandoned; /* atomic: not 0 once nobody waits for it, so that it will wake nobody
			     */
};

/** struct np_parker - how tasks of one kind are stopped and resumed */
struct np_parker {
	const char *name;

	/**
	 * park() - stop the running task until it is made ready. Go: gopark
	 * @self:   the running task
	 * @wait:   its commit is called exactly once, when a ready() from another thread can be
	 *          honoured
	 * @poller: the poller whose reports will end the park, NULL if another task will. A parker
	 *          that drives its pollers anyway ignores it; the thread parker leads it.
	 *
	 * Returns when commit said false or the task was made ready, exactly once for each park.
	 * NULL for a parker whose tasks never block (callbacks): they use np_poll_begin().
	 */
	void (*park)(struct np_task *self, const struct np_wait *wait, void *arg,
		     struct np_poller *poller);

	/**
	 * stop() - park a task that was published already, and may have been made ready since, by
	 * any thread
	 *
	 * As park(), without a commit, where that saves something: for reports of the task's home,
	 * and for waits that end by somebody else's call. Needed only by a parker whose tasks have
	 * a home.
	 */
	void (*stop)(struct np_task *self, const struct np_wait *wait, void *arg);

	/**
	 * ready() - make tasks runnable. Go: goready
	 * @list: tasks of this parker linked through next, ended by NULL; the parker's from now on
	 *
	 * Any thread may call it, also one in the middle of np_poller_turn(), so it only queues
	 * the tasks and does not run them. Each task was parked and is in one list only.
	 */
	void (*ready)(struct np_task *list);

	/**
	 * ready_at_home() - the same for tasks that all have the home which the calling thread
	 * turns
	 * @first, @last: of the list, not empty
	 *
	 * Needed only by a parker whose tasks have a home.
	 */
	void (*ready_at_home)(struct np_task *first, struct np_task *last);

	/**
	 * attend() - the task is going to wait on a poller that is not its own
	 *
	 * Make sure that somebody turns it. Return: 0 or an error, which becomes that of the wait.
	 * NULL for a parker that needs nothing for this.
	 */
	int (*attend)(struct np_task *self, struct np_poller *poller);

	/**
	 * yield() - let others run: the task's budget is used up
	 *
	 * A task whose calls never have to wait would keep its thread for ever. NULL for a parker
	 * that leaves this to somebody else, the kernel for example.
	 */
	void (*yield)(struct np_task *self);

	/**
	 * blocking() - run @fn, which blocks its thread, on another one, with the task parked
	 *
	 * Return: what @fn returned, or an error if it could not be run. NULL for a parker whose
	 * tasks have their threads to themselves: then it is run where it is.
	 */
	int (*blocking)(struct np_task *self, int (*fn)(void *arg), void *arg);

	/**
	 * detach() - have @call made on another thread, whatever becomes of the task
	 *
	 * At the end of what the parker runs, calls that were abandoned are not waited for.
	 * Return: 0, then run() and drop() will be called once each, or drop() alone if @call was
	 * abandoned before its turn came; or an error, then neither.
	 * NULL for a parker that has no threads for this: then one is started for each call.
	 */
	int (*detach)(struct np_task *self, struct np_detached *call);
};

/** The task that runs here and now: the one set by np_task_enter(), else this thread's own. */
NP_API struct np_task *np_task_self(void);

/**
 * np_task_enter() - say which task runs on this thread from now on
 * @task: one of the host's; NULL gives the thread its own task back
 *
 * A parker that multiplexes tasks on a thread calls it at every switch.
 * Return: the task set before, or NULL.
 */
NP_API struct np_task *np_task_enter(struct np_task *task);

/**
 * np_task_use_poller() - where the calling task's new registrations go
 * @poller: NULL for the default poller; must outlive the task's use of it
 *
 * Return: the poller used before, or NULL.
 */
NP_API struct np_poller *np_task_use_poller(struct np_poller *poller);

/** Make every task of a list ready, whatever their parkers. Any thread. */
NP_API void np_ready(struct np_task *list);

/** The parker of plain threads. */
NP_API extern const struct np_parker np_parker_thread;

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_PARK_H */
