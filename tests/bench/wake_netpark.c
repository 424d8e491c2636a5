/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/wake_netpark.c - netpark, a fiber that waits for a channel: with room for one
 * element, whose presence is the wake-up. The worker sleeps in its poller.
 */
#include <netpark.h>

#include "die.h"
#include "peers/wake.h"

static struct np_channel *wakes;

static int wait_for_wakes(void *arg)
{
	(void)arg;
	wake_ready();
	do
		np_channel_receive(wakes, NULL);
	while (wake_answer());
	return 0;
}

void wake_run(void)
{
	const struct np_run_options options = { .workers = 1 };

	if (np_channel_create(0, 1, &wakes) != 0)
		die("np_channel_create");
	if (np_run(wait_for_wakes, NULL, &options) != 0)
		die("np_run");
	np_channel_destroy(wakes);
}

void wake(void)
{
	np_channel_try_send(wakes, NULL);
}
