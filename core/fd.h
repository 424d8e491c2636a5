/* SPDX-License-Identifier: MIT */
/*
 * core/fd.h - the handle behind struct np_fd, for the files that implement netpark/fd.h and net.
 *
 * Lifetimes. Calls under way hold references in the mutex's word: while there is one, sysfd is open
 * and ours. What tasks own is counted in handles: with the last of them the descriptor is closed.
 * The handles together, the open descriptor, and each task asleep for a lock hold references in
 * refs: while there is one, the memory is there.
 */
#ifndef NETPARK_CORE_FD_H
#define NETPARK_CORE_FD_H

#include "core/fd_mutex.h"
#include "core/fork.h"
#include "core/hints.h"

#include <netpark/fd.h>

#include <errno.h>
#include <stddef.h>
#include <sys/socket.h>

struct np_fd {
	struct fd_mutex mutex;
	_Atomic(struct np_poll_desc *) desc; /* NULL until somebody waits or sets a deadline */

	/* constant from open to the last close */
	int sysfd;
	bool is_socket;
	bool is_stream;
	bool is_blocking; /* the poller does not have it: calls block, close does not interrupt */
	bool is_listener;

	/*
	 * is_drained: the last read got less than it asked for, or from what each read empties;
	 * under the read lock. may_be_drained: that is all there was: of TCP, with no option
	 * unknown to us, and of those others.
	 */
	bool is_drained;
	bool is_emptied; /* constant, too */
	atomic_bool may_be_drained;
	atomic_bool is_exposed;    /* the program has seen sysfd, and may have duplicated it */
	atomic_bool has_deadlines; /* there was one, ever: before that a write need not look */
	uint8_t name_length;       /* see below */
	bool has_path : 1;         /* constant: name is what a file was opened by */
	bool is_borrowed : 1;      /* constant: the number is somebody else's to close */
	bool closes_slowly : 1;    /* constant: close(2) may block */
	bool is_packet : 1;        /* constant: datagrams with anybody */
	bool is_memory : 1;        /* constant: no descriptor, see struct fd_memory */
	uint8_t family;            /* constant: AF_..., of a socket */

	atomic_uint handles;
	atomic_uint refs;

	/* constant again but for before_close, and no call that succeeds looks at it */
	unsigned generation; /* np__fork_generation() */
	uint8_t later_error; /* under the read lock: errno of the next receiving call, see
				core/net/batch.h */
	const char *network; /* for texts: "tcp", "unix", "file", ... */
	void (*before_close)(struct np_fd *fd); /* by the last one inside, or NULL */

	/* The peer's address, or who serves anybody its own, or a path with its end: what texts
	 * name. */
	unsigned char name[];
};

/*
 * What a handle without a descriptor does instead. Its mutex is closed from the beginning, so what
 * begins by a lock or a reference fails into its slow way, and looks there: those with a descriptor
 * pay nothing for this. Whatever does not look is -EOPNOTSUPP.
 *
 * The functions record no failure, unless said otherwise; results are those of the calls.
 */
struct fd_memory {
	/* Of more than nothing. Record failures, and spend. */
	ssize_t (*read)(struct np_fd *fd, const struct iovec *iov, int count);
	/* 0 or an error, and in every case how much was written. The same. */
	int (*write)(struct np_fd *fd, const struct iovec *iov, int count, size_t *ret_written);
	int (*set_deadline)(struct np_fd *fd, int64_t deadline_ns, int mode);
	int (*shut_down)(struct np_fd *fd, int mode);
	int (*check)(struct np_fd *fd); /* 0, NP_ECLOSED or NP_EFORKED */
	int (*close)(struct np_fd *fd); /* the same, and gives up a reference to the memory once */
	void (*forget)(struct np_fd *fd); /* the memory is given back after this */
};

/*
 * A handle with @size bytes for @memory's use behind it, all zero but for the first: a pointer to
 * @memory. NULL: there is no room.
 */
struct np_fd *np__fd_new_in_memory(const struct fd_memory *memory, const char *network,
				   size_t size);

/* These bytes. */
static inline void *np__fd_behind(struct np_fd *fd)
{
	return fd + 1;
}

static inline const struct fd_memory *np__fd_memory(struct np_fd *fd)
{
	return *(const struct fd_memory **)np__fd_behind(fd);
}

/* Offsets of files are int64_t to the program. */
_Static_assert(sizeof(off_t) >= 8, "32 bits want -D_FILE_OFFSET_BITS=64, which Meson adds");

/* The most bytes of one system call: some fail at 2 GiB, and a round number keeps alignment. */
#define FD_IO_MAX ((size_t)1 << 30)

/*
 * What a write that took @n of @size bytes means for the caller: 0 to go on, else the error. A
 * driver that claims more than it was given would have us read past the end of the buffer.
 */
static inline int np__judge_write(size_t n, size_t size)
{
	if (n > size)
		return -EIO;
	return n == 0 && size > 0 ? NP_ESHORTWRITE : 0;
}

/* How to make one, beyond what np_fd_open() finds out by itself. */
struct fd_kind {
	const char *network;
	bool is_tcp;
	bool is_stream;
	bool is_listener;
	bool is_packet;
	int family; /* of a socket without a name */
	const struct sockaddr *name;
	socklen_t name_length;
	const char *path;   /* instead of name */
	size_t memory_size; /* behind the handle, see np__fd_behind() */
};

