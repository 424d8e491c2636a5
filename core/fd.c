/* SPDX-License-Identifier: MIT */
/* core/fd.c - the life of a handle: open, references, close from anywhere, deadlines. */
#include "core/fd.h"

#include "core/addr.h"
#include "core/failure.h"
#include "core/fork.h"
#include "core/poller.h"
#include "core/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* ---- failures ----------------------------------------------------------------------------- */

/* Our side's address, which nobody stored: worth a system call only now. */
static void set_local_name(const struct np_fd *fd, struct np_addr *addr)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	if (getsockname(fd->sysfd, (struct sockaddr *)&name, &length) == 0)
		np__addr_from_sockaddr(addr, (struct sockaddr *)&name, length);
}

static struct np_failure *record(struct np_fd *fd, int error, const char *op, const char *call)
{
	struct np_failure *failure = np__fail(error, op, fd->network);

	failure->call = error > -10000 ? call : NULL;
	if (fd->has_path) {
		failure->network = NULL;
		snprintf(failure->input, sizeof(failure->input), "%s", (const char *)fd->name);
	}
	if (fd->name_length > 0)
		np__addr_from_sockaddr(&failure->address, (const struct sockaddr *)fd->name,
				       fd->name_length);
	return failure;
}

int np__fd_fail(struct np_fd *fd, int error, const char *op, const char *call)
{
	struct np_failure *failure = record(fd, error, op, call);

	if (fd->is_socket && !fd->is_listener && !fd->is_packet)
		set_local_name(fd, &failure->source);
	return error;
}

int np__fd_fail_outside(struct np_fd *fd, int error, const char *op, const char *call)
{
	record(fd, error, op, call);
	return error;
}

/* ---- open --------------------------------------------------------------------------------- */

static struct np_fd *allocate(int sysfd, const struct fd_kind *kind)
{
	size_t path_size = kind->path ? strlen(kind->path) + 1 : 0;
	struct np_fd *fd =
		calloc(1, sizeof(*fd) + kind->name_length + path_size + kind->memory_size);

	if (!fd)
		return NULL;
	np__fork_watch(); /* there may be no poller yet */
	atomic_init(&fd->handles, 1);
	atomic_init(&fd->refs, 2); /* the handles', and the open descriptor's */
	fd->sysfd = sysfd;
	fd->generation = np__fork_generation();
	fd->network = kind->network;
	fd->is_listener = kind->is_listener;
	atomic_init(&fd->may_be_drained, kind->is_tcp);
	fd->is_packet = kind->is_packet;
	fd->name_length = (uint8_t)kind->name_length; /* of IP, or a path */
	fd->family = (uint8_t)kind->family;
	if (kind->name_length > 0) {
		memcpy(fd->name, kind->name, kind->name_length);
		fd->family = (uint8_t)kind->name->sa_family;
	}
	if (kind->path)
		memcpy(fd->name, kind->path, path_size);
	fd->has_path = kind->path;
	return fd;
}

int np__fd_new_socket(int sysfd, const struct fd_kind *kind, struct np_fd **ret_fd)
{
	struct np_fd *fd = allocate(sysfd, kind);

	if (!fd) {
		np__sys_close(sysfd);
		return -ENOMEM;
	}
	fd->is_socket = true;
	fd->is_stream = kind->is_stream;
	*ret_fd = fd;
	return 0;
}

struct np_fd *np__fd_new_in_memory(const struct fd_memory *memory, const char *network, size_t size)
{
	const struct fd_kind kind = { .network = network, .memory_size = size };
	struct np_fd *fd;

	fd = allocate(-1, &kind);
	if (!fd)
		return NULL;
	fd->is_memory = true;
	fd->is_stream = true;
	np__fd_mutex_mark_closed(&fd->mutex);
	*(const struct fd_memory **)np__fd_behind(fd) = memory;
	return fd;
}

/* TLS in the kernel and the like: records end reads. */
static bool has_upper_layer(int sysfd)
{
#ifdef TCP_ULP
	char name[16];
	socklen_t length = sizeof(name);

	return getsockopt(sysfd, IPPROTO_TCP, TCP_ULP, name, &length) == 0 && length > 0;
#else
	(void)sysfd;
	return false;
#endif
}

