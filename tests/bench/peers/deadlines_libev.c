/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/deadlines_libev.c - libev, with timers that repeat: ev_timer_again, the way of
 * its manual for timeouts that are moved all the time.
 */
#include "deadlines.h"

#include "../die.h"

#include <ev.h>

static struct ev_loop *loop;
static ev_timer *timers;

static void on_timeout(struct ev_loop *running, ev_timer *timer, int events)
{
	(void)running, (void)timer, (void)events;
	die("a timer that should not expire");
}

void deadlines_main(size_t count)
{
	loop = ev_default_loop(EVBACKEND_EPOLL);
	timers = calloc(count, sizeof(*timers));
	if (!loop || !timers)
		die("out of memory");
	for (size_t i = 0; i < count; i++)
		ev_timer_init(&timers[i], on_timeout, 0., DEADLINES_SECONDS);
	deadlines_measure();
	free(timers);
}

void deadlines_turn(void)
{
	ev_now_update(loop);
}

void deadlines_arm(size_t index)
{
	timers[index].repeat = DEADLINES_SECONDS;
	ev_timer_again(loop, &timers[index]);
}

void deadlines_move(size_t index)
{
	ev_timer_again(loop, &timers[index]);
}

void deadlines_move_to(size_t index, double seconds)
{
	timers[index].repeat = seconds;
	ev_timer_again(loop, &timers[index]);
}

void deadlines_cancel(size_t index)
{
	ev_timer_stop(loop, &timers[index]);
}
