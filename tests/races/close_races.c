/* SPDX-License-Identifier: MIT */
/*
 * tests/races/close_races.c - close against read, write, accept and connect, and two closers.
 *
 * Each round: a few threads make a call that would never return, two others close. Every call must
 * return NP_ECLOSED, exactly one of the closers 0, and the number must be free again.
 */
#include "tests/races/stress.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { CALLERS = 3 };

static struct np_fd *victim;
static pthread_barrier_t start;

static void *read_it(void *arg)
{
	char byte;

	pthread_barrier_wait(&start);
	*(ssize_t *)arg = np_read(victim, &byte, 1);
	np_unref(victim);
	return NULL;
}

static void *write_it(void *arg)
{
	static char much[1 << 20];
	ssize_t n;

	pthread_barrier_wait(&start);
	do
		n = np_write(victim, much, sizeof(much));
	while (n > 0);
	*(ssize_t *)arg = n;
	np_unref(victim);
	return NULL;
}

static void *accept_it(void *arg)
{
	struct np_fd *conn;

	pthread_barrier_wait(&start);
	*(ssize_t *)arg = np_accept(victim, &conn);
	np_unref(victim);
	return NULL;
}

static void *close_it(void *arg)
{
	pthread_barrier_wait(&start);
	*(ssize_t *)arg = np_close(victim);
	return NULL;
}

/* @victim has one reference, which this uses up. */
static void race(void *(*call)(void *arg))
{
	ssize_t results[CALLERS], closed[2];
	pthread_t callers[CALLERS], closers[2];

	pthread_barrier_init(&start, NULL, CALLERS + 2);
	np_ref(victim); /* for the second closer; the first has ours */
	for (int i = 0; i < CALLERS; i++) {
		np_ref(victim);
		callers[i] = stress_start(call, &results[i]);
	}
	for (int i = 0; i < 2; i++)
		closers[i] = stress_start(close_it, &closed[i]);
	for (int i = 0; i < CALLERS; i++) {
		stress_join(callers[i]);
		STRESS_CHECK(results[i] == NP_ECLOSED, "a call returned %zd", results[i]);
	}
	stress_join(closers[0]);
	stress_join(closers[1]);
	STRESS_CHECK((closed[0] == 0 && closed[1] == NP_ECLOSED) ||
			     (closed[1] == 0 && closed[0] == NP_ECLOSED),
		     "two closers got %zd and %zd", closed[0], closed[1]);
	pthread_barrier_destroy(&start);
}

static void race_on_pair(void *(*call)(void *arg), void (*make)(struct np_fd *fds[2]))
{
	struct np_fd *fds[2];

	make(fds);
	victim = fds[0];
	race(call);
	STRESS_CHECK(np_close(fds[1]) == 0, "the peer");
}

/* The same port each time: it must be free as soon as the close has returned. */
static void race_on_listener(void)
{
	static char address[NP_ADDR_TEXT_MAX] = "127.0.0.1:0";
	struct np_addr addr;
	int error = np_listen("tcp", address, &victim);

	STRESS_CHECK(error == 0, "listen %s: %s", address, np_strerror(error));
	STRESS_CHECK(np_local_addr(victim, &addr) == 0, "address");
	np_addr_format(&addr, address, sizeof(address));
	race(accept_it);
}

/* A call of a task without a reference: the handle's memory must outlive it. */
static void *read_borrowed(void *arg)
{
	struct np_fd *fd = arg;
	char byte;

	return (void *)(intptr_t)np_read(fd, &byte, 1);
}

static void close_under_borrower(void)
{
	struct np_fd *fds[2];
	struct np_poller_stats stats;
	pthread_t reader;

	stress_fd_pair(fds);
	reader = stress_start(read_borrowed, fds[0]);
	do
		np_poller_get_stats(stress_poller, &stats);
	while (stats.parked == 0);
	STRESS_CHECK(np_close(fds[0]) == 0, "close");
	STRESS_CHECK((intptr_t)stress_join(reader) == NP_ECLOSED, "the reader");
	np_close(fds[1]);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 150);
	for (long i = 0; i < stress_rounds; i++) {
		race_on_pair(read_it, stress_fd_pair);
		race_on_pair(read_it, stress_tcp_pair);
		race_on_pair(write_it, stress_fd_pair);
		race_on_pair(write_it, stress_tcp_pair);
		race_on_listener();
		close_under_borrower();
	}
	return stress_end();
}