/* IPPROTO_..., or -1 where the system does not tell. */
static int protocol_of(int sysfd)
{
#ifdef SO_PROTOCOL
	int protocol;
	socklen_t length = sizeof(protocol);

	return getsockopt(sysfd, SOL_SOCKET, SO_PROTOCOL, &protocol, &length) == 0 ? protocol : -1;
#else
	(void)sysfd;
	return -1;
#endif
}

/* As np_listen() and np_dial() name it, if they make such. */
static const char *network_of(int family, int type, int protocol)
{
	if (family == AF_UNIX)
		return type == SOCK_STREAM      ? "unix"
		       : type == SOCK_DGRAM     ? "unixgram"
		       : type == SOCK_SEQPACKET ? "unixpacket"
						: "socket";
	if (family != AF_INET && family != AF_INET6)
		return "socket";
	if (type == SOCK_STREAM && (protocol == IPPROTO_TCP || protocol < 0))
		return "tcp";
	return type == SOCK_DGRAM && (protocol == IPPROTO_UDP || protocol < 0) ? "udp" : "socket";
}

/* What a socket is, from the socket itself. 0 or -errno. */
static int inspect_socket(int sysfd, struct fd_kind *kind, struct sockaddr_storage *name)
{
	int type = 0, listening = 0;
	int protocol = protocol_of(sysfd);
	socklen_t length = sizeof(type);
	socklen_t name_length = sizeof(*name);

	if (getsockopt(sysfd, SOL_SOCKET, SO_TYPE, &type, &length) < 0)
		return -errno;
	length = sizeof(listening);
	/* Not every system knows the option, and some forget the names of what was shut down. */
	if (getsockopt(sysfd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &length) < 0 &&
	    errno != ENOPROTOOPT)
		return -errno;
	kind->is_listener = listening != 0;
	if (getsockname(sysfd, (struct sockaddr *)name, &name_length) < 0) {
		if (errno != EINVAL && errno != ECONNRESET)
			return -errno;
		name_length = 0;
	}
	kind->family = name->ss_family;
	kind->network = network_of(name->ss_family, type, protocol);
	kind->is_stream = type == SOCK_STREAM;
	/* What is known about TCP is not known about MPTCP, SCTP and SMC. */
	kind->is_tcp = kind->is_stream && strcmp(kind->network, "tcp") == 0 &&
		       protocol == IPPROTO_TCP && !has_upper_layer(sysfd);
	/* Whom texts name: a listener itself, else the peer, if there is one. */
	if (!kind->is_listener) {
		name_length = sizeof(*name);
		if (getpeername(sysfd, (struct sockaddr *)name, &name_length) < 0)
			name_length = 0;
	}
	kind->name = (const struct sockaddr *)name;
	kind->name_length = name_length <= sizeof(*name) ? name_length : 0;
	return 0;
}

/* Offer a file to the poller; non-blocking first, and back again where the poller declines. */
static int make_pollable(struct np_fd *fd)
{
	struct np_poll_desc *desc;
	int was_nonblock = np__sys_set_nonblock(fd->sysfd, true);
	int error;

	if (was_nonblock < 0)
		return was_nonblock;
	if (fd->is_socket)
		return 0; /* surely pollable: joins when somebody waits */
	error = np__fd_desc(fd, &desc);
	if (!error)
		error = np__poll_register(desc, SIDE_READ);
	if (!error)
		return 0;
	desc = atomic_exchange(&fd->desc, NULL);
	if (desc) {
		np_poll_unblock(desc);
		np_poll_close(desc);
	}
	if (!was_nonblock)
		np__sys_set_nonblock(fd->sysfd, false);
	fd->is_blocking = true;
	return error == -EPERM ? 0 : error;
}

/* Make it what can be waited for, as far as it can. */
static int adopt(struct np_fd *fd, const struct stat *status)
{
	int error = 0;

	if (fd->is_socket) {
		np__sys_adopt_socket(fd->sysfd);
	} else if (!(status->st_mode & S_IFMT)) {
		fd->is_emptied = np__sys_read_takes_all(fd->sysfd);
		atomic_store(&fd->may_be_drained, fd->is_emptied);
	}
	if (!fd->is_blocking)
		error = make_pollable(fd);
	if (!error && fd->is_borrowed && fd->is_blocking)
		error = -EPERM;
	if (error)
		return error;
	if (fd->is_borrowed)
		atomic_store(&fd->may_be_drained, false); /* its owner reads, too */
	if (fd->is_blocking)
		np__fd_mutex_make_slow(&fd->mutex);
	/* Serial lines send what is left first. */
	fd->closes_slowly = fd->is_blocking || S_ISCHR(status->st_mode);
	return 0;
}

