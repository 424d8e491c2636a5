/* SPDX-License-Identifier: MIT */
/*
 * queue.h - one queue: its knotes, and which of them are active.
 *
 * It knows epoll and the filters. Which queues there are, how long they live and how one sleeps is
 * the business of kqueue.c.
 */
#ifndef NETPARK_TESTS_KQUEUE_QUEUE_H
#define NETPARK_TESTS_KQUEUE_QUEUE_H

#include "tests/support/kqueue/filter.h"

#include <pthread.h>
#include <sys/event.h>

enum { KQ_BUCKETS = 64 };

struct knote {
	struct knote *chain;           /* the next of its bucket */
	struct knote *next, *previous; /* on the active list; both NULL when not on it */
	struct kevent event;           /* fflags and data as they were asked for */
	struct filter_file file;       /* not for EVFILT_USER */
	bool is_disabled;
	bool is_triggered; /* EVFILT_USER */
};

struct queue {
	struct queue *next; /* these two are kqueue.c's */
	unsigned references;
	int fd;               /* an epoll */
	pthread_mutex_t lock; /* for all below */
	struct knote *buckets[KQ_BUCKETS];
	struct knote active; /* head of the ring; first out is active.next */
	bool is_lit;
	bool is_replaced; /* its descriptor was closed, and the number is another queue's now */
};

/* Results are 0 (or a count) or -errno. All of them take the queue's lock themselves. */

int kq_open(struct queue **ret_queue);
void kq_free(struct queue *queue); /* all but the descriptor, which is the user's to close */

/* From now on everything but kq_free fails with -EBADF. */
void kq_replace(struct queue *queue);

/*
 * Failures, and with EV_RECEIPT every outcome, are answered in @events while there is room; that
 * may be the array that the changes are in. Return how many answers, or the failure of a change for
 * which there was no room.
 */
int kq_change(struct queue *queue, const struct kevent *changes, int nchanges,
	      struct kevent *events, int nevents);

/* Return the number of events there are, none perhaps. */
int kq_look(struct queue *queue, struct kevent *events, int nevents);

#endif /* NETPARK_TESTS_KQUEUE_QUEUE_H */
