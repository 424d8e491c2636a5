/* SPDX-License-Identifier: MIT */
/* core/fiber/runtime.c - np_run(): making the workers, running, and taking them down. */
#include "core/fiber/fiber.h"
#include "core/text.h"

#include "core/fork.h"
#include "core/misuse.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <unistd.h>

enum { MOST_WORKERS = 1024 };

/* The one runtime, and who must not see it end. */
static pthread_mutex_t runtime_lock = PTHREAD_MUTEX_INITIALIZER;
static struct runtime *running;

/* A fork found it running: nothing of it is here but the thread that forked, and copies. */
static atomic_bool is_inherited;

bool np__runtime_is_inherited(void)
{
	return atomic_load_explicit(&is_inherited, memory_order_relaxed);
}

/* So that nobody who is not in the child has the lock there. */
static void prepare_fork(void)
{
	pthread_mutex_lock(&runtime_lock);
}

static void go_on_after_fork(void)
{
	pthread_mutex_unlock(&runtime_lock);
}

/* In the child. Who was a fiber there goes on as a plain thread, on the fiber's stack. */
static void disinherit(void)
{
	pthread_mutex_unlock(&runtime_lock);
	if (!running)
		return;
	atomic_store(&is_inherited, true);
	if (np__worker)
		np_task_enter(NULL);
	np__worker = NULL;
}

static void watch_forks(void)
{
	np__fork_watch(); /* its handlers run before these */
	pthread_atfork(prepare_fork, go_on_after_fork, disinherit);
}

static void lock_runtime(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;

	pthread_once(&once, watch_forks);
	pthread_mutex_lock(&runtime_lock);
}

/* A worker's runtime cannot end under it. */
struct runtime *np__runtime_hold(void)
{
	if (np__worker)
		return np__worker->runtime;
	if (np__runtime_is_inherited())
		return NULL;
	lock_runtime();
	if (running && running->is_open)
		return running;
	pthread_mutex_unlock(&runtime_lock);
	return NULL;
}

void np__runtime_release(void)
{
	if (!np__worker)
		pthread_mutex_unlock(&runtime_lock);
}

struct runtime *np__runtime_visit(void)
{
	struct runtime *runtime;

	if (np__worker)
		return np__worker->runtime;
	if (np__runtime_is_inherited())
		return NULL;
	lock_runtime();
	runtime = running;
	if (runtime)
		atomic_fetch_add(&runtime->visitors, 1);
	pthread_mutex_unlock(&runtime_lock);
	return runtime;
}

void np__runtime_leave(struct runtime *runtime)
{
	if (runtime && !np__worker)
		atomic_fetch_sub(&runtime->visitors, 1);
}

void np__runtime_wake_all(struct runtime *runtime)
{
	for (unsigned i = 0; i < runtime->worker_count; i++)
		np_poller_break(runtime->workers[i].poller);
}

void np__runtime_finish(struct runtime *runtime)
{
	atomic_fetch_or(&runtime->calls, CALL_FINISH);
	np__runtime_wake_all(runtime);
}

/* The ended first: a fiber that is started in between is counted as born and not as ended. */
static bool is_empty(struct runtime *runtime)
{
	uint64_t ended = 0;
	uint64_t born = 0;

	for (unsigned i = 0; i < runtime->worker_count; i++)
		ended += atomic_load(&runtime->workers[i].ended);
	for (unsigned i = 0; i < runtime->worker_count; i++)
		born += atomic_load(&runtime->workers[i].born);
	return ended == born + atomic_load(&runtime->born_outside);
}

/*
 * Every worker says what it has counted before it asks what the others have: of two that end their
 * last fibers together, one sees both.
 */
void np__runtime_finish_if_empty(struct worker *worker)
{
	struct runtime *runtime = worker->runtime;

	atomic_fetch_add(&worker->ended, 0);
	if (atomic_load(&runtime->stopping) && is_empty(runtime))
		np__runtime_finish(runtime);
}

_Noreturn void np__runtime_end_child(void)
{
	np__misuse(
		"a fiber, or np_blocking(), has returned in a forked child, which has to exec or "
		"to _exit");
	_exit(127);
}

/* ---- overflow ----------------------------------------------------------------------------- */

