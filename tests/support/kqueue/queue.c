/* SPDX-License-Identifier: MIT */
/*
 * queue.c - knotes on top of epoll(7).
 *
 * A watched descriptor is registered once and always edge-triggered, for the filters that it has
 * knotes of. An edge makes these knotes active, and that is all the kernel decides: as in a BSD
 * there is a list of active knotes, a knote's filter is asked again when its turn comes to be
 * returned, EV_CLEAR takes it off the list, and without that it stays for as long as the filter
 * says yes.
 *
 * The list must be visible through the descriptor too, to poll(2) and to threads that sleep. For
 * that there is the lamp: one eventfd for the whole process that is always readable. A queue whose
 * list has something on it watches the lamp, another one ignores it. The lamp is opened before
 * main and closed after it, so it is not in the way of tests that count descriptors, and a queue
 * has no descriptor but its own that a plain close(2) would leave behind.
 */
#include "tests/support/kqueue/queue.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HARVEST = 64 };

static const uint64_t LAMP_DATA = UINT64_MAX;
static int lamp = -1;

__attribute__((constructor)) static void open_lamp(void)
{
	lamp = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
}

__attribute__((destructor)) static void close_lamp(void)
{
	if (lamp >= 0)
		close(lamp);
}

/* --- the active list --- */

static bool is_active(const struct knote *knote)
{
	return knote->next != NULL;
}

static void activate(struct queue *queue, struct knote *knote)
{
	if (is_active(knote) || knote->is_disabled)
		return; /* enabling it asks the filter anyway */
	knote->next = &queue->active;
	knote->previous = queue->active.previous;
	knote->previous->next = knote;
	queue->active.previous = knote;
}

static void deactivate(struct knote *knote)
{
	if (!is_active(knote))
		return;
	knote->previous->next = knote->next;
	knote->next->previous = knote->previous;
	knote->next = knote->previous = NULL;
}

/* Before every unlock. Cannot fail: the registration is there since the queue was made. */
static void set_lamp(struct queue *queue)
{
	bool lit = queue->active.next != &queue->active;
	struct epoll_event event = { .events = lit ? EPOLLIN : 0, .data.u64 = LAMP_DATA };

	if (lit == queue->is_lit)
		return;
	epoll_ctl(queue->fd, EPOLL_CTL_MOD, lamp, &event);
	queue->is_lit = lit;
}

/* --- knotes --- */

static struct knote *find_knote(struct queue *queue, uintptr_t ident, short filter)
{
	struct knote *knote = queue->buckets[ident % KQ_BUCKETS];

	while (knote && (knote->event.ident != ident || knote->event.filter != filter))
		knote = knote->chain;
	return knote;
}

static struct knote *make_knote(struct queue *queue, uintptr_t ident, short filter)
{
	struct knote *knote = calloc(1, sizeof(*knote));

	if (!knote)
		return NULL;
	knote->event.ident = ident;
	knote->event.filter = filter;
	knote->chain = queue->buckets[ident % KQ_BUCKETS];
	queue->buckets[ident % KQ_BUCKETS] = knote;
	return knote;
}

static void free_knote(struct queue *queue, struct knote *knote)
{
	struct knote **link = &queue->buckets[knote->event.ident % KQ_BUCKETS];

	while (*link != knote)
		link = &(*link)->chain;
	*link = knote->chain;
	deactivate(knote);
	free(knote);
}

/* Tell epoll which filters @ident has knotes of. Return 0 or errno. */
static int control(struct queue *queue, int operation, uintptr_t ident)
{
	struct epoll_event event = { .events = EPOLLET, .data.u64 = ident };

	if (find_knote(queue, ident, EVFILT_READ))
		event.events |= EPOLLIN | EPOLLRDHUP;
	if (find_knote(queue, ident, EVFILT_WRITE))
		event.events |= EPOLLOUT;
	return epoll_ctl(queue->fd, operation, (int)ident, &event) < 0 ? errno : 0;
}

/* Only for one whose descriptor is still what it was; the others have no registration. */
static void drop_knote(struct queue *queue, struct knote *knote)
{
	uintptr_t ident = knote->event.ident;
	bool is_user = knote->event.filter == EVFILT_USER;
	short sibling = knote->event.filter == EVFILT_READ ? EVFILT_WRITE : EVFILT_READ;

	free_knote(queue, knote);
	if (!is_user)
		control(queue, find_knote(queue, ident, sibling) ? EPOLL_CTL_MOD : EPOLL_CTL_DEL,
			ident);
}

/* Is the condition there? If so *@ret_event is what to return. */
static bool is_ready(const struct knote *knote, struct kevent *ret_event)
{
	bool has_low_water = (knote->event.fflags & NOTE_LOWAT) != 0;
	struct filter_state state = { 0 };
	int fd = (int)knote->event.ident;
	bool ready;

	*ret_event = knote->event;
	if (knote->event.filter == EVFILT_USER)
		return knote->is_triggered;
	if (knote->event.filter == EVFILT_READ)
		ready = kq_filter_readable(fd, &knote->file, has_low_water ? knote->event.data : 0,
					   &state);
	else
		ready = kq_filter_writable(fd, &knote->file, &state);
	ret_event->fflags = 0;
	ret_event->data = state.data;
	if (state.eof)
		ret_event->flags |= EV_EOF;
	return ready;
}

