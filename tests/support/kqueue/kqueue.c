/* SPDX-License-Identifier: MIT */
/*
 * kqueue.c - kqueue(2) on top of epoll(7), for tests.
 *
 * This is the outside: the two calls, the queues of the process by descriptor, and sleeping. What a
 * queue does is in queue.c, what the filters say in filter.c. The queue's descriptor is an epoll
 * descriptor, which makes it one that can be polled and closed like any other.
 *
 * Threads sleep in ppoll(2) on the queue's descriptor and take edges from it only with the lock
 * held: whoever takes one has put it on the list before anyone can find the list empty.
 *
 * Different from a BSD:
 *  - fflags of an event never carries a socket's error; see filter.c. Room is always 1 byte.
 *  - Linux has one edge for both directions: news about one can bring a WRITE (or READ) event for
 *    the other, when that one's condition holds. Adding or deleting one of the two does it too.
 *  - Where Linux tells nobody there is no edge: after one's own shutdown of a Unix socket, or when
 *    a regular file grows. Regular files are looked at when added, and while they stay active.
 *  - Knotes of a closed descriptor are not gone but ignored, until its number is added again. They
 *    can wake up falsely if the number comes to stand for what looks like the same file: the same
 *    path, or another eventfd, epoll and so on, all of which share one inode.
 *  - A disabled knote's edge makes poll(2) call the queue readable, once.
 *  - close(2) of a queue does not end a kevent that sleeps on it. After fork the child shares the
 *    queue with the parent and had better leave it alone. Not for signal handlers: it locks.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* ppoll */
#endif

#include "tests/support/kqueue/queue.h"

#include <errno.h>
#include <limits.h>
#include <poll.h>
#include <time.h>

static pthread_mutex_t queues_lock = PTHREAD_MUTEX_INITIALIZER;
static struct queue *queues; /* also those that were closed, until their number comes back */

static void unref_queue(struct queue *queue)
{
	bool is_last;

	pthread_mutex_lock(&queues_lock);
	is_last = --queue->references == 0;
	pthread_mutex_unlock(&queues_lock);
	if (is_last)
		kq_free(queue);
}

static struct queue *ref_queue(int fd)
{
	struct queue *queue;

	pthread_mutex_lock(&queues_lock);
	for (queue = queues; queue && queue->fd != fd; queue = queue->next)
		;
	if (queue)
		queue->references++;
	pthread_mutex_unlock(&queues_lock);
	return queue;
}

/* Take the queue out that had the number of @queue until it was closed, and put @queue in. */
static void publish_queue(struct queue *queue)
{
	struct queue **link = &queues;
	struct queue *old;

	queue->references = 1;
	pthread_mutex_lock(&queues_lock);
	while (*link && (*link)->fd != queue->fd)
		link = &(*link)->next;
	old = *link;
	queue->next = old ? old->next : NULL;
	*link = queue;
	pthread_mutex_unlock(&queues_lock);
	if (old) {
		kq_replace(old);
		unref_queue(old);
	}
}

static struct timespec now(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return time;
}

static struct timespec deadline_after(const struct timespec *timeout)
{
	const time_t longest = INT_MAX; /* 68 years, and no overflow */
	struct timespec deadline = now();

	deadline.tv_sec += timeout->tv_sec < longest ? timeout->tv_sec : longest;
	deadline.tv_nsec += timeout->tv_nsec;
	if (deadline.tv_nsec >= 1000000000) {
		deadline.tv_sec++;
		deadline.tv_nsec -= 1000000000;
	}
	return deadline;
}

/* Return whether there is time left, and how much. */
static bool time_left(const struct timespec *deadline, struct timespec *ret_left)
{
	struct timespec time = now();

	ret_left->tv_sec = deadline->tv_sec - time.tv_sec;
	ret_left->tv_nsec = deadline->tv_nsec - time.tv_nsec;
	if (ret_left->tv_nsec < 0) {
		ret_left->tv_sec--;
		ret_left->tv_nsec += 1000000000;
	}
	return ret_left->tv_sec > 0 || (ret_left->tv_sec == 0 && ret_left->tv_nsec > 0);
}

/* Sleep until there may be something, and look. Return the number of events, or -errno. */
static int wait_for_events(struct queue *queue, struct kevent *events, int nevents,
			   const struct timespec *timeout)
{
	struct pollfd entry = { .fd = queue->fd, .events = POLLIN };
	struct timespec deadline = { 0, 0 };
	struct timespec left;
	int result;

	if (timeout &&
	    (timeout->tv_sec < 0 || timeout->tv_nsec < 0 || timeout->tv_nsec >= 1000000000))
		return -EINVAL;
	if (timeout)
		deadline = deadline_after(timeout);
	for (;;) {
		result = kq_look(queue, events, nevents);
		if (result || (timeout && !time_left(&deadline, &left)))
			return result;
		if (ppoll(&entry, 1, timeout ? &left : NULL, NULL) < 0)
			return -errno;
	}
}

int kqueue(void)
{
	struct queue *queue;
	int error = kq_open(&queue);
	int fd;

	if (error) {
		errno = -error;
		return -1;
	}
	fd = queue->fd;
	publish_queue(queue);
	return fd;
}

int kevent(int kq, const struct kevent *changelist, int nchanges, struct kevent *eventlist,
	   int nevents, const struct timespec *timeout)
{
	struct queue *queue = ref_queue(kq);
	int result = -EBADF;

	if (queue) {
		result = kq_change(queue, changelist, nchanges, eventlist, nevents);
		if (result == 0 && nevents > 0)
			result = wait_for_events(queue, eventlist, nevents, timeout);
		unref_queue(queue);
	}
	if (result < 0) {
		errno = -result;
		return -1;
	}
	return result;
}