/* "17 (\"acceptor\"), stack of 262144 bytes" */
static bool describe_overflow(void *arg, const void *address, char *buf, size_t size)
{
	const struct runtime *runtime = arg;
	const struct fiber *fiber = np__fiber_self();
	struct stack stack;
	struct text text;

	if (!np__stack_guards(runtime->depot, address, &stack))
		return false;
	np__text_init(&text, buf, size);
	np__text_put_number(&text, fiber ? np__fiber_id(fiber) : 0);
	if (fiber && fiber->name) {
		np__text_put(&text, " (\"");
		np__text_put(&text, fiber->name);
		np__text_put(&text, "\")");
	}
	np__text_put(&text, ", stack of ");
	np__text_put_number(&text, (uint64_t)(stack.top - stack.low));
	np__text_put(&text, " bytes");
	return true;
}

/* ---- workers ------------------------------------------------------------------------------ */

static int init_worker(struct runtime *runtime, struct worker *worker)
{
	const struct np_poller_options options = { .backend = runtime->options.backend };
	int error;

	worker->runtime = runtime;
	worker->index = (unsigned)(worker - runtime->workers);
	np__newborns_init(&worker->newborns);
	error = np_poller_create(&options, &worker->poller);
	if (!error)
		error = np__stack_pool_create(runtime->depot, &worker->stacks);
	/* For good: threads that wait for its descriptors follow. */
	if (!error)
		atomic_store(&worker->poller->is_attended, np__poller_try_lead(worker->poller));
	return error;
}

static void fini_worker(struct worker *worker)
{
	if (worker->spare)
		np__fiber_table_put(&worker->runtime->table, worker->spare);
	if (worker->stacks)
		np__stack_pool_destroy(worker->stacks);
	if (worker->poller)
		np__poller_retire(worker->poller);
}

static void pin(const struct worker *worker)
{
	if (worker->runtime->options.flags & NP_RUN_PIN)
		np__sys_pin_thread(worker->index);
}

/* Without an alternate stack an overflow would only die without being named. */
static void run_loop(struct worker *worker)
{
	bool has_stack = np__overflow_thread_begin(&worker->overflow) == 0;

	np__worker_run(worker);
	if (has_stack)
		np__overflow_thread_end(&worker->overflow);
}

static void *run_worker(void *arg)
{
	NP_UNCANCELLED;
	struct worker *worker = arg;

	pin(worker);
	run_loop(worker);
	return NULL;
}

/* ---- the runtime -------------------------------------------------------------------------- */

struct main_call {
	struct runtime *runtime;
	int (*fn)(void *arg);
	void *arg;
	int result;
};

static void run_main(void *arg)
{
	struct main_call *call = arg;

	call->result = call->fn(call->arg);
	np__runtime_stop(call->runtime);
	np__cancel_all(call->runtime);
}

static int check_options(const struct np_run_options *options)
{
	if (options->flags & ~(unsigned)(NP_RUN_PIN | NP_RUN_ALONE))
		return np__invalid("np_run: unknown flags");
	if (options->workers > MOST_WORKERS)
		return np__invalid("np_run: more than 1024 workers");
	if (options->hog_limit_ns < 0 || !options->hog != !options->hog_limit_ns)
		return np__invalid("np_run: a limit for hogs wants a hook, and a hook a limit");
	return 0;
}

/* *ret_runtime is NULL or has to be destroyed, also after an error. */
static int create(const struct np_run_options *options, struct runtime **ret_runtime)
{
	struct runtime *runtime = calloc(1, sizeof(*runtime));
	int error;

	*ret_runtime = runtime;
	if (!runtime)
		return -ENOMEM;
	runtime->options = *options;
	runtime->worker_count = options->workers ? options->workers : np__sys_processors();
	pthread_mutex_init(&runtime->lock, NULL);
	np__hold_init(&runtime->hold);
	np__fiber_table_init(&runtime->table);
	np__newborns_init(&runtime->outside);
	if (options->flags & NP_RUN_PIN)
		runtime->processors = np__sys_processors_get();
	error = np__stack_depot_create(options->stack_size, &runtime->depot);
	if (!error) {
		runtime->workers = calloc(runtime->worker_count, sizeof(*runtime->workers));
		error = runtime->workers ? 0 : -ENOMEM;
	}
	for (unsigned i = 0; i < runtime->worker_count && !error; i++)
		error = init_worker(runtime, &runtime->workers[i]);
	if (!error)
		error = np__blocking_create(options->blocking_threads, runtime->processors,
					    &runtime->blocking);
	return error;
}

