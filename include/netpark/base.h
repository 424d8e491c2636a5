/* SPDX-License-Identifier: MIT */
/*
 * netpark/base.h - what every other header needs: error codes and their texts, time, misuse.
 *
 * Errors. Every call that can fail returns a negative int (or ssize_t); no call reports through
 * errno. An error of the operating system is returned as -errno, so -ECONNREFUSED is what
 * strerror(3) and the manual pages call ECONNREFUSED. netpark's own errors are the NP_E...
 * constants below, already negative and far outside the range of errno. An output parameter
 * (ret_...) is written only on success, unless its function says otherwise.
 *
 * Times. Deadlines are absolute: nanoseconds of the monotonic clock that np_time() reads.
 *
 * The program around it may do as it likes:
 *  - fork and exec: see netpark/fd.h and netpark/fiber.h. Every descriptor that is made here is
 *    close-on-exec.
 *  - Have signal handlers, with SA_RESTART or without: no call ends early, or fails, for a signal.
 *    SIGPIPE, whatever it is set to, is never raised for sockets, but on Solaris and on illumos
 *    before 2022, which cannot be told not to; for pipes it is, see netpark/file.h.
 *  - pthread_cancel(3): no call is a point at which a thread ends, however long it waits. What is
 *    asked for has to wait until the thread comes to another such point. What ends a wait is a
 *    close or a deadline. Threads in here must not be cancelled asynchronously
 *    (PTHREAD_CANCEL_ASYNCHRONOUS).
 *  - exit(3), from any task, with others still waiting; and use it before main() and in atexit(3)
 *    handlers.
 *  - dlopen(3): the shared library stays loaded after dlclose(3), where the linker knows of such.
 *    A copy that is linked into a plugin goes with that, unless it is linked with -z nodelete, too;
 *    nobody may be in a call then, no fibers run, no signal ask for dumps, and the descriptors of
 *    its default poller stay open. Copies do not know of each other.
 *  - setlocale(3): texts depend on it only for what strerror(3) says.
 */
#ifndef NETPARK_BASE_H
#define NETPARK_BASE_H

#include <stddef.h>
#include <stdint.h>

#if defined(__GNUC__)
#define NP_API __attribute__((visibility("default")))
#else
#define NP_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/** netpark's own errors. Compare a result with them directly: if (n == NP_EDEADLINE) ... */
enum np_error {
	/* The handle was closed. Go: net.ErrClosed, os.ErrClosed */
	NP_ECLOSED = -10001,
	/* The deadline passed. Go: os.ErrDeadlineExceeded */
	NP_EDEADLINE = -10002,
	/* The kernel only ever reports an error for it. Go: ErrNotPollable */
	NP_ENOTPOLLABLE = -10003,
	/* The poller does not hold it, so it has no deadlines. Go: ErrNoDeadline */
	NP_ENODEADLINE = -10004,
	/* No such network, "tpc" for example. Go: UnknownNetworkError */
	NP_ENETWORK = -10005,
	/* A malformed or unsuitable address; np_error_text() says what is wrong with it. */
	NP_EADDRESS = -10006,
	/* The kernel wrote nothing and gave no reason. Go: io.ErrUnexpectedEOF */
	NP_ESHORTWRITE = -10007,
	/* The program broke a rule, see np_set_misuse_hook(). */
	NP_EMISUSE = -10008,
	/* The task was cancelled. Go: context.Canceled */
	NP_ECANCELED = -10009,
	/* No fibers run, see np_run(). */
	NP_ENORUNTIME = -10010,
	/* No fiber could ever run again, see np_run(). */
	NP_EDEADLOCK = -10011,
	/* Made by the process that this one was forked from. */
	NP_EFORKED = -10012,
	/* A name that the resolver says does not exist. Go: DNSError.IsNotFound */
	NP_EHOST = -10013,
	/* The resolver could not tell just now; again later may help. Go: DNSError.IsTemporary */
	NP_ETRYAGAIN = -10014,
	/* The resolver failed, or makes no sense. */
	NP_ERESOLVE = -10015,
	/* The stream ended in the middle of what was asked for. Go: io.ErrUnexpectedEOF */
	NP_EEOF = -10016,
	/* Longer than the caller allows. Go: bufio.ErrTooLong */
	NP_ELIMIT = -10017,
};

/** The two directions of a descriptor, as a set. */
enum np_mode {
	NP_READ = 1,
	NP_WRITE = 2,
	NP_READ_WRITE = NP_READ | NP_WRITE,
};

/**
 * np_strerror() - short text for an error code, for people
 * @error: a negative result of any netpark call
 *
 * Return: a text such as "i/o timeout" or "Connection refused"; never NULL. For netpark's own
 * errors the text is constant; for system errors it is what strerror(3) returns, valid until the
 * calling thread asks again. Any thread.
 */
NP_API const char *np_strerror(int error);

/**
 * np_error_text() - the last failure of the calling task, told in full
 * @error: the negative result to explain
 * @buf:   receives the text, always terminated; may be NULL if @size is 0
 * @size:  bytes in @buf
 *
 * Says what failed, on which addresses and why, in the form of Go's OpError:
 * "dial tcp 127.0.0.1:1: connect: connection refused". Ask in the task that saw the failure, before
 * its next netpark call; nothing was formatted or allocated until now. When @error is not the
 * task's last failure, the text is that of np_strerror().
 *
 * Return: the length of the whole text without its terminator, as snprintf(3). Any thread.
 */
NP_API int np_error_text(int error, char *buf, size_t size);

/**
 * np_is_timeout() - is this error a timeout, as Go's net.Error.Timeout() means it?
 *
 * True for NP_EDEADLINE, -ETIMEDOUT, -EAGAIN and -EWOULDBLOCK.
 */
NP_API int np_is_timeout(int error);

/**
 * np_is_temporary() - may the same call succeed later, with nothing changed by the caller?
 *
 * For loops that go on after such an error, with a pause if it is want of something: an acceptor's,
 * for example. True for timeouts, NP_ETRYAGAIN, -EINTR, -ECONNABORTED, -EMFILE, -ENFILE, -ENOBUFS
 * and -ENOMEM. Go: net.Error.Temporary, which knows fewer of them
 */
NP_API int np_is_temporary(int error);

/** Nanoseconds of the monotonic clock, always above 0. Any thread. */
NP_API int64_t np_time(void);

/**
 * np_deadline() - the deadline that is @timeout_ns from now
 * @timeout_ns: nanoseconds; 0 and less mean a deadline that has passed already
 *
 * Never returns 0 (which would mean "no deadline"); a sum that overflows becomes INT64_MAX.
 */
NP_API int64_t np_deadline(int64_t timeout_ns);

/**
 * np_set_misuse_hook() - who is told when the program breaks a rule
 * @hook: called with a sentence that names the broken rule; NULL restores the default
 *
 * Some mistakes cannot be reported to anyone's advantage: two tasks waiting on one direction of a
 * raw poll descriptor, releasing what is not held. The default hook prints the sentence to
 * standard error and aborts. A hook that returns makes the call return NP_EMISUSE where it can.
 * The hook is one for the process; set it before using anything else.
 */
NP_API void np_set_misuse_hook(void (*hook)(const char *what));

/** The version of the library that runs, e.g. "0.1.0"; NP_VERSION is that of the headers. */
NP_API const char *np_version(void);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_BASE_H */
