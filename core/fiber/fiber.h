/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/fiber.h - fibers, the workers that run them, and the runtime that has both.
 *
 * What a fiber is made of has one owner at a time: the worker that made it until it begins, then
 * the worker that runs it, for good. So a worker's queue, and all of a fiber but its state, are
 * touched by one thread only. Others reach a worker through its inbox.
 *
 * The record of a fiber is not on its stack: of one that waits for long the stack's memory could be
 * given back. Records are never given back before the runtime ends, so that an id, or a message
 * that comes late, names memory that exists.
 */
#ifndef NETPARK_CORE_FIBER_FIBER_H
#define NETPARK_CORE_FIBER_FIBER_H

#include "core/failure.h"
#include "core/fiber/overflow.h"
#include "core/fiber/stack.h"
#include "core/fiber/switch.h"
#include "core/fiber/switch_notes.h"
#include "core/fiber/table.h"
#include "core/poller.h"
#include "core/thread.h"

#include <netpark/fiber.h>

struct processors;

/* Flags of a fiber's state; above them is its generation. */
enum {
	FIBER_LIVE = 1,  /* from np_go() on */
	FIBER_BEGUN = 2, /* worker is known and stays */
	FIBER_ASKED = 4, /* to end: np_cancel() */
	FIBER_ENDED = 8,
	FIBER_WORKER_SHIFT = 8, /* of BEGUN ones: the index of their worker, in 16 bits */
	FIBER_STATE_BITS = 24,
};

enum { FIBER_LABEL = 24 };

struct fiber {
	/* Two lines of the cache are what parking and going on touch, of a fiber that was long
	 * away. */
	_Alignas(64) struct np_task task; /* first */
	struct context context;
	struct worker *worker; /* that runs it */

	const struct np_wait *wait; /* what it is parked for, or NULL */
	void *wait_arg;
	int64_t since; /* when its worker last looked around before it parked, or 0 */
	int error;     /* errno, while it does not run */

	uint32_t seen; /* ready, by the dump of this number; under the hold */
	_Atomic uint64_t state;
	struct stack stack;
	void (*fn)(void *arg);
	void *arg;
	uint32_t place;     /* in the table; constant */
	uint16_t shields;   /* np_shield() */
	bool has_been_told; /* that it was asked to end */
	bool is_known;      /* its id was given to somebody */
	const char *name;
	char label[FIBER_LABEL]; /* the beginning of the name, for other threads */
	struct local_value *locals;

	struct np_group *group;
	int (*member)(void *arg);    /* in a group, instead of fn */
	struct fiber *group_next;    /* under the group's lock */
	struct fiber **group_before; /* the same */

	struct fiber *link; /* free list, newborns, or cancellations: one at a time */
	struct switch_note note;
};

/* Fibers that have not begun, first in first out. */
struct newborns {
	uint32_t lock;
	struct fiber *first, **end;
	_Atomic size_t count; /* written under the lock */
};

/* Tasks that are ready, first in first out. */
struct run_queue {
	struct np_task *first;
	struct np_task *last; /* if there is a first */
};

static inline void run_queue_append(struct run_queue *queue, struct np_task *first,
				    struct np_task *last)
{
	last->next = NULL;
	if (queue->first)
		queue->last->next = first;
	else
		queue->first = first;
	queue->last = last;
}

static inline struct np_task *run_queue_take(struct run_queue *queue)
{
	struct np_task *task = queue->first;

	if (task)
		queue->first = task->next;
	return task;
}

enum worker_sleep {
	AWAKE,
	ASLEEP,   /* in the backend's wait, or on the way there: who has something breaks it */
	SUMMONED, /* is being broken, to look for newborns */
};

