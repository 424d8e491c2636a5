/* SPDX-License-Identifier: MIT */
/*
 * netpark/runtime_poll.h - the contract between netpark and the kernel's readiness mechanism.
 *
 * A backend (epoll, kqueue, event ports, poll(2), or a host's own) is one constant struct
 * runtime_poll. It translates and remembers nothing that the kernel remembers for it: it knows no
 * tasks, no deadlines, no sockets. It mirrors netpollinit, netpollopen, netpollclose, netpollarm,
 * netpoll and netpollBreak of Go's runtime; see the functions below for each one's counterpart.
 *
 * One contract for all backends. For a descriptor that was opened, and (where arming is needed)
 * armed, wait reports
 *
 *   READ          bytes, a connection or end of file can be had; the peer has shut down its side
 *   WRITE         there is room; a connect has ended, well or badly
 *   READ|WRITE    hang-up of both sides, or an error: whoever makes the system call learns which
 *   ERROR         in addition, when the kernel reported an error and nothing else at all
 *   HANGUP        in addition, when the kernel told of end of file, hang-up or an error; poll(2)
 *                 and event ports do not tell a half-close from data
 *   PRIORITY      in addition, when urgent data is pending; by itself it wakes nobody
 *
 * Reports may be spurious: the receiver makes its system call, meets EAGAIN and waits again. They
 * are never lost: an edge-triggered backend reports the present state once after open, then every
 * change; one that needs arming reports the present state once after each arm.
 */
#ifndef NETPARK_RUNTIME_POLL_H
#define NETPARK_RUNTIME_POLL_H

#include <netpark/base.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/** What a report says; the first two equal enum np_mode. */
enum runtime_poll_flags {
	RUNTIME_POLL_READ = 1,
	RUNTIME_POLL_WRITE = 2,
	RUNTIME_POLL_ERROR = 4,
	RUNTIME_POLL_HANGUP = 8,
	RUNTIME_POLL_PRIORITY = 16,
};

/** What kind of backend it is. */
enum runtime_poll_traits {
	/* Level-triggered made one-shot: one report for each arm. */
	RUNTIME_POLL_NEEDS_ARM = 1,
	/* RUNTIME_POLL_PRIORITY is told, so its absence means something. */
	RUNTIME_POLL_REPORTS_PRIORITY = 2,
	/*
	 * close(2) of a file's last descriptor ends its registration: who knows that it is the last
	 * may leave out close(), and no report is told of it afterwards.
	 */
	RUNTIME_POLL_FORGETS_CLOSED = 4,
};

/**
 * One report. The tag is the word that was given to open, unchanged: who receives it can tell a
 * report for a descriptor that has since been closed from one for its successor.
 */
struct runtime_poll_event {
	uint64_t tag;
	uint32_t flags;
};

/**
 * struct runtime_poll - a backend
 *
 * Results are 0 (or a count) or -errno. State is per instance: a process may have any number.
 * open, close, arm and break_wait may be called by any thread at any time, also while another is
 * blocked in wait; wait by one thread at a time; init and fini by one thread, with no other call
 * under way. Calls about one descriptor are ordered by the caller: open, then arms, then close.
 */
struct runtime_poll {
	const char *name;
	unsigned traits;   /* of enum runtime_poll_traits */
	unsigned tag_bits; /* low bits of the tag that come back: 64, or 32 where the kernel has no
			      room */

	/**
	 * init() - make an instance. Go: netpollinit
	 *
	 * Every descriptor it opens is close-on-exec. On failure nothing stays open.
	 * Return: 0; -ENOSYS or -EPERM where the kernel has nothing for it, or forbids it, and the
	 * next backend had better be tried; -EMFILE, -ENFILE, -ENOMEM, or another -errno.
	 */
	int (*init)(void **ret_state);

	/** fini() - end it. Go's poller never dies. Descriptors still open in it are forgotten. */
	void (*fini)(void *state);

