/* SPDX-License-Identifier: MIT */
/*
 * netpark/fd.h - a descriptor that any number of tasks share safely: Go's internal/poll.FD.
 *
 * Calls look like blocking ones. Each tries its system call and, where that would block, parks the
 * calling task until the kernel reports readiness, the deadline passes, or somebody closes. Reads
 * queue behind reads and writes behind writes; one reader and one writer run at the same time.
 *
 * Ownership. A handle begins with one reference, its creator's. np_ref() adds one for another task;
 * each reference ends with np_close() or np_unref(). np_close() closes for everyone; np_cancel_io()
 * closes for everyone and keeps your reference. After either, every call under way and every later
 * one returns NP_ECLOSED; the descriptor's number goes back to the kernel when the last call under
 * way has left, so it is never used after it was reused, and the memory goes with the last
 * reference. So every task that may begin a call while another gives up the last reference needs
 * one of its own; a call that is under way already is safe without.
 *
 * The number itself is the handle's: nothing else may read from it, close it or change its mode
 * except through np_fd_control().
 *
 * After fork(2) a handle is the parent's. In the child what can be done at once is done; what would
 * have to wait, and deadlines, are NP_EFORKED; np_close() closes the child's descriptor only, and
 * what the parent's kernel, pollers and tasks know of it stays as it is (a Unix listener's path,
 * too). The same holds for pollers that were made before, but for the default one, of which the
 * child gets one of its own: so new handles, deadlines and sleep work there as everywhere. See
 * netpark/fiber.h for fibers.
 *
 * Deadlines, as in Go, are absolute and stay until changed; an expired one fails every later call
 * of its direction, even if it would not have blocked. They bound waiting, not system calls.
 *
 * Blocking handles: what the kernel cannot poll, and NP_FD_BLOCKING. A thread makes their calls in
 * place. A fiber's are made on a thread of np_blocking(), with the fiber parked, so that its worker
 * runs others meanwhile. Neither cancellation nor close cuts such a call short: both return at
 * once, the call ends when the kernel is done with it, with its result, and the number is given
 * back then. A fiber that is cancelled already makes none. Callbacks (np_fd_control(),
 * np_raw_read()) run in place everywhere. Closing a blocking handle, or a terminal, is done on such
 * a thread as well: file systems and serial lines may have something left to write.
 *
 * Unless said otherwise: any thread or task may call; NULL is -EINVAL; results are 0, a count, or a
 * negative error; EINTR is retried and never returned; -errno stands for what the system call may
 * say; np_error_text() tells the failure in full. A call that would have to wait is -EDEADLK for a
 * task that cannot park (a host's callback: netpark/poll.h has what these use).
 */
#ifndef NETPARK_FD_H
#define NETPARK_FD_H

#include <netpark/base.h>

#include <stdbool.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct msghdr;
struct np_fd;

/* ---- life --------------------------------------------------------------------------------- */

/** How to take a descriptor. */
enum np_fd_flags {
	/* Leave its blocking mode alone, do not poll it: calls block, deadlines are refused. For
	 * descriptors shared with other processes, which O_NONBLOCK would surprise. See "Blocking
	 * handles" above. */
	NP_FD_BLOCKING = 1,
	/* The number stays the caller's to close: for descriptors of other libraries, to np_wait()
	 * for. Once np_close() has returned, neither handle nor poller knows it any more; then, not
	 * before, its owner may close it. What cannot be polled is -EPERM. Not together with
	 * NP_FD_BLOCKING. */
	NP_FD_BORROWED = 2,
};

