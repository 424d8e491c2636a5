/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/blocking.c - threads for calls that block: started when there is none idle.
 *
 * The end of a runtime waits for them, since fibers wait for what they do; but not for those that
 * have a detached call: its fiber has given up, or there would be no end. The pool is theirs then.
 */
#include "core/detach.h"
#include "core/fiber/backtrace.h"
#include "core/fiber/fiber.h"
#include "core/fork.h"
#include "core/ticket.h"

#include <errno.h>
#include <stdlib.h>

enum { DEFAULT_THREADS = 64 };
enum { FEW_HELD = 64 }; /* so many are not worth a look */

/* On the stack of the fiber that waits for it. */
struct job {
	struct np_detached call; /* first; without a drop(): with its run() it may be gone */
	int (*fn)(void *arg);
	void *arg;
	int result;
	struct ticket ticket;
};

struct call_queue {
	struct np_detached *first, **end;
};

struct blocking_pool {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a call, or the end */
	pthread_cond_t gone;    /* a thread has ended, or has a detached call */
	struct call_queue calls;
	const struct processors *processors; /* until the end */
	unsigned most;
	unsigned threads;
	int idle;      /* less the calls that are there for them, or for whoever is done first */
	unsigned jobs; /* whose fibers have not been made ready */
	bool ending;

	/* Detached calls: not on all threads, they would keep the jobs waiting as long as a name
	 * server is silent. */
	unsigned detached;           /* in calls, or running */
	struct call_queue held_back; /* not yet in calls */
	size_t held;                 /* how many of them, and */
	size_t sweep_at;             /* at how many to look whether they are still wanted */
	struct np_detached *running; /* linked; without order */
	bool is_orphan;              /* its last thread frees it */
};

static void queue_init(struct call_queue *queue)
{
	queue->first = NULL;
	queue->end = &queue->first;
}

static void queue_append(struct call_queue *queue, struct np_detached *call)
{
	call->next = NULL;
	*queue->end = call;
	queue->end = &call->next;
}

static struct np_detached *queue_take(struct call_queue *queue)
{
	struct np_detached *call = queue->first;

	if (call) {
		queue->first = call->next;
		if (!queue->first)
			queue->end = &queue->first;
	}
	return call;
}

int np__blocking_create(unsigned threads, const struct processors *processors,
			struct blocking_pool **ret_pool)
{
	struct blocking_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pthread_cond_init(&pool->gone, NULL);
	queue_init(&pool->calls);
	queue_init(&pool->held_back);
	pool->sweep_at = FEW_HELD;
	pool->processors = processors;
	pool->most = threads ? threads : DEFAULT_THREADS;
	*ret_pool = pool;
	return 0;
}

static void free_pool(struct blocking_pool *pool)
{
	pthread_cond_destroy(&pool->gone);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

/* Threads that may be busy for long with what nobody waits for. */
static unsigned count_late(const struct blocking_pool *pool)
{
	unsigned count = 0;

	for (const struct np_detached *call = pool->running; call; call = call->next)
		count += np__detached_is_abandoned(call);
	return count;
}

void np__blocking_destroy(struct blocking_pool *pool)
{
	unsigned left;

	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->changed);
	while (pool->threads > count_late(pool))
		pthread_cond_wait(&pool->gone, &pool->lock);
	left = pool->threads;
	pool->is_orphan = left > 0;
	np__stragglers_add(left);
	pthread_mutex_unlock(&pool->lock);
	if (left == 0)
		free_pool(pool);
}

/* Is any of them, from @call on, waited for? Those without drop() count as jobs. */
static bool is_any_waited_for(const struct np_detached *call)
{
	for (; call; call = call->next)
		if (call->drop && !np__detached_is_abandoned(call))
			return true;
	return false;
}

bool np__blocking_is_idle(struct blocking_pool *pool, unsigned *threads)
{
	bool is_idle;

	pthread_mutex_lock(&pool->lock);
	is_idle = pool->jobs == 0 && !is_any_waited_for(pool->calls.first) &&
		  !is_any_waited_for(pool->held_back.first) && !is_any_waited_for(pool->running);
	*threads += pool->threads;
	pthread_mutex_unlock(&pool->lock);
	return is_idle;
}

/* ---- its threads -------------------------------------------------------------------------- */

/* Under lock, which is released meanwhile. NULL at the end. */
static struct np_detached *next_call(struct blocking_pool *pool)
{
	while (!pool->calls.first && !pool->ending)
		pthread_cond_wait(&pool->changed, &pool->lock);
	return queue_take(&pool->calls);
}

/* Under lock, which is released meanwhile. */
static void perform_job(struct blocking_pool *pool, struct np_detached *call)
{
	pthread_mutex_unlock(&pool->lock);
	call->run(call);
	pthread_mutex_lock(&pool->lock);
	pool->jobs--;
}

static void take_out(struct blocking_pool *pool, const struct np_detached *call)
{
	struct np_detached **link = &pool->running;

	while (*link != call)
		link = &(*link)->next;
	*link = call->next;
}

/* The same. Its share of the threads goes to the next that was held back. */
static void perform_detached(struct blocking_pool *pool, struct np_detached *call)
{
	struct np_detached *next;

	call->next = pool->running;
	pool->running = call;
	pthread_cond_signal(&pool->gone);
	pthread_mutex_unlock(&pool->lock);
	call->run(call);
	pthread_mutex_lock(&pool->lock);
	take_out(pool, call);
	next = queue_take(&pool->held_back);
	if (next) {
		pool->held--;
		queue_append(&pool->calls, next);
		pool->idle--;
	} else {
		pool->detached--;
	}
	pthread_mutex_unlock(&pool->lock);
	call->drop(call);
	pthread_mutex_lock(&pool->lock);
}

