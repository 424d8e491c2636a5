/* SPDX-License-Identifier: MIT */
/*
 * backends/ports.c - event ports of illumos and Solaris. Level-triggered and one-shot.
 *
 * A port tells one event of an association, and with it the association is spent. So arm associates
 * with all that is asked for, and the waiter once more with what an event has left unsaid. Where
 * only one direction is waited for, as nearly always, that is one call for a wait.
 *
 * The port knows descriptors by number. An event that was taken out of it just before a close says
 * nothing of who has the number next: the tag that came with it is compared, under the lock under
 * which everybody associates. As the waiter is not in the table while it sleeps, nobody ever has to
 * see it out.
 */
#include "backends/backends.h"
#include "backends/poll_events.h"
#include "backends/wait_time.h"
#include "backends/wakeup.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <port.h>
#include <pthread.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

enum { END = -1 };

/* What is known of one descriptor number. */
struct entry {
	uint64_t tag;     /* 0: not open */
	unsigned armed;   /* directions asked for and not yet reported */
	int next_refused; /* link of the list, or END */
	bool is_refused;  /* in the list; outlives a close */
};

struct ports_state {
	int port;
	struct wakeup wakeup;
	bool hears_wakeup;    /* it is associated; the waiter's alone */
	pthread_mutex_t lock; /* everything below, and to associate */
	struct entry *entries;
	size_t entries_size;
	int refused; /* armed, but the port would not have it; first descriptor or END */
};

/* Of the tag as many bits go along as a pointer has, enough to tell one owner from the next. */
static void *user_of(uint64_t tag)
{
	return (void *)(uintptr_t)tag;
}

/* -errno in the words of runtime_poll.h. EAGAIN is about process.max-port-events. */
static int failure(void)
{
	if (errno == EBADFD)
		return -EBADF;
	return errno == EAGAIN ? -ENOSPC : -errno;
}

static int associate(struct ports_state *state, int fd, int events, uint64_t tag)
{
	return port_associate(state->port, PORT_SOURCE_FD, (uintptr_t)fd, events, user_of(tag)) < 0
		       ? failure()
		       : 0;
}

static int watch_wakeup(struct ports_state *state)
{
	int error = associate(state, state->wakeup.read_fd, POLLIN, 0);

	state->hears_wakeup = !error;
	return error;
}

static int ports_runtime_init(void **ret_state)
{
	struct ports_state *state = calloc(1, sizeof(*state));
	int error;

	if (!state)
		return -ENOMEM;
	error = NP_WAKEUP_OPEN(&state->wakeup);
	if (error)
		goto free_state;
	state->port = port_create();
	if (state->port < 0 || fcntl(state->port, F_SETFD, FD_CLOEXEC) < 0) {
		error = -errno;
		goto close_port;
	}
	error = watch_wakeup(state);
	if (error)
		goto close_port;
	state->refused = END;
	pthread_mutex_init(&state->lock, NULL);
	*ret_state = state;
	return 0;

close_port:
	if (state->port >= 0)
		close(state->port);
	np__wakeup_close(&state->wakeup);
free_state:
	free(state);
	return error;
}

static void ports_runtime_fini(void *opaque)
{
	struct ports_state *state = opaque;

	close(state->port);
	np__wakeup_close(&state->wakeup);
	pthread_mutex_destroy(&state->lock);
	free(state->entries);
	free(state);
}