static void destroy(struct runtime *runtime)
{
	np__attend_end(runtime);
	if (runtime->blocking)
		np__blocking_destroy(runtime->blocking);
	while (atomic_load(&runtime->visitors) > 0)
		sched_yield(); /* they are on their way out */
	for (unsigned i = 0; runtime->workers && i < runtime->worker_count; i++)
		if (runtime->workers[i].runtime)
			fini_worker(&runtime->workers[i]);
	if (runtime->depot)
		np__stack_depot_destroy(runtime->depot);
	np__fiber_table_fini(&runtime->table);
	np__hold_fini(&runtime->hold);
	pthread_mutex_destroy(&runtime->lock);
	free(runtime->workers);
	free(runtime->processors);
	free(runtime);
}

/* Start the threads of all workers but the first; *ret_started of them run afterwards. */
static int start_workers(struct runtime *runtime, unsigned *ret_started)
{
	int error = 0;

	*ret_started = 1;
	while (*ret_started < runtime->worker_count && !error) {
		struct worker *worker = &runtime->workers[*ret_started];

		error = np__thread_start(&worker->thread, run_worker, worker);
		if (!error)
			++*ret_started;
	}
	return error;
}

/* From here on other threads may start fibers: there is a main, and whom to run them. */
static void open_for_all(struct runtime *runtime)
{
	pthread_mutex_lock(&runtime_lock);
	runtime->is_open = true;
	pthread_mutex_unlock(&runtime_lock);
}

/* Only after this are there no more fibers from other threads: they start them under the lock. */
void np__runtime_stop(struct runtime *runtime)
{
	pthread_mutex_lock(&runtime_lock);
	runtime->is_open = false;
	atomic_store(&runtime->stopping, true);
	pthread_mutex_unlock(&runtime_lock);
}

/* The calling thread is the first worker until all has ended. */
static int run(struct runtime *runtime, struct main_call *call)
{
	struct np_task *before = np_task_enter(NULL);
	struct worker *first = &runtime->workers[0];
	unsigned started;
	int error = start_workers(runtime, &started);

	np__worker = first;
	pin(first); /* now that no other inherits it */
	if (!error)
		error = np__hogs_begin(runtime);
	if (!error)
		error = np__fiber_spawn(run_main, NULL, call, NULL);
	if (error) {
		np__runtime_finish(runtime);
	} else {
		open_for_all(runtime);
		run_loop(first);
	}
	np__worker = NULL;
	while (started > 1)
		pthread_join(runtime->workers[--started].thread, NULL);
	np__hogs_end(runtime);
	np_task_enter(before);
	np__sys_processors_set(runtime->processors);
	return error;
}

/* Be the one runtime. */
static int publish(struct runtime *runtime)
{
	int error = 0;

	lock_runtime();
	if (running)
		error = -EBUSY;
	else
		running = runtime;
	pthread_mutex_unlock(&runtime_lock);
	return error;
}

static void unpublish(void)
{
	pthread_mutex_lock(&runtime_lock);
	running = NULL;
	pthread_mutex_unlock(&runtime_lock);
}

int np_run(int (*main)(void *arg), void *arg, const struct np_run_options *options)
{
	NP_UNCANCELLED;
	static const struct np_run_options defaults = { .workers = 0 };
	struct main_call call = { .fn = main, .arg = arg };
	struct runtime *runtime;
	int number = errno;
	int error;

	if (!main)
		return np__invalid("np_run: no function");
	error = check_options(options ? options : &defaults);
	if (error)
		return error;
	if (np__worker)
		return -EBUSY;
	if (np__runtime_is_inherited())
		return NP_EFORKED;
	error = create(options ? options : &defaults, &runtime);
	if (!error)
		error = publish(runtime);
	if (!error) {
		call.runtime = runtime;
		np__overflow_install(describe_overflow, runtime);
		error = run(runtime, &call);
		np__overflow_uninstall();
		unpublish();
		if (!error && runtime->is_deadlocked)
			error = NP_EDEADLOCK;
	}
	if (runtime)
		destroy(runtime);
	errno = number;
	return error ? error : call.result;
}