/* Under lock, which is given. */
static void leave(struct blocking_pool *pool)
{
	bool is_last, is_orphan = pool->is_orphan;

	pool->threads--;
	is_last = pool->threads == 0;
	pthread_cond_signal(&pool->gone);
	pthread_mutex_unlock(&pool->lock);
	if (is_orphan && is_last)
		free_pool(pool);
	if (is_orphan)
		np__straggler_ends();
}

static void *run_thread(void *arg)
{
	struct blocking_pool *pool = arg;
	struct np_detached *call;

	np__sys_processors_set(pool->processors); /* who started it may be bound to one */
	pthread_mutex_lock(&pool->lock);
	while ((call = next_call(pool))) {
		if (call->drop)
			perform_detached(pool, call);
		else
			perform_job(pool, call);
		pool->idle++;
	}
	leave(pool);
	return NULL;
}

/* Under lock. Somebody who will do one more call; 0, or an error if there is nobody at all. */
static int find_thread(struct blocking_pool *pool)
{
	pthread_t thread;
	int error;

	if (pool->idle <= 0 && pool->threads < pool->most) {
		error = np__thread_start(&thread, run_thread, pool);
		if (!error) {
			pthread_detach(thread);
			pool->threads++;
			return 0;
		}
		if (pool->threads == 0)
			return error;
	}
	pool->idle--;
	return 0;
}

/* Under lock. */
static int submit(struct blocking_pool *pool, struct np_detached *call)
{
	int error = find_thread(pool);

	if (!error) {
		queue_append(&pool->calls, call);
		pthread_cond_signal(&pool->changed);
	}
	return error;
}

/* ---- detached calls ----------------------------------------------------------------------- */

/* Under lock: those that were given up since go to @unwanted. */
static void sweep(struct blocking_pool *pool, struct call_queue *unwanted)
{
	struct call_queue all = pool->held_back;
	struct np_detached *call;

	queue_init(&pool->held_back);
	pool->held = 0;
	while ((call = queue_take(&all))) {
		bool is_wanted = !np__detached_is_abandoned(call);

		queue_append(is_wanted ? &pool->held_back : unwanted, call);
		pool->held += is_wanted;
	}
	pool->sweep_at = 2 * pool->held + FEW_HELD;
}

/*
 * While a name server is silent for longer than anybody waits, those who come and give up would
 * leave ever more behind. Each is looked at a time or two.
 */
static void hold_back(struct blocking_pool *pool, struct np_detached *call,
		      struct call_queue *unwanted)
{
	queue_append(&pool->held_back, call);
	if (++pool->held >= pool->sweep_at)
		sweep(pool, unwanted);
}

static int submit_detached(struct blocking_pool *pool, struct np_detached *call,
			   struct call_queue *unwanted)
{
	int error = 0;

	if (pool->detached >= (pool->most + 1) / 2) {
		hold_back(pool, call, unwanted);
		return 0;
	}
	error = submit(pool, call);
	if (!error)
		pool->detached++;
	return error;
}

int np__blocking_detach(struct blocking_pool *pool, struct np_detached *call)
{
	struct call_queue unwanted;
	int error;

	queue_init(&unwanted);
	pthread_mutex_lock(&pool->lock);
	error = submit_detached(pool, call, &unwanted);
	pthread_mutex_unlock(&pool->lock);
	while ((call = queue_take(&unwanted)))
		call->drop(call);
	return error;
}

/* ---- jobs, which are waited for ----------------------------------------------------------- */

static int submit_job(struct blocking_pool *pool, struct job *job)
{
	int error;

	pthread_mutex_lock(&pool->lock);
	error = submit(pool, &job->call);
	if (!error)
		pool->jobs++;
	pthread_mutex_unlock(&pool->lock);
	return error;
}

static void run_job(struct np_detached *self)
{
	struct job *job = container_of(self, struct job, call);
	struct task_list ready = { .head = NULL };
	unsigned generation = np__fork_generation();

	job->result = job->fn(job->arg);
	if (generation != np__fork_generation())
		np__runtime_end_child();
	np__ticket_take(&job->ticket, 0, &ready); /* with it the job may be gone */
	np_ready(ready.head);
}

static int describe(const struct np_wait *wait, void *ticket, char *buf, size_t size)
{
	const struct job *job = container_of(ticket, struct job, ticket);
	struct text text;

	np__text_init(&text, buf, size);
	np__text_print(&text, "%s ", wait->what);
	np__backtrace_name((const void *)(uintptr_t)job->fn, &text);
	return (int)text.length;
}

static const struct np_wait blocking_wait = {
	.what = "blocking call",
	.commit = np__ticket_commit,
	.describe = describe,
};

int np_blocking(int (*fn)(void *arg), void *arg)
{
	struct job job = { .call.run = run_job, .fn = fn, .arg = arg };
	int error;

	if (!fn)
		return np__invalid("np_blocking: no function");
	if (!np__fiber_self())
		return fn(arg);
	error = np__ticket_draw(&job.ticket);
	if (!error)
		error = submit_job(np__worker->runtime->blocking, &job);
	if (!error)
		error = np__ticket_wait(&job.ticket, &blocking_wait, 0);
	return error ? error : job.result;
}
