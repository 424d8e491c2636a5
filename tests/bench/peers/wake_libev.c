/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/wake_libev.c - libev, ev_async_send. */
#include "wake.h"

#include "../die.h"

#include <ev.h>

static struct ev_loop *loop;
static ev_async async;

static void on_wake(struct ev_loop *running, ev_async *watcher, int events)
{
	(void)watcher, (void)events;
	if (!wake_answer())
		ev_break(running, EVBREAK_ALL);
}

void wake_run(void)
{
	loop = ev_loop_new(EVBACKEND_EPOLL);
	if (!loop)
		die("ev_loop_new");
	ev_async_init(&async, on_wake);
	ev_async_start(loop, &async);
	wake_ready();
	ev_run(loop, 0);
	ev_loop_destroy(loop);
}

void wake(void)
{
	ev_async_send(loop, &async);
}
