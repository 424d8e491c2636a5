/* SPDX-License-Identifier: MIT */
/*
 * tests/host/signals.c - signals that come all the time, with and without SA_RESTART, end no call
 * early and are no result; a profiler's timer and a small alternate stack do no harm; and SIGPIPE,
 * left as it was, is never raised for a socket.
 */
#include "tests/host/host.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LARGE = 1 << 20 }; /* more than a socket's buffers hold */
enum { ROUNDS = 20 };
enum { SIGNALS_PER_CALL = 20 };

static const int64_t MILLISECOND = 1000000;

/* ---- storms -------------------------------------------------------------------------------- */

static atomic_int signals_taken;

static void take_signal(int number)
{
	(void)number;
	atomic_fetch_add(&signals_taken, 1);
}

static void handle_by(int number, void (*handler)(int), int flags)
{
	struct sigaction action = { .sa_handler = handler, .sa_flags = flags };

	sigemptyset(&action.sa_mask);
	HOST_CHECK(sigaction(number, &action, NULL) == 0, "sigaction: errno %d", errno);
}

/* Signals for one thread until it has taken enough of them, then its call may end. */
struct storm {
	pthread_t target;
	void (*end)(struct storm *storm); /* makes the call possible */
	struct np_fd *ends[2], *listener;
	char address[NP_ADDR_TEXT_MAX];
	struct np_semaphore semaphore;
	struct np_channel *channel;
	char *data;
};

/* One at a time: the next when this one was taken. */
static void *blow(void *arg)
{
	struct storm *storm = arg;

	host_use_backend();
	for (int i = 0; i < SIGNALS_PER_CALL; i++) {
		int before = atomic_load(&signals_taken);

		pthread_kill(storm->target, SIGUSR1);
		HOST_UNTIL(atomic_load(&signals_taken) != before);
	}
	storm->end(storm);
	return NULL;
}

static void end_read(struct storm *storm)
{
	HOST_EXPECT(np_write(storm->ends[1], "x", 1), 1);
}

static void call_read(struct storm *storm)
{
	char byte;

	HOST_EXPECT(np_read(storm->ends[0], &byte, 1), 1);
}

static void call_wait(struct storm *storm)
{
	char byte;

	HOST_EXPECT(np_wait(storm->ends[0], NP_READ), 0);
	HOST_EXPECT(np_read(storm->ends[0], &byte, 1), 1);
}

static void end_write(struct storm *storm)
{
	char *got = malloc(LARGE);

	HOST_CHECK(got, "out of memory");
	HOST_EXPECT(np_read_full(storm->ends[1], got, LARGE), LARGE);
	HOST_CHECK(memcmp(got, storm->data, LARGE) == 0, "other bytes arrive");
	free(got);
}

static void call_write(struct storm *storm)
{
	HOST_EXPECT(np_write(storm->ends[0], storm->data, LARGE), LARGE);
}

static void call_sendfile(struct storm *storm)
{
	FILE *whole = tmpfile();
	struct np_fd *file;

	HOST_CHECK(whole, "tmpfile: errno %d", errno);
	HOST_EXPECT(np_fd_open(dup(fileno(whole)), 0, &file), 0);
	fclose(whole);
	HOST_EXPECT(np_pwrite(file, storm->data, LARGE, 0), LARGE);
	HOST_EXPECT(np_sendfile(storm->ends[0], file, 0, -1), LARGE);
	HOST_EXPECT(np_close(file), 0);
}

static void end_copy(struct storm *storm)
{
	HOST_EXPECT(np_write(storm->ends[1], storm->data, 5), 5);
	HOST_EXPECT(np_read_full(storm->ends[1], storm->data, 5), 5);
}

/* Back to where it comes from. */
static void call_copy(struct storm *storm)
{
	HOST_EXPECT(np_copy(storm->ends[0], storm->ends[0], 5), 5);
}

static void end_accept(struct storm *storm)
{
	struct np_fd *conn;

	HOST_EXPECT(np_dial("tcp", storm->address, 0, &conn), 0);
	HOST_EXPECT(np_close(conn), 0);
}

static void call_accept(struct storm *storm)
{
	struct np_fd *conn;

	HOST_EXPECT(np_accept(storm->listener, &conn), 0);
	HOST_EXPECT(np_close(conn), 0);
}

static void end_dial(struct storm *storm)
{
	(void)storm;
}

