/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/wake.c - the other thread. */
#include "wake.h"

#include "../die.h"
#include "../measure.h"

#include <pthread.h>
#include <semaphore.h>

static sem_t answered;
static sem_t may_go_on;

/* Of the thread that wakes; the other one sees them by its wake-up. */
static bool keeps_busy;
static bool is_over;

static void wait_for(sem_t *semaphore)
{
	while (sem_wait(semaphore) != 0)
		;
}

void wake_ready(void)
{
	sem_post(&answered);
}

bool wake_answer(void)
{
	bool goes_on = !is_over, waits = keeps_busy;

	sem_post(&answered);
	if (waits)
		wait_for(&may_go_on);
	return goes_on;
}

static void *run(void *arg)
{
	wake_run();
	return arg;
}

static int64_t trip(unsigned long count)
{
	int64_t begin = measure_time_ns();

	for (unsigned long i = 0; i < count; i++) {
		wake();
		wait_for(&answered);
	}
	return measure_time_ns() - begin;
}

static int64_t pending(unsigned long count)
{
	int64_t begin;

	keeps_busy = true;
	wake();
	wait_for(&answered);
	wake();
	begin = measure_time_ns();
	for (unsigned long i = 0; i < count; i++)
		wake();
	begin = measure_time_ns() - begin;
	keeps_busy = false;
	sem_post(&may_go_on);
	wait_for(&answered);
	return begin;
}

int main(int argc, char **argv)
{
	static const struct measure measures[] = {
		{ "trip", 100, trip },
		{ "pending", 10000, pending },
	};
	pthread_t thread;

	measure_parse(argc, argv);
	sem_init(&answered, 0, 0);
	sem_init(&may_go_on, 0, 0);
	if (pthread_create(&thread, NULL, run, NULL) != 0)
		die("pthread_create");
	wait_for(&answered);
	measure_all(measures, sizeof(measures) / sizeof(measures[0]));
	is_over = true;
	wake();
	pthread_join(thread, NULL);
	return 0;
}
