/* SPDX-License-Identifier: MIT */
/*
 * tests/races/deadline_races.c - deadlines moved, cleared and expired under a blocked read,
 * together with data.
 *
 * A writer sends numbered bytes, a reader reads them, setters move the reader's deadline as they
 * like. Whatever happens, each byte arrives once and in order, a timeout is never early, and at the
 * end, when the setters have stopped and the deadline is cleared, the reader gets all that is left.
 */
#include "tests/races/stress.h"

#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>

enum { SETTERS = 2 };

static struct np_fd *ends[2];
static atomic_bool stopping;

static void *set_deadlines(void *arg)
{
	uint64_t random = stress_random_of((unsigned)(uintptr_t)arg);

	while (!atomic_load(&stopping)) {
		switch (stress_random(&random) % 5) {
		case 0:
			np_set_read_deadline(ends[0], 0);
			break;
		case 1:
			np_set_read_deadline(ends[0], np_time() + 30000);
			break;
		case 2:
			np_set_deadline(ends[0], np_time() + 1000000);
			break;
		case 3:
			np_set_read_deadline(ends[0], INT64_MAX);
			break;
		default:
			np_set_read_deadline(ends[0], np_time() + 3000);
			sched_yield();
		}
	}
	return NULL;
}

static void *send_numbers(void *arg)
{
	uint64_t random = stress_random_of(100);

	for (long i = 0; i < stress_rounds; i++) {
		unsigned char number = (unsigned char)i;

		STRESS_CHECK(np_write(ends[1], &number, 1) == 1, "write");
		if (stress_random(&random) % 3 == 0)
			sched_yield();
	}
	return arg;
}

static void receive_numbers(void)
{
	unsigned char bytes[16];
	long timeouts = 0;

	for (long i = 0; i < stress_rounds;) {
		ssize_t n = np_read(ends[0], bytes, sizeof(bytes));

		if (n == NP_EDEADLINE) {
			/* An expired deadline stays; every thousandth time do without one. */
			if (++timeouts % 1000 == 0)
				np_set_read_deadline(ends[0], 0);
			continue;
		}
		STRESS_CHECK(n > 0, "read: %zd after %ld bytes", n, i);
		for (ssize_t k = 0; k < n; k++, i++)
			STRESS_CHECK(bytes[k] == (unsigned char)i, "byte %ld is %d", i, bytes[k]);
	}
	printf("%ld timeouts\n", timeouts);
}

static void run(void (*make)(struct np_fd *fds[2]))
{
	pthread_t setters[SETTERS], writer;

	make(ends);
	atomic_store(&stopping, false);
	writer = stress_start(send_numbers, NULL);
	for (uintptr_t i = 0; i < SETTERS; i++)
		setters[i] = stress_start(set_deadlines, (void *)i);
	receive_numbers();
	atomic_store(&stopping, true);
	for (int i = 0; i < SETTERS; i++)
		stress_join(setters[i]);
	stress_join(writer);
	np_close(ends[0]);
	np_close(ends[1]);
}

/* One deadline, one wait: it ends by the deadline and not before. */
static void never_early(void)
{
	uint64_t random = stress_random_of(200);
	char byte;

	stress_fd_pair(ends);
	for (long i = 0; i < stress_rounds / 10; i++) {
		int64_t deadline = np_time() + (int64_t)(stress_random(&random) % 100000);

		STRESS_CHECK(np_set_read_deadline(ends[0], deadline) == 0, "set");
		STRESS_CHECK(np_read(ends[0], &byte, 1) == NP_EDEADLINE, "no timeout");
		STRESS_CHECK(np_time() >= deadline, "a timeout came early");
	}
	np_close(ends[0]);
	np_close(ends[1]);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 5000);
	run(stress_fd_pair);
	run(stress_tcp_pair);
	never_early();
	return stress_end();
}