/* Again and again, for as long as signals come. */
static void call_dial(struct storm *storm)
{
	for (int i = 0; i < ROUNDS; i++) {
		struct np_fd *dialled, *accepted;

		HOST_EXPECT(np_dial("tcp", storm->address, 0, &dialled), 0);
		HOST_EXPECT(np_accept(storm->listener, &accepted), 0);
		HOST_EXPECT(np_close(dialled), 0);
		HOST_EXPECT(np_close(accepted), 0);
	}
}

static void call_sleep(struct storm *storm)
{
	int64_t began = np_time();

	(void)storm;
	HOST_EXPECT(np_sleep(5 * MILLISECOND), 0);
	HOST_CHECK(np_time() - began >= 5 * MILLISECOND, "it woke early");
}

static void end_semaphore(struct storm *storm)
{
	HOST_EXPECT(np_semaphore_release(&storm->semaphore, 1), 0);
}

static void call_semaphore(struct storm *storm)
{
	HOST_EXPECT(np_semaphore_acquire(&storm->semaphore, 1), 0);
}

static void end_channel(struct storm *storm)
{
	HOST_EXPECT(np_channel_send(storm->channel, "x"), 0);
}

static void call_channel(struct storm *storm)
{
	char byte;

	HOST_EXPECT(np_channel_receive(storm->channel, &byte), 0);
}

static int block(void *arg)
{
	return np_semaphore_acquire(arg, 1);
}

static void call_blocking(struct storm *storm)
{
	HOST_EXPECT(np_blocking(block, &storm->semaphore), 0);
}

static void call_resolve(struct storm *storm)
{
	struct np_addr addrs[4];

	(void)storm;
	HOST_EXPECT(np_resolve("tcp", "127.0.0.1:80", 0, addrs, 4), 1);
}

static const struct blocking_call {
	const char *name;
	void (*make)(struct storm *storm);
	void (*end)(struct storm *storm);
} calls[] = {
	{ "read", call_read, end_read },
	{ "wait", call_wait, end_read },
	{ "write", call_write, end_write },
	{ "sendfile", call_sendfile, end_write },
	{ "copy", call_copy, end_copy },
	{ "accept", call_accept, end_accept },
	{ "dial", call_dial, end_dial },
	{ "sleep", call_sleep, end_dial },
	{ "semaphore", call_semaphore, end_semaphore },
	{ "channel", call_channel, end_channel },
	{ "blocking", call_blocking, end_semaphore },
	{ "resolve", call_resolve, end_dial },
};

static void make_calls(const char *network)
{
	struct storm storm = { .target = pthread_self() };

	storm.data = malloc(LARGE);
	HOST_CHECK(storm.data, "out of memory");
	for (int i = 0; i < LARGE; i++)
		storm.data[i] = (char)(i * 7 + i / 4096);
	host_pair(network, storm.ends);
	HOST_EXPECT(np_listen("tcp", "127.0.0.1:0", &storm.listener), 0);
	host_address(storm.listener, storm.address);
	HOST_EXPECT(np_channel_create(1, 0, &storm.channel), 0);
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		pthread_t wind;

		storm.end = calls[i].end;
		wind = host_start(blow, &storm);
		calls[i].make(&storm);
		pthread_join(wind, NULL);
	}
	HOST_EXPECT(np_channel_destroy(storm.channel), 0);
	HOST_EXPECT(np_close(storm.listener), 0);
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_close(storm.ends[i]), 0);
	free(storm.data);
}

static void storm_over_threads(int flags)
{
	handle_by(SIGUSR1, take_signal, flags);
	host_use_backend();
	make_calls("tcp");
	make_calls("unix");
}

static void without_restart(void)
{
	storm_over_threads(0);
}

static void with_restart(void)
{
	storm_over_threads(SA_RESTART);
}

/* The calling thread runs the only worker, which the signals are for. */
static int make_all_calls(void *arg)
{
	(void)arg;
	make_calls("tcp");
	make_calls("unix");
	return 0;
}

static void of_a_worker(void)
{
	handle_by(SIGUSR1, take_signal, SA_ONSTACK);
	HOST_EXPECT(host_run(make_all_calls, 1), 0);
}

/* ---- profilers ------------------------------------------------------------------------------ */

enum { HOPS = 20000 };

static atomic_bool is_enough;

static int hop(void *arg)
{
	(void)arg;
	for (int i = 0; i < HOPS || !atomic_load(&is_enough); i++)
		np_yield();
	return 0;
}

/* Signals find fibers on their stacks, and between two. */
static int hop_and_echo(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	for (int i = 0; i < 4; i++)
		HOST_EXPECT(np_group_go(&group, hop, NULL), 0);
	do
		host_echo();
	while (atomic_load(&signals_taken) < 3);
	atomic_store(&is_enough, true);
	return np_group_join(&group);
}

