/* SPDX-License-Identifier: MIT */
/*
 * tests/races/break_races.c - breaks against turns, and against threads that wait on the same
 * poller.
 *
 * A host turns its poller without limit while others break it: every round ends by a break alone,
 * so one that is lost is a hang. Threads that wait on a broken poller just go on.
 */
#include "tests/races/stress.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>

static struct np_poller *hosted;
static atomic_long wanted; /* the round that the host wants broken */
static atomic_bool stopping;

static void *break_hosted(void *arg)
{
	long seen = 0;

	while (!atomic_load(&stopping)) {
		long now = atomic_load(&wanted);

		if (now == seen) {
			sched_yield();
			continue;
		}
		seen = now;
		STRESS_CHECK(np_poller_break(hosted) == 0, "break");
	}
	return arg;
}

static void *break_shared(void *arg)
{
	while (!atomic_load(&stopping)) {
		np_poller_break(stress_poller);
		sched_yield();
	}
	return arg;
}

static void *echo(void *arg)
{
	struct np_fd *conn = arg;
	char byte;

	while (np_read(conn, &byte, 1) == 1)
		STRESS_CHECK(np_write(conn, &byte, 1) == 1, "write");
	return NULL;
}

static void turn_until_broken(void)
{
	const struct np_poller_options options = { stress_backend, NP_POLLER_HOST_DRIVEN };

	STRESS_CHECK(np_poller_create(&options, &hosted) == 0, "a poller");
	for (long i = 1; i <= stress_rounds; i++) {
		atomic_store(&wanted, i);
		if (i % 3 == 0)
			STRESS_CHECK(np_poller_turn(hosted, 0) == 0, "a look");
		else
			STRESS_CHECK(np_poller_turn(hosted, -1) == 0, "a turn");
		/* A look may have taken the break that was meant for it: that is its right. */
	}
}

static void go_on_under_breaks(void)
{
	struct np_fd *fds[2];
	pthread_t server;
	char byte;

	stress_fd_pair(fds);
	server = stress_start(echo, fds[1]);
	for (long i = 0; i < stress_rounds; i++) {
		char sent = (char)i;

		STRESS_CHECK(np_write(fds[0], &sent, 1) == 1, "write");
		STRESS_CHECK(np_read(fds[0], &byte, 1) == 1 && byte == sent, "echo");
	}
	np_close(fds[0]);
	stress_join(server);
	np_close(fds[1]);
}

int main(int argc, char **argv)
{
	pthread_t breakers[2], other;

	stress_begin(argc, argv, 3000);
	for (int i = 0; i < 2; i++)
		breakers[i] = stress_start(break_hosted, NULL);
	other = stress_start(break_shared, NULL);
	turn_until_broken();
	go_on_under_breaks();
	atomic_store(&stopping, true);
	for (int i = 0; i < 2; i++)
		stress_join(breakers[i]);
	stress_join(other);
	STRESS_CHECK(np_poller_destroy(hosted) == 0, "destroy");
	return stress_end();
}