	/**
	 * open() - watch a descriptor, both directions. Go: netpollopen
	 * @fd:  an open descriptor, non-blocking by the time anyone waits
	 * @tag: comes back with every report; never 0
	 *
	 * Return: 0; -EBADF; -EPERM for what cannot be polled (regular files and directories, in
	 * every backend); -EEXIST if it is open in this instance already; -ENOMEM, -ENOSPC.
	 */
	int (*open)(void *state, int fd, uint64_t tag);

	/**
	 * open_read() - as open(), but watch for reading only, until widen() is called
	 *
	 * Who only reads is not told each time that there is room to write, which an eventfd, a
	 * pipe and a Unix socket would report for every message. NULL together with widen() where
	 * that saves nothing: then open() is used.
	 */
	int (*open_read)(void *state, int fd, uint64_t tag);

	/**
	 * widen() - from now on watch both directions of what open_read() opened
	 * @tag: the one that it was opened with
	 *
	 * Once for a descriptor; what is ready already is reported. Return: 0; -ENOMEM, -ENOSPC.
	 */
	int (*widen)(void *state, int fd, uint64_t tag);

	/**
	 * close() - stop watching. Go: netpollclose
	 *
	 * To be called before close(2). Afterwards no wait that begins reports the descriptor, and
	 * none that is under way keeps the kernel's file alive; a wait under way may still report
	 * it once. Return: 0, or -errno when the kernel did not know it any more (ignore it).
	 */
	int (*close)(void *state, int fd);

	/**
	 * arm() - ask for one report for the directions in @mode. Go: netpollarm
	 *
	 * Only where traits say NEEDS_ARM; elsewhere NULL. Adds to what is armed already, may be
	 * repeated, does not fail for a descriptor that is open. A report disarms the directions
	 * that it names.
	 */
	void (*arm)(void *state, int fd, unsigned mode);

	/**
	 * wait() - collect reports. Go: netpoll
	 * @delta_ns: below 0 blocks until there is something, 0 looks, above 0 blocks that long at
	 *            most; rounded up to what the kernel can do and possibly shortened to a cap, so
	 *            the caller looks at its clock
	 * @events:   receives at most @capacity (at least 1) reports; what does not fit comes later
	 *
	 * A signal does not end a wait without limit; it may end a limited one early. A break_wait
	 * ends a wait that blocks or is about to; one with @delta_ns 0 leaves it for the next.
	 * Return: the number of reports; 0 after a break, a timeout, or for reasons of the
	 * backend's own; -errno.
	 */
	int (*wait)(void *state, int64_t delta_ns, struct runtime_poll_event *events, int capacity);

	/**
	 * break_wait() - end the wait under way, or else the next that blocks. Go: netpollBreak
	 *
	 * Async-signal-safe. Many breaks before a wait returns cost one system call. Return: 0 or
	 * -errno.
	 */
	int (*break_wait)(void *state);

	/** is_poll_descriptor() - is @fd one of this instance's own? Go: netpollIsPollDescriptor */
	bool (*is_poll_descriptor)(const void *state, int fd);

	/**
	 * descriptor() - a descriptor that poll(2) says is readable whenever wait has something
	 *
	 * For a host that waits in a loop of its own. Return: it, or -EOPNOTSUPP where the
	 * mechanism has none (poll(2) itself).
	 */
	int (*descriptor)(const void *state);
};

/** The backend that the library was built to use (-Dpoller); pollers without it take the next. */
NP_API const struct runtime_poll *runtime_poll_default(void);

/** The backend called @name (as -Dpoller has it: "epoll"), or NULL where this build has none. */
NP_API const struct runtime_poll *runtime_poll_find(const char *name);

/** The backends of this build, one by one from 0: NULL after the last. The default is the first. */
NP_API const struct runtime_poll *runtime_poll_at(size_t index);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_RUNTIME_POLL_H */
