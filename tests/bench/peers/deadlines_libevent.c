/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/deadlines_libevent.c - libevent, a timer event for each deadline.
 *
 * Its way for many timeouts of the same length is a common timeout: a queue of their own beside the
 * heap. All is done within a callback, where it reads the clock only once a turn.
 */
#include "deadlines.h"

#include "../die.h"

#include <event2/event.h>
#include <event2/event_struct.h>

static struct event_base *base;
static struct event *timers;
static const struct timeval *common;

static void on_timeout(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events, (void)arg;
	die("a timer that should not expire");
}

static void on_start(evutil_socket_t fd, short events, void *arg)
{
	(void)fd, (void)events, (void)arg;
	deadlines_measure();
	event_base_loopbreak(base);
}

void deadlines_main(size_t count)
{
	const struct timeval duration = { .tv_sec = DEADLINES_SECONDS };
	const struct timeval at_once = { .tv_sec = 0 };
	struct event_config *config = event_config_new();

	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	timers = calloc(count, sizeof(*timers));
	if (!base || !timers)
		die("out of memory");
	common = event_base_init_common_timeout(base, &duration);
	for (size_t i = 0; i < count; i++)
		evtimer_assign(&timers[i], base, on_timeout, NULL);
	if (!common || event_base_once(base, -1, EV_TIMEOUT, on_start, NULL, &at_once) != 0)
		die("event_base_once");
	event_base_dispatch(base);
	free(timers);
}

void deadlines_turn(void)
{
	event_base_update_cache_time(base);
}

void deadlines_arm(size_t index)
{
	evtimer_add(&timers[index], common);
}

void deadlines_move(size_t index)
{
	evtimer_add(&timers[index], common);
}

void deadlines_move_to(size_t index, double seconds)
{
	const struct timeval duration = {
		.tv_sec = (time_t)seconds,
		.tv_usec = (suseconds_t)((seconds - (double)(time_t)seconds) * 1e6),
	};

	evtimer_add(&timers[index], &duration);
}

void deadlines_cancel(size_t index)
{
	evtimer_del(&timers[index]);
}
