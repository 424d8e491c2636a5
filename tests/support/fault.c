/* SPDX-License-Identifier: MIT */
/*
 * tests/support/fault.c - see fault.h. The linker makes __wrap_NAME of each call of NAME, and NAME
 * of
 * __real_NAME: these names are its own.
 */
#include "tests/support/fault.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/event.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { GUARD_INSTALL = 102 }; /* the one madvise(2) whose failure matters */

enum kind { FAIL, SPOIL, RETURN, SHORTEN };

struct fault {
	const char *name;
	int usual; /* errno of fault_fail_any(); 0 for what that leaves alone */
	int calls;
	size_t largest; /* of the sizes asked for */
	int first;      /* 0: no fault */
	int count;
	enum kind kind;
	int error;
	long value;
};

/* In the order of the alphabet. */
static struct fault faults[] = {
	{ .name = "accept4", .usual = EMFILE },
	{ .name = "aligned_alloc", .usual = ENOMEM },
	{ .name = "bind", .usual = EADDRINUSE },
	{ .name = "calloc", .usual = ENOMEM },
	{ .name = "close" },
	{ .name = "connect", .usual = ENETUNREACH },
	{ .name = "epoll_create1", .usual = EMFILE },
	{ .name = "epoll_ctl", .usual = ENOSPC },
	{ .name = "epoll_pwait2" },
	{ .name = "epoll_wait" },
	{ .name = "eventfd", .usual = EMFILE },
	{ .name = "fcntl", .usual = EPERM },
	{ .name = "fork", .usual = EAGAIN },
	{ .name = "getpeername" },
	{ .name = "getsockname", .usual = ENOBUFS },
	{ .name = "getsockopt", .usual = ENOBUFS },
	{ .name = "kevent", .usual = ENOMEM },
	{ .name = "kqueue", .usual = EMFILE },
	{ .name = "listen", .usual = EADDRINUSE },
	{ .name = "madvise", .usual = ENOMEM },
	{ .name = "malloc", .usual = ENOMEM },
	{ .name = "mmap", .usual = ENOMEM },
	{ .name = "mprotect", .usual = ENOMEM },
	{ .name = "np__sendfile_may_block" },
	{ .name = "pipe2", .usual = ENFILE },
	{ .name = "poll" },
	{ .name = "port_associate", .usual = EAGAIN },
	{ .name = "port_create", .usual = EMFILE },
	{ .name = "port_dissociate" },
	{ .name = "port_getn" },
	{ .name = "ppoll" },
	{ .name = "pread64", .usual = EIO },
	{ .name = "pwrite64", .usual = EIO },
	{ .name = "pthread_create", .usual = EAGAIN },
	{ .name = "read" },
	{ .name = "readv" },
	{ .name = "realloc", .usual = ENOMEM },
	{ .name = "recv", .usual = ECONNRESET },
	{ .name = "recvfrom", .usual = ENOMEM },
	{ .name = "recvmmsg", .usual = ENOMEM },
	{ .name = "recvmsg", .usual = ENOMEM },
	{ .name = "send", .usual = ENOBUFS },
	{ .name = "sendmmsg", .usual = ENOBUFS },
	{ .name = "sendmsg", .usual = ENOBUFS },
	{ .name = "sendfile", .usual = EIO },
	{ .name = "sendto", .usual = ENOBUFS },
	{ .name = "setsockopt", .usual = ENOBUFS },
	{ .name = "shutdown", .usual = ENOTCONN },
	{ .name = "socket", .usual = EMFILE },
	{ .name = "socketpair", .usual = EMFILE },
	{ .name = "splice", .usual = ENOMEM },
	{ .name = "write" },
	{ .name = "writev" },
};

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static int any_nth; /* 0: not wanted */
static int any_calls;
static int met;
static const char *last;
static long allocations;
static void (*before_connect)(int fd, const struct sockaddr *addr, socklen_t length);
static void (*after_getn)(void);

/* Above 0 in the emulated kernel. */
static _Thread_local int inside_kernel;

/* ---- setting ------------------------------------------------------------------------------ */

static struct fault *find(const char *name)
{
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++)
		if (strcmp(faults[i].name, name) == 0)
			return &faults[i];
	abort(); /* a test has a name that nothing is known of */
}

static void set(const char *name, struct fault what)
{
	struct fault *fault = find(name);

	pthread_mutex_lock(&lock);
	what.name = fault->name;
	what.usual = fault->usual;
	*fault = what;
	pthread_mutex_unlock(&lock);
}

void fault_fail(const char *name, int first, int count, int error)
{
	set(name, (struct fault){ .first = first, .count = count, .kind = FAIL, .error = error });
}

