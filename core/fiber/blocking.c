/* SPDX-License-Identifier: MIT */
/* core/fiber/blocking.c - threads for calls that block: started when there is none idle. */
#include "core/fiber/backtrace.h"
#include "core/fiber/fiber.h"
#include "core/fork.h"
#include "core/ticket.h"

#include <errno.h>
#include <stdlib.h>

enum { DEFAULT_THREADS = 64 };

/* On the stack of the fiber that waits for it. */
struct job {
	struct job *next;
	int (*fn)(void *arg);
	void *arg;
	int result;
	struct ticket ticket;
};

struct blocking_pool {
	pthread_mutex_t lock;
	pthread_cond_t changed; /* a job, or the end */
	pthread_cond_t gone;    /* a thread has ended */
	struct job *first, **end;
	const struct processors *processors;
	unsigned most;
	unsigned threads;
	int idle;      /* less the jobs that are there for them, or for whoever is done first */
	unsigned jobs; /* whose fibers have not been made ready */
	bool ending;
};

int np__blocking_create(unsigned threads, const struct processors *processors,
			struct blocking_pool **ret_pool)
{
	struct blocking_pool *pool = calloc(1, sizeof(*pool));

	if (!pool)
		return -ENOMEM;
	pthread_mutex_init(&pool->lock, NULL);
	pthread_cond_init(&pool->changed, NULL);
	pthread_cond_init(&pool->gone, NULL);
	pool->end = &pool->first;
	pool->processors = processors;
	pool->most = threads ? threads : DEFAULT_THREADS;
	*ret_pool = pool;
	return 0;
}

void np__blocking_destroy(struct blocking_pool *pool)
{
	pthread_mutex_lock(&pool->lock);
	pool->ending = true;
	pthread_cond_broadcast(&pool->changed);
	while (pool->threads > 0)
		pthread_cond_wait(&pool->gone, &pool->lock);
	pthread_mutex_unlock(&pool->lock);
	pthread_cond_destroy(&pool->gone);
	pthread_cond_destroy(&pool->changed);
	pthread_mutex_destroy(&pool->lock);
	free(pool);
}

bool np__blocking_is_idle(struct blocking_pool *pool, unsigned *threads)
{
	bool is_idle;

	pthread_mutex_lock(&pool->lock);
	is_idle = pool->jobs == 0;
	*threads += pool->threads;
	pthread_mutex_unlock(&pool->lock);
	return is_idle;
}

/* Under lock, which is released meanwhile. NULL at the end. */
static struct job *next_job(struct blocking_pool *pool)
{
	struct job *job;

	while (!pool->first && !pool->ending)
		pthread_cond_wait(&pool->changed, &pool->lock);
	job = pool->first;
	if (job) {
		pool->first = job->next;
		if (!pool->first)
			pool->end = &pool->first;
	}
	return job;
}

static void perform(struct job *job)
{
	struct task_list ready = { .head = NULL };
	unsigned generation = np__fork_generation();

	job->result = job->fn(job->arg);
	if (generation != np__fork_generation())
		np__runtime_end_child();
	np__ticket_take(&job->ticket, 0, &ready); /* with it the job may be gone */
	np_ready(ready.head);
}

static void *run_thread(void *arg)
{
	struct blocking_pool *pool = arg;
	struct job *job;

	np__sys_processors_set(pool->processors); /* who started it may be bound to one */
	pthread_mutex_lock(&pool->lock);
	while ((job = next_job(pool))) {
		pthread_mutex_unlock(&pool->lock);
		perform(job);
		pthread_mutex_lock(&pool->lock);
		pool->idle++;
		pool->jobs--;
	}
	pool->threads--;
	pthread_cond_signal(&pool->gone);
	pthread_mutex_unlock(&pool->lock);
	return NULL;
}

/* Under lock. Somebody who will do one more job; 0, or an error if there is nobody at all. */
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

static int submit(struct blocking_pool *pool, struct job *job)
{
	int error;

	pthread_mutex_lock(&pool->lock);
	error = find_thread(pool);
	if (!error) {
		*pool->end = job;
		pool->end = &job->next;
		pool->jobs++;
		pthread_cond_signal(&pool->changed);
	}
	pthread_mutex_unlock(&pool->lock);
	return error;
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
	struct job job = { .fn = fn, .arg = arg };
	int error;

	if (!fn)
		return np__invalid("np_blocking: no function");
	if (!np__fiber_self())
		return fn(arg);
	error = np__ticket_draw(&job.ticket);
	if (!error)
		error = submit(np__worker->runtime->blocking, &job);
	if (!error)
		error = np__ticket_wait(&job.ticket, &blocking_wait, 0);
	return error ? error : job.result;
}
