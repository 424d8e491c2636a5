/* SPDX-License-Identifier: MIT */
/*
 * netpark/fiber.h - fibers: tasks of the program's own, cheap enough for one a connection.
 *
 * np_run() turns the calling thread into a worker, starts others, and runs a first fiber; fibers
 * start others with np_go(). Every call of netpark that waits parks the fiber that makes it and
 * lets the worker run another. There is one runtime in a process at a time.
 *
 * A fiber stays on the worker that first ran it: a compiler may keep the address of errno, or of
 * any thread-local variable, across a call. Only fibers that have not begun yet go where there is
 * room. So what two fibers of one worker share needs no lock while neither calls netpark, but
 * nothing says which worker a fiber is on: share through netpark/sync.h and netpark/channel.h.
 * errno is each fiber's own: after a call that parked it is what it was before, or what a system
 * call made for this fiber has left there; never another's.
 *
 * A worker runs one fiber at a time and takes it off only in calls of netpark. Code that computes
 * for long calls np_yield() now and then; code that blocks its thread (files, name lookup, other
 * libraries) goes to np_blocking().
 *
 * A fiber's stack is small: 256 KiB of address space unless told otherwise, of which memory is used
 * as it is touched. Below it lies a guard: who runs over it is named on standard error, then the
 * process dies of the fault (SIGSEGV), with the overflow on top in its core file.
 *
 * Cancellation is a request. From then on every wait of the fiber fails with NP_ECANCELED, also the
 * one under way, and every call that might wait, so that it returns from where it is and ends.
 *
 * fork(2) may be called by fibers and by threads, and leaves the parent alone. The child has one
 * thread and no fibers: whoever forked goes on as a plain thread, and np_go(), np_run() and
 * np_group_join() are NP_EFORKED there. It may exec or _exit at any time, and close what it
 * inherited (netpark/fd.h); a fiber that returns in the child is misuse. Locks that others held
 * stay locked. Where no fibers ran at the time of the fork, the child may run some.
 *
 * C++: exceptions are thrown and caught within a fiber; one that leaves it ends the program, as out
 * of main(). What a handler (a catch block) has caught is the thread's: leave it before a call that
 * may park, or another fiber's exception may be taken for it. Destructors may park, also while an
 * exception passes.
 *
 * Unless said otherwise calls are for fibers and threads alike; results are 0 or a negative error.
 */
#ifndef NETPARK_FIBER_H
#define NETPARK_FIBER_H

#include <netpark/base.h>
#include <netpark/runtime_poll.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Names a fiber, also after it has ended: never given to another. 0 is none. */
typedef uint64_t np_fiber_id;

enum np_run_flags {
	/* Bind each worker to a processor of its own, as far as there are enough. */
	NP_RUN_PIN = 1,
	/* No thread of the program wakes fibers while they run, so who waits for each other waits
	 * for ever even if there are such threads. See "Deadlock" at np_run(). */
	NP_RUN_ALONE = 2,
};

/** What np_run() may be told; zero means the default for each. */
struct np_run_options {
	unsigned workers;                   /* threads that run fibers; default: one for each
					       processor that the process may use */
	unsigned flags;                     /* of enum np_run_flags */
	size_t stack_size;                  /* bytes of address space, guard included; default
					       256 KiB, rounded up to pages */
	const struct runtime_poll *backend; /* default: runtime_poll_default() */
	unsigned blocking_threads;          /* for np_blocking(), at most; default 64; half of them
					       for np_resolve() */

	/*
	 * Who is told of a fiber that computes, or blocks, for hog_limit_ns without a call that
	 * lets others run; default: nobody. Once for each time, on a thread that is there for
	 * this and looks at the workers every half of the limit; @ns is how long it saw that, @name
	 * the first 23 bytes of the fiber's, or NULL. The fiber goes on meanwhile.
	 */
	int64_t hog_limit_ns;
	void (*hog)(np_fiber_id fiber, const char *name, int64_t ns, void *arg);
	void *hog_arg;
};

/**
 * np_run() - run fibers on this thread and others until all have ended
 * @main:    the first fiber; runs on the calling thread
 * @options: NULL for the defaults
 *
 * When @main returns every other fiber is cancelled; np_run() returns when the last has ended. Then
 * handles that are still open may be used by threads, and the calling thread has the processors,
 * the alternate signal stack and the errno that it came with.
 *
 * The threads that netpark starts, all workers but the first among them, block every signal that a
 * thread does not cause by what it does itself: they get faults, SIGPIPE and SIGABRT, and SIGPROF.
 * So the program's handlers run on its own threads; on the calling one that is in the middle of a
 * fiber, on its stack unless the handler has SA_ONSTACK. raise(3) in a fiber may find the signal
 * blocked where kill(2) does not. What such a thread forks or executes inherits the mask; a program
 * that starts others sets theirs, see posix_spawnattr_setsigmask(3). Workers are not cancelled by
 * pthread_cancel(3): of the calling thread a request waits until it returns.
 *
 * Deadlock. When every fiber waits for others (mutexes, channels, groups, ...) and nothing else can
 * wake one, the misuse hook (np_set_misuse_hook()) is told, with who waits for what: the default
 * hook prints that and aborts. It is told only if it is sure: no fiber sleeps, has a deadline,
 * waits for a descriptor (a signal handler might write to its peer) or for np_blocking(), none ever
 * waited on a poller of the program's own, and the process has no threads but netpark's, which is
 * known on Linux with /proc; elsewhere, and for programs with other threads, NP_RUN_ALONE says so.
 * If the hook returns, the fibers are cancelled, @main among them; those that wait even so
 * (np_mutex_lock()) are told once more and then left behind: they never run again, and what they
 * wait for must not be touched.
 *
 * Return: what @main returned; NP_EDEADLOCK after a deadlock was told; -EBUSY if the process runs
 * fibers already; NP_EFORKED in a child of a process that did; -EINVAL for nonsense in @options;
 * -ENOMEM, -EAGAIN, -EMFILE, -ENFILE if the runtime could not be made. By a thread.
 */