/* --- changes; they return 0 or errno --- */

static void set_user_flags(struct knote *knote, unsigned fflags)
{
	unsigned operand = fflags & NOTE_FFLAGSMASK;

	switch (fflags & NOTE_FFCTRLMASK) {
	case NOTE_FFAND:
		knote->event.fflags &= operand;
		break;
	case NOTE_FFOR:
		knote->event.fflags |= operand;
		break;
	case NOTE_FFCOPY:
		knote->event.fflags = operand;
		break;
	default:
		break;
	}
	if (fflags & NOTE_TRIGGER)
		knote->is_triggered = true;
}

/*
 * Any change takes over udata, also one that only triggers or enables: FreeBSD's way, and the
 * strictest. The filter is asked at once, so a queue is not called readable without cause.
 */
static void modify_knote(struct queue *queue, struct knote *knote, const struct kevent *change)
{
	struct kevent ignored;

	knote->event.udata = change->udata;
	knote->event.data = change->data;
	if (knote->event.filter == EVFILT_USER)
		set_user_flags(knote, change->fflags);
	else
		knote->event.fflags = change->fflags;
	if (change->flags & EV_ADD)
		knote->event.flags =
			(unsigned short)(change->flags & (EV_ONESHOT | EV_CLEAR | EV_DISPATCH));
	if (change->flags & (EV_ADD | EV_ENABLE))
		knote->is_disabled = false;
	if (change->flags & EV_DISABLE) {
		knote->is_disabled = true;
		deactivate(knote);
	} else if (is_ready(knote, &ignored)) {
		activate(queue, knote);
	}
}

/*
 * Let epoll watch for a knote too. If epoll does not know the number then it is new, or it was
 * closed and opened again and looks the same: the other knote there may be is about the past.
 */
static int attach_knote(struct queue *queue, struct knote *knote)
{
	uintptr_t ident = knote->event.ident;
	short sibling = knote->event.filter == EVFILT_READ ? EVFILT_WRITE : EVFILT_READ;
	struct knote *other = find_knote(queue, ident, sibling);
	int error = control(queue, EPOLL_CTL_MOD, ident);

	if (error == ENOENT) {
		if (other)
			free_knote(queue, other);
		error = control(queue, EPOLL_CTL_ADD, ident);
	}
	return error == EPERM ? 0 : error; /* regular files and the like: always ready, no edges */
}

/* A descriptor closed without EV_DELETE takes its knotes along; here is where that is noticed. */
static void drop_if_not(struct queue *queue, struct knote *knote, const struct filter_file *file)
{
	if (knote && !kq_filter_is_same(&knote->file, file))
		free_knote(queue, knote);
}

static int change_descriptor(struct queue *queue, const struct kevent *change)
{
	struct filter_file file;
	struct knote *knote;
	int error;

	if (change->ident > INT_MAX)
		return EBADF;
	error = kq_filter_identify((int)change->ident, &file);
	if (error)
		return error;
	drop_if_not(queue, find_knote(queue, change->ident, EVFILT_READ), &file);
	drop_if_not(queue, find_knote(queue, change->ident, EVFILT_WRITE), &file);
	knote = find_knote(queue, change->ident, change->filter);
	if (!knote && !(change->flags & EV_ADD))
		return ENOENT;
	if (change->flags & EV_DELETE) {
		if (knote)
			drop_knote(queue, knote);
		return 0;
	}
	if (!knote)
		knote = make_knote(queue, change->ident, change->filter);
	if (!knote)
		return ENOMEM;
	knote->file = file;
	error = change->flags & EV_ADD ? attach_knote(queue, knote) : 0;
	if (error)
		drop_knote(queue, knote);
	else
		modify_knote(queue, knote, change);
	return error;
}

static int change_user(struct queue *queue, const struct kevent *change)
{
	struct knote *knote = find_knote(queue, change->ident, EVFILT_USER);

	if (!knote && !(change->flags & EV_ADD))
		return ENOENT;
	if (change->flags & EV_DELETE) {
		if (knote)
			drop_knote(queue, knote);
		return 0;
	}
	if (!knote)
		knote = make_knote(queue, change->ident, EVFILT_USER);
	if (!knote)
		return ENOMEM;
	modify_knote(queue, knote, change);
	return 0;
}

static int apply_change(struct queue *queue, const struct kevent *change)
{
	switch (change->filter) {
	case EVFILT_READ:
	case EVFILT_WRITE:
		return change_descriptor(queue, change);
	case EVFILT_USER:
		return change_user(queue, change);
	default:
		return EINVAL;
	}
}