struct worker {
	struct runtime *runtime;
	struct np_poller *poller;
	struct fiber *current;  /* NULL: the worker itself; read by dumps, too */
	struct context context; /* of its thread */
	struct switch_note note;
	struct switch_note grave_note; /* of the fiber that is ending */
	struct run_queue ready;
	struct run_queue sated;  /* have used up their budget: ready after the next look */
	unsigned shares;         /* budgets used up since that */
	unsigned unseen;         /* rounds since that */
	uint32_t turns;          /* switches left before it looks at the world */
	int *error;              /* errno of its thread */
	_Atomic uint64_t rounds; /* times that it had something to run, or to make ready */

	struct stack_pool *stacks;
	struct fiber *spare; /* records */
	unsigned spare_count;

	/* counted by the owner, read by all */
	_Atomic uint64_t born; /* started by its fibers */
	_Atomic uint64_t
		taken; /* of newborns, which are its own since; not counted by a lone one */
	_Atomic uint64_t ended;

	struct newborns newborns;
	_Atomic(struct np_task *) inbox; /* tasks of ours that others made ready */
	_Atomic(struct fiber *) cancels; /* fibers of ours that others asked to end */
	_Atomic int sleep;               /* enum worker_sleep */
	bool has_stolen;                 /* since it last slept */
	int64_t left_since;              /* leaves newborns to others since then, or 0 */
	int64_t leaves_none_until;       /* for it has waited in vain */
	uint64_t born_before;            /* when it last looked for newborns */
	atomic_bool is_held;             /* stands still: see hold.c */
	_Atomic int64_t looked;          /* when, or 0: kept only once dumps are wanted */

	/* deadlock.c */
	struct np_poll_desc *hope; /* of its poller: somebody waited there */
	size_t hope_place;
	uint64_t quiet_rounds; /* looks is how often it has suspected since these */
	unsigned looks;
	unsigned vote; /* that it has cast last, with these rounds behind it */
	uint64_t vote_rounds;

	struct np_failure failure; /* of its fibers: see struct np_task */
	struct overflow_thread overflow;
	unsigned index;
	pthread_t thread;
};

/* What every worker has to see to before it runs another fiber. */
enum runtime_call {
	CALL_FINISH = 1, /* the last fiber has ended */
	CALL_HOLD = 2,   /* somebody wants to look at fibers */
};

/* A lock that is given in the order in which it was asked for: see hold.c. */
struct hold {
	pthread_mutex_t mutex;
	pthread_cond_t given;
	uint64_t next, serving; /* under mutex */
};

struct runtime {
	struct np_run_options options;
	struct stack_depot *depot;
	struct fiber_table table;
	unsigned worker_count;
	struct worker *workers;

	pthread_mutex_t lock;
	atomic_bool searching;         /* a worker is summoned, or looks for newborns */
	_Atomic uint64_t born_outside; /* by threads; written under lock */
	struct newborns outside;       /* theirs */
	bool is_open;         /* to threads that start fibers; under the lock of runtime.c */
	atomic_bool stopping; /* main has returned */
	atomic_uint calls;    /* of enum runtime_call */
	struct hold hold;     /* by who holds the workers */
	uint32_t dumps;       /* under hold: looks at the queues */
	atomic_uint visitors; /* threads outside that may still touch a worker */
	struct attendant *attendants; /* under lock */
	struct blocking_pool *blocking;
	struct hog_watch *hogs; /* or NULL */
	atomic_uint vote;       /* the one that is on, or 0; the rest under lock */
	unsigned last_vote;
	unsigned votes;
	bool is_second_vote;
	bool is_deadlocked; /* and that was told */
	int64_t vote_began;
	struct processors *processors; /* NP_RUN_PIN: the caller's; else NULL */
};

/* ---- worker.c ---- */

/* Run fibers on this thread, which is @worker's, until the runtime has finished. */
void np__worker_run(struct worker *worker);

/* Leave the running fiber for whatever comes next. It is queued, parked or at its end. */
void np__worker_leave(struct worker *worker, struct context *from, struct switch_note *note);

/* Append to the queue of the worker that runs here. */
static inline void np__worker_queue(struct worker *worker, struct np_task *task)
{
	run_queue_append(&worker->ready, task, task);
}

/* Has somebody something for @worker to look at? */
bool np__worker_has_messages(struct worker *worker);