NP_API int np_run(int (*main)(void *arg), void *arg, const struct np_run_options *options);

/**
 * np_go() - start a fiber. Go: the go statement
 *
 * It begins later, on this worker or on another that has nothing to do. By fibers, and by threads
 * while the runtime runs. Return: 0; -ENOMEM (memory, address space or memory maps have run out);
 * -EINVAL for no function; NP_ENORUNTIME when no fibers run, NP_EFORKED in a forked child.
 */
NP_API int np_go(void (*fn)(void *arg), void *arg);

/** np_yield() - let the others of this worker run first. Go: runtime.Gosched. A thread:
 * sched_yield(2). */
NP_API void np_yield(void);

/**
 * np_sleep() - park for @duration_ns at least; 0 and less is np_yield(). Go: time.Sleep
 *
 * Return: 0; NP_ECANCELED; -ENOMEM for want of room for a timer, as in netpark/sync.h.
 */
NP_API int np_sleep(int64_t duration_ns);

/** np_self() - the fiber that calls, 0 for a thread. */
NP_API np_fiber_id np_self(void);

/**
 * np_cancel() - ask a fiber to end. Go: context.CancelFunc
 *
 * Once is enough; it cannot be taken back. Return: 0, also if it has ended already. Any thread.
 */
NP_API int np_cancel(np_fiber_id fiber);

/** np_is_canceled() - was the calling fiber asked to end? False for a thread. */
NP_API bool np_is_canceled(void);

/**
 * np_shield() - let waits succeed in a fiber that is cancelled, to clean up; or stop that
 *
 * Nests: each np_shield(true) wants its np_shield(false). Nothing for a thread.
 */
NP_API void np_shield(bool on);

/** np_set_name() - what dumps call the caller; @name must live as long as it, or be NULL. */
NP_API void np_set_name(const char *name);

/**
 * np_stack_used() - the most bytes of stack that the calling fiber has used, up to now
 *
 * Judged by what was written, so it may include what an earlier fiber wrote to the same stack.
 * Reads the stack: slow. 0 for a thread.
 */
NP_API size_t np_stack_used(void);

/* ---- fiber-local storage ------------------------------------------------------------------ */

/** A variable of which each fiber has its own; its address is the key. Zero but for destroy. */
struct np_local {
	void (*destroy)(void *value); /* called at the fiber's end for values that are not NULL; may
					 be NULL */
};

/** np_local_set() - the calling fiber's value. Return: 0, -ENOMEM, NP_ENORUNTIME for a thread. */
NP_API int np_local_set(const struct np_local *local, void *value);

/** np_local_get() - the calling fiber's value; NULL if it has set none, and for a thread. */
NP_API void *np_local_get(const struct np_local *local);

/* ---- groups ------------------------------------------------------------------------------- */

/**
 * struct np_group - fibers that are started, joined and cancelled together. Go: errgroup.Group
 *
 * The zero value is ready. Lives until np_group_join() has returned. Its fields are netpark's.
 */
struct np_group {
	void *first;
	size_t members;
	int error;
	int canceled;
	void *joiner;
	uint32_t lock;
};

/**
 * np_group_go() - start a fiber of the group
 * @fn: its result is its error: the first below 0 is the group's
 *
 * In a group that is cancelled the fiber begins cancelled. Errors as np_go().
 */
NP_API int np_group_go(struct np_group *group, int (*fn)(void *arg), void *arg);

/** np_group_cancel() - cancel its fibers, those to come too. Any thread. */
NP_API void np_group_cancel(struct np_group *group);

/**
 * np_group_join() - park until every fiber of the group has ended
 *
 * A caller that is cancelled cancels the group and goes on waiting: nobody is left behind. One
 * caller at a time. Return: the first error of a fiber, or 0. The group is ready for use again.
 */
NP_API int np_group_join(struct np_group *group);

/* ---- blocking calls ----------------------------------------------------------------------- */

/**
 * np_blocking() - run @fn on a thread of the runtime's, with the fiber parked meanwhile
 *
 * For what blocks: files, getaddrinfo(3), fsync(2), other libraries. Not cut short by cancellation,
 * since @fn works on the caller's memory. From a thread: a plain call.
 *
 * Return: what @fn returned; -EAGAIN or -ENOMEM if it could not be run.
 */
NP_API int np_blocking(int (*fn)(void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_FIBER_H */