void fault_spoil(const char *name, int first, int count, int error)
{
	set(name, (struct fault){ .first = first, .count = count, .kind = SPOIL, .error = error });
}

void fault_return(const char *name, int first, int count, long value)
{
	set(name, (struct fault){ .first = first, .count = count, .kind = RETURN, .value = value });
}

void fault_shorten(const char *name, int first, int count)
{
	set(name, (struct fault){ .first = first, .count = count, .kind = SHORTEN });
}

void fault_before_connect(void (*fn)(int fd, const struct sockaddr *addr, socklen_t length))
{
	before_connect = fn;
}

void fault_after_getn(void (*fn)(void))
{
	after_getn = fn;
}

void fault_fail_any(int nth)
{
	pthread_mutex_lock(&lock);
	any_nth = nth;
	any_calls = 0;
	pthread_mutex_unlock(&lock);
}

void fault_clear(void)
{
	pthread_mutex_lock(&lock);
	for (size_t i = 0; i < sizeof(faults) / sizeof(faults[0]); i++) {
		faults[i].first = faults[i].calls = 0;
		faults[i].largest = 0;
	}
	any_nth = met = 0;
	before_connect = NULL;
	after_getn = NULL;
	pthread_mutex_unlock(&lock);
}

int fault_calls(const char *name)
{
	int calls;

	pthread_mutex_lock(&lock);
	calls = find(name)->calls;
	pthread_mutex_unlock(&lock);
	return calls;
}

size_t fault_largest(const char *name)
{
	size_t largest;

	pthread_mutex_lock(&lock);
	largest = find(name)->largest;
	pthread_mutex_unlock(&lock);
	return largest;
}

int fault_met(void)
{
	int count;

	pthread_mutex_lock(&lock);
	count = met;
	pthread_mutex_unlock(&lock);
	return count;
}

const char *fault_last(void)
{
	return last;
}

long fault_allocations(void)
{
	long count;

	pthread_mutex_lock(&lock);
	count = allocations;
	pthread_mutex_unlock(&lock);
	return count;
}

/* ---- meeting ------------------------------------------------------------------------------ */

static bool is_due(struct fault *fault, bool can_fail)
{
	fault->calls++;
	if (any_nth && fault->usual && can_fail && ++any_calls == any_nth) {
		fault->first = fault->calls;
		fault->count = 1;
		fault->kind = FAIL;
		fault->error = fault->usual;
	}
	return fault->first && fault->calls >= fault->first &&
	       fault->calls - fault->first < fault->count;
}

/*
 * Count a call. False: make it. True: *ret_fault says what to do instead. Where @can_fail is false
 * no fault of fault_fail_any() is wanted.
 */
static bool meets(const char *name, bool can_fail, struct fault *ret_fault)
{
	struct fault *fault = find(name);
	bool due;

	if (inside_kernel)
		return false;
	pthread_mutex_lock(&lock);
	due = is_due(fault, can_fail);
	*ret_fault = *fault;
	if (due) {
		met++;
		last = name;
	}
	pthread_mutex_unlock(&lock);
	return due;
}

static void note_size(const char *name, size_t size)
{
	struct fault *fault = find(name);

	if (inside_kernel)
		return;
	pthread_mutex_lock(&lock);
	if (size > fault->largest)
		fault->largest = size;
	pthread_mutex_unlock(&lock);
}

static long outcome(const struct fault *fault)
{
	if (fault->kind == RETURN)
		return fault->value;
	errno = fault->error;
	return -1;
}

