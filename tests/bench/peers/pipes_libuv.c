/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/pipes_libuv.c - libuv, a poll handle for each descriptor. */
#include "pipes.h"

#include "../die.h"

#include <uv.h>

struct watcher {
	uv_poll_t poll;
	struct pipes *pipes;
	unsigned index;
};

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct watcher *watcher = poll->data;

	(void)status, (void)events;
	if (pipes_on_readable(watcher->pipes, watcher->index))
		uv_stop(poll->loop);
}

void pipes_loop_main(struct pipes *pipes)
{
	struct watcher *watchers = calloc(pipes->count, sizeof(*watchers));

	if (!watchers)
		die("out of memory");
	for (unsigned i = 0; i < pipes->count; i++) {
		watchers[i].pipes = pipes;
		watchers[i].index = i;
		watchers[i].poll.data = &watchers[i];
		if (uv_poll_init(uv_default_loop(), &watchers[i].poll, pipes->read_fds[i]) != 0 ||
		    uv_poll_start(&watchers[i].poll, UV_READABLE, on_readable) != 0)
			die("uv_poll");
	}
	pipes_rounds(pipes);
}

void pipes_loop_run(struct pipes *pipes)
{
	(void)pipes;
	uv_run(uv_default_loop(), UV_RUN_DEFAULT);
}