/**
 * np_fd_open() - wrap a descriptor of any kind. Go: os.NewFile, poll.FD.Init
 * @sysfd: owned by the handle on success, by the caller on failure
 * @flags: of enum np_fd_flags
 *
 * The descriptor is made non-blocking. Sockets join the poller of the first task that has to wait
 * or sets a deadline; other kinds are offered to the calling task's poller now. What the kernel
 * cannot poll (regular files, directories) gets its old mode back and works as a blocking handle,
 * whose deadlines are NP_ENODEADLINE.
 *
 * A socket is what it is found to be, wherever it comes from: a listener, a connection of "tcp",
 * "udp", "unix", "unixgram" or "unixpacket", with the addresses it has now. Its options stay as
 * they are. A Unix listener keeps its path when it is closed, see np_set_unlink_on_close().
 *
 * Return: 0; -EBADF; -EINVAL for unknown flags or both of them; -EEXIST if the poller holds that
 * number already; -ENOMEM, -ENOSPC; -EMFILE, -ENFILE where the default poller could not be made.
 */
NP_API int np_fd_open(int sysfd, unsigned flags, struct np_fd **ret_fd);

/**
 * np_close() - close for everyone and give up the caller's reference. Go: Close
 *
 * Wakes every call under way with NP_ECLOSED, then waits until the last has left and the number
 * is the kernel's again (not for blocking handles, whose calls cannot be interrupted). Not from
 * inside a callback of np_fd_control() or np_raw_read(): it would wait for itself.
 *
 * Return: 0; NP_ECLOSED if it was closed already (the reference is given up all the same); the
 * error of close(2), after which it is closed too. 0 for NULL.
 */
NP_API int np_close(struct np_fd *fd);

/** np_cancel_io() - close for everyone, keep the caller's reference. Errors as np_close(). */
NP_API int np_cancel_io(struct np_fd *fd);

/** np_ref() - a reference for another task; the caller must hold one. Return: @fd. */
NP_API struct np_fd *np_ref(struct np_fd *fd);

/** np_unref() - give up a reference; the last one closes what nobody closed. NULL is allowed. */
NP_API void np_unref(struct np_fd *fd);

/** np_is_pollable() - do deadlines and close interrupt its calls? */
NP_API bool np_is_pollable(const struct np_fd *fd);

/**
 * np_fd_control() - run @fn on the bare descriptor, which stays open meanwhile. Go: RawControl
 *
 * For socket options and the like. @fn must not block, close the descriptor or change its blocking
 * mode. Return: what @fn returned, or NP_ECLOSED.
 */
NP_API int np_fd_control(struct np_fd *fd, int (*fn)(int sysfd, void *arg), void *arg);

/* ---- deadlines ---------------------------------------------------------------------------- */

/**
 * np_set_deadline() - until when reads and writes may wait. Go: SetDeadline
 * @deadline_ns: of np_time(), see np_deadline(); 0: none; below 0 or past: expired
 *
 * Applies to the calls under way, too. Return: 0; NP_ECLOSED; NP_ENODEADLINE if not pollable;
 * -ENOMEM; -EMFILE, -ENFILE where the default poller could not be made.
 */
NP_API int np_set_deadline(struct np_fd *fd, int64_t deadline_ns);
NP_API int np_set_read_deadline(struct np_fd *fd, int64_t deadline_ns);
NP_API int np_set_write_deadline(struct np_fd *fd, int64_t deadline_ns);

/* ---- data --------------------------------------------------------------------------------- */

/**
 * np_read() - read what there is, at least one byte. Go: poll.FD.Read
 *
 * @size 0 returns 0 without a system call. More than 1 GiB is read as 1 GiB.
 *
 * The shortcut: after a read on a TCP stream that returned less than @size, nothing is left in the
 * kernel, so the next read parks without asking first. It is off for good once somebody else may
 * have read from the socket or changed how it reads: np_fd_control(), np_wait(), np_raw_read(),
 * MSG_OOB.
 *
 * Return: bytes; 0 at the end of the stream (a message socket: an empty message); NP_ECLOSED,
 * NP_EDEADLINE, NP_ENOTPOLLABLE; -EINVAL for NULL or a @size above SSIZE_MAX; -ECONNRESET or
 * another -errno; -EAGAIN only for an NP_FD_BLOCKING descriptor that is non-blocking.
 */