/* No answer is written before its change was read: both may be in one array. */
static int apply_changes(struct queue *queue, const struct kevent *changes, int nchanges,
			 struct kevent *events, int nevents)
{
	int answers = 0;

	for (int i = 0; i < nchanges; i++) {
		struct kevent change = changes[i];
		int error = apply_change(queue, &change);

		if (!error && !(change.flags & EV_RECEIPT))
			continue;
		if (answers == nevents)
			return error ? -error : answers; /* the rest is not looked at */
		change.flags = EV_ERROR;
		change.data = error;
		events[answers++] = change;
	}
	return answers;
}

/* --- events --- */

/* Turn the edges that epoll has into active knotes. Return 0 or -errno. */
static int harvest(struct queue *queue)
{
	struct epoll_event edges[HARVEST];
	int n;

	do {
		n = epoll_wait(queue->fd, edges, HARVEST, 0);
		for (int i = 0; i < n; i++) {
			uintptr_t ident = (uintptr_t)edges[i].data.u64;
			struct knote *reader = find_knote(queue, ident, EVFILT_READ);
			struct knote *writer = find_knote(queue, ident, EVFILT_WRITE);

			if (edges[i].data.u64 == LAMP_DATA)
				continue;
			if (reader && (edges[i].events & ~(uint32_t)EPOLLOUT))
				activate(queue, reader);
			if (writer && (edges[i].events & ~(uint32_t)(EPOLLIN | EPOLLRDHUP)))
				activate(queue, writer);
		}
	} while (n == HARVEST || (n < 0 && errno == EINTR));
	return n < 0 ? -EBADF : 0; /* what is not an epoll any more is not a queue any more */
}

/* What becomes of a knote that has just been returned; it is off the list. */
static void settle(struct queue *queue, struct knote *knote)
{
	if (knote->event.flags & EV_ONESHOT) {
		drop_knote(queue, knote);
		return;
	}
	if (knote->event.flags & EV_DISPATCH)
		knote->is_disabled = true;
	if (!(knote->event.flags & EV_CLEAR)) {
		activate(queue, knote); /* to the end: the others get their turn first */
	} else if (knote->event.filter == EVFILT_USER) {
		knote->is_triggered = false;
		knote->event.fflags = 0;
		knote->event.data = 0;
	}
}

/* Go through the list once. What was put back on it in this pass is behind @last. */
static int collect(struct queue *queue, struct kevent *events, int nevents)
{
	struct knote *last = queue->active.previous;
	bool is_done = last == &queue->active;
	int count = 0;

	while (count < nevents && !is_done) {
		struct knote *knote = queue->active.next;

		is_done = knote == last;
		deactivate(knote);
		if (knote->event.filter != EVFILT_USER &&
		    !kq_filter_still_is((int)knote->event.ident, &knote->file)) {
			free_knote(queue, knote); /* closed, so epoll has forgotten it too */
		} else if (is_ready(knote, &events[count])) {
			settle(queue, knote);
			count++;
		}
	}
	return count;
}

/* --- what kqueue.c calls --- */

static int make_epoll(void)
{
	struct epoll_event ignored = { .events = 0, .data.u64 = LAMP_DATA };
	int fd = epoll_create1(0);
	int error;

	if (fd < 0)
		return -errno;
	if (epoll_ctl(fd, EPOLL_CTL_ADD, lamp, &ignored) < 0) {
		error = -errno;
		close(fd);
		return error;
	}
	return fd;
}

int kq_open(struct queue **ret_queue)
{
	struct queue *queue = calloc(1, sizeof(*queue));
	int fd;

	if (!queue)
		return -ENOMEM;
	fd = make_epoll();
	if (fd < 0) {
		free(queue);
		return fd;
	}
	queue->fd = fd;
	queue->active.next = queue->active.previous = &queue->active;
	pthread_mutex_init(&queue->lock, NULL);
	*ret_queue = queue;
	return 0;
}

void kq_free(struct queue *queue)
{
	for (size_t i = 0; i < KQ_BUCKETS; i++)
		while (queue->buckets[i])
			free_knote(queue, queue->buckets[i]);
	pthread_mutex_destroy(&queue->lock);
	free(queue);
}

void kq_replace(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->is_replaced = true;
	pthread_mutex_unlock(&queue->lock);
}

int kq_change(struct queue *queue, const struct kevent *changes, int nchanges,
	      struct kevent *events, int nevents)
{
	int result = -EBADF;

	pthread_mutex_lock(&queue->lock);
	if (!queue->is_replaced) {
		result = apply_changes(queue, changes, nchanges, events, nevents);
		set_lamp(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return result;
}

int kq_look(struct queue *queue, struct kevent *events, int nevents)
{
	int result = -EBADF;

	pthread_mutex_lock(&queue->lock);
	if (!queue->is_replaced)
		result = harvest(queue);
	if (result == 0) {
		result = collect(queue, events, nevents);
		set_lamp(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return result;
}