static void profile(int flags)
{
	const struct itimerval every = { { 0, 200 }, { 0, 200 } };
	const struct itimerval never = { { 0, 0 }, { 0, 0 } };

	handle_by(SIGPROF, take_signal, flags);
	HOST_CHECK(setitimer(ITIMER_PROF, &every, NULL) == 0, "setitimer: errno %d", errno);
	HOST_EXPECT(host_run(hop_and_echo, 2), 0);
	setitimer(ITIMER_PROF, &never, NULL);
}

static void of_a_profiler(void)
{
	profile(SA_RESTART);
}

/* As small as the system allows, and the program's: given back after the run. */
static void on_an_alternate_stack(void)
{
	size_t size = (size_t)MINSIGSTKSZ + 4096;
	stack_t own = { .ss_sp = malloc(size), .ss_size = size };
	stack_t after;

	HOST_CHECK(own.ss_sp && sigaltstack(&own, NULL) == 0, "sigaltstack: errno %d", errno);
	profile(SA_ONSTACK);
	HOST_CHECK(sigaltstack(NULL, &after) == 0 && after.ss_sp == own.ss_sp,
		   "the alternate stack is another one");
	storm_over_threads(SA_ONSTACK);
}

/* ---- SIGPIPE -------------------------------------------------------------------------------- */

/* A peer that has gone is an error; the signal, left at its default, would end the process. */
static void write_to_nobody(const char *network)
{
	struct np_fd *ends[2], *from[2], *file;
	char byte = 0;
	struct iovec part = { &byte, 1 };
	struct msghdr header = { .msg_iov = &part, .msg_iovlen = 1 };
	char *data = calloc(1, LARGE);
	int fds[1] = { STDERR_FILENO };

	host_pair(network, ends);
	HOST_EXPECT(np_pipe(from), 0);
	HOST_EXPECT(np_file_open("/bin/sh", O_RDONLY, 0, &file), 0);
	HOST_EXPECT(np_close(ends[1]), 0);
	while (np_write(ends[0], "x", 1) == 1)
		; /* of TCP the first only makes the peer say so */
	HOST_EXPECT(np_write(ends[0], "x", 1), -EPIPE);
	HOST_EXPECT(np_writev(ends[0], &part, 1), -EPIPE);
	HOST_EXPECT(np_sendmsg(ends[0], &header, 0), -EPIPE);
	HOST_EXPECT(np_write_zero_copy(ends[0], data, LARGE), -EPIPE);
	HOST_EXPECT(np_sendfile(ends[0], file, 0, 100), -EPIPE);
	if (!strcmp(network, "unix"))
		HOST_EXPECT(np_send_fds(ends[0], "x", 1, fds, 1), -EPIPE);
	HOST_EXPECT(np_write(from[1], "x", 1), 1);
	HOST_EXPECT(np_copy(ends[0], from[0], 1), -EPIPE);
	HOST_EXPECT(np_write(from[1], data, 65536 - 4096), 65536 - 4096);
	HOST_EXPECT(np_copy(ends[0], from[0], -1), -EPIPE);
	for (int i = 0; i < 2; i++)
		HOST_EXPECT(np_close(from[i]), 0);
	HOST_EXPECT(np_close(ends[0]), 0);
	HOST_EXPECT(np_close(file), 0);
	free(data);
}

static int write_to_nobody_in_fiber(void *arg)
{
	(void)arg;
	write_to_nobody("tcp");
	write_to_nobody("unix");
	return 0;
}

static void no_sigpipe(void)
{
	sigset_t pending;

	signal(SIGPIPE, SIG_DFL);
	host_use_backend();
	write_to_nobody_in_fiber(NULL);
	HOST_EXPECT(host_run(write_to_nobody_in_fiber, 2), 0);
	HOST_CHECK(sigpending(&pending) == 0 && !sigismember(&pending, SIGPIPE), "one is pending");
}

static const struct host_case cases[] = {
	{ "without-SA_RESTART", without_restart },
	{ "with-SA_RESTART", with_restart },
	{ "of-a-worker", of_a_worker },
	{ "of-a-profiler", of_a_profiler },
	{ "on-an-alternate-stack", on_an_alternate_stack },
	{ "no-SIGPIPE", no_sigpipe },
};

int main(int argc, char **argv)
{
	return HOST_MAIN(argc, argv, cases);
}
