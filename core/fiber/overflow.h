/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/overflow.h - a fiber that runs over its stack is named before the process dies.
 *
 * The first touch of a guard is a SIGSEGV (SIGBUS on some systems). There is no stack left to
 * handle it on, so each thread that runs fibers has an alternate one. The handlers are the
 * process's: every other fault goes to the action that was there before, as if ours were not.
 */
#ifndef NETPARK_CORE_FIBER_OVERFLOW_H
#define NETPARK_CORE_FIBER_OVERFLOW_H

#include <signal.h>
#include <stdbool.h>
#include <stddef.h>

/*
 * Is @address in the guard of a stack? If so, write whose stack it is into @buf, terminated: it
 * follows "netpark: stack overflow in fiber ". On the alternate stack of the thread that faulted;
 * async-signal-safe. May run on any thread until np__overflow_uninstall(), and a little longer if
 * a fault was under way.
 */
typedef bool overflow_describe(void *arg, const void *address, char *buf, size_t size);

/*
 * One at a time: -EBUSY if one is installed. Not beside itself or np__overflow_uninstall() on
 * another thread. 0 or -errno.
 *
 * After an overflow was told, the process dies of the same signal, at the instruction that
 * faulted, so that a core file shows the fiber.
 */
int np__overflow_install(overflow_describe *describe, void *arg);

/*
 * Restore the actions. One that somebody has replaced since stays replaced, and faults that come
 * to ours through it still go on to the action before ours.
 */
void np__overflow_uninstall(void);

/* The alternate stack of one thread. */
struct overflow_thread {
	char *map;
	size_t size;
	stack_t before;
};

/* Around all that runs fibers on the calling thread. 0 or -errno. */
int np__overflow_thread_begin(struct overflow_thread *thread);

/* The one it had before is its alternate stack again, unless it has made another its own. */
void np__overflow_thread_end(struct overflow_thread *thread);

#endif /* NETPARK_CORE_FIBER_OVERFLOW_H */