NP_API ssize_t np_read(struct np_fd *fd, void *buf, size_t size);

/**
 * np_write() - write all of it. Go: poll.FD.Write
 *
 * @size 0 makes one system call of zero bytes (an empty message). Streams are written in pieces of
 * at most 1 GiB.
 *
 * Return: @size; or an error, after which the peer may have got a part: np_write_counted() tells.
 * NP_ECLOSED, NP_EDEADLINE; -EPIPE (never SIGPIPE for sockets); NP_ESHORTWRITE; -EIO when the
 * kernel claims more than was given; -EINVAL as np_read(); another -errno.
 */
NP_API ssize_t np_write(struct np_fd *fd, const void *buf, size_t size);

/** np_write_counted() - as np_write(), and *ret_written bytes went out, in every case. */
NP_API ssize_t np_write_counted(struct np_fd *fd, const void *buf, size_t size,
				size_t *ret_written);

/**
 * np_readv() - read into several buffers. As np_read(); @count from 0 to IOV_MAX, else -EINVAL.
 */
NP_API ssize_t np_readv(struct np_fd *fd, const struct iovec *iov, int count);

/**
 * np_writev() - write all of several buffers. Go: poll.FD.Writev
 * @iov: advanced past what was written, so after an error it tells where writing stopped
 *
 * At most 1,024 buffers go into one system call, so that many make a message; empty ones are
 * skipped. Return: the bytes written; errors as np_write(), also -EINVAL for a sum above SSIZE_MAX,
 * and -EMSGSIZE for a message of more buffers.
 */
NP_API ssize_t np_writev(struct np_fd *fd, struct iovec *iov, int count);

/**
 * np_recvmsg() - recvmsg(2) that waits. Go: poll.FD.ReadMsg
 *
 * Descriptors that arrive are close-on-exec where the kernel can (MSG_CMSG_CLOEXEC) and the
 * caller's. Return: as recvmsg(2), a zero-length read goes to the kernel; errors as np_read().
 */
NP_API ssize_t np_recvmsg(struct np_fd *fd, struct msghdr *message, int flags);

/** np_sendmsg() - one sendmsg(2) that waits; a stream may be written in part. Go: WriteMsg */
NP_API ssize_t np_sendmsg(struct np_fd *fd, const struct msghdr *message, int flags);

/* ---- waiting by oneself ------------------------------------------------------------------- */

/**
 * np_wait() - park until poll(2) would say that @mode is possible
 * @mode: NP_READ or NP_WRITE
 *
 * For libraries that make their own system calls on the descriptor. Level semantics: returns at
 * once while it is readable (writable), whatever was left unread. Takes the direction's lock, so it
 * queues behind reads (writes). End of file, hang-up and errors count as ready.
 *
 * Return: 0; NP_ECLOSED, NP_EDEADLINE, NP_ENOTPOLLABLE; -EINVAL; NP_ENODEADLINE if not pollable.
 */
NP_API int np_wait(struct np_fd *fd, int mode);

/**
 * np_raw_read() - repeat @fn until it says it is done, waiting in between. Go: RawRead
 * @fn: makes a non-blocking system call of its own; returns false only after that said EAGAIN; must
 *      not read (write) through the same handle, whose lock it has
 *
 * np_raw_write() the same with the write lock. Return: 0 when @fn returned true; NP_ECLOSED,
 * NP_EDEADLINE (also before the first call of @fn), NP_ENOTPOLLABLE; -EAGAIN if not pollable.
 */
NP_API int np_raw_read(struct np_fd *fd, bool (*fn)(int sysfd, void *arg), void *arg);
NP_API int np_raw_write(struct np_fd *fd, bool (*fn)(int sysfd, void *arg), void *arg);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_FD_H */
