/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/lead_races.c - threads that wait on one poller and are gone a moment later.
 *
 * A thread's record for the parker is its own, thread-local, and dies with it. Each passing thread
 * here waits once, is made ready from elsewhere, leaves and ends while who made it ready may still
 * be busy doing so. It runs on a stack of ours, where the C libraries that we know keep the
 * thread-local data too; when it has been joined the stack is made inaccessible, so that a late
 * touch of the record is a fault. Whoever leads among them hands the lead on at the same time.
 *
 * And the default poller: many threads ask for it first. That can be seen once in a process, so
 * each time is a process of its own.
 */
#include "tests/stress/stress.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#ifndef MAP_ANONYMOUS
#define MAP_ANONYMOUS MAP_ANON
#endif

enum { PASSING = 3, WAKERS = 2, ASKERS = 8, PROCESSES = 20 };

static const size_t STACK_SIZE = (size_t)1 << 20; /* with room for what a sanitizer adds */

/* ---- passing threads ---------------------------------------------------------------------- */

/* How a wait is ended, and with which result. */
enum way { BY_DATA, BY_DEADLINE, BY_MOVED_DEADLINE, BY_CLOSE, WAYS };

struct passing {
	struct np_fd *fds[2]; /* 0 reads */
	enum way way;
	void *stack;
	pthread_t thread;
};

static struct {
	struct passing passing[PASSING];
	struct stress_gate begin, end;
	bool is_over;
} scene;

static void *pass(void *arg)
{
	static const ssize_t expected[WAYS] = {
		[BY_DATA] = 1,
		[BY_DEADLINE] = NP_EDEADLINE,
		[BY_MOVED_DEADLINE] = NP_EDEADLINE,
		[BY_CLOSE] = NP_ECLOSED,
	};
	struct passing *passing = arg;
	struct np_fd *fd = passing->fds[0];
	char byte;
	ssize_t n;

	np_task_use_poller(stress_poller);
	n = np_read(fd, &byte, 1);
	STRESS_CHECK(n == expected[passing->way], "np_read returned %zd instead of %zd", n,
		     expected[passing->way]);
	return NULL;
}

