/* SPDX-License-Identifier: MIT */
/*
 * backends/poll.c - every POSIX system. Level-triggered, made one-shot by arming.
 *
 * The set that poll(2) sees holds the armed descriptors only: a wait costs what is waited for, not
 * what is open, and a dead descriptor that nobody waits for cannot keep ending every wait. A table
 * by descriptor number finds the place in the set, so adding and removing take constant time.
 *
 * While a thread is blocked in poll(2) the set belongs to the kernel. Who arms meanwhile queues the
 * descriptor and breaks the wait; the waiter takes the queue in on its way out. Who closes must
 * go further and see the waiter out: as long as poll(2) runs, the kernel keeps the file alive, and
 * a socket closed under it would not be shut, nor its port free.
 */
#include "backends/backends.h"
#include "backends/poll_events.h"
#include "backends/poll_timeout.h"
#include "backends/wakeup.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>

enum { WAKEUP_SLOT = 0, NO_SLOT = -1, END = -1 };

/* What is known of one descriptor number. */
struct entry {
	uint64_t tag;    /* 0: not open */
	int slot;        /* place in the set, or NO_SLOT */
	int next_queued; /* link of the queue, or END */
	unsigned armed;  /* directions asked for and not yet reported */
	bool queued;     /* in the queue; outlives a close */
};

struct poll_state {
	struct wakeup wakeup;
	pthread_mutex_t lock;   /* everything below; set, while waiting, is the waiter's */
	pthread_cond_t changed; /* waiting or changers went down */
	bool waiting;           /* a thread is in poll(2) or on its way */
	int changers;           /* threads that want the waiter out; it lets them go first */
	struct entry *entries;
	size_t entries_size;
	int queue; /* armed while waiting; first descriptor or END */
	struct pollfd *set;
	size_t set_used; /* at least the wake-up's slot */
	size_t next;     /* slot at which the next harvest begins */
	size_t set_size; /* above the number of open descriptors: arming never fails */
	size_t open_count;
};

static int poll_runtime_init(void **ret_state)
{
	struct poll_state *state = calloc(1, sizeof(*state));
	int error;

	if (!state)
		return -ENOMEM;
	state->set_size = 16;
	state->set = malloc(state->set_size * sizeof(*state->set));
	if (!state->set) {
		error = -ENOMEM;
		goto free_state;
	}
	error = NP_WAKEUP_OPEN(&state->wakeup);
	if (error)
		goto free_set;
	state->set[WAKEUP_SLOT] = (struct pollfd){ .fd = state->wakeup.read_fd, .events = POLLIN };
	state->set_used = 1;
	state->queue = END;
	pthread_mutex_init(&state->lock, NULL);
	pthread_cond_init(&state->changed, NULL);
	*ret_state = state;
	return 0;

free_set:
	free(state->set);
free_state:
	free(state);
	return error;
}

static void poll_runtime_fini(void *opaque)
{
	struct poll_state *state = opaque;

	np__wakeup_close(&state->wakeup);
	pthread_cond_destroy(&state->changed);
	pthread_mutex_destroy(&state->lock);
	free(state->entries);
	free(state->set);
	free(state);
}

/* See the waiter out and keep it out until leave_set(). The lock is let go in between. */
static void enter_set(struct poll_state *state)
{
	NP_UNCANCELLED;
	state->changers++;
	while (state->waiting) {
		np__wakeup_signal(&state->wakeup);
		pthread_cond_wait(&state->changed, &state->lock);
	}
}

static void leave_set(struct poll_state *state)
{
	state->changers--;
	pthread_cond_broadcast(&state->changed);
}

static int grow_entries(struct poll_state *state, size_t index)
{
	size_t size = 2 * index + 64;
	struct entry *grown;

	if (index < state->entries_size)
		return 0;
	grown = realloc(state->entries, size * sizeof(*grown));
	if (!grown)
		return -ENOMEM;
	for (size_t i = state->entries_size; i < size; i++)
		grown[i] = (struct entry){ .slot = NO_SLOT, .next_queued = END };
	state->entries = grown;
	state->entries_size = size;
	return 0;
}

/* Room for one more, so that whoever arms finds it. */
static int grow_set(struct poll_state *state)
{
	struct pollfd *grown;
	int error = 0;

	if (state->open_count + 1 < state->set_size)
		return 0;
	enter_set(state);
	/* The lock was let go: others may have made room, and used it up. */
	if (state->open_count + 1 >= state->set_size) {
		grown = realloc(state->set, 2 * state->set_size * sizeof(*grown));
		if (grown) {
			state->set = grown;
			state->set_size *= 2;
		} else {
			error = -ENOMEM;
		}
	}
	leave_set(state);
	return error;
}

static int poll_runtime_open(void *opaque, int fd, uint64_t tag)
{
	struct poll_state *state = opaque;
	int error = np__check_pollable(fd);

	if (error)
		return error;
	pthread_mutex_lock(&state->lock);
	error = grow_set(state);
	if (!error)
		error = grow_entries(state, (size_t)fd);
	if (!error && state->entries[fd].tag)
		error = -EEXIST;
	if (!error) {
		state->entries[fd].tag = tag;
		state->open_count++;
	}
	pthread_mutex_unlock(&state->lock);
	return error;
}

/* The last one moves into the hole. */
static void remove_slot(struct poll_state *state, size_t slot)
{
	state->entries[state->set[slot].fd].slot = NO_SLOT;
	state->set_used--;
	if (slot == state->set_used)
		return;
	state->set[slot] = state->set[state->set_used];
	state->entries[state->set[slot].fd].slot = (int)slot;
}