/* ---- newborns.c ---- */

/* ns that a worker which has many fibers leaves newborns to others: more than a wake-up takes. */
enum { NEWBORN_PATIENCE = 300 * 1000 };

/* ns for which one that waited in vain, and starts more, does not wait again. */
enum { NEWBORN_MEMORY = 10 * 1000 * 1000 };

void np__newborns_init(struct newborns *newborns);
void np__newborns_push(struct newborns *newborns, struct fiber *fiber);

/* Some fiber was pushed: a worker that sleeps shall look for it, unless one looks already. */
void np__newborns_summon(struct runtime *runtime);

/* By @worker: some of its own newborns, and of those that threads started, are its own for good. */
bool np__newborns_adopt_some(struct worker *worker);

static inline bool np__newborns_adopt(struct worker *worker)
{
	if (atomic_load(&worker->newborns.count) == 0 &&
	    atomic_load(&worker->runtime->outside.count) == 0)
		return false;
	return np__newborns_adopt_some(worker);
}

/* The same, and if there are none, of those of other workers. */
bool np__newborns_find(struct worker *worker);

/* Has anybody any? */
bool np__newborns_exist(struct runtime *runtime);

/* Summoned: look for newborns for a while. */
void np__newborns_search(struct worker *worker);

/* Out of work: one that has stolen looks for more before it sleeps. True if there is something. */
bool np__newborns_linger(struct worker *worker);

/* ---- deadlock.c ---- */

/* np__deadlock_patience() when what it looks at is not enough. */
int64_t np__deadlock_watch(struct worker *worker);

/* How long @worker may sleep, which has nothing to do: -1 for ever. It has said that it sleeps. */
static inline int64_t np__deadlock_patience(struct worker *worker)
{
	const struct np_poll_desc *hope = worker->hope;

	return hope && np__poll_is_waited_for(hope) ? -1 : np__deadlock_watch(worker);
}

/* ---- threads_*.c ---- */

/* How many the process has, 0 if that is unknown. */
unsigned np__sys_threads(void);

/* ---- runtime.c ---- */

/* The runtime that runs, kept from ending until it is released; NULL if there is none. */
struct runtime *np__runtime_hold(void);
void np__runtime_release(void);

/* Did fibers run in the process that this one was forked from? */
bool np__runtime_is_inherited(void);

/* Every worker shall look whether the runtime has finished. */
void np__runtime_wake_all(struct runtime *runtime);

/* No thread can start a fiber when this has returned. By a fiber. */
void np__runtime_stop(struct runtime *runtime);

/* Every worker shall come to its end. */
void np__runtime_finish(struct runtime *runtime);

/* By @worker, which has said that it sleeps: was its last fiber the last of all? */
void np__runtime_finish_if_empty(struct worker *worker);

/* Something returns in a child that forked in it: there is nowhere to go. */
_Noreturn void np__runtime_end_child(void);

/* As np__runtime_hold(), until its very end, and without keeping it from anything but that. */
struct runtime *np__runtime_visit(void);
void np__runtime_leave(struct runtime *runtime);

/* ---- hold.c ---- */

void np__hold_init(struct hold *hold);
void np__hold_fini(struct hold *hold);

/*
 * Every worker stands still between two fibers until np__hold_end(), but for those that have not
 * come there by @until_ns. A worker may call it, in a fiber or not: itself stands still then.
 */
void np__hold_begin(struct runtime *runtime, int64_t until_ns);
void np__hold_end(struct runtime *runtime);

/* By a worker that is called: stand still while it is held. False: finished. */
bool np__hold_stay(struct worker *worker);

/* ---- dump.c ---- */

/* np_dump() of @runtime, or NULL for threads alone. */
int np__dump(struct runtime *runtime, int fd);

/* How many threads np_dump_on_signal() has started: they wake nobody. */
unsigned np__dump_threads(void);

/* ---- fiber.c ---- */

