/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/wake_libevent.c - libevent, an event that is made active by another thread: the
 * base has locks then.
 */
#include "wake.h"

#include "../die.h"

#include <event2/event.h>
#include <event2/thread.h>

static struct event_base *base;
static struct event *event;

static void on_wake(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events, (void)arg;
	if (!wake_answer())
		event_base_loopbreak(base);
}

void wake_run(void)
{
	if (evthread_use_pthreads() != 0)
		die("evthread_use_pthreads");
	base = event_base_new();
	event = event_new(base, -1, EV_PERSIST, on_wake, NULL);
	if (!base || !event)
		die("out of memory");
	wake_ready();
	event_base_loop(base, EVLOOP_NO_EXIT_ON_EMPTY);
	event_free(event);
	event_base_free(base);
}

void wake(void)
{
	event_active(event, 0, 0);
}
