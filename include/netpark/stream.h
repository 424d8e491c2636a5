/* SPDX-License-Identifier: MIT */
/*
 * netpark/stream.h - more that streams can do: whole reads, many buffers, copies that the kernel
 * makes, peeking, options.
 *
 * For handles of netpark/fd.h and netpark/net.h; what is said there about callers, references,
 * deadlines and errors holds here. np_write() writes everything already, so there is no
 * np_write_full(). Half-close and no-delay are in netpark/net.h.
 *
 * Urgent data and marks, as everything that has no call here, go through np_fd_control():
 * ioctl(SIOCATMARK), send(MSG_OOB), setsockopt(2).
 */
#ifndef NETPARK_STREAM_H
#define NETPARK_STREAM_H

#include <netpark/base.h>
#include <netpark/fd.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- reading ------------------------------------------------------------------------------ */

/**
 * np_read_full() - read exactly @size bytes. Go: io.ReadFull
 *
 * Several np_read() in a row: what another task reads meanwhile it takes from the middle.
 *
 * Return: @size; 0 if the stream ended before the first byte; NP_EEOF if it ended after that; else
 * the errors of np_read(). After any error a part of @buf may have been filled:
 * np_read_full_counted() tells how much.
 */
NP_API ssize_t np_read_full(struct np_fd *fd, void *buf, size_t size);

/** np_read_full_counted() - as np_read_full(), and *ret_read bytes are in @buf, in every case. */
NP_API ssize_t np_read_full_counted(struct np_fd *fd, void *buf, size_t size, size_t *ret_read);

/**
 * np_peek() - look at what the next read of a socket will get, and leave it there
 *
 * Waits for the first byte as np_read() does, under the read deadline. It cannot wait for more than
 * is there already: asked again, it returns the same at once. @size 0 returns 0 without a system
 * call.
 *
 * Return: bytes; 0 at the end of the stream; errors of np_read(); -ENOTSOCK for what is no socket,
 * -EOPNOTSUPP for an end of np_pipe_pair().
 */
NP_API ssize_t np_peek(struct np_fd *fd, void *buf, size_t size);

/* ---- many buffers ------------------------------------------------------------------------- */

struct iovec;

/**
 * struct np_buffers - bytes in pieces, to be consumed from the front. Go: net.Buffers
 *
 * The pieces and their array are the caller's. What has been consumed is gone from here: @iov
 * points to the first piece that is left, which is shortened if a part of it went.
 */
struct np_buffers {
	struct iovec *iov;
	int count;
};

/** np_buffers_size() - bytes that are left; SIZE_MAX if that overflows. 0 for NULL. */
NP_API size_t np_buffers_size(const struct np_buffers *buffers);

/**
 * np_buffers_write() - write all that is left in @buffers, and consume it. Go: Buffers.WriteTo
 *
 * To a stream as np_writev(), with as many pieces in each system call as it takes. To a message
 * socket each piece is a message of its own, an empty one too.
 *
 * Return: the bytes written; or an error of np_writev(), after which @buffers has exactly what was
 * not written, so the call may be made again with it.
 */
NP_API ssize_t np_buffers_write(struct np_fd *fd, struct np_buffers *buffers);

/**
 * np_buffers_read() - take up to @size bytes off the front into @buf. Go: Buffers.Read
 *
 * Copies within the program, and never waits. Return: bytes, 0 if none are left; -EINVAL for NULL.
 */
NP_API ssize_t np_buffers_read(struct np_buffers *buffers, void *buf, size_t size);

/* ---- from one handle to another ----------------------------------------------------------- */

/**
 * np_sendfile() - send @size bytes of a regular file. Go: TCPConn.ReadFrom of a file
 * @conn:   a stream; waits under its write deadline
 * @file:   a handle of a regular file
 * @offset: where in the file; below 0: at its position, which moves by what was sent
 * @size:   how much at most; below 0: all until the end of the file
 *
 * By sendfile(2) where the kernel has it for these two, and then with the write lock of @conn from
 * beginning to end, as np_write(). Else by reading and writing, where what others write may come
 * between two pieces of 64 KiB. The file's position is taken at the beginning and set at the end:
 * of two tasks that send from it at once each sends the same. Closing the file ends it with the
 * next piece, and waits for no slow peer.
 *
 * Of a fiber, a file that is not in memory does not hold up other fibers: what is missing is read
 * by another thread (np_blocking()). Threads read it themselves.
 *
 * Return: the bytes that the kernel has taken for the peer, less than @size only if the file ended;
 * errors of np_write() for @conn; -ESPIPE for a @file that is no regular one; -EINVAL; -EIO and
 * others of reading. What was sent before an error np_sendfile_counted() tells.
 */
NP_API int64_t np_sendfile(struct np_fd *conn, struct np_fd *file, int64_t offset, int64_t size);