static void start_passing(struct passing *passing)
{
	pthread_attr_t attr;
	int error;

	passing->stack =
		mmap(NULL, STACK_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	STRESS_CHECK(passing->stack != MAP_FAILED, "mmap: errno %d", errno);
	pthread_attr_init(&attr);
	pthread_attr_setstack(&attr, passing->stack, STACK_SIZE);
	error = pthread_create(&passing->thread, &attr, pass, passing);
	STRESS_CHECK(!error, "pthread_create: %s", strerror(error));
	pthread_attr_destroy(&attr);
}

static void join_passing(struct passing *passing)
{
	stress_join(passing->thread);
	STRESS_CHECK(mprotect(passing->stack, STACK_SIZE, PROT_NONE) == 0, "mprotect: errno %d",
		     errno);
}

static void wake(struct passing *passing, uint64_t *random)
{
	ssize_t n = 0;

	switch (passing->way) {
	case BY_DATA:
		n = np_write(passing->fds[1], "x", 1) - 1;
		break;
	case BY_DEADLINE:
		n = np_set_read_deadline(passing->fds[0],
					 np_deadline(stress_below(random, 50) * MICROSECOND));
		break;
	case BY_MOVED_DEADLINE:
		n = np_set_read_deadline(passing->fds[0], np_deadline(HOUR));
		stress_jitter(random);
		if (n == 0)
			n = np_set_read_deadline(passing->fds[0], -1);
		break;
	default:
		n = np_cancel_io(passing->fds[0]);
	}
	STRESS_CHECK(n == 0, "a wake-up failed: %zd", n);
}

/* The wakers share the passing threads out among themselves. */
static void *run_waker(void *arg)
{
	size_t first = (size_t)(uintptr_t)arg;
	uint64_t random = stress_seed((unsigned)first);

	for (;;) {
		stress_gate_pass(&scene.begin);
		if (scene.is_over)
			return NULL;
		for (size_t i = first; i < PASSING; i += WAKERS) {
			for (unsigned pause = stress_below(&random, 16); pause > 0; pause--)
				stress_jitter(&random);
			wake(&scene.passing[i], &random);
		}
		stress_gate_pass(&scene.end);
	}
}

/* Plays with the waiters above: waits all the time, so it leads as often as any, and stays. */
static void *run_resident(void *arg)
{
	struct np_fd *fd = arg;
	char byte;
	ssize_t n;

	while ((n = np_read(fd, &byte, 1)) == 1)
		;
	STRESS_CHECK(n == NP_ECLOSED, "np_read returned %zd", n);
	return NULL;
}

static void run_round(uint64_t *random, struct np_fd *resident)
{
	for (int i = 0; i < PASSING; i++) {
		stress_fd_pair(scene.passing[i].fds);
		scene.passing[i].way = (enum way)stress_below(random, WAYS);
		start_passing(&scene.passing[i]);
	}
	if (resident && stress_below(random, 2))
		np_write(resident, "x", 1);
	stress_gate_pass(&scene.begin);
	for (int i = 0; i < PASSING; i++)
		join_passing(&scene.passing[i]);
	stress_gate_pass(&scene.end);
	for (int i = 0; i < PASSING; i++) {
		np_close(scene.passing[i].fds[0]);
		np_close(scene.passing[i].fds[1]);
		munmap(scene.passing[i].stack, STACK_SIZE);
	}
}

/* @resident is where to write for the one who stays, NULL if nobody does. */
static void come_and_go(struct np_fd *resident)
{
	uint64_t random = stress_seed(100);
	pthread_t wakers[WAKERS];

	scene.is_over = false;
	stress_gate_init(&scene.begin, WAKERS + 1);
	stress_gate_init(&scene.end, WAKERS + 1);
	for (size_t i = 0; i < WAKERS; i++)
		wakers[i] = stress_start(run_waker, (void *)(uintptr_t)i);
	for (int round = 0; round < stress_rounds; round++)
		run_round(&random, resident);
	scene.is_over = true;
	stress_gate_pass(&scene.begin);
	for (int i = 0; i < WAKERS; i++)
		stress_join(wakers[i]);
}

static void come_and_go_around_resident(void)
{
	struct np_fd *fds[2];
	pthread_t resident;

	stress_fd_pair(fds);
	resident = stress_start(run_resident, np_ref(fds[0]));
	come_and_go(fds[1]);
	np_close(fds[0]);
	stress_join(resident);
	np_unref(fds[0]);
	np_close(fds[1]);
}

/* ---- the default poller ------------------------------------------------------------------- */

struct asker {
	struct stress_gate *gate;
	struct np_poller *got;
};

/* Asks in one of two ways: by name, or by waiting with no poller of its own. */
static void *ask_for_default(void *arg)
{
	struct asker *asker = arg;
	struct np_fd *fds[2];
	char byte;
	ssize_t n;
	int error;

	np_task_use_poller(NULL);
	stress_fd_pair(fds);
	stress_gate_pass(asker->gate);
	np_set_read_deadline(fds[0], np_deadline(100 * MICROSECOND));
	n = np_read(fds[0], &byte, 1);
	STRESS_CHECK(n == NP_EDEADLINE, "np_read returned %zd", n);
	error = np_poller_default(&asker->got);
	STRESS_CHECK(!error, "np_poller_default: %s", np_strerror(error));
	np_close(fds[0]);
	np_close(fds[1]);
	return NULL;
}

static void create_default(void)
{
	struct asker askers[ASKERS];
	pthread_t threads[ASKERS];
	struct np_poller_stats stats;
	struct stress_gate gate;
	int error;

	stress_gate_init(&gate, ASKERS);
	for (int i = 0; i < ASKERS; i++) {
		askers[i] = (struct asker){ .gate = &gate };
		threads[i] = stress_start(ask_for_default, &askers[i]);
	}
	for (int i = 0; i < ASKERS; i++) {
		stress_join(threads[i]);
		STRESS_CHECK(askers[i].got == askers[0].got, "there are two default pollers");
	}
	np_poller_get_stats(askers[0].got, &stats);
	STRESS_CHECK(stats.descriptors == 0, "%zu poll descriptors are left", stats.descriptors);
	error = np_poller_destroy(askers[0].got);
	STRESS_CHECK(error == -EINVAL, "the default poller was destroyed: %d", error);
}

/* Forks while the process has one thread only. */
static void create_defaults(void)
{
	stress_phase("many first askers for the default poller");
	for (int i = 0; i < PROCESSES; i++) {
		pid_t child = fork();
		int status;

		STRESS_CHECK(child >= 0, "fork: errno %d", errno);
		if (child == 0) {
			create_default();
			_exit(0);
		}
		STRESS_CHECK(waitpid(child, &status, 0) == child, "waitpid: errno %d", errno);
		STRESS_CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 0,
			     "the process number %d ended with status %#x", i, (unsigned)status);
	}
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 200);
	create_defaults();
	stress_phase("threads that come and go");
	come_and_go(NULL);
	stress_phase("threads that come and go, and one that stays");
	come_and_go_around_resident();
	return stress_end();
}