/*
 * What np_set_name() has left there, by any thread. It is @fiber's if its state is the same before
 * and after; if the name was changed meanwhile, some of each.
 */
void np__fiber_read_label(const struct fiber *fiber, char label[FIBER_LABEL]);

/* ---- spawn.c ---- */

/* It is @worker's from now on, which runs here. */
void np__fiber_begin(struct fiber *fiber, struct worker *worker);

/* The end of a fiber whose function has returned. Does not return. */
_Noreturn void np__fiber_end(struct fiber *fiber);

/* Start a fiber of @group; one of fn and member is NULL. 0 or an error. */
int np__fiber_spawn(void (*fn)(void *arg), int (*member)(void *arg), void *arg,
		    struct np_group *group);

np_fiber_id np__fiber_id(const struct fiber *fiber);

/* The record goes back: nobody will look at it for this fiber any more. By the owner. */
void np__fiber_put(struct worker *worker, struct fiber *fiber);

/* ---- cancel.c ---- */

/* Tell fibers of @worker, which runs here, that others asked them to end. */
void np__cancel_deliver(struct worker *worker);

/* Ask @fiber to end, unless it is of another generation by now. Any thread. */
void np__cancel_fiber(struct fiber *fiber, uint64_t generation);

/* Cancel every fiber there is. */
void np__cancel_all(struct runtime *runtime);

/* Recompute what the fiber's waits look at. By its worker. */
void np__cancel_settle(struct fiber *fiber);

/* ---- group.c ---- */

/* A member joins before it can run, leaves when it has ended. */
void np__group_enter(struct np_group *group, struct fiber *fiber);
void np__group_leave(struct np_group *group, struct fiber *fiber, int error);

/* ---- blocking.c ---- */

/* At most @threads of them, 0 for the default, on @processors. 0 or an error. */
int np__blocking_create(unsigned threads, const struct processors *processors,
			struct blocking_pool **ret_pool);

/* Waits for its threads, but for those whose calls were abandoned: the last of them frees it. */
void np__blocking_destroy(struct blocking_pool *pool);

/* np_parker.detach() */
int np__blocking_detach(struct blocking_pool *pool, struct np_detached *call);

/* Is no call under way that may wake a fiber? Adds the pool's threads to *threads. */
bool np__blocking_is_idle(struct blocking_pool *pool, unsigned *threads);

/* ---- hogs.c ---- */

/* Look for hogs, if the options want that. 0 or an error. */
int np__hogs_begin(struct runtime *runtime);
void np__hogs_end(struct runtime *runtime);

/* Is it asleep? Adds its thread to *threads. */
bool np__hogs_is_idle(struct runtime *runtime, unsigned *threads);

/* ---- attend.c ---- */

/* A fiber is going to wait on @poller: somebody shall turn it. 0 or an error. */
int np__attend(struct runtime *runtime, struct np_poller *poller);

/* No fiber waits any more. */
void np__attend_end(struct runtime *runtime);

/* ---- processors_*.c ---- */

/* Those that the calling thread may use, to be freed; NULL for want of memory, or of a way to ask.
 */
struct processors *np__sys_processors_get(void);

/* The calling thread may use these. NULL: what it may is left alone. */
void np__sys_processors_set(const struct processors *processors);

/* How many the process may use, at least 1. */
unsigned np__sys_processors(void);

/* Bind the calling thread to the one with this number among them, counted round. */
void np__sys_pin_thread(unsigned index);

/* ---- local.c ---- */

void np__locals_destroy(struct fiber *fiber);

/* The worker that runs here, NULL on other threads. */
extern NP_TLS struct worker *np__worker;

extern const struct np_parker np_parker_fiber;

static inline struct fiber *np__fiber_of(struct np_task *task)
{
	return container_of(task, struct fiber, task);
}

/* The running fiber, or NULL on a thread (a worker's own stack included). */
static inline struct fiber *np__fiber_self(void)
{
	return np__worker ? np__worker->current : NULL;
}

#endif /* NETPARK_CORE_FIBER_FIBER_H */
