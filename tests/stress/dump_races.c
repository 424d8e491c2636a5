/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/dump_races.c - reports are written while fibers begin, switch, wait, are woken,
 * cancelled and end on all workers, and while threads wait and end.
 *
 * Fibers and threads write reports to where nobody reads them. What is read is one of them each
 * time: a fiber that sleeps through it all must be in every one, exactly once.
 */
#include "tests/stress/stress.h"

#include <netpark/dump.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FIBERS = 30, THREADS = 3, TEXT_MAX = 1 << 20 };

static atomic_bool over;
static int nowhere;
static struct np_mutex mutex;
static struct np_channel *channel;

/* ---- what is reported on ------------------------------------------------------------------ */

static void begin_and_end(void *arg)
{
	(void)arg;
	np_yield();
}

static void wait_once(uint64_t *random, struct np_fd *fd)
{
	int64_t soon = np_deadline((1 + stress_below(random, 100)) * MICROSECOND);
	uint64_t element = 0;

	switch (stress_below(random, 7)) {
	case 0:
		np_sleep(stress_below(random, 100) * MICROSECOND);
		break;
	case 1:
		np_set_read_deadline(fd, soon);
		np_read(fd, &element, sizeof(element));
		break;
	case 2:
		np_channel_send_until(channel, &element, soon);
		break;
	case 3:
		np_channel_receive_until(channel, &element, soon);
		break;
	case 4:
		np_mutex_lock(&mutex);
		np_yield();
		np_mutex_unlock(&mutex);
		break;
	case 5:
		np_go(begin_and_end, NULL);
		break;
	default:
		np_set_name(stress_below(random, 2) ? "odd" : NULL);
		np_yield();
	}
}

static int wait_often(void *arg)
{
	uint64_t random = stress_seed((unsigned)(uintptr_t)arg);
	struct np_fd *fds[2];

	stress_fd_pair(fds);
	while (!atomic_load(&over) && !np_is_canceled())
		wait_once(&random, fds[0]);
	np_close(fds[0]);
	np_close(fds[1]);
	return 0;
}

static void *wait_in_thread(void *arg)
{
	uint64_t random = stress_seed(100 + (unsigned)(uintptr_t)arg);
	struct np_fd *fds[2];

	np_set_name("thread");
	stress_fd_pair(fds);
	for (int i = 0; i < 20; i++)
		wait_once(&random, fds[0]);
	np_close(fds[0]);
	np_close(fds[1]);
	return NULL;
}

/* ---- who reports -------------------------------------------------------------------------- */

/* Now at once again, now after a while in which others come further. */
static int dump_often(void *arg)
{
	uint64_t random = stress_seed((unsigned)(uintptr_t)arg);

	while (!atomic_load(&over)) {
		STRESS_CHECK(np_dump(nowhere) == 0, "np_dump to nowhere");
		if (stress_below(&random, 2))
			np_sleep(stress_below(&random, 1000) * MICROSECOND);
		else
			np_yield();
	}
	return 0;
}

static void *dump_from_thread(void *arg)
{
	dump_often(arg);
	return NULL;
}

static int sleep_through(void *arg)
{
	np_set_name("sleeper");
	*(_Atomic np_fiber_id *)arg = np_self();
	return np_sleep(HOUR);
}

static int count_in(const char *text, const char *what)
{
	int count = 0;

	while ((text = strstr(text, what))) {
		count++;
		text++;
	}
	return count;
}

static void read_one(const char *expected)
{
	FILE *file = tmpfile();
	char *text = calloc(1, TEXT_MAX);

	STRESS_CHECK(file && text, "no file, or no memory");
	STRESS_CHECK(np_dump(fileno(file)) == 0, "np_dump to a file");
	rewind(file);
	STRESS_CHECK(fread(text, 1, TEXT_MAX - 1, file) > 0, "an empty report");
	STRESS_CHECK(count_in(text, expected) == 1, "%d times \"%s\" in:\n%s",
		     count_in(text, expected), expected, text);
	fclose(file);
	free(text);
}

static int run_threads(void *arg)
{
	pthread_t threads[THREADS];

	(void)arg;
	for (uintptr_t i = 0; i < THREADS; i++)
		threads[i] = stress_start(wait_in_thread, (void *)i);
	for (int i = 0; i < THREADS; i++)
		stress_join(threads[i]);
	return 0;
}

static int join_dumper(void *thread)
{
	stress_join(*(pthread_t *)thread);
	return 0;
}

static int run_all(void *arg)
{
	static _Atomic np_fiber_id sleeper;
	struct np_group group = { 0 };
	struct np_group sleepers = { 0 };
	pthread_t thread = stress_start(dump_from_thread, (void *)200);
	char expected[64];

	(void)arg;
	atomic_store(&sleeper, 0);
	STRESS_CHECK(!np_group_go(&sleepers, sleep_through, &sleeper), "np_group_go");
	STRESS_CHECK(!np_group_go(&group, dump_often, (void *)201), "np_group_go");
	for (uintptr_t i = 0; i < FIBERS; i++)
		STRESS_CHECK(!np_group_go(&group, wait_often, (void *)i), "np_group_go");
	while (!atomic_load(&sleeper))
		np_yield();
	snprintf(expected, sizeof(expected), "fiber %llu ",
		 (unsigned long long)atomic_load(&sleeper));
	for (int round = 0; round < stress_rounds; round++) {
		read_one(expected);
		np_blocking(run_threads, NULL);
		np_sleep(100 * MICROSECOND);
	}
	np_group_cancel(&sleepers);
	STRESS_CHECK(np_group_join(&sleepers) == NP_ECANCELED, "the sleeper");
	atomic_store(&over, true);
	STRESS_CHECK(np_group_join(&group) == 0, "the group");
	return np_blocking(join_dumper, &thread);
}

static void storm(unsigned workers)
{
	const struct np_run_options options = { .workers = workers, .backend = stress_backend };

	atomic_store(&over, false);
	STRESS_CHECK(np_run(run_all, NULL, &options) == 0, "np_run on %u workers", workers);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 12);
	nowhere = open("/dev/null", O_WRONLY);
	STRESS_CHECK(np_channel_create(sizeof(uint64_t), 1, &channel) == 0, "np_channel_create");
	stress_phase("one worker");
	storm(1);
	stress_phase("two workers");
	storm(2);
	stress_phase("eight workers");
	storm(8);
	np_channel_destroy(channel);
	close(nowhere);
	return stress_end();
}
