/* SPDX-License-Identifier: MIT */
/*
 * netpark/file.h - files as handles: pipes, FIFOs, terminals, serial lines, devices, standard
 * streams, and files on disk. Go: os.File
 *
 * What the kernel can poll (pipes, FIFOs, terminals, many devices) reads, writes, waits, times out
 * and is closed as a socket is: see netpark/fd.h. What it cannot poll (files on disk, directories,
 * the null device) makes blocking handles: without deadlines, and off the worker for fibers, which
 * costs them a way to another thread and back for each call. np_is_pollable() tells which it is.
 *
 * Pipes. A read of 0 bytes is the end: the last writer has closed. A write that nobody will read is
 * -EPIPE, and raises SIGPIPE as write(2) does; only sockets can be told not to.
 *
 * Terminals and serial lines. Their settings (speed, raw or by lines) are termios(3) on the bare
 * descriptor, through np_fd_control(). Handles are non-blocking inside, so of termios' MIN and TIME
 * only one thing is left: with both 0 a read that finds nothing returns 0 at once, which looks like
 * the end and is none. Set MIN to 1; deadlines take the place of TIME. By lines, a read returns one
 * line at most, and 0 when somebody types the end (^D). After a hang-up (the modem's carrier is
 * gone, the USB adapter unplugged, the pseudo terminal's master closed) reads return 0 or -EIO and
 * writes -EIO, for good: close, and open again. The master of a pseudo terminal reads -EIO once
 * nobody has the other side open. Closing a serial line waits for what is left to send, as long as
 * the driver says (30 seconds on Linux), and flow control may well let it: tcflush(3) it first
 * where that is not wanted.
 *
 * Errors name the path: "open /dev/ttyS0: permission denied". Unless said otherwise the rules of
 * netpark/fd.h hold: any thread or task may call, results are 0, a count, or a negative error.
 */
#ifndef NETPARK_FILE_H
#define NETPARK_FILE_H

#include <netpark/base.h>
#include <netpark/fd.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- open --------------------------------------------------------------------------------- */

/**
 * np_file_open() - open(2), and a handle for what it gives. Go: os.OpenFile
 * @flags: of open(2); O_CLOEXEC and O_NOCTTY are always added
 * @mode:  for O_CREAT, less the process's umask
 *
 * Opening itself may block, for as long as it likes: a FIFO until somebody opens its other end, a
 * serial line until there is a carrier, a file system until its server answers. A fiber's worker
 * runs others meanwhile, but nothing cuts it short, cancellation neither, and each such fiber holds
 * one of the threads of np_blocking(). With O_NONBLOCK FIFOs and serial lines open at once: a FIFO
 * to write without a reader is -ENXIO then, and one to read without a writer is at its end (reads
 * return 0) until the first writer comes. For the handle the flag makes no other difference.
 *
 * macOS does not report the end of a FIFO, which is a blocking handle there.
 *
 * Return: 0; -ENOENT, -EACCES, -EISDIR, -ENXIO or another -errno of open(2); -EINVAL; -ENOMEM,
 * -ENOSPC, -EMFILE, -ENFILE, where the default poller could not be made, too; -EAGAIN for want of a
 * thread; NP_ECANCELED for a fiber that is cancelled already.
 */
NP_API int np_file_open(const char *path, int flags, mode_t mode, struct np_fd **ret_file);

/**
 * np_pipe() - a pipe: what is written to the second is read from the first. Go: os.Pipe
 *
 * Return: 0; -EMFILE, -ENFILE, -ENOMEM, -ENOSPC. *ret_ends are written only on success.
 */
NP_API int np_pipe(struct np_fd *ret_ends[2]);

/**
 * np_file_standard() - a handle for standard input (0), output (1) or error (2)
 * @number: any descriptor of the process's will do
 *
 * Whoever started the process may use the same open file: a shell, or the other end of a pipeline.
 * O_NONBLOCK is a property of that, and would surprise them; so it is never changed. Instead the
 * handle is
 *
 *  - of a pipe or FIFO (Linux), or a terminal: an open file of its own, opened anew by way of /proc
 *    or the terminal's name. It is polled, and has deadlines.
 *  - of what is non-blocking already: a duplicate, polled. Whoever sets that back makes it block.
 *  - of all else, and where opening anew is refused (other users' terminals, no /proc, the master
 *    of a pseudo terminal, a pipe without a reader): a duplicate, as a blocking handle.
 *    np_is_pollable() says so. Files on disk are among these, as their position is shared as well.
 *
 * @number itself stays open and the process's; stdio may go on using it. The other end of a pipe
 * sees its end only when that is closed, too. Each call makes another handle, as good as the first.
 *
 * Go's os.Stdin and its like are blocking unless they are non-blocking already.
 *
 * Return: 0; -EBADF; -EMFILE, -ENFILE, -ENOMEM, -ENOSPC.
 */
NP_API int np_file_standard(int number, struct np_fd **ret_file);

/* ---- at a position ------------------------------------------------------------------------ */

/**
 * np_pread() - read at @offset, without regard to the position. Go: ReadAt, but for one read only
 *
 * Takes no lock: many may read and write at the same time. More than 1 GiB is read as 1 GiB.
 *
 * Return: bytes, fewer at the end, 0 behind it; NP_ECLOSED; -ESPIPE for what has no positions;
 * -EINVAL for NULL, a negative @offset, or a @size above SSIZE_MAX; another -errno.
 */
NP_API ssize_t np_pread(struct np_fd *file, void *buf, size_t size, int64_t offset);

/**
 * np_pwrite() - write all of it at @offset, without regard to the position. Go: WriteAt
 *
 * Not for files opened with O_APPEND: Linux appends all the same.
 *
 * Return: @size; or an error, after which a part may be written. Errors as np_pread(); -ENOSPC,
 * -EFBIG, -EDQUOT, NP_ESHORTWRITE.
 */
NP_API ssize_t np_pwrite(struct np_fd *file, const void *buf, size_t size, int64_t offset);

/**
 * np_seek() - set the position from which np_read() and np_write() go on. Go: Seek
 * @whence:       SEEK_SET, SEEK_CUR, SEEK_END, or what else lseek(2) knows
 * @ret_position: the new one; may be NULL
 *
 * Return: 0; NP_ECLOSED; -ESPIPE for what has none; -EINVAL.
 */
NP_API int np_seek(struct np_fd *file, int64_t offset, int whence, int64_t *ret_position);

/** np_truncate() - make it @size bytes long, with zeros where it grows. Go: Truncate */
NP_API int np_truncate(struct np_fd *file, int64_t size);

/**
 * np_sync() - return when all that was written has reached the disk. Go: Sync
 *
 * np_sync_data() the same without what only tells about the file (fdatasync(2)). macOS: through the
 * disk's own cache, too (F_FULLFSYNC). Return: 0; NP_ECLOSED; -EIO, -ENOSPC or -EDQUOT for what was
 * written before and could not be kept; -EINVAL for what cannot be synced.
 */
NP_API int np_sync(struct np_fd *file);
NP_API int np_sync_data(struct np_fd *file);

/**
 * np_tty_drain() - return when a terminal has sent all that was written to it; tcdrain(3)
 *
 * As long as flow control stops the line, that is never. Close elsewhere does not wait for it, nor
 * end it, and it is not cut short by cancellation.
 *
 * Return: 0; NP_ECLOSED; -ENOTTY; -EIO after a hang-up; -EMFILE for want of a descriptor, which it
 * needs one of meanwhile.
 */
NP_API int np_tty_drain(struct np_fd *tty);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_FILE_H */