static int grow_entries(struct ports_state *state, size_t index)
{
	size_t size = 2 * index + 64;
	struct entry *grown;

	if (index < state->entries_size)
		return 0;
	grown = realloc(state->entries, size * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (size_t i = state->entries_size; i < size; i++)
		grown[i] = (struct entry){ .next_refused = END };
	state->entries = grown;
	state->entries_size = size;
	return 0;
}

/*
 * Associated with nothing yet, which takes the place that it will need: arming cannot fail for want
 * of it. Until then the port can tell of hang-up only, and nobody is told on.
 */
static int ports_runtime_open(void *opaque, int fd, uint64_t tag)
{
	struct ports_state *state = opaque;
	int error = np__check_pollable(fd);

	if (error)
		return error;
	pthread_mutex_lock(&state->lock);
	error = grow_entries(state, (size_t)fd);
	if (!error && state->entries[fd].tag)
		error = -EEXIST;
	if (!error)
		error = associate(state, fd, 0, tag);
	if (!error)
		state->entries[fd].tag = tag;
	pthread_mutex_unlock(&state->lock);
	return error;
}

/* The port does not count one whose event was taken as associated: it has no say in the result. */
static int ports_runtime_close(void *opaque, int fd)
{
	struct ports_state *state = opaque;
	int error = -ENOENT;

	pthread_mutex_lock(&state->lock);
	if (fd >= 0 && (size_t)fd < state->entries_size && state->entries[fd].tag) {
		port_dissociate(state->port, PORT_SOURCE_FD, (uintptr_t)fd);
		state->entries[fd].tag = 0;
		state->entries[fd].armed = 0;
		error = 0;
	}
	pthread_mutex_unlock(&state->lock);
	return error;
}

/* Who was refused must not sleep for ever: the next wait reports it, and its system call tells. */
static void refuse(struct ports_state *state, int fd)
{
	struct entry *entry = &state->entries[fd];

	if (!entry->is_refused) {
		entry->is_refused = true;
		entry->next_refused = state->refused;
		state->refused = fd;
	}
	np__wakeup_signal(&state->wakeup);
}

/*
 * Associating anew replaces the events asked for, and an event that waits in the port is weighed
 * again. One that the waiter has just taken is to disarm what it names, under the lock, and
 * associates what is left.
 */
static void ports_runtime_arm(void *opaque, int fd, unsigned mode)
{
	struct ports_state *state = opaque;
	struct entry *entry;

	pthread_mutex_lock(&state->lock);
	entry = &state->entries[fd];
	if ((entry->armed & mode) != mode) {
		entry->armed |= mode;
		if (associate(state, fd, np__poll_events(entry->armed), entry->tag) < 0)
			refuse(state, fd);
	}
	pthread_mutex_unlock(&state->lock);
}

/*
 * The number of events, or -errno. They may come with ETIME, and some systems have brought them
 * with EINTR; at others an interrupted call leaves the count as it was, and no event.
 */
static int wait_once(struct ports_state *state, port_event_t *ready, int capacity, int64_t delta_ns)
{
	struct timespec timeout = np__wait_time(delta_ns);
	uint_t count = 1; /* that it waits for; it takes what there is */

	ready[0].portev_source = 0; /* that of no event */
	if (port_getn(state->port, ready, (uint_t)capacity, &count,
		      delta_ns < 0 ? NULL : &timeout) < 0 &&
	    errno != ETIME && (errno != EINTR || !ready[0].portev_source))
		return failure();
	return ready[0].portev_source ? (int)count : 0;
}

/* Its event has spent its association. A look leaves it readable, and is told again. */
static void hear_wakeup(struct ports_state *state, int64_t delta_ns)
{
	if (delta_ns != 0)
		np__wakeup_drain(&state->wakeup);
	watch_wakeup(state);
}

/*
 * Turn an event into a report and disarm what it names. False if it is nobody's: taken out before a
 * close, or hang-up of what nobody waits for.
 */
static bool harvest(struct ports_state *state, const port_event_t *found,
		    struct runtime_poll_event *event)
{
	int fd = (int)found->portev_object;
	struct entry *entry = &state->entries[fd];
	uint32_t flags;

	if (!entry->armed || user_of(entry->tag) != found->portev_user)
		return false;
	flags = np__poll_flags(fd, (short)found->portev_events);
	entry->armed &= ~flags;
	if (entry->armed && associate(state, fd, np__poll_events(entry->armed), entry->tag) < 0) {
		flags |= entry->armed;
		entry->armed = 0;
	}
	*event = (struct runtime_poll_event){ entry->tag, flags };
	return flags != 0;
}

static int take_refused(struct ports_state *state, struct runtime_poll_event *events, int capacity)
{
	int count = 0;

	while (state->refused != END && count < capacity) {
		struct entry *entry = &state->entries[state->refused];

		state->refused = entry->next_refused;
		entry->is_refused = false;
		if (entry->armed)
			events[count++] = (struct runtime_poll_event){ entry->tag, entry->armed };
		entry->armed = 0;
	}
	if (state->refused != END)
		np__wakeup_signal(&state->wakeup);
	return count;
}

/* Deaf to its wake-up it must not block: it looks, and says why if there is nothing to tell. */
static int ports_runtime_wait(void *opaque, int64_t delta_ns, struct runtime_poll_event *events,
			      int capacity)
{
	struct ports_state *state = opaque;
	port_event_t ready[RUNTIME_POLL_BATCH];
	int error = state->hears_wakeup ? 0 : watch_wakeup(state);
	int count = 0;
	int n;

	if (error)
		delta_ns = 0;
	if (capacity > RUNTIME_POLL_BATCH)
		capacity = RUNTIME_POLL_BATCH;
	do
		n = wait_once(state, ready, capacity, delta_ns);
	while (n == -EINTR && delta_ns <= 0);
	if (n < 0)
		return n == -EINTR ? 0 : n;
	if (n == 0 && !error)
		return 0;

	pthread_mutex_lock(&state->lock);
	for (int i = 0; i < n; i++) {
		if (ready[i].portev_object == (uintptr_t)state->wakeup.read_fd)
			hear_wakeup(state, delta_ns);
		else
			count += harvest(state, &ready[i], &events[count]);
	}
	count += take_refused(state, &events[count], capacity - count);
	pthread_mutex_unlock(&state->lock);
	return count > 0 ? count : error;
}

static int ports_runtime_break_wait(void *opaque)
{
	struct ports_state *state = opaque;

	return np__wakeup_signal(&state->wakeup);
}

static bool ports_runtime_is_poll_descriptor(const void *opaque, int fd)
{
	const struct ports_state *state = opaque;

	return fd == state->port || np__wakeup_owns(&state->wakeup, fd);
}

static int ports_runtime_descriptor(const void *opaque)
{
	const struct ports_state *state = opaque;

	return state->port;
}

const struct runtime_poll runtime_poll_ports = {
	.name = "ports",
	.traits = RUNTIME_POLL_NEEDS_ARM,
	.tag_bits = 64,
	.init = ports_runtime_init,
	.fini = ports_runtime_fini,
	.open = ports_runtime_open,
	.close = ports_runtime_close,
	.arm = ports_runtime_arm,
	.wait = ports_runtime_wait,
	.break_wait = ports_runtime_break_wait,
	.is_poll_descriptor = ports_runtime_is_poll_descriptor,
	.descriptor = ports_runtime_descriptor,
};
