/* SPDX-License-Identifier: MIT */
/* tests/examples/relay.c - see relay.h. */
#include "relay.h"

#include <stdatomic.h>

struct relay {
	int64_t idle_ns;
	_Atomic int64_t moved; /* both ways */
};

struct way {
	struct relay *relay;
	struct np_fd *from, *to;
};

/*
 * The deadlines are that of a look at what has moved, not of each read: a copy in full flow sets
 * none. A read's can be met without a loss, and the copy go on; that of the writer comes one time
 * later, and then it really has waited for all of that.
 */
static int64_t pass_until_idle(struct way *way)
{
	struct relay *relay = way->relay;
	int64_t seen, copied, write_deadline, n;

	do {
		seen = atomic_load(&relay->moved);
		write_deadline = np_deadline(2 * relay->idle_ns);
		np_set_read_deadline(way->from, np_deadline(relay->idle_ns));
		np_set_write_deadline(way->to, write_deadline);
		n = np_copy_counted(way->to, way->from, -1, &copied);
		atomic_fetch_add(&relay->moved, copied);
	} while (n == NP_EDEADLINE && np_time() < write_deadline &&
		 atomic_load(&relay->moved) != seen);
	return n;
}

static int pass(void *arg)
{
	struct way *way = arg;

	if (pass_until_idle(way) < 0 || np_close_write(way->to) < 0) {
		np_cancel_io(way->from);
		np_cancel_io(way->to);
	}
	return 0;
}

void relay(struct np_fd *near, struct np_fd *far, int64_t idle_ns)
{
	struct relay relay = { .idle_ns = idle_ns };
	struct way there = { &relay, near, far }, back = { &relay, far, near };
	struct np_group group = { .first = NULL };

	if (np_group_go(&group, pass, &back) == 0)
		pass(&there);
	np_group_join(&group);
}
