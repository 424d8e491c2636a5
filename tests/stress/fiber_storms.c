/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/fiber_storms.c - fibers that are started, woken, closed upon and cancelled at full
 * speed, on several workers and from threads.
 *
 * Every fiber counts its beginning and its end; each storm ends when all have ended, and says how
 * its calls ended: only in the ways that were asked for.
 */
#include "tests/stress/stress.h"

#include <netpark/fiber.h>

#include <stdlib.h>

enum { STARTERS = 8, EACH = 50, PAIRS = 16 };

static atomic_int begun, ended;

static void storm(int (*body)(void *arg))
{
	static const unsigned workers[] = { 1, 2, 8 };

	for (size_t i = 0; i < sizeof(workers) / sizeof(workers[0]); i++) {
		const struct np_run_options options = {
			.workers = workers[i],
			.backend = stress_backend,
		};
		int result;

		atomic_store(&begun, 0);
		atomic_store(&ended, 0);
		result = np_run(body, NULL, &options);
		STRESS_CHECK(result == 0, "np_run on %u workers: %s", workers[i],
			     np_strerror(result));
		STRESS_CHECK(atomic_load(&begun) == atomic_load(&ended),
			     "%d fibers began, %d ended", atomic_load(&begun), atomic_load(&ended));
	}
}

/* ---- starting ----------------------------------------------------------------------------- */

static void live_shortly(void *arg)
{
	atomic_fetch_add(&begun, 1);
	if (arg)
		np_yield();
	atomic_fetch_add(&ended, 1);
}

static int start_many(void *arg)
{
	uint64_t random = stress_seed((unsigned)(uintptr_t)arg);

	for (int i = 0; i < EACH; i++) {
		void *yields = stress_below(&random, 2) ? &random : NULL;
		int error = np_go(live_shortly, yields);

		STRESS_CHECK(!error, "np_go: %s", np_strerror(error));
		if (stress_below(&random, 8) == 0)
			np_yield();
	}
	return 0;
}

static void *start_from_thread(void *arg)
{
	start_many(arg);
	return NULL;
}

static int start_storm(void *arg)
{
	for (int round = 0; round < stress_rounds; round++) {
		struct np_group group = { 0 };
		pthread_t thread = stress_start(start_from_thread, arg);

		for (uintptr_t i = 0; i < STARTERS; i++)
			STRESS_CHECK(!np_group_go(&group, start_many, (void *)i), "np_group_go");
		STRESS_CHECK(np_group_join(&group) == 0, "a starter failed");
		stress_join(thread);
	}
	return 0;
}

/* ---- cancelling --------------------------------------------------------------------------- */

static int wait_somehow(void *arg)
{
	struct np_fd *fd = arg;
	uint64_t random = stress_seed(1000 + (unsigned)atomic_fetch_add(&begun, 1));
	char byte;
	ssize_t n = 0;

	while (n == 0 || n == NP_EDEADLINE) {
		switch (stress_below(&random, 4)) {
		case 0:
			n = np_sleep(stress_below(&random, 200) * MICROSECOND);
			break;
		case 1:
			n = np_read(fd, &byte, 1);
			break;
		case 2:
			np_set_read_deadline(fd,
					     np_deadline(stress_below(&random, 100) * MICROSECOND));
			break;
		default:
			np_yield();
		}
	}
	STRESS_CHECK(n == NP_ECANCELED || n == NP_ECLOSED, "a wait ended with %zd", n);
	atomic_fetch_add(&ended, 1);
	return (int)n;
}

static int cancel_round(uint64_t *random)
{
	struct np_group group = { 0 };
	struct np_fd *fds[2];
	int result;

	stress_fd_pair(fds);
	for (int i = 0; i < PAIRS; i++)
		STRESS_CHECK(!np_group_go(&group, wait_somehow, fds[0]), "np_group_go");
	for (unsigned pause = stress_below(random, 20); pause > 0; pause--) {
		stress_jitter(random);
		np_yield();
	}
	if (stress_below(random, 2))
		np_cancel_io(fds[0]);
	if (stress_below(random, 2))
		np_sleep(stress_below(random, 50) * MICROSECOND);
	np_group_cancel(&group);
	result = np_group_join(&group);
	STRESS_CHECK(result == NP_ECANCELED || result == NP_ECLOSED, "the group: %d", result);
	np_close(fds[0]);
	np_close(fds[1]);
	return 0;
}

static int cancel_storm(void *arg)
{
	uint64_t random = stress_seed(2000);

	(void)arg;
	for (int round = 0; round < stress_rounds; round++)
		cancel_round(&random);
	return 0;
}

/* ---- waking across workers ---------------------------------------------------------------- */

static int echo(void *arg)
{
	struct np_fd *fd = arg;
	char buf[16];
	ssize_t n;

	atomic_fetch_add(&begun, 1);
	while ((n = np_read(fd, buf, sizeof(buf))) > 0)
		STRESS_CHECK(np_write(fd, buf, (size_t)n) == n, "a short write");
	STRESS_CHECK(n == 0, "np_read: %zd", n);
	np_close(fd);
	atomic_fetch_add(&ended, 1);
	return 0;
}

static int converse(void *arg)
{
	struct np_fd *fd = arg;

	atomic_fetch_add(&begun, 1);
	for (int i = 0; i < EACH; i++) {
		int reply = -1;

		STRESS_CHECK(np_write(fd, &i, sizeof(i)) == sizeof(i), "a short write");
		STRESS_CHECK(np_read(fd, &reply, sizeof(reply)) == sizeof(reply), "a short read");
		STRESS_CHECK(reply == i, "%d came back as %d", i, reply);
	}
	np_close(fd);
	atomic_fetch_add(&ended, 1);
	return 0;
}

static int wake_storm(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < PAIRS * 4; i++) {
		struct np_fd *fds[2];

		stress_fd_pair(fds);
		STRESS_CHECK(!np_group_go(&group, echo, fds[0]), "np_group_go");
		STRESS_CHECK(!np_group_go(&group, converse, fds[1]), "np_group_go");
	}
	return np_group_join(&group);
}

/* ---- blocking calls ----------------------------------------------------------------------- */

static int answer(void *arg)
{
	return *(int *)arg + 1;
}

static int block(void *arg)
{
	atomic_fetch_add(&begun, 1);
	for (int i = 0; i < EACH; i++)
		STRESS_CHECK(np_blocking(answer, &i) == i + 1, "a blocking call answered wrongly");
	atomic_fetch_add(&ended, 1);
	(void)arg;
	return 0;
}

static int block_storm(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < PAIRS; i++)
		STRESS_CHECK(!np_group_go(&group, block, NULL), "np_group_go");
	return np_group_join(&group);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 20);
	stress_phase("starting");
	storm(start_storm);
	stress_phase("cancelling");
	storm(cancel_storm);
	stress_phase("waking");
	storm(wake_storm);
	stress_phase("blocking calls");
	storm(block_storm);
	return stress_end();
}