int np__fd_open(int sysfd, unsigned flags, const char *path, struct np_fd **ret_fd)
{
	struct fd_kind kind = { .network = "file", .is_stream = true, .path = path };
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	struct stat status;
	struct np_fd *fd;
	int error = 0;

	if (fstat(sysfd, &status) < 0)
		return np__fail(-errno, "open", "file")->error;
	if (S_ISSOCK(status.st_mode)) {
		kind.path = NULL; /* whom it talks to is kept in its place, and tells more */
		error = inspect_socket(sysfd, &kind, &name);
	}
	if (error)
		return np__fail(error, "open", "socket")->error;
	fd = allocate(sysfd, &kind);
	if (!fd)
		return -ENOMEM;
	fd->is_socket = S_ISSOCK(status.st_mode);
	fd->is_stream = kind.is_stream;
	atomic_init(&fd->is_exposed, true);
	fd->is_blocking = flags & NP_FD_BLOCKING;
	fd->is_borrowed = flags & NP_FD_BORROWED;
	error = adopt(fd, &status);
	if (error) {
		np__fd_fail_outside(fd, error, "open", NULL);
		free(fd);
		return error;
	}
	*ret_fd = fd;
	return 0;
}

int np_fd_open(int sysfd, unsigned flags, struct np_fd **ret_fd)
{
	if (!ret_fd || flags > NP_FD_BORROWED)
		return np__invalid("np_fd_open: unknown flags, blocking and borrowed, or no place "
				   "for the handle");
	return np__fd_open(sysfd, flags, NULL, ret_fd);
}

/* ---- the poll descriptor ------------------------------------------------------------------ */

/* Make one on the poller of the calling task; another task may be faster. */
static int create_desc(struct np_fd *fd, struct np_poll_desc **ret_desc)
{
	struct np_poller *poller = np_task_self()->poller;
	struct np_poll_desc *expected = NULL;
	int error = np__fd_is_inherited(fd) ? NP_EFORKED : 0;

	if (!error && !poller)
		error = np_poller_default(&poller);
	if (!error)
		error = np__poll_create(poller, fd->sysfd, ret_desc);
	if (error)
		return error;
	/* A dial's is known nowhere else. */
	if (atomic_load(&fd->may_be_drained) && !fd->is_listener && fd->name_length > 0)
		(*ret_desc)->peer = (const struct sockaddr *)fd->name;
	if (!atomic_compare_exchange_strong(&fd->desc, &expected, *ret_desc)) {
		np_poll_unblock(*ret_desc);
		np_poll_close(*ret_desc);
		*ret_desc = expected;
	}
	return 0;
}

int np__fd_desc(struct np_fd *fd, struct np_poll_desc **ret_desc)
{
	struct np_poll_desc *desc = atomic_load(&fd->desc);
	int error = desc ? 0 : create_desc(fd, &desc);

	if (error)
		return error;
	/*
	 * Who closes marks the mutex, then unblocks the descriptor it finds. It may have found
	 * none; then it had marked before this one was stored, and that shows here.
	 */
	if (np__fd_mutex_is_closed(&fd->mutex))
		return NP_ECLOSED;
	*ret_desc = desc;
	return 0;
}

/* ---- close -------------------------------------------------------------------------------- */

struct close_call {
	int sysfd;
	bool is_done;
};

static int make_close_call(void *arg)
{
	struct close_call *call = arg;

	call->is_done = true;
	return np__sys_close(call->sysfd);
}

/* Those who run while a fiber waits for this have failures of their own, in the same record. */
static int close_elsewhere(int sysfd, struct np_task *self)
{
	struct close_call call = { .sysfd = sysfd };
	struct np_failure record;
	int error;

	if (self->failure)
		record = *self->failure;
	error = np__task_blocking(self, make_close_call, &call);
	if (self->failure)
		*self->failure = record;
	return call.is_done ? error : np__sys_close(sysfd); /* there was no thread to be had */
}