/* np_fd_open() of a file that texts call by @path, unless it is a socket; NULL: by its kind. */
int np__fd_open(int sysfd, unsigned flags, const char *path, struct np_fd **ret_fd);

/* Wrap a non-blocking socket. @sysfd is the handle's, or closed if that fails. 0 or -ENOMEM. */
int np__fd_new_socket(int sysfd, const struct fd_kind *kind, struct np_fd **ret_fd);

/* Is @name the peer's? */
static inline bool np__fd_knows_peer(const struct np_fd *fd)
{
	return fd->name_length > 0 && fd->is_socket && !fd->is_listener && !fd->is_packet;
}

/*
 * Made by the parent: calls that were under way there never end here, locks may be held by who is
 * not in this process, and its pollers are its own.
 */
static inline bool np__fd_is_inherited(const struct np_fd *fd)
{
	return fd->generation != np__fork_generation();
}

/* Give up a reference to the memory, with the descriptor closed or known to stay open. */
void np__fd_drop(struct np_fd *fd);

/* A call under way that takes no lock. 0, NP_ECLOSED or -EOPNOTSUPP, recorded for @op. */
int np__fd_incref(struct np_fd *fd, const char *op);
void np__fd_decref(struct np_fd *fd);

/* The program is going to see the descriptor: what it is known for may not hold any more. */
static inline void np__fd_expose(struct np_fd *fd)
{
	atomic_store_explicit(&fd->may_be_drained, false, memory_order_relaxed);
	atomic_store_explicit(&fd->is_exposed, true, memory_order_relaxed);
}

/* Record the failure of @op on @fd, where @call failed (NULL: none). Returns @error. */
NP_RARE int np__fd_fail(struct np_fd *fd, int error, const char *op, const char *call);

/* The same without a reference: the number may be another file's by now, and is not asked. */
int np__fd_fail_outside(struct np_fd *fd, int error, const char *op, const char *call);

/* The lock of one side, for one call. 0, or why not, for one -EOPNOTSUPP; recorded for @op. */
NP_RARE int np__fd_lock_slowly(struct np_fd *fd, int side, const char *op);

/* If nobody else is there. @ret_before is for np__fd_unlock(), here and below. */
static inline bool np__fd_try_lock(struct np_fd *fd, int side, uint64_t *ret_before)
{
	return np__fd_mutex_try_lock_free(&fd->mutex, side, ret_before);
}

static inline int np__fd_lock(struct np_fd *fd, int side, const char *op, uint64_t *ret_before)
{
	if (np__fd_try_lock(fd, side, ret_before))
		return 0;
	*ret_before = FD_MUTEX_UNKNOWN;
	return np__fd_lock_slowly(fd, side, op);
}

/* By the one who was told that nobody is left. */
NP_RARE void np__fd_destroy(struct np_fd *fd);

static inline void np__fd_unlock(struct np_fd *fd, int side, uint64_t before)
{
	if (!np__fd_mutex_try_unlock(&fd->mutex, side, before) &&
	    np__fd_mutex_unlock(&fd->mutex, side))
		np__fd_destroy(fd);
}

/* One system call, or several, of a call that has a side's lock. A count, or -errno. */
typedef ssize_t attempt_fn(struct np_fd *fd, void *arg);

/*
 * A call of one side from its lock to its end: @attempt until it succeeds or fails, waiting when it
 * says -EAGAIN, once more at once when it says -EINTR. What it returned, or an error of waiting;
 * recorded for @op, where @call failed.
 */
ssize_t np__fd_run(struct np_fd *fd, int side, const char *op, const char *call,
		   attempt_fn *attempt, void *arg);

/*
 * Urgent data that was taken is not reported any more, but still ends the read before it. So where
 * somebody may have taken some, a short read proves nothing from then on.
 */
static inline void np__fd_doubt_short_reads(struct np_fd *fd)
{
	atomic_store_explicit(&fd->may_be_drained, false, memory_order_relaxed);
}

/* For who makes several calls in a row: the memory stays, whoever closes meanwhile. */
static inline void np__fd_keep(struct np_fd *fd)
{
	atomic_fetch_add(&fd->refs, 1);
}

/* The poll descriptor, made if there is none. By who holds a reference. 0 or an error. */
int np__fd_desc(struct np_fd *fd, struct np_poll_desc **ret_desc);

/*
 * accept(2) that waits; skips connections that died in the queue. *kind is told what those of
 * @listener are, which may be gone when this returns. A descriptor or an error.
 */
int np__fd_accept(struct np_fd *listener, struct sockaddr *addr, socklen_t *length,
		  struct fd_kind *kind);

/*
 * Begin connect(2), for a handle that nobody else has. 0: connected; -EINPROGRESS: it goes on, what
 * comes of it can be asked when there is a report for writing; or an error.
 */
int np__fd_connect_begin(struct np_fd *fd, const struct sockaddr *addr, socklen_t length);

/* Ask: 0 if it is connected, -EINPROGRESS if it is not yet, or the error it ended with. */
int np__fd_connect_ask(const struct np_fd *fd);

/* Wait until the end, but no longer than @deadline_ns. 0 or an error. */
int np__fd_connect_wait(struct np_fd *fd, int64_t deadline_ns);

#endif /* NETPARK_CORE_FD_H */
