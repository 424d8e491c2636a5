/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/deadlines_netpark.c - netpark's poll descriptors, on each the deadline of its reads.
 * None of them is polled: a backend that does nothing stands below the poller. The clock is read
 * once a turn, as loops do it; with -c for each deadline, as before a read with a timeout.
 */
#include <netpark.h>

#include "die.h"
#include "peers/deadlines.h"

static const int64_t SECOND = 1000000000;

static int idle_init(void **ret_state)
{
	*ret_state = NULL;
	return 0;
}

static void idle_fini(void *state)
{
	(void)state;
}

static int idle_open(void *state, int fd, uint64_t tag)
{
	(void)state, (void)fd, (void)tag;
	return 0;
}

static int idle_close(void *state, int fd)
{
	(void)state, (void)fd;
	return 0;
}

static int idle_wait(void *state, int64_t delta_ns, struct runtime_poll_event *events, int capacity)
{
	(void)state, (void)delta_ns, (void)events, (void)capacity;
	return 0;
}

static int idle_break_wait(void *state)
{
	(void)state;
	return 0;
}

static bool idle_is_poll_descriptor(const void *state, int fd)
{
	(void)state, (void)fd;
	return false;
}

static int idle_descriptor(const void *state)
{
	(void)state;
	return -EOPNOTSUPP;
}

static const struct runtime_poll idle = {
	.name = "idle",
	.tag_bits = 64,
	.init = idle_init,
	.fini = idle_fini,
	.open = idle_open,
	.close = idle_close,
	.wait = idle_wait,
	.break_wait = idle_break_wait,
	.is_poll_descriptor = idle_is_poll_descriptor,
	.descriptor = idle_descriptor,
};

static struct np_poll_desc **descs;
static int64_t turn_ns;

void deadlines_main(size_t count)
{
	const struct np_poller_options options = { .backend = &idle };
	struct np_poller *poller;

	descs = calloc(count, sizeof(struct np_poll_desc *));
	if (!descs || np_poller_create(&options, &poller) != 0)
		die("out of memory");
	for (size_t i = 0; i < count; i++)
		if (np_poll_open(poller, (int)i, &descs[i]) != 0)
			die("np_poll_open");
	deadlines_measure();
	for (size_t i = 0; i < count; i++) {
		np_poll_unblock(descs[i]);
		np_poll_close(descs[i]);
	}
	free(descs);
	np_poller_destroy(poller);
}

void deadlines_turn(void)
{
	turn_ns = np_time();
}

static void set(size_t index, int64_t delta_ns)
{
	int64_t deadline_ns = deadlines_read_clock ? np_deadline(delta_ns) : turn_ns + delta_ns;

	np_poll_set_deadline(descs[index], deadline_ns, NP_READ);
}

void deadlines_arm(size_t index)
{
	set(index, DEADLINES_SECONDS * SECOND);
}

void deadlines_move(size_t index)
{
	set(index, DEADLINES_SECONDS * SECOND);
}

void deadlines_move_to(size_t index, double seconds)
{
	set(index, (int64_t)(seconds * (double)SECOND));
}

void deadlines_cancel(size_t index)
{
	np_poll_set_deadline(descs[index], 0, NP_READ);
}