static int close_number(const struct np_fd *fd)
{
	struct np_task *self = np__task_self();

	if (fd->is_borrowed)
		return 0;
	if (fd->closes_slowly && self->parker->blocking)
		return close_elsewhere(fd->sysfd, self);
	return np__sys_close(fd->sysfd);
}

/* By the one who was told that nobody is left: the number goes back to the kernel. */
static int destroy(struct np_fd *fd)
{
	struct np_poll_desc *desc = atomic_load(&fd->desc);
	bool leaves = desc && !atomic_load(&fd->is_exposed) && np__poll_leaves_by_itself(desc);
	int error;

	/* Made so late that who closed did not see it? */
	if (desc && !(atomic_load(&desc->info) & INFO_CLOSING))
		np_poll_unblock(desc);
	if (desc && !leaves)
		np_poll_close(desc);
	if (fd->before_close)
		fd->before_close(fd);
	error = close_number(fd);
	if (leaves)
		np__poll_release(desc);
	return error;
}

/* By another than the one who closed, who may wait for this. */
void np__fd_destroy(struct np_fd *fd)
{
	destroy(fd);
	np__fd_mutex_release_closer(&fd->mutex);
	np__fd_drop(fd);
}

/* Why a call does not get in. */
static int refusal(struct np_fd *fd)
{
	int error = fd->is_memory ? np__fd_memory(fd)->check(fd) : NP_ECLOSED;

	return error ? error : -EOPNOTSUPP;
}

int np__fd_incref(struct np_fd *fd, const char *op)
{
	return np__fd_mutex_incref(&fd->mutex) ? 0 : np__fd_fail_outside(fd, refusal(fd), op, NULL);
}

void np__fd_decref(struct np_fd *fd)
{
	if (np__fd_mutex_decref(&fd->mutex))
		np__fd_destroy(fd);
}

/* The result of trying for a lock, as an error. */
static int lock_error(struct np_fd *fd, enum fd_mutex_result result, const char *op)
{
	if (result == FD_MUTEX_LOCKED)
		return 0;
	return np__fd_fail_outside(fd, result == FD_MUTEX_CANCELED ? NP_ECANCELED : refusal(fd), op,
				   NULL);
}

static int lock_side(struct np_fd *fd, int side, const char *op)
{
	enum fd_mutex_result result;
	int error;

	if (np__fd_is_inherited(fd))
		np__fd_mutex_forget_sleepers(&fd->mutex);
	result = np__fd_mutex_try_lock(&fd->mutex, side);
	if (result != FD_MUTEX_BUSY)
		return lock_error(fd, result, op);
	if (np__fd_is_inherited(fd))
		return np__fd_fail_outside(fd, NP_EFORKED, op, NULL);
	if (!np_task_self()->parker->park)
		return np__fd_fail_outside(fd, -EDEADLK, op, NULL);
	atomic_fetch_add(&fd->refs, 1); /* asleep, it has no other hold on the memory */
	error = lock_error(fd, np__fd_mutex_lock(&fd->mutex, side), op);
	np__fd_drop(fd);
	return error;
}

int np__fd_lock_slowly(struct np_fd *fd, int side, const char *op)
{
	int error = lock_side(fd, side, op);

	return error ? np__spend(error) : 0;
}

/*
 * Only this process's number: the poller's registration is the parent's, the path of a listener,
 * too, and who waits is there. Memory that calls under way had hold of is not given back.
 */
static int close_inherited(struct np_fd *fd)
{
	int error;

	if (!np__fd_mutex_mark_closed(&fd->mutex))
		return np__fd_fail_outside(fd, NP_ECLOSED, "close", NULL);
	error = close_number(fd);
	np__fd_drop(fd);
	return error ? np__fd_fail_outside(fd, error, "close", "close") : 0;
}

