/* SPDX-License-Identifier: MIT */
/*
 * ports.c - event ports of illumos and Solaris on top of epoll(7), for tests.
 *
 * A port's descriptor is an epoll descriptor, which makes it one that can be polled and closed like
 * any other. An association is a registration with EPOLLONESHOT: silent after its event until it is
 * made anew, and told of errors and hang-up whatever it asked for. What epoll has no room for, the
 * user's word, is in a table by descriptor number.
 *
 * Threads sleep in ppoll(2) on the port's descriptor and take events from it only with the lock
 * held, so that associating anew comes before the event, and brings the new word, or after it.
 *
 * Where the manual leaves something open this does what is harder for the caller: an event that
 * came while a limited wait slept is returned with ETIME; a signal leaves the count of events and
 * the list as they were; a look that finds nothing succeeds, with no events.
 *
 * Different from illumos:
 *  - An event is weighed when it is taken, not when it happens: what was read before is not told.
 *  - Nothing but descriptors can be associated, of these no regular files. Waiting for more than
 *    one event and asking for their number fail with EINVAL.
 *  - A descriptor that was closed ends its association only once its number is used here again, or
 *    its event comes; until then the port may look readable for it, once. If another duplicate of
 *    the same file has taken the number, that is not noticed.
 *  - close(2) of a port does not end a port_getn that sleeps on it. After fork the child shares the
 *    port with the parent and had better leave it alone. Not for signal handlers: it locks.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll */
#endif

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <port.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

enum { HARVEST = 64 };

struct association {
	void *user;
	uint32_t registration; /* which of epoll's, if the number has had several */
	bool is_active;        /* its event has not been taken */
};

/* Of each number that ever was a port's; never freed. */
struct port {
	struct port *next;
	int number;
	pthread_mutex_t lock; /* for all below */
	struct association *table;
	size_t table_size;
};

static pthread_mutex_t ports_lock = PTHREAD_MUTEX_INITIALIZER;
static struct port *ports;

static int fail(int error)
{
	errno = error;
	return -1;
}

static struct port *find_port(int number)
{
	struct port *port;

	pthread_mutex_lock(&ports_lock);
	for (port = ports; port && port->number != number; port = port->next)
		;
	pthread_mutex_unlock(&ports_lock);
	return port;
}

/* NULL, and *ret_error says why. */
static struct port *open_port(int number, int *ret_error)
{
	struct port *port = NULL;

	*ret_error = EBADF;
	if (fcntl(number, F_GETFD) < 0)
		return NULL;
	port = find_port(number);
	*ret_error = EBADFD;
	return port;
}

static struct port *make_port(int number)
{
	struct port *port = calloc(1, sizeof(*port));

	if (!port)
		return NULL;
	port->number = number;
	pthread_mutex_init(&port->lock, NULL);
	pthread_mutex_lock(&ports_lock);
	port->next = ports;
	ports = port;
	pthread_mutex_unlock(&ports_lock);
	return port;
}

int port_create(void)
{
	int number = epoll_create1(0);
	struct port *port;

	if (number < 0)
		return -1;
	port = find_port(number);
	if (!port)
		port = make_port(number);
	if (!port) {
		close(number);
		return fail(EAGAIN);
	}
	/* What the port that had the number knew is of no interest any more. */
	pthread_mutex_lock(&port->lock);
	for (size_t fd = 0; fd < port->table_size; fd++)
		port->table[fd].is_active = false;
	pthread_mutex_unlock(&port->lock);
	return number;
}

static bool has_room(struct port *port, size_t fd)
{
	size_t size = 2 * fd + 64;
	struct association *grown;

	if (fd < port->table_size)
		return true;
	grown = realloc(port->table, size * sizeof(*grown));
	if (!grown)
		return false;
	memset(grown + port->table_size, 0, (size - port->table_size) * sizeof(*grown));
	port->table = grown;
	port->table_size = size;
	return true;
}

static int control(const struct port *port, int operation, int fd, int events)
{
	struct epoll_event event = {
		.events = (uint32_t)events | EPOLLONESHOT,
		.data.u64 = (uint64_t)port->table[fd].registration << 32 | (uint32_t)fd,
	};

	return epoll_ctl(port->number, operation, fd, &event) < 0 ? errno : 0;
}

/* If epoll does not know it, it is new, or was closed and opened again: another registration. */
static int register_events(struct port *port, int fd, int events)
{
	int error = control(port, EPOLL_CTL_MOD, fd, events);

	if (error == ENOENT) {
		port->table[fd].registration++;
		error = control(port, EPOLL_CTL_ADD, fd, events);
	}
	if (error == EBADF)
		return EBADFD;
	return error == ENOSPC ? EAGAIN : error;
}

int port_associate(int number, int source, uintptr_t object, int events, void *user)
{
	int error;
	struct port *port = open_port(number, &error);
	size_t fd = (size_t)object;

	if (!port)
		return fail(error);
	if (source != PORT_SOURCE_FD)
		return fail(EINVAL);
	if (object > INT_MAX)
		return fail(EBADFD);
	pthread_mutex_lock(&port->lock);
	error = has_room(port, fd) ? register_events(port, (int)fd, events) : ENOMEM;
	if (!error) {
		port->table[fd].user = user;
		port->table[fd].is_active = true;
	}
	pthread_mutex_unlock(&port->lock);
	return error ? fail(error) : 0;
}

