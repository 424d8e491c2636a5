/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/pipes_libevent.c - libevent, an event that persists for each descriptor. */
#include "pipes.h"

#include "../die.h"

#include <event2/event.h>

struct watcher {
	struct pipes *pipes;
	unsigned index;
};

static struct event_base *base;

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct watcher *watcher = arg;

	(void)fd, (void)events;
	if (pipes_on_readable(watcher->pipes, watcher->index))
		event_base_loopbreak(base);
}

void pipes_loop_main(struct pipes *pipes)
{
	struct watcher *watchers = calloc(pipes->count, sizeof(*watchers));
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	if (!watchers || !base)
		die("out of memory");
	for (unsigned i = 0; i < pipes->count; i++) {
		struct event *event;

		watchers[i] = (struct watcher){ pipes, i };
		event = event_new(base, pipes->read_fds[i], EV_READ | EV_PERSIST, on_readable,
				  &watchers[i]);
		if (!event || event_add(event, NULL) != 0)
			die("event_add");
	}
	pipes_rounds(pipes);
}

void pipes_loop_run(struct pipes *pipes)
{
	(void)pipes;
	event_base_dispatch(base);
}
