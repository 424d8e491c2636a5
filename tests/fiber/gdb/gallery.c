/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/gdb/gallery.c - one fiber in each state, on two workers, for a debugger to look at.
 *
 * When gallery_is_open() is called all stand where their names say. No sleep makes that so: main
 * keeps its worker to itself until the other one has gone to who computes for ever, and from then
 * on whoever parks does it before main goes on.
 */
#include <netpark.h>

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

enum { DESCRIPTOR = 50 };

static const int64_t HOUR = INT64_C(3600) * 1000000000;

static atomic_int arrived; /* have parked, or are about to */
static atomic_bool computing;
static atomic_bool closed;
static atomic_bool left;
static np_fiber_id computer_id;
static volatile int sink;

void gallery_is_open(void);

/*
 * The library's, too: then the kernel has no guard regions, and a stack's guard is a mapping of its
 * own. gdb's generate-core-file gives up on a mapping at the first page that it cannot read, so
 * with guard regions the stacks would not be in its core files. The kernel's have them.
 */
int madvise(void *base, size_t size, int advice)
{
	(void)base, (void)size, (void)advice;
	errno = EINVAL;
	return -1;
}

static void check(bool condition)
{
	if (!condition)
		abort();
}

__attribute__((noinline)) static void wait_for_bytes(struct np_fd *fd)
{
	char byte;

	np_set_name("reader");
	arrived++;
	check(np_read(fd, &byte, 1) == NP_ECANCELED);
	np_close(fd);
}

__attribute__((noinline)) static void doze(void)
{
	arrived++;
	check(np_sleep(HOUR) == NP_ECANCELED);
	sink = 1;
}

__attribute__((noinline)) static void wait_for_message(struct np_channel *channel)
{
	int message;

	np_set_name("receiver \"one\"");
	arrived++;
	check(np_channel_receive(channel, &message) == NP_ECANCELED);
	np_channel_destroy(channel);
}

__attribute__((noinline)) static void get_message(struct np_channel *channel)
{
	int message;

	arrived++;
	check(np_channel_receive(channel, &message) == 0);
	np_channel_destroy(channel);
}

/*
 * The arguments are used after the switch, and by nobody on the way there, so they are in registers
 * that the switch keeps, all there are, and in the frame.
 */
__attribute__((noinline)) static void be_polite(int a, int b, int c, int d, int e, int f)
{
	arrived++;
	do {
		np_yield();
		sink = a;
		sink = b;
		sink = c;
		sink = d;
		sink = e;
		sink = f;
	} while (!np_is_canceled());
}

__attribute__((noinline)) static void compute(void)
{
	computing = true;
	while (!closed)
		sink++;
}

static void reader(void *arg)
{
	wait_for_bytes(arg);
	sink = 6;
}

static void sleeper(void *arg)
{
	(void)arg;
	doze();
	sink = 2;
}

static void receiver(void *arg)
{
	wait_for_message(arg);
	sink = 3;
}

static void winner(void *arg)
{
	get_message(arg);
	sink = 3;
}

static void yielder(void *arg)
{
	const int *number = arg;

	be_polite(*number + 1, *number + 2, *number + 3, *number + 4, *number + 5, *number + 6);
}

/* Takes the other worker, with a fiber that is parked there. */
static void computer(void *arg)
{
	np_set_name("computer");
	computer_id = np_self();
	check(np_go(sleeper, arg) == 0);
	while (arrived < 1)
		np_yield();
	compute();
	sink = 4;
}

static void newborn(void *arg)
{
	(void)arg;
}

__attribute__((noinline)) void gallery_is_open(void)
{
	sink = 5;
}

static int run(void *arg)
{
	static int number = 2000;
	struct np_channel *silent, *channel;
	struct np_fd *fd;
	int ends[2];

	(void)arg;
	check(pipe(ends) == 0 && dup2(ends[0], DESCRIPTOR) == DESCRIPTOR && !close(ends[0]));
	check(np_fd_open(DESCRIPTOR, 0, &fd) == 0);
	check(np_channel_create(sizeof(int), 0, &silent) == 0);
	check(np_channel_create(sizeof(int), 0, &channel) == 0);
	check(np_go(computer, NULL) == 0);
	while (!computing)
		sched_yield(); /* the thread's, not the fiber's */
	check(np_go(reader, fd) == 0);
	check(np_go(receiver, silent) == 0);
	check(np_go(winner, channel) == 0);
	check(np_go(yielder, &number) == 0);
	while (arrived < 5)
		np_yield();
	check(np_go(newborn, NULL) == 0);
	check(np_channel_try_send(channel, &number) == 0);
	check(np_cancel(computer_id) == 0);
	gallery_is_open();
	closed = true;
	return close(ends[1]);
}

static void *run_fibers(void *arg)
{
	const struct np_run_options options = { .workers = 2 };

	check(np_run(run, arg, &options) == 0);
	left = true;
	return NULL;
}

/* Another thread, which never leaves main(): there gdb's walks usually end. */
int main(void)
{
	pthread_t thread;

	check(pthread_create(&thread, NULL, run_fibers, NULL) == 0);
	while (!left)
		sink++;
	return pthread_join(thread, NULL);
}
