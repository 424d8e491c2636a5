/* SPDX-License-Identifier: MIT */
/*
 * netpark/poll.h - pollers and poll descriptors: Go's runtime/netpoll.go as a C interface.
 *
 * A poller is one instance of a backend, the descriptors registered with it and their deadlines. A
 * poll descriptor is one registration. Most programs use np_fd (netpark/fd.h), which owns its poll
 * descriptor; this header is for those who have a descriptor, a loop or a task of another kind.
 *
 * The life of a raw poll descriptor:
 *
 *	np_poll_open(poller, fd, &desc);
 *	do {
 *		np_poll_reset(desc, NP_READ);             before the system call, never after it
 *		n = read(fd, buf, size);
 *	} while (n < 0 && errno == EAGAIN && np_poll_wait(desc, NP_READ) == 0);
 *	np_poll_unblock(desc);                            wakes whoever waits, for good
 *	np_poll_close(desc);                              once nobody uses it any more
 *	close(fd);
 *
 * One task at a time may use one direction (reset, wait); the two directions are independent.
 * Deadlines and unblock may come from any task at any time between open and close.
 */
#ifndef NETPARK_POLL_H
#define NETPARK_POLL_H

#include <netpark/base.h>
#include <netpark/park.h>
#include <netpark/runtime_poll.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

struct np_poll_desc;
struct np_poller;

/* ---- pollers ------------------------------------------------------------------------------ */

/**
 * Who turns a poller. Of the threads that wait on one, the first leads and hands the others their
 * reports, which costs those a sleep and a wake-up of their own. A thread that waits long and
 * seldom, such as an acceptor, had better do so on a poller of its own (np_task_use_poller()): a
 * thread that waits alone pays for nothing but the backend's wait.
 */
enum np_poller_flags {
	/* The host turns it, through np_poller_turn(). Threads that wait on it only sleep. Without
	 * this flag the threads that wait turn it, one leading at a time. */
	NP_POLLER_HOST_DRIVEN = 1,
};

/** What np_poller_create() may be told; zero means the default for each. */
struct np_poller_options {
	/* NULL: runtime_poll_default(); or where the kernel has nothing for it, or a sandbox
	 * forbids it (its init says -ENOSYS or -EPERM), the next of runtime_poll_at(), which
	 * np_poller_backend() tells. One that is named is that one, or an error. */
	const struct runtime_poll *backend;
	unsigned flags; /* of enum np_poller_flags */
};

/**
 * np_poller_create() - make a poller. Go: pollServerInit, which makes the only one
 * @options: NULL for the defaults
 *
 * Return: 0; -EINVAL (unknown flags, incomplete backend), -ENOMEM, -EMFILE, -ENFILE or what the
 * backend's init returned. Any thread.
 */
NP_API int np_poller_create(const struct np_poller_options *options, struct np_poller **ret_poller);

/**
 * np_poller_destroy() - end a poller
 *
 * Return: 0 (also for NULL); -EBUSY, and nothing done, while descriptors are open in it. -EINVAL
 * for the default poller, which stays. One thread, with no other call on the poller under way.
 */
NP_API int np_poller_destroy(struct np_poller *poller);

/**
 * np_poller_default() - the poller of all who do not choose one
 *
 * Made at the first call with the default options; the child of a fork(2) gets one of its own.
 * Return: 0, or the error of np_poller_create(); a failure is not remembered. Any thread.
 */
NP_API int np_poller_default(struct np_poller **ret_poller);

/**
 * np_poller_turn() - wait for reports, make ready who waited for them, expire deadlines
 * @delta_ns: below 0: until there is something to do; 0: only look; above: at most that long
 *
 * For hosts with a loop of their own. May return early with nothing done; the deadlines that
 * were due are always handled. Return: the number of tasks made ready; -EBUSY if another thread is
 * turning this poller (its job is being done); or the backend's -errno. Any thread.
 */
NP_API int np_poller_turn(struct np_poller *poller, int64_t delta_ns);

/**
 * np_poller_break() - end the turn under way, or else the next that would block. Go: netpollBreak
 *
 * Any thread; async-signal-safe. Return: 0 or -errno.
 */
NP_API int np_poller_break(struct np_poller *poller);

/**
 * np_poller_descriptor() - a descriptor that is readable whenever a turn has reports to handle
 *
 * Put it in the host's loop, for reading only; it stays the poller's. Of a poller that is not
 * NP_POLLER_HOST_DRIVEN a break leaves it readable until a turn that blocks. Deadlines do not make
 * it readable: bound the host's sleep by np_poller_next_deadline(). Where reports have to be asked
 * for (event ports) it is readable only for those that somebody waits for. Return: the descriptor,
 * or -EOPNOTSUPP for a backend without one (poll(2)): there the host blocks in np_poller_turn().
 */
NP_API int np_poller_descriptor(const struct np_poller *poller);

/**
 * np_poller_next_deadline() - when a turn is next needed for a deadline's sake
 *
 * Never late, possibly early: a deadline that was moved to later is found out when the old time
 * comes. Return: a time of np_time(), or 0 when no deadline is pending. Any thread.
 */
NP_API int64_t np_poller_next_deadline(const struct np_poller *poller);

/**
 * np_poller_is_descriptor() - does @fd belong to the poller itself? Go: netpollIsPollDescriptor
 *
 * For code that closes or checks descriptors in bulk. Any thread.
 */
NP_API bool np_poller_is_descriptor(const struct np_poller *poller, int fd);