/** np_sendfile_counted() - as np_sendfile(), and *ret_sent bytes were sent, in every case. */
NP_API int64_t np_sendfile_counted(struct np_fd *conn, struct np_fd *file, int64_t offset,
				   int64_t size, int64_t *ret_sent);

/**
 * np_copy() - copy from one stream to another until the first one ends. Go: io.Copy
 * @to:    a stream, a pipe, a file, an end of np_pipe_pair()
 * @from:  the same; with one handle for both it is an echo
 * @limit: how many bytes at most; below 0: all. 0 copies nothing and asks nobody. Go: io.CopyN
 *
 * Waits for @from under its read deadline and for @to under its write deadline, never for one with
 * the other's lock: closing the one that it waits for ends it with NP_ECLOSED, closing the other as
 * soon as it turns to that. Closes nothing: to pass an end of file on, call np_close_write() when
 * it returns. A read deadline loses nothing, the copy may go on after it. Not for message sockets,
 * whose messages it would tear up or cut.
 *
 * Begins with a buffer. Once there is as much as that holds, the kernel takes over where it can: by
 * sendfile(2) from regular files, by splice(2) through a pipe of its own between sockets and pipes
 * of Linux; and gives it back when only little comes. Of a fiber, as np_sendfile().
 *
 * Return: bytes that have reached @to, its kernel's buffer at least; an error of np_read() on @from
 * or of np_write() on @to (np_error_text() tells whose); -ENOMEM; -EINVAL for a message socket.
 * After an error of @to bytes that were read may not have been written: they are lost.
 * np_copy_counted() tells how many have arrived.
 */
NP_API int64_t np_copy(struct np_fd *to, struct np_fd *from, int64_t limit);

/** np_copy_counted() - as np_copy(), and *ret_copied bytes reached @to, in every case. */
NP_API int64_t np_copy_counted(struct np_fd *to, struct np_fd *from, int64_t limit,
			       int64_t *ret_copied);

/**
 * np_write_zero_copy() - write all of it without a copy: the kernel sends from @buf itself
 *
 * By MSG_ZEROCOPY, for TCP of Linux and an edge-triggered poller (epoll). In every other case, for
 * less than 16 KiB, in a child after fork(2), and where the kernel refuses, for want of room to
 * keep more in mind or because it encrypts (TLS of its own), it is np_write(). It pays for hundreds
 * of KiB at a time over a real network; over loopback the kernel copies anyway, and later.
 *
 * Returns when the kernel has let go of @buf, which is when the peer has acknowledged the last
 * byte, a round trip later than np_write() and as late as a slow peer reads; or when the connection
 * is broken, of which, as after any write that was taken whole, the next call tells. Holds the
 * write lock until then. @buf is the caller's again when it returns, whatever it returns: to make
 * sure of that a call that a deadline, a close or a cancellation ends RESETS the connection if
 * something was sent. Do not mix it with MSG_ZEROCOPY calls or with an error queue (IP_RECVERR,
 * timestamps) of your own: it empties that. The answers wake who waits for reading in vain,
 * np_wait() returns then, and the shortcut of np_read() is off.
 *
 * Return: @size, or an error of np_write(), after which the connection may be used no more.
 */
NP_API ssize_t np_write_zero_copy(struct np_fd *fd, const void *buf, size_t size);

/* ---- options ------------------------------------------------------------------------------ */

/**
 * np_set_linger() - what np_close() does with bytes that the peer has not taken. Go: SetLinger
 * @seconds: below 0: they are sent in the background (the default); 0: they are dropped, and a TCP
 *           connection is reset; above 0: as below 0, but for that long at most where the system
 *           knows that, as Linux does. Close returns at once in any case.
 *
 * Return: 0; NP_ECLOSED; -ENOTSOCK or another -errno.
 */
NP_API int np_set_linger(struct np_fd *fd, int seconds);

/**
 * np_set_read_buffer() - how much the kernel keeps for us to read. Go: SetReadBuffer
 * @bytes: Linux takes twice as much, for its own use too, and no more than net.core.rmem_max
 *
 * It ends the system's own adjusting of that size. For large TCP windows set it on the listener.
 * np_set_write_buffer() the same for what we write. Return: 0; NP_ECLOSED; -errno.
 */
NP_API int np_set_read_buffer(struct np_fd *fd, int bytes);
NP_API int np_set_write_buffer(struct np_fd *fd, int bytes);

/**
 * np_set_option() - setsockopt(2) of an int. As np_fd_control(), it ends the shortcut of np_read().
 *
 * np_get_option() the same for getsockopt(2), without that. Return: 0; NP_ECLOSED; -errno.
 */
NP_API int np_set_option(struct np_fd *fd, int level, int option, int value);
NP_API int np_get_option(struct np_fd *fd, int level, int option, int *ret_value);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_STREAM_H */
