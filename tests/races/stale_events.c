/* SPDX-License-Identifier: MIT */
/*
 * tests/races/stale_events.c - descriptors closed and reused at full speed by several threads:
 * never an event for the wrong one.
 *
 * Half of the descriptors are busy: their peers write, so reports of them are always on their way
 * when they are closed. The other half are quiet: nobody ever writes to them, so a wait to read one
 * may only end by its deadline. Numbers and poll descriptors go from one to the other all the time.
 */
#include "tests/races/stress.h"

#include <unistd.h>

enum { THREADS = 4 };

static void be_busy(uint64_t *random)
{
	struct np_poll_desc *desc;
	char bytes[4] = { 0 };
	int fds[2];

	stress_socketpair(fds);
	STRESS_CHECK(np_poll_open(stress_poller, fds[0], &desc) == 0, "open");
	/* Closed at different moments: before, while and after the report is on its way. */
	STRESS_CHECK(write(fds[1], bytes, 1) == 1, "write");
	if (stress_random(random) % 2)
		STRESS_CHECK(np_poll_wait(desc, NP_READ) == 0,
			     "a busy descriptor was not reported");
	STRESS_CHECK(write(fds[1], bytes, sizeof(bytes)) == sizeof(bytes), "write");
	np_poll_unblock(desc);
	np_poll_close(desc);
	close(fds[0]);
	close(fds[1]);
}

static void be_quiet(uint64_t *random)
{
	struct np_poll_desc *desc;
	int fds[2];
	int result;

	stress_socketpair(fds);
	STRESS_CHECK(np_poll_open(stress_poller, fds[0], &desc) == 0, "open");
	np_poll_set_deadline(desc, np_deadline((int64_t)(stress_random(random) % 200000)), NP_READ);
	result = np_poll_wait(desc, NP_READ);
	STRESS_CHECK(result == NP_EDEADLINE, "a quiet descriptor was reported: %d", result);
	np_poll_unblock(desc);
	np_poll_close(desc);
	close(fds[0]);
	close(fds[1]);
}

static void *churn(void *arg)
{
	uint64_t random = stress_random_of((unsigned)(uintptr_t)arg);

	for (long i = 0; i < stress_rounds; i++) {
		if (stress_random(&random) % 4)
			be_busy(&random);
		else
			be_quiet(&random);
	}
	return NULL;
}

int main(int argc, char **argv)
{
	pthread_t threads[THREADS];

	stress_begin(argc, argv, 2000);
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = stress_start(churn, (void *)i);
	for (int i = 0; i < THREADS; i++)
		stress_join(threads[i]);
	return stress_end();
}
