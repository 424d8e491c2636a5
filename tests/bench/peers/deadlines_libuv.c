/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/deadlines_libuv.c - libuv, a timer handle for each deadline. */
#include "deadlines.h"

#include "../die.h"

#include <stdint.h>
#include <uv.h>

static uv_timer_t *timers;

static void on_timeout(uv_timer_t *timer)
{
	(void)timer;
	die("a timer that should not expire");
}

void deadlines_main(size_t count)
{
	timers = calloc(count, sizeof(*timers));
	if (!timers)
		die("out of memory");
	for (size_t i = 0; i < count; i++)
		uv_timer_init(uv_default_loop(), &timers[i]);
	deadlines_measure();
	free(timers);
}

void deadlines_turn(void)
{
	uv_update_time(uv_default_loop());
}

void deadlines_arm(size_t index)
{
	deadlines_move(index);
}

void deadlines_move(size_t index)
{
	uv_timer_start(&timers[index], on_timeout, DEADLINES_SECONDS * 1000, 0);
}

void deadlines_move_to(size_t index, double seconds)
{
	uv_timer_start(&timers[index], on_timeout, (uint64_t)(seconds * 1000), 0);
}

void deadlines_cancel(size_t index)
{
	uv_timer_stop(&timers[index]);
}