int port_dissociate(int number, int source, uintptr_t object)
{
	int error;
	struct port *port = open_port(number, &error);
	size_t fd = (size_t)object;

	if (!port)
		return fail(error);
	if (source != PORT_SOURCE_FD)
		return fail(EINVAL);
	if (object > INT_MAX || fcntl((int)object, F_GETFD) < 0)
		return fail(EBADFD);
	pthread_mutex_lock(&port->lock);
	error = ENOENT;
	if (fd < port->table_size) {
		/* Its event may have been taken: epoll knows it still, but the user is told so. */
		error = control(port, EPOLL_CTL_DEL, (int)fd, 0);
		if (!port->table[fd].is_active)
			error = ENOENT;
		port->table[fd].is_active = false;
	}
	pthread_mutex_unlock(&port->lock);
	return error ? fail(error) : 0;
}

/* Does @fd stand for the file that was registered? Then it cannot be added once more. */
static bool is_still_there(const struct port *port, int fd)
{
	int error = control(port, EPOLL_CTL_ADD, fd, 0);

	if (!error)
		control(port, EPOLL_CTL_DEL, fd, 0);
	return error == EEXIST;
}

/* False if what epoll has told is about the past. */
static bool take(struct port *port, const struct epoll_event *found, port_event_t *event)
{
	int fd = (int)(uint32_t)found->data.u64;
	struct association *association = &port->table[fd];

	if (!association->is_active || association->registration != found->data.u64 >> 32)
		return false;
	association->is_active = false;
	if (!is_still_there(port, fd))
		return false;
	*event = (port_event_t){
		.portev_events = (int)found->events,
		.portev_source = PORT_SOURCE_FD,
		.portev_object = (uintptr_t)fd,
		.portev_user = association->user,
	};
	return true;
}

/* What there is, up to @max. Return how many, or -1. */
static int collect(struct port *port, port_event_t *list, int max)
{
	struct epoll_event found[HARVEST];
	int count = 0;
	int room;
	int n;

	pthread_mutex_lock(&port->lock);
	do {
		room = max - count < HARVEST ? max - count : HARVEST;
		n = epoll_wait(port->number, found, room, 0);
		for (int i = 0; i < n; i++)
			count += take(port, &found[i], &list[count]);
	} while (n == room && count < max);
	pthread_mutex_unlock(&port->lock);
	return n < 0 && count == 0 ? -1 : count;
}

static int64_t now_ns(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* Until there may be something, or @deadline_ns unless that is 0. Return 0 or errno. */
static int sleep_until(const struct port *port, int64_t deadline_ns)
{
	struct pollfd entry = { .fd = port->number, .events = POLLIN };
	int64_t left = deadline_ns - now_ns();
	struct timespec timeout = { 0, 0 };
	int n;

	if (deadline_ns && left <= 0)
		return ETIME;
	timeout.tv_sec = (time_t)(left / 1000000000);
	timeout.tv_nsec = (long)(left % 1000000000);
	n = ppoll(&entry, 1, deadline_ns ? &timeout : NULL, NULL);
	return n < 0 ? errno : 0;
}

static bool is_sane(const struct timespec *timeout)
{
	return !timeout ||
	       (timeout->tv_sec >= 0 && timeout->tv_nsec >= 0 && timeout->tv_nsec < 1000000000);
}

/* 0: there is none. */
static int64_t deadline_after(const struct timespec *timeout)
{
	const time_t longest = INT_MAX; /* 68 years, and no overflow */

	if (!timeout)
		return 0;
	return now_ns() + timeout->tv_nsec +
	       (timeout->tv_sec < longest ? timeout->tv_sec : longest) * INT64_C(1000000000);
}

/* Events that come while a limited wait sleeps come with ETIME. */
static int wait_for_events(struct port *port, port_event_t *list, int max, uint_t *nget,
			   const struct timespec *timeout)
{
	bool is_look = timeout && timeout->tv_sec == 0 && timeout->tv_nsec == 0;
	int64_t deadline_ns = deadline_after(timeout);
	bool is_late = false;
	int n;

	while ((n = collect(port, list, max)) == 0 && !is_look) {
		int error = sleep_until(port, deadline_ns);

		if (error && error != ETIME)
			return error;
		is_late = timeout != NULL;
		if (error)
			break;
	}
	if (n < 0)
		return EBADF;
	*nget = (uint_t)n;
	return is_late ? ETIME : 0;
}

int port_getn(int number, port_event_t list[], uint_t max, uint_t *nget,
	      const struct timespec *timeout)
{
	int error;
	struct port *port = open_port(number, &error);

	if (!port)
		return fail(error);
	if (!list || !nget || max > INT_MAX || *nget != 1 || *nget > max || !is_sane(timeout))
		return fail(EINVAL);
	error = wait_for_events(port, list, (int)max, nget, timeout);
	return error ? fail(error) : 0;
}