int np_cancel_io(struct np_fd *fd)
{
	struct np_poll_desc *desc;
	bool is_blocking;
	int error = 0;

	if (!fd)
		return np__invalid("np_cancel_io: no handle");
	if (fd->is_memory) {
		error = np__fd_memory(fd)->close(fd);
		return error ? np__fd_fail_outside(fd, error, "close", NULL) : 0;
	}
	if (np__fd_is_inherited(fd))
		return close_inherited(fd);
	if (!np__fd_mutex_incref_and_close(&fd->mutex))
		return np__fd_fail_outside(fd, NP_ECLOSED, "close", NULL);
	is_blocking = fd->is_blocking;
	desc = atomic_load(&fd->desc);
	if (desc)
		np_poll_unblock(desc);
	if (np__fd_mutex_decref(&fd->mutex)) {
		error = destroy(fd);
		np__fd_drop(fd);
	} else if (!is_blocking) {
		/* So that a port is free when this returns. A blocking read may never end. */
		np__fd_mutex_wait_destroyed(&fd->mutex);
	}
	return error ? np__fd_fail_outside(fd, error, "close", "close") : 0;
}

int np_close(struct np_fd *fd)
{
	int error;

	if (!fd)
		return 0;
	error = np_cancel_io(fd);
	np_unref(fd);
	return error;
}

bool np_is_pollable(const struct np_fd *fd)
{
	return fd && !fd->is_blocking;
}

int np_fd_control(struct np_fd *fd, int (*fn)(int sysfd, void *arg), void *arg)
{
	int result;

	if (!fd || !fn)
		return np__invalid("np_fd_control: no handle, or no function");
	result = np__fd_incref(fd, "raw-control");
	if (result)
		return result;
	/* TCP_ULP and the like make a stream whose short reads mean something else. */
	np__fd_expose(fd);
	result = fn(fd->sysfd, arg);
	np__fd_decref(fd);
	return result;
}

/* ---- deadlines ---------------------------------------------------------------------------- */

static int set_deadline_in_memory(struct np_fd *fd, int64_t deadline_ns, int mode)
{
	int error;

	np__fd_keep(fd);
	error = np__fd_memory(fd)->set_deadline(fd, deadline_ns, mode);
	if (error)
		np__fd_fail_outside(fd, error, "set", NULL);
	np__fd_drop(fd);
	return error;
}

/* With a reference, which is given up. */
NP_APART static int set_deadline_inside(struct np_fd *fd, int64_t deadline_ns, int mode)
{
	struct np_poll_desc *desc;
	int error;

	if (fd->is_blocking)
		error = NP_ENODEADLINE;
	else if (np__fd_is_inherited(fd))
		error = NP_EFORKED;
	else
		error = np__fd_desc(fd, &desc);
	if (!error) {
		atomic_store(&fd->has_deadlines, true);
		error = np_poll_set_deadline(desc, deadline_ns, mode);
	}
	if (error)
		np__fd_fail(fd, error, "set", NULL);
	np__fd_decref(fd);
	return error;
}

NP_APART static int set_deadline_slowly(struct np_fd *fd, int64_t deadline_ns, int mode)
{
	int error;

	if (!fd)
		return np__invalid("np_set_deadline: no handle");
	if (fd->is_memory)
		return set_deadline_in_memory(fd, deadline_ns, mode);
	error = np__fd_incref(fd, "set");
	return error ? error : set_deadline_inside(fd, deadline_ns, mode);
}

/* In place where there was a deadline before, which is what a new one before each read finds. */
static NP_IN_PLACE int set_deadline(struct np_fd *fd, int64_t deadline_ns, int mode)
{
	struct np_poll_desc *desc;

	if (!fd || !np__fd_mutex_try_incref(&fd->mutex))
		return set_deadline_slowly(fd, deadline_ns, mode);
	desc = atomic_load(&fd->desc);
	if (!desc || !np__poll_move_deadline(desc, deadline_ns, mode))
		return set_deadline_inside(fd, deadline_ns, mode);
	np__fd_decref(fd);
	return 0;
}

int np_set_deadline(struct np_fd *fd, int64_t deadline_ns)
{
	return set_deadline(fd, deadline_ns, NP_READ_WRITE);
}

int np_set_read_deadline(struct np_fd *fd, int64_t deadline_ns)
{
	return set_deadline(fd, deadline_ns, NP_READ);
}

int np_set_write_deadline(struct np_fd *fd, int64_t deadline_ns)
{
	return set_deadline(fd, deadline_ns, NP_WRITE);
}
