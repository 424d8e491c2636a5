/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/deadlocks.c - a deadlock is told of a process that has no threads but netpark's,
 * also right after others have ended; and never while somebody may wake a fiber.
 */
#include "tests/stress/stress.h"

#include <netpark/park.h>

#include <pthread.h>
#include <stdatomic.h>
#include <time.h>
#include <unistd.h>

/* ThreadSanitizer has a thread of its own. */
#ifdef __SANITIZE_THREAD__
#define FLAGS NP_RUN_ALONE
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLAGS NP_RUN_ALONE
#endif
#endif
#ifndef FLAGS
#define FLAGS 0
#endif

static atomic_int told;

static void note(const char *what)
{
	(void)what;
	atomic_fetch_add(&told, 1);
}

static struct np_channel *channel;

static int receive(void *arg)
{
	int value;

	(void)arg;
	return np_channel_receive(channel, &value);
}

static void *nothing(void *arg)
{
	return arg;
}

static int return_0(void *arg)
{
	(void)arg;
	return 0;
}

/* Threads that have been joined, calls that have returned: none of these comes back. */
static int get_stuck(void *arg)
{
	struct np_group group = { 0 };
	pthread_t thread;

	(void)arg;
	for (int i = 0; i < 8; i++)
		np_group_go(&group, receive, NULL);
	pthread_create(&thread, NULL, nothing, NULL);
	pthread_join(thread, NULL);
	np_blocking(return_0, NULL);
	np_sleep(1000);
	return np_group_join(&group);
}

/* ---- calls that were given up ------------------------------------------------------------- */

static int answers[2]; /* a pipe, a byte for each */
static atomic_int late;

static void wait_for_answer(struct np_detached *self)
{
	char answer;

	(void)self;
	while (read(answers[0], &answer, 1) != 1)
		;
}

static void note_end(struct np_detached *self)
{
	(void)self;
	atomic_fetch_sub(&late, 1);
}

/* Their threads outlive the runtime. They will wake nobody, of this one or another. */
static int leave_behind(void *arg)
{
	static struct np_detached calls[2];
	struct np_task *self = np_task_self();

	(void)arg;
	for (int i = 0; i < 2; i++) {
		calls[i] = (struct np_detached){ .run = wait_for_answer, .drop = note_end };
		calls[i].abandoned = 1;
		atomic_fetch_add(&late, 1);
		STRESS_CHECK(self->parker->detach(self, &calls[i]) == 0, "no thread");
	}
	return 0;
}

static void end_late_calls(void)
{
	STRESS_CHECK(write(answers[1], "yy", 2) == 2, "no answers");
	STRESS_UNTIL(atomic_load(&late) == 0);
}

/* ------------------------------------------------------------------------------------------- */

static void *send_later(void *arg)
{
	const struct timespec pause = { 0, 30 * 1000 * 1000 };
	int value = 1;

	nanosleep(&pause, NULL);
	np_channel_send(channel, &value);
	return arg;
}

static int wait_for_thread(void *arg)
{
	pthread_t thread;
	int result;

	(void)arg;
	pthread_create(&thread, NULL, send_later, NULL);
	result = receive(NULL);
	pthread_join(thread, NULL);
	return result;
}

int main(int argc, char **argv)
{
	static const unsigned counts[] = { 1, 2, 8 };
	struct np_run_options options = { .flags = FLAGS };

	STRESS_CHECK(pipe(answers) == 0, "no pipe");
	stress_begin(argc, argv, 1);
	options.backend = stress_backend;
	np_set_misuse_hook(note);
	for (int i = 0; i < 3; i++) {
		options.workers = counts[i];
		STRESS_CHECK(np_channel_create(sizeof(int), 0, &channel) == 0, "no channel");
		STRESS_CHECK(np_run(leave_behind, NULL, &options) == 0, "no runtime");
		STRESS_CHECK(np_run(get_stuck, NULL, &options) == NP_EDEADLOCK, "not noticed");
		STRESS_CHECK(atomic_exchange(&told, 0) == 1, "told %d times", told);
		end_late_calls();
		options.flags = 0;
		STRESS_CHECK(np_run(wait_for_thread, NULL, &options) == 0, "a false alarm");
		STRESS_CHECK(atomic_load(&told) == 0, "told falsely");
		options.flags = FLAGS;
		np_channel_destroy(channel);
	}
	return stress_end();
}