/** The backend that the poller runs on. */
NP_API const struct runtime_poll *np_poller_backend(const struct np_poller *poller);

/** Counts at one moment, for tests, leak checks and curiosity. */
struct np_poller_stats {
	size_t descriptors; /* open poll descriptors */
	size_t registered;  /* of these, those that the kernel was told of */
	size_t parked;      /* tasks parked on them */
	size_t timers;      /* descriptors with an entry in the timer structure */
};

/** np_poller_get_stats() - count; takes time linear in the descriptors. Any thread. */
NP_API void np_poller_get_stats(struct np_poller *poller, struct np_poller_stats *ret_stats);

/* ---- poll descriptors --------------------------------------------------------------------- */

/**
 * np_poll_open() - register a descriptor with a poller. Go: poll_runtime_pollOpen
 * @fd: non-blocking; stays the caller's, who keeps it open until np_poll_close()
 *
 * Return: 0; -EBADF; -EPERM for what the kernel cannot poll (regular files, directories); -EEXIST
 * if it is registered there already; -EINVAL for NULL and for the poller's own descriptors;
 * -ENOMEM, -ENOSPC. Any thread.
 */
NP_API int np_poll_open(struct np_poller *poller, int fd, struct np_poll_desc **ret_desc);

/**
 * np_poll_close() - end a registration. Go: poll_runtime_pollClose
 *
 * After np_poll_unblock(), when no task is in any other call on @desc, and before close(2). @desc
 * must not be used afterwards. A close without unblock, or with somebody parked, is misuse: told
 * to the hook, NP_EMISUSE, nothing done. Return: 0. Any thread.
 */
NP_API int np_poll_close(struct np_poll_desc *desc);

/**
 * np_poll_reset() - drop the report of one direction that came before. Go: poll_runtime_pollReset
 * @mode: NP_READ or NP_WRITE
 *
 * Legal only with a system call between it and the wait: what the dropped report told is still
 * there for that system call, what comes later is reported again.
 *
 * Return: 0 (Go's pollNoError); NP_ECLOSED after unblock (pollErrClosing); NP_EDEADLINE when the
 * direction's deadline has passed (pollErrTimeout); NP_ENOTPOLLABLE, for NP_READ only
 * (pollErrNotPollable); in this order. -EINVAL for another @mode. By the direction's owner.
 */
NP_API int np_poll_reset(struct np_poll_desc *desc, int mode);

/**
 * np_poll_wait() - park the calling task until there is a report. Go: poll_runtime_pollWait
 * @mode: NP_READ or NP_WRITE
 *
 * Takes one report, that of before the call if there is one. May return 0 without cause: make the
 * system call and wait again.
 *
 * Return: 0; NP_ECLOSED, NP_EDEADLINE, NP_ENOTPOLLABLE as np_poll_reset(); NP_ECANCELED if the
 * task was cancelled; -EINVAL for another @mode; -EDEADLK for a task whose parker cannot park;
 * NP_EMISUSE when another task waits there already (told to the hook). By the direction's owner.
 */
NP_API int np_poll_wait(struct np_poll_desc *desc, int mode);

/**
 * np_poll_wait_canceled() - park until there is a report, whatever deadline or unblock say
 *
 * For completion-based systems, where a buffer is the kernel's until the cancelled operation has
 * been answered. Go: poll_runtime_pollWaitCanceled. Return: 0, or the errors of misuse.
 */
NP_API int np_poll_wait_canceled(struct np_poll_desc *desc, int mode);

/**
 * np_poll_begin() - the first half of a wait, for tasks that are not stopped but called back
 * @task: made ready, through its parker, when there is a report or the wait has failed
 *
 * Return: 0: @task will be made ready exactly once, perhaps has been, then call np_poll_end(). 1:
 * there is a report already, it was taken, nothing will come. Or the errors of np_poll_wait(). By
 * the direction's owner.
 */
NP_API int np_poll_begin(struct np_poll_desc *desc, int mode, struct np_task *task);

/**
 * np_poll_end() - the second half: why was the task made ready?
 *
 * Return: 0: a report. NP_ECLOSED, NP_EDEADLINE, NP_ENOTPOLLABLE as np_poll_wait(). -EAGAIN: a
 * deadline passed but was moved since: begin again.
 */
NP_API int np_poll_end(struct np_poll_desc *desc, int mode);

/**
 * np_poll_set_deadline() - until when waits may last. Go: poll_runtime_pollSetDeadline
 * @deadline_ns: absolute, of np_time(); 0: none; below 0 or not after now: expired at once
 * @mode: NP_READ, NP_WRITE or NP_READ_WRITE
 *
 * Holds for all later waits and resets and for the one under way; one that is past already, at the
 * latest when a wait would park. An expired deadline fails them until it is moved or cleared.
 * Moving one to later costs a store and no lock; give a time that you have already (np_deadline()
 * reads the clock). After unblock nothing happens. Two tasks that set both directions at once leave
 * each direction with the value of one of them.
 *
 * Return: 0; -EINVAL for another @mode. Any thread.
 */
NP_API int np_poll_set_deadline(struct np_poll_desc *desc, int64_t deadline_ns, int mode);

/**
 * np_poll_unblock() - fail the waits under way and all later ones. Go: poll_runtime_pollUnblock
 *
 * Once for each open; a second is misuse (hook, NP_EMISUSE). When it has returned nobody is parked
 * on @desc and nobody will be, but for np_poll_wait_canceled(). Return: 0. Any thread.
 */
NP_API int np_poll_unblock(struct np_poll_desc *desc);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_POLL_H */