static int poll_runtime_close(void *opaque, int fd)
{
	struct poll_state *state = opaque;
	int error = 0;

	pthread_mutex_lock(&state->lock);
	if (fd < 0 || (size_t)fd >= state->entries_size || !state->entries[fd].tag) {
		error = -ENOENT;
		goto unlock;
	}
	if (state->entries[fd].slot != NO_SLOT) {
		enter_set(state);
		/* The waiter may have reported it, and so taken it out, as it left. */
		if (state->entries[fd].slot != NO_SLOT)
			remove_slot(state, (size_t)state->entries[fd].slot);
		leave_set(state);
	}
	state->entries[fd].tag = 0;
	state->entries[fd].armed = 0;
	state->open_count--;
unlock:
	pthread_mutex_unlock(&state->lock);
	return error;
}

/* Make the set say what is armed. Nobody is waiting. */
static void update_set(struct poll_state *state, int fd)
{
	struct entry *entry = &state->entries[fd];

	if (entry->slot == NO_SLOT) {
		entry->slot = (int)state->set_used++;
		state->set[entry->slot].fd = fd;
	}
	state->set[entry->slot].events = np__poll_events(entry->armed);
	state->set[entry->slot].revents = 0;
}

static void poll_runtime_arm(void *opaque, int fd, unsigned mode)
{
	struct poll_state *state = opaque;
	struct entry *entry;

	pthread_mutex_lock(&state->lock);
	entry = &state->entries[fd];
	if ((entry->armed & mode) == mode)
		goto unlock;
	entry->armed |= mode;
	if (!state->waiting) {
		update_set(state, fd);
	} else if (!entry->queued) {
		entry->queued = true;
		entry->next_queued = state->queue;
		state->queue = fd;
		np__wakeup_signal(&state->wakeup);
	}
unlock:
	pthread_mutex_unlock(&state->lock);
}

static void take_queue(struct poll_state *state)
{
	while (state->queue != END) {
		int fd = state->queue;
		struct entry *entry = &state->entries[fd];

		state->queue = entry->next_queued;
		entry->queued = false;
		if (entry->armed)
			update_set(state, fd);
	}
}

/* Turn what was found in a slot into a report and disarm what it names. False if there is nothing.
 */
static bool harvest_slot(struct poll_state *state, size_t slot, struct runtime_poll_event *event)
{
	struct pollfd *found = &state->set[slot];
	struct entry *entry = &state->entries[found->fd];
	uint32_t flags = np__poll_flags(found->fd, found->revents);

	if (!flags)
		return false;
	*event = (struct runtime_poll_event){ entry->tag, flags };
	entry->armed &= ~flags;
	if (entry->armed)
		update_set(state, found->fd);
	else
		remove_slot(state, slot);
	return true;
}

/*
 * Begins behind where the last one ended: where more are ready than @capacity, each has its turn. A
 * slot is passed even if another descriptor moved into it, or those at both ends would take turns.
 */
static int harvest(struct poll_state *state, struct runtime_poll_event *events, int capacity)
{
	size_t rest = state->set_used - 1;
	int count = 0;

	for (; rest > 0 && count < capacity; rest--) {
		if (state->next == 0 || state->next >= state->set_used)
			state->next = 1;
		count += harvest_slot(state, state->next++, &events[count]);
	}
	return count;
}

/* The set is the kernel's from here to the return; -errno or what poll(2) returned. */
static int wait_unlocked(struct poll_state *state, int64_t delta_ns)
{
	nfds_t used = (nfds_t)state->set_used;
	int n;

	state->waiting = true;
	pthread_mutex_unlock(&state->lock);
	do
		n = np__poll_timeout(state->set, used, delta_ns);
	while (n < 0 && errno == EINTR && delta_ns <= 0);
	if (n < 0)
		n = errno == EINTR ? 0 : -errno;
	pthread_mutex_lock(&state->lock);
	state->waiting = false;
	return n;
}

static int poll_runtime_wait(void *opaque, int64_t delta_ns, struct runtime_poll_event *events,
			     int capacity)
{
	struct poll_state *state = opaque;
	int n;

	pthread_mutex_lock(&state->lock);
	while (state->changers > 0)
		pthread_cond_wait(&state->changed, &state->lock);
	n = wait_unlocked(state, delta_ns);
	if (n > 0) {
		if (state->set[WAKEUP_SLOT].revents && delta_ns != 0)
			np__wakeup_drain(&state->wakeup);
		n = harvest(state, events, capacity);
	}
	take_queue(state);
	if (state->changers > 0)
		pthread_cond_broadcast(&state->changed);
	pthread_mutex_unlock(&state->lock);
	return n;
}

static int poll_runtime_break_wait(void *opaque)
{
	struct poll_state *state = opaque;

	return np__wakeup_signal(&state->wakeup);
}

static bool poll_runtime_is_poll_descriptor(const void *opaque, int fd)
{
	const struct poll_state *state = opaque;

	return np__wakeup_owns(&state->wakeup, fd);
}

static int poll_runtime_descriptor(const void *opaque)
{
	(void)opaque;
	return -EOPNOTSUPP;
}

const struct runtime_poll runtime_poll_poll = {
	.name = "poll",
	.traits = RUNTIME_POLL_NEEDS_ARM,
	.tag_bits = 64,
	.init = poll_runtime_init,
	.fini = poll_runtime_fini,
	.open = poll_runtime_open,
	.close = poll_runtime_close,
	.arm = poll_runtime_arm,
	.wait = poll_runtime_wait,
	.break_wait = poll_runtime_break_wait,
	.is_poll_descriptor = poll_runtime_is_poll_descriptor,
	.descriptor = poll_runtime_descriptor,
};
