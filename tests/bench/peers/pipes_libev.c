/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/pipes_libev.c - libev, a watcher for each descriptor. */
#include "pipes.h"

#include "../die.h"

#include <ev.h>

struct watcher {
	ev_io io;
	struct pipes *pipes;
	unsigned index;
};

static struct ev_loop *loop;

static void on_readable(struct ev_loop *running, ev_io *io, int events)
{
	struct watcher *watcher = io->data;

	(void)events;
	if (pipes_on_readable(watcher->pipes, watcher->index))
		ev_break(running, EVBREAK_ONE);
}

void pipes_loop_main(struct pipes *pipes)
{
	struct watcher *watchers = calloc(pipes->count, sizeof(*watchers));

	loop = ev_default_loop(EVBACKEND_EPOLL);
	if (!watchers || !loop)
		die("out of memory");
	for (unsigned i = 0; i < pipes->count; i++) {
		watchers[i].pipes = pipes;
		watchers[i].index = i;
		ev_io_init(&watchers[i].io, on_readable, pipes->read_fds[i], EV_READ);
		watchers[i].io.data = &watchers[i];
		ev_io_start(loop, &watchers[i].io);
	}
	pipes_rounds(pipes);
	free(watchers);
}

void pipes_loop_run(struct pipes *pipes)
{
	(void)pipes;
	ev_run(loop, 0);
}