/* Most calls: @arguments are those of the real one, @can_fail an expression on them. */
#define WRAPPER(result, name, can_fail, parameters, arguments)                                     \
	result __real_##name parameters;                                                           \
	result __wrap_##name parameters;                                                           \
	result __wrap_##name parameters                                                            \
	{                                                                                          \
		struct fault fault;                                                                \
                                                                                                   \
		if (!meets(#name, can_fail, &fault))                                               \
			return __real_##name arguments;                                            \
		if (fault.kind == SPOIL)                                                           \
			__real_##name arguments;                                                   \
		return (result)outcome(&fault);                                                    \
	}

WRAPPER(int, accept4, true, (int fd, struct sockaddr *addr, socklen_t *length, int flags),
	(fd, addr, length, flags))
WRAPPER(int, bind, true, (int fd, const struct sockaddr *addr, socklen_t length),
	(fd, addr, length))
WRAPPER(int, close, false, (int fd), (fd))
WRAPPER(int, epoll_create1, true, (int flags), (flags))
WRAPPER(int, epoll_ctl, op == EPOLL_CTL_ADD, (int epfd, int op, int fd, struct epoll_event *event),
	(epfd, op, fd, event))
WRAPPER(int, epoll_wait, false, (int epfd, struct epoll_event *events, int count, int timeout),
	(epfd, events, count, timeout))
WRAPPER(int, eventfd, true, (unsigned value, int flags), (value, flags))
WRAPPER(pid_t, fork, true, (void), ())
WRAPPER(int, getpeername, true, (int fd, struct sockaddr *addr, socklen_t *length),
	(fd, addr, length))
WRAPPER(int, getsockname, true, (int fd, struct sockaddr *addr, socklen_t *length),
	(fd, addr, length))
WRAPPER(int, getsockopt, true, (int fd, int level, int name, void *value, socklen_t *length),
	(fd, level, name, value, length))
WRAPPER(int, listen, true, (int fd, int backlog), (fd, backlog))
WRAPPER(int, madvise, advice == GUARD_INSTALL, (void *low, size_t size, int advice),
	(low, size, advice))
WRAPPER(int, mprotect, true, (void *low, size_t size, int protection), (low, size, protection))
WRAPPER(int, pipe2, true, (int fds[2], int flags), (fds, flags))
WRAPPER(int, poll, false, (struct pollfd * fds, nfds_t count, int timeout), (fds, count, timeout))
WRAPPER(int, ppoll, false,
	(struct pollfd * fds, nfds_t count, const struct timespec *timeout, const sigset_t *mask),
	(fds, count, timeout, mask))
WRAPPER(ssize_t, readv, true, (int fd, const struct iovec *iov, int count), (fd, iov, count))
WRAPPER(ssize_t, recvfrom, true,
	(int fd, void *buf, size_t size, int flags, struct sockaddr *addr, socklen_t *length),
	(fd, buf, size, flags, addr, length))
WRAPPER(int, recvmmsg, true,
	(int fd, struct mmsghdr *messages, unsigned count, int flags, struct timespec *timeout),
	(fd, messages, count, flags, timeout))
WRAPPER(ssize_t, recvmsg, true, (int fd, struct msghdr *message, int flags), (fd, message, flags))
WRAPPER(ssize_t, sendmsg, true, (int fd, const struct msghdr *message, int flags),
	(fd, message, flags))
WRAPPER(int, sendmmsg, true, (int fd, struct mmsghdr *messages, unsigned count, int flags),
	(fd, messages, count, flags))
WRAPPER(ssize_t, sendto, true,
	(int fd, const void *buf, size_t size, int flags, const struct sockaddr *addr,
	 socklen_t length),
	(fd, buf, size, flags, addr, length))
WRAPPER(int, setsockopt, true, (int fd, int level, int name, const void *value, socklen_t length),
	(fd, level, name, value, length))
WRAPPER(int, shutdown, true, (int fd, int how), (fd, how))
WRAPPER(int, socket, true, (int family, int type, int protocol), (family, type, protocol))
WRAPPER(int, socketpair, true, (int family, int type, int protocol, int fds[2]),
	(family, type, protocol, fds))
WRAPPER(ssize_t, splice, true,
	(int in, off_t *in_offset, int out, off_t *out_offset, size_t size, unsigned flags),
	(in, in_offset, out, out_offset, size, flags))
WRAPPER(bool, np__sendfile_may_block, false, (int fd, int64_t offset, size_t size),
	(fd, offset, size))
WRAPPER(ssize_t, writev, true, (int fd, const struct iovec *iov, int count), (fd, iov, count))

/* Transfers, which can be shortened, too. */
#define TRANSFER(name, parameters, arguments, short_arguments)                                     \
	ssize_t __real_##name parameters;                                                          \
	ssize_t __wrap_##name parameters;                                                          \
	ssize_t __wrap_##name parameters                                                           \
	{                                                                                          \
		struct fault fault;                                                                \
                                                                                                   \
		note_size(#name, size);                                                            \
		if (!meets(#name, true, &fault))                                                   \
			return __real_##name arguments;                                            \
		if (fault.kind == SHORTEN)                                                         \
			return __real_##name short_arguments;                                      \
		if (fault.kind == SPOIL && __real_##name arguments < 0)                            \
			return -1;                                                                 \
		return outcome(&fault);                                                            \
	}

TRANSFER(read, (int fd, void *buf, size_t size), (fd, buf, size), (fd, buf, size > 0))
TRANSFER(write, (int fd, const void *buf, size_t size), (fd, buf, size), (fd, buf, size > 0))
TRANSFER(recv, (int fd, void *buf, size_t size, int flags), (fd, buf, size, flags),
	 (fd, buf, size > 0, flags))
TRANSFER(send, (int fd, const void *buf, size_t size, int flags), (fd, buf, size, flags),
	 (fd, buf, size > 0, flags))

TRANSFER(pread64, (int fd, void *buf, size_t size, int64_t offset), (fd, buf, size, offset),
	 (fd, buf, size > 0, offset))
TRANSFER(pwrite64, (int fd, const void *buf, size_t size, int64_t offset), (fd, buf, size, offset),
	 (fd, buf, size > 0, offset))

/* Those of core/sys_calls.h, which count under the same names, also where they are made without. */
#define DIRECT_TRANSFER(name, parameters, arguments)                                               \
	ssize_t __wrap_np__call_##name parameters;                                                 \
	ssize_t __wrap_np__call_##name parameters                                                  \
	{                                                                                          \
		ssize_t n = __wrap_##name arguments;                                               \
                                                                                                   \
		return n < 0 ? -errno : n;                                                         \
	}

DIRECT_TRANSFER(read, (int fd, void *buf, size_t size), (fd, buf, size))
DIRECT_TRANSFER(write, (int fd, const void *buf, size_t size), (fd, buf, size))
DIRECT_TRANSFER(recv, (int fd, void *buf, size_t size, int flags), (fd, buf, size, flags))
DIRECT_TRANSFER(send, (int fd, const void *buf, size_t size, int flags), (fd, buf, size, flags))

/* The system call's own name is one for each size of offsets. */
ssize_t __real_np__call_sendfile(int to, int file, int64_t offset, size_t size);
ssize_t __wrap_np__call_sendfile(int to, int file, int64_t offset, size_t size);

ssize_t __wrap_np__call_sendfile(int to, int file, int64_t offset, size_t size)
{
	struct fault fault;

	if (!meets("sendfile", true, &fault))
		return __real_np__call_sendfile(to, file, offset, size);
	return outcome(&fault) < 0 ? -errno : fault.value;
}

int __real_connect(int fd, const struct sockaddr *addr, socklen_t length);
int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t length);

int __wrap_connect(int fd, const struct sockaddr *addr, socklen_t length)
{
	struct fault fault;

	if (before_connect)
		before_connect(fd, addr, length);
	if (!meets("connect", true, &fault))
		return __real_connect(fd, addr, length);
	if (fault.kind == SPOIL)
		__real_connect(fd, addr, length);
	return (int)outcome(&fault);
}

/* ---- calls with a variable number of arguments -------------------------------------------- */

static bool fcntl_meets(int command, struct fault *fault)
{
	return meets("fcntl", command == F_SETFL || command == F_SETFD, fault);
}

#define FCNTL(name)                                                                                \
	int __real_##name(int fd, int command, ...);                                               \
	int __wrap_##name(int fd, int command, ...);                                               \
	int __wrap_##name(int fd, int command, ...)                                                \
	{                                                                                          \
		struct fault fault;                                                                \
		va_list args;                                                                      \
		long argument;                                                                     \
                                                                                                   \
		va_start(args, command);                                                           \
		argument = va_arg(args, long);                                                     \
		va_end(args);                                                                      \
		if (fcntl_meets(command, &fault))                                                  \
			return (int)outcome(&fault);                                               \
		return __real_##name(fd, command, argument);                                       \
	}

FCNTL(fcntl)
#ifdef __GLIBC__
FCNTL(fcntl64)
#endif

enum { EPOLL_PWAIT2 = 441 }; /* newer than some headers */

long __real_syscall(long number, ...);
long __wrap_syscall(long number, ...);

/*
 * What backends/epoll.c sends round the C library counts under the name that it has there. Takes
 * six arguments of callers who gave fewer, as the C library does: not for a sanitizer to see.
 */
#ifdef __SANITIZE_ADDRESS__
__attribute__((no_sanitize("address")))
#elif defined(__clang__)
__attribute__((no_sanitize("address", "undefined")))
#endif
long __wrap_syscall(long number, ...)
{
	struct fault fault;
	va_list args;
	long a[6];

	va_start(args, number);
	for (int i = 0; i < 6; i++)
		a[i] = va_arg(args, long);
	va_end(args);
	switch (number) {
	case SYS_epoll_pwait:
		return __wrap_epoll_wait((int)a[0], (void *)a[1], (int)a[2], (int)a[3]);
	case EPOLL_PWAIT2:
		if (meets("epoll_pwait2", false, &fault))
			return outcome(&fault);
		break;
	default:
		break;
	}
	return __real_syscall(number, a[0], a[1], a[2], a[3], a[4], a[5]);
}

/* ---- memory ------------------------------------------------------------------------------- */

static void count_allocation(long change)
{
	if (inside_kernel)
		return;
	pthread_mutex_lock(&lock);
	allocations += change;
	pthread_mutex_unlock(&lock);
}

void *__real_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__real_realloc(void *old, size_t size);
void *__wrap_realloc(void *old, size_t size);
void __real_free(void *memory);
void __wrap_free(void *memory);

void *__wrap_malloc(size_t size)
{
	struct fault fault;
	void *memory = meets("malloc", true, &fault) ? NULL : __real_malloc(size);

	count_allocation(memory != NULL);
	return memory;
}

void *__wrap_calloc(size_t count, size_t size)
{
	struct fault fault;
	void *memory = meets("calloc", true, &fault) ? NULL : __real_calloc(count, size);

	count_allocation(memory != NULL);
	return memory;
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
	struct fault fault;
	void *memory =
		meets("aligned_alloc", true, &fault) ? NULL : __real_aligned_alloc(alignment, size);

	count_allocation(memory != NULL);
	return memory;
}

void *__wrap_realloc(void *old, size_t size)
{
	struct fault fault;
	void *memory = meets("realloc", true, &fault) ? NULL : __real_realloc(old, size);

	count_allocation(memory != NULL && !old);
	return memory;
}

void __wrap_free(void *memory)
{
	count_allocation(-(memory != NULL));
	__real_free(memory);
}

#define MMAP(name)                                                                                 \
	void *__real_##name(void *base, size_t size, int protection, int flags, int fd,            \
			    off_t offset);                                                         \
	void *__wrap_##name(void *base, size_t size, int protection, int flags, int fd,            \
			    off_t offset);                                                         \
	void *__wrap_##name(void *base, size_t size, int protection, int flags, int fd,            \
			    off_t offset)                                                          \
	{                                                                                          \
		struct fault fault;                                                                \
                                                                                                   \
		if (meets("mmap", true, &fault))                                                   \
			return outcome(&fault) < 0 ? MAP_FAILED : NULL;                            \
		return __real_##name(base, size, protection, flags, fd, offset);                   \
	}

MMAP(mmap)
#ifdef __GLIBC__
MMAP(mmap64)
#endif

/* ---- threads ------------------------------------------------------------------------------ */

int __real_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg);

/* Its errors are what it returns. */
int __wrap_pthread_create(pthread_t *thread, const pthread_attr_t *attr, void *(*run)(void *),
			  void *arg)
{
	struct fault fault;

	if (meets("pthread_create", true, &fault))
		return fault.error;
	return __real_pthread_create(thread, attr, run, arg);
}

/* ---- the emulated kernels ----------------------------------------------------------------- */

/* Whatever it does, errno is the call's. */
static void told_after_getn(void)
{
	void (*fn)(void) = after_getn;
	int saved_errno = errno;

	after_getn = NULL;
	if (fn)
		fn();
	errno = saved_errno;
}

#define EMULATED(name, can_fail, after, parameters, arguments)                                     \
	int __real_##name parameters;                                                              \
	int __wrap_##name parameters;                                                              \
	int __wrap_##name parameters                                                               \
	{                                                                                          \
		struct fault fault;                                                                \
		bool is_met = meets(#name, can_fail, &fault);                                      \
		int result = 0;                                                                    \
                                                                                                   \
		if (!is_met || fault.kind == SPOIL) {                                              \
			inside_kernel++;                                                           \
			result = __real_##name arguments;                                          \
			inside_kernel--;                                                           \
		}                                                                                  \
		after;                                                                             \
		return is_met ? (int)outcome(&fault) : result;                                     \
	}

EMULATED(kqueue, true, (void)0, (void), ())
EMULATED(kevent, change_count > 0 && changes->flags & EV_ADD, (void)0,
	 (int kq, const struct kevent *changes, int change_count, struct kevent *events,
	  int event_count, const struct timespec *timeout),
	 (kq, changes, change_count, events, event_count, timeout))
EMULATED(port_create, true, (void)0, (void), ())
EMULATED(port_associate, true, (void)0,
	 (int port, int source, uintptr_t object, int events, void *user),
	 (port, source, object, events, user))
EMULATED(port_dissociate, false, (void)0, (int port, int source, uintptr_t object),
	 (port, source, object))
EMULATED(port_getn, false, told_after_getn(),
	 (int port, port_event_t list[], uint_t max, uint_t *nget, const struct timespec *timeout),
	 (port, list, max, nget, timeout))
