/* SPDX-License-Identifier: MIT */
/*
 * tests/fiber/test_dump.c - what a report says of fibers and threads in each state.
 *
 * A task that has said that it is about to wait may not have come to it: so the report is taken
 * again and again until it says what is expected.
 */
#include "core/fiber/backtrace.h"
#include "core/fiber/fiber.h"
#include "core/sys.h"
#include "tests/fiber/fiber_fixture.h"
#include "tests/support/call.h"

#include <netpark/dump.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(dump, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t HOUR = INT64_C(3600) * 1000000000;

enum { REPORT_MAX = 1 << 20 };

/* ---- reports ------------------------------------------------------------------------------ */

static char report[REPORT_MAX];

static void take_report(void)
{
	FILE *file = tmpfile();
	size_t size;

	cr_assert(file);
	cr_assert_eq(np_dump(fileno(file)), 0);
	rewind(file);
	size = fread(report, 1, sizeof(report) - 1, file);
	report[size] = '\0';
	fclose(file);
}

/* Does the report's entry that begins with @head have @text in it, and only one have that head? */
static bool has_entry(const char *head, const char *text)
{
	const char *entry = strstr(report, head);
	const char *end = entry ? strstr(entry, "\n\n") : NULL;
	const char *found = entry ? strstr(entry, text) : NULL;

	if (!end || !found || found > end)
		return false;
	cr_assert_null(strstr(entry + 1, head), "twice: %s", report);
	return true;
}

static void expect(const char *head, const char *text)
{
	int64_t give_up = np_deadline(INT64_C(60) * 1000000000);

	for (;;) {
		take_report();
		if (has_entry(head, text))
			return;
		cr_assert_lt(np_time(), give_up, "no \"%s\" of \"%s\" in:\n%s", text, head, report);
		np_yield();
	}
}

/* ---- one fiber that waits ----------------------------------------------------------------- */

static struct np_group waiters;
static _Atomic np_fiber_id waiter;

static int (*wait_fn)(void *arg);

static int run_waiter(void *arg)
{
	np_set_name("the waiter");
	atomic_store(&waiter, np_self());
	return wait_fn(arg);
}

static void start_waiter(int (*fn)(void *arg), void *arg)
{
	atomic_store(&waiter, 0);
	wait_fn = fn;
	cr_assert_eq(np_group_go(&waiters, run_waiter, arg), 0);
	FIBER_UNTIL(atomic_load(&waiter) != 0);
}

static void end_waiter(void)
{
	np_group_cancel(&waiters);
	np_group_join(&waiters);
}

static void expect_waiter(const char *text)
{
	char head[64];

	snprintf(head, sizeof(head), "fiber %llu \"the waiter\" [",
		 (unsigned long long)atomic_load(&waiter));
	expect(head, text);
}

static void expect_wait(int (*fn)(void *arg), void *arg, const char *text)
{
	start_waiter(fn, arg);
	expect_waiter(text);
	end_waiter();
}

/* "[mutex lock 0x5581" */
static const char *waits_for(const char *what, const void *object)
{
	static char text[128];

	snprintf(text, sizeof(text), "[%s %p", what, object);
	return text;
}

/* ---- descriptors -------------------------------------------------------------------------- */

static int read_one(void *arg)
{
	char byte;

	return (int)np_read(arg, &byte, 1);
}

static int write_much(void *arg)
{
	static char data[1 << 20];
	ssize_t n;

	while ((n = np_write(arg, data, sizeof(data))) > 0)
		;
	return (int)n;
}

static int accept_one(void *arg)
{
	struct np_fd *conn;

	return np_accept(arg, &conn);
}

static int descriptor_of(int sysfd, void *arg)
{
	(void)arg;
	return sysfd;
}

/* "[read tcp 127.0.0.1:1->127.0.0.1:2, fd 3" */
static const char *waits_on(const char *what, struct np_fd *fd)
{
	static char text[512];
	char local[NP_ADDR_TEXT_MAX], remote[NP_ADDR_TEXT_MAX];
	struct np_addr addr;

	cr_assert_eq(np_local_addr(fd, &addr), 0);
	np_addr_format(&addr, local, sizeof(local));
	cr_assert_eq(np_remote_addr(fd, &addr), 0);
	np_addr_format(&addr, remote, sizeof(remote));
	snprintf(text, sizeof(text), "[%s tcp %s->%s, fd %d", what, local, remote,
		 np_fd_control(fd, descriptor_of, NULL));
	return text;
}

static struct np_fd *listen_somewhere(char text[NP_ADDR_TEXT_MAX])
{
	struct np_fd *listener;
	struct np_addr addr;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, text, NP_ADDR_TEXT_MAX);
	return listener;
}

FIBER_TEST(dump, tells_the_addresses_of_a_connection)
{
	char address[NP_ADDR_TEXT_MAX];
	struct np_fd *listener = listen_somewhere(address);
	struct np_fd *dialled, *accepted;

	cr_assert_eq(np_dial("tcp", address, np_deadline(HOUR), &dialled), 0);
	cr_assert_eq(np_accept(listener, &accepted), 0);
	expect_wait(read_one, accepted, waits_on("read", accepted));
	expect_wait(write_much, dialled, waits_on("write", dialled));
	np_close(listener);
	np_close(dialled);
	np_close(accepted);
}

FIBER_TEST(dump, tells_of_descriptors_that_are_no_sockets)
{
	struct np_fd *fds[2];
	char text[64];

	fixture_fd_pipe(fds);
	snprintf(text, sizeof(text), "[read, fd %d", np_fd_control(fds[0], descriptor_of, NULL));
	expect_wait(read_one, fds[0], text);
	snprintf(text, sizeof(text), "[write, fd %d", np_fd_control(fds[1], descriptor_of, NULL));
	expect_wait(write_much, fds[1], text);
	np_close(fds[0]);
	np_close(fds[1]);
}

FIBER_TEST(dump, tells_of_unix_sockets_without_names)
{
	struct np_fd *fds[2];
	char text[64];

	fixture_fd_pair(fds);
	snprintf(text, sizeof(text), "[read unix, fd %d",
		 np_fd_control(fds[0], descriptor_of, NULL));
	expect_wait(read_one, fds[0], text);
	np_close(fds[0]);
	np_close(fds[1]);
}

FIBER_TEST(dump, tells_what_is_listened_on)
{
	char address[NP_ADDR_TEXT_MAX], text[512];
	struct np_fd *listener = listen_somewhere(address);

	snprintf(text, sizeof(text), "[accept tcp %s, fd %d", address,
		 np_fd_control(listener, descriptor_of, NULL));
	expect_wait(accept_one, listener, text);
	np_close(listener);
}

FIBER_TEST(dump, tells_the_deadline_of_a_read)
{
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	np_set_read_deadline(fds[0], np_deadline(HOUR));
	expect_wait(read_one, fds[0], ", deadline in 59 minutes");
	np_close(fds[0]);
	np_close(fds[1]);
}

static int dial(void *arg)
{
	struct np_fd *conn;
	int error = np_dial("tcp", arg, np_deadline(HOUR), &conn);

	if (!error)
		np_close(conn);
	return error;
}

static int dial_cancelably(void *arg)
{
	struct np_dial_cancel cancel = { .is_canceled = 0 };
	const struct np_dial_options options = { .cancel = &cancel };
	struct np_fd *conn;
	int error = np_dial_with("tcp", arg, &options, &conn);

	if (!error)
		np_close(conn);
	return error;
}

/* A queue of one that is full: who dials next is not answered, on Linux. */
FIBER_TEST(dump, tells_who_is_dialled)
{
	struct sockaddr_in addr = { .sin_family = AF_INET };
	socklen_t length = sizeof(addr);
	int listener = socket(AF_INET, SOCK_STREAM, 0);
	int clients[4];
	char address[64], text[128];

	addr.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	cr_assert_eq(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	cr_assert_eq(listen(listener, 0), 0);
	cr_assert_eq(getsockname(listener, (struct sockaddr *)&addr, &length), 0);
	for (int i = 0; i < 4; i++) {
		clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		fcntl(clients[i], F_SETFL, O_NONBLOCK);
		connect(clients[i], (struct sockaddr *)&addr, sizeof(addr));
	}
	snprintf(address, sizeof(address), "127.0.0.1:%d", ntohs(addr.sin_port));
	snprintf(text, sizeof(text), "->%s, fd ", address);
	start_waiter(dial, address);
	expect_waiter("[dial tcp 127.0.0.1:");
	expect_waiter(text);
	end_waiter();
	snprintf(text, sizeof(text), "[dial tcp %s", address);
	expect_wait(dial_cancelably, address, text);
	for (int i = 0; i < 4; i++)
		close(clients[i]);
	close(listener);
}

/* ---- other waits -------------------------------------------------------------------------- */

static struct np_mutex mutex;
static struct np_cond cond;
static struct np_semaphore semaphore;
static struct np_wait_group wait_group;
static struct np_group nobody_ends;
static struct np_channel *channel;

static int lock(void *arg)
{
	int error = arg ? np_mutex_lock_until(&mutex, np_deadline(HOUR)) : np_mutex_lock(&mutex);

	return error ? error : np_mutex_unlock(&mutex);
}

static int wait_for_cond(void *arg)
{
	struct np_mutex own = { 0 };
	int error;

	np_mutex_lock(&own);
	error = np_cond_wait_until(arg, &own, np_deadline(HOUR));
	np_mutex_unlock(&own);
	return error;
}

static int acquire(void *arg)
{
	return np_semaphore_acquire(arg, 1);
}

static int wait_for_group(void *arg)
{
	return np_wait_group_wait(arg);
}

static int sleep_long(void *arg)
{
	(void)arg;
	return np_sleep(HOUR);
}

static int sleep_for_ever(void *arg)
{
	(void)arg;
	return np_sleep(INT64_MAX);
}

static int join_group(void *arg)
{
	return np_group_join(arg);
}

static int send_to(void *arg)
{
	int element = 0;

	return np_channel_send(arg, &element);
}

static int receive_from(void *arg)
{
	int element;

	return np_channel_receive_until(arg, &element, np_deadline(HOUR));
}

static int select_any(void *arg)
{
	int element = 0;
	struct np_select_case cases[] = {
		{ .channel = arg, .element = &element, .operation = NP_SELECT_RECEIVE },
		{ .channel = NULL, .operation = NP_SELECT_RECEIVE },
	};

	return np_select(cases, 2, np_deadline(HOUR));
}

FIBER_TEST(dump, tells_which_object_is_waited_for)
{
	expect_wait(wait_for_cond, &cond, waits_for("condition", &cond));
	expect_wait(acquire, &semaphore, waits_for("semaphore acquire", &semaphore));
	np_wait_group_add(&wait_group, 1);
	expect_wait(wait_for_group, &wait_group, waits_for("wait group", &wait_group));
	np_wait_group_done(&wait_group);
	expect_wait(sleep_long, NULL, "[sleep, deadline in 59 minutes");
	cr_assert_eq(np_group_go(&nobody_ends, sleep_long, NULL), 0);
	expect_wait(join_group, &nobody_ends, waits_for("group join", &nobody_ends));
}

FIBER_TEST(dump, tells_of_no_deadline_that_never_comes)
{
	start_waiter(sleep_for_ever, NULL);
	expect_waiter("[sleep");
	cr_assert_null(strstr(report, "deadline"), "%s", report);
	end_waiter();
}

FIBER_TEST(dump, tells_which_mutex_is_waited_for)
{
	np_mutex_lock(&mutex);
	start_waiter(lock, NULL);
	expect_waiter(waits_for("mutex lock", &mutex));
	np_mutex_unlock(&mutex);
	end_waiter();
	np_mutex_lock(&mutex);
	start_waiter(lock, &mutex);
	expect_waiter(waits_for("mutex lock", &mutex));
	expect_waiter(", deadline in 59 minutes");
	end_waiter();
	np_mutex_unlock(&mutex);
}

FIBER_TEST(dump, tells_which_channels_are_waited_for)
{
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	expect_wait(send_to, channel, waits_for("channel send", channel));
	expect_wait(receive_from, channel, waits_for("channel receive", channel));
	expect_wait(select_any, channel, waits_for("select: receive", channel));
	expect_wait(receive_from, channel, ", deadline in 59 minutes");
	expect_wait(select_any, channel, ", deadline in 59 minutes");
	np_channel_destroy(channel);
}

static atomic_bool may_return;

static int block(void *arg)
{
	(void)arg;
	while (!atomic_load(&may_return))
		np_yield();
	return 0;
}

static int call_blocking(void *arg)
{
	return np_blocking(block, arg);
}

FIBER_TEST(dump, tells_of_blocking_calls)
{
	atomic_store(&may_return, false);
	start_waiter(call_blocking, NULL);
	expect_waiter("[blocking call ");
	atomic_store(&may_return, true);
	end_waiter();
}

/* The first report asks that the times be noted from then on. */
FIBER_TEST(dump, tells_for_how_long)
{
	take_report();
	expect_wait(sleep_long, NULL, ", deadline in 59 minutes, ");
}

static atomic_bool may_end;

static int clean_up_long(void *arg)
{
	int error = np_sleep(HOUR);

	(void)arg;
	np_shield(true);
	while (!atomic_load(&may_end))
		np_sleep(1000 * 1000);
	np_shield(false);
	return error;
}

FIBER_TEST(dump, tells_who_was_asked_to_end)
{
	atomic_store(&may_end, false);
	start_waiter(clean_up_long, NULL);
	np_group_cancel(&waiters);
	expect_waiter(", cancelled]:");
	atomic_store(&may_end, true);
	end_waiter();
}

/* ---- fibers that do not wait -------------------------------------------------------------- */

static void do_nothing(void *arg)
{
	(void)arg;
}

static int yield_often(void *arg)
{
	while (!np_is_canceled())
		np_yield();
	return arg != NULL;
}

FIBER_TEST(dump, tells_who_is_ready)
{
	np_set_name("the reporter");
	start_waiter(yield_often, NULL);
	expect_waiter("[ready]:");
	cr_assert(has_entry(" \"the reporter\" [", "[running]:"), "%s", report);
	end_waiter();
}

/* Where nobody else could run it meanwhile. */
static int wake_and_report(void *arg)
{
	(void)arg;
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	start_waiter(receive_from, channel);
	expect_waiter(waits_for("channel receive", channel));
	cr_assert_eq(np_channel_try_send(channel, &fiber_workers), 0);
	take_report();
	cr_assert(has_entry("\"the waiter\" [", "[ready]:"), "%s", report);
	end_waiter();
	np_channel_destroy(channel);
	return 0;
}

Test(dump, tells_who_waits_no_longer_and_has_not_run_yet)
{
	cr_assert_eq(fiber_run_with(wake_and_report, NULL, 1), 0);
}

static atomic_bool is_hogged;

static int hog(void *name)
{
	np_set_name(name);
	atomic_store(&is_hogged, true);
	while (!atomic_load(&may_end))
		;
	return 0;
}

/* On two workers: this one lets nobody on before the other runs the one that keeps it. */
static void be_with_a_hog(const char *name, const char *told)
{
	char head[64];

	atomic_store(&may_end, false);
	atomic_store(&is_hogged, false);
	atomic_store(&waiter, 0);
	wait_fn = hog;
	cr_assert_eq(np_group_go(&waiters, run_waiter, (void *)(uintptr_t)name), 0);
	while (!atomic_load(&is_hogged))
		;
	cr_assert_eq(np_go(do_nothing, NULL), 0);
	take_report();
	snprintf(head, sizeof(head), "fiber %llu%s [", (unsigned long long)atomic_load(&waiter),
		 told);
	cr_assert(has_entry(head, "[running on worker 1, which does not answer"), "%s", report);
	cr_assert(strstr(report, "[not begun]\n"), "%s", report);
	cr_assert(strstr(report, "[running]:"), "%s", report);
	atomic_store(&may_end, true);
	end_waiter();
}

static int be_with_hogs(void *arg)
{
	(void)arg;
	be_with_a_hog("a name of twenty-three bytes, and more", " \"a name of twenty-three \"");
	be_with_a_hog(NULL, "");
	return 0;
}

Test(dump, does_not_wait_for_ever_for_a_worker)
{
	cr_assert_eq(fiber_run_with(be_with_hogs, NULL, 2), 0);
}

/* A worker that was held has not run again when it is held once more, at once: nearly always. */
static int start_while_held(void *arg)
{
	struct runtime *runtime = np__worker->runtime;

	(void)arg;
	do {
		np__hold_begin(runtime, np_deadline(HOUR));
		cr_assert_eq(np_go(do_nothing, NULL), 0);
		np__hold_end(runtime);
		take_report();
		np_yield();
	} while (!strstr(report, "[not begun: "));
	cr_assert(strstr(report, "]:\n"), "%s", report);
	return 0;
}

Test(dump, tells_the_function_of_who_has_not_begun)
{
	cr_assert_eq(fiber_run_with(start_while_held, NULL, 2), 0);
}

/* ---- where they are ----------------------------------------------------------------------- */

/* Exported, and with something left to do, so that the call is in no way a jump. */
int dump_test_marker(void *arg);

static volatile int after_sleep;

__attribute__((noinline)) int dump_test_marker(void *arg)
{
	int error = sleep_long(arg);

	after_sleep++;
	return error;
}

static void visit(void *arg)
{
	(void)arg;
}

/* Does this build know how, for fibers that are stopped, and the C library? */
static bool has_backtraces(void)
{
	struct context context = { .sp = report };
	struct text here;

	np__text_init(&here, NULL, 0);
	np__backtrace_here(&here);
	return here.length > 0 && np__context_visit(&context, visit, NULL);
}

FIBER_TEST(dump, tells_where_a_fiber_waits)
{
	if (has_backtraces())
		expect_wait(dump_test_marker, NULL, "(dump_test_marker+");
}

int dump_test_reporter(void);

__attribute__((noinline)) int dump_test_reporter(void)
{
	take_report();
	return after_sleep++;
}

FIBER_TEST(dump, tells_where_the_one_is_that_asks)
{
	np_set_name("the reporter");
	dump_test_reporter();
	if (has_backtraces())
		cr_assert(has_entry(" \"the reporter\" [", "(dump_test_reporter+"), "%s", report);
}

/* ---- threads ------------------------------------------------------------------------------ */

static void *read_in_thread(void *arg)
{
	np_set_name("the reader");
	return (void *)(intptr_t)read_one(arg);
}

static void *receive_in_thread(void *arg)
{
	np_set_name("the receiver");
	return (void *)(intptr_t)receive_from(arg);
}

/* One leads, and one only sleeps; then both are gone. */
static void see_threads(void)
{
	struct np_fd *fds[2];
	pthread_t reader, receiver;

	take_report(); /* so that the time is kept */
	fixture_fd_pair(fds);
	cr_assert_eq(np_channel_create(sizeof(int), 0, &channel), 0);
	reader = fixture_start_thread(read_in_thread, fds[0]);
	receiver = fixture_start_thread(receive_in_thread, channel);
	expect(" \"the reader\" [", "[read unix, fd ");
	expect(" \"the receiver\" [", waits_for("channel receive", channel));
	expect(" \"the receiver\" [", ", deadline in 59 minutes, ");
	np_channel_close(channel);
	np_cancel_io(fds[0]);
	pthread_join(reader, NULL);
	pthread_join(receiver, NULL);
	take_report();
	cr_assert_null(strstr(report, "the reader"), "%s", report);
	cr_assert_null(strstr(report, "the receiver"), "%s", report);
	np_channel_destroy(channel);
	np_close(fds[1]);
	np_unref(fds[0]);
}

Test(dump, tells_of_threads)
{
	see_threads();
	cr_assert(strstr(report, ": 0 workers\n"), "%s", report);
}

FIBER_TEST(dump, tells_of_threads_beside_fibers)
{
	see_threads();
}

static void *report_from_thread(void *arg)
{
	expect_waiter("[sleep, deadline in");
	return arg;
}

static int join_thread(void *thread)
{
	return pthread_join(*(pthread_t *)thread, NULL);
}

FIBER_TEST(dump, may_be_asked_for_by_a_thread)
{
	pthread_t thread;

	start_waiter(sleep_long, NULL);
	cr_assert_eq(pthread_create(&thread, NULL, report_from_thread, NULL), 0);
	cr_assert_eq(np_blocking(join_thread, &thread), 0);
	end_waiter();
}

/* ---- where it goes ------------------------------------------------------------------------ */

struct drain {
	int fd;
	size_t length;
};

static void *drain(void *arg)
{
	struct drain *drain = arg;
	ssize_t n;

	while ((n = read(drain->fd, report + drain->length, REPORT_MAX - 1 - drain->length)) > 0)
		drain->length += (size_t)n;
	report[drain->length] = '\0';
	return NULL;
}

enum { MANY = 700 };

static int sleep_among_many(void *arg)
{
	np_set_name("one of many");
	atomic_fetch_add((atomic_int *)arg, 1);
	return np_sleep(HOUR);
}

static int count_in_report(const char *text)
{
	int count = 0;

	for (const char *at = report; (at = strstr(at, text)); at++)
		count++;
	return count;
}

/* More than a pipe holds, of a pipe that does not block; in pieces that leave nobody out. */
FIBER_TEST(dump, is_written_out_whole)
{
	atomic_int asleep = 0;
	struct drain pipe_end = { .length = 0 };
	pthread_t thread;
	int fds[2];

	for (int i = 0; i < MANY; i++)
		cr_assert_eq(np_group_go(&waiters, sleep_among_many, &asleep), 0);
	FIBER_UNTIL(asleep == MANY);
	cr_assert_eq(pipe(fds), 0);
	cr_assert_eq(fcntl(fds[1], F_SETFL, O_NONBLOCK), 0);
	pipe_end.fd = fds[0];
	cr_assert_eq(pthread_create(&thread, NULL, drain, &pipe_end), 0);
	cr_assert_eq(np_dump(fds[1]), 0);
	close(fds[1]);
	pthread_join(thread, NULL);
	close(fds[0]);
	cr_assert_eq(count_in_report(" \"one of many\" ["), MANY, "%d",
		     count_in_report(" \"one of many\" ["));
	end_waiter();
}

FIBER_TEST(dump, says_when_it_cannot_be_written)
{
	struct sigaction ignored = { .sa_handler = SIG_IGN }, before;
	int fds[2];

	cr_assert_eq(np_dump(-1), -EBADF);
	cr_assert_eq(pipe(fds), 0);
	close(fds[0]);
	sigaction(SIGPIPE, &ignored, &before);
	cr_assert_eq(np_dump(fds[1]), -EPIPE);
	sigaction(SIGPIPE, &before, NULL);
	close(fds[1]);
}

/* ---- on a signal -------------------------------------------------------------------------- */

static const char *awaited = "[blocking call ";

static int read_until_report(void *arg)
{
	int fd = *(int *)arg;
	size_t length = 0;
	ssize_t n = 1;

	while (n > 0) {
		report[length] = '\0';
		if (strstr(report, awaited))
			return 0;
		n = read(fd, report + length, REPORT_MAX - 1 - length);
		length += n > 0 ? (size_t)n : 0;
	}
	return -EPIPE;
}

static int discard(int fd)
{
	char buf[4096];

	fcntl(fd, F_SETFL, O_NONBLOCK);
	while (read(fd, buf, sizeof(buf)) > 0)
		;
	return 0;
}

FIBER_TEST(dump, comes_on_a_signal)
{
	struct sigaction now;
	int first[2], second[2];

	cr_assert_eq(pipe(first), 0);
	cr_assert_eq(pipe(second), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, first[1]), 0);
	raise(SIGUSR1);
	cr_assert_eq(np_blocking(read_until_report, &first[0]), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, second[1]), 0, "elsewhere from now on");
	cr_assert_eq(np_dump_on_signal(SIGUSR2, second[1]), 0, "a second signal");
	raise(SIGUSR1);
	cr_assert_eq(np_blocking(read_until_report, &second[0]), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -1), 0);
	sigaction(SIGUSR1, NULL, &now);
	cr_assert(now.sa_handler == SIG_DFL, "as it was before");
	raise(SIGUSR2);
	discard(second[0]);
	cr_assert_eq(np_dump_on_signal(SIGUSR2, -1), 0);
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(second[i]);
	}
}

/* The signal, and another report once the child has asked for its own. 0 if all went well. */
static int ask_in_child(int own[2])
{
	struct sigaction now;

	alarm(60);
	awaited = "0 workers\n";
	raise(SIGUSR1); /* goes nowhere */
	if (np_dump_on_signal(SIGUSR1, own[1]) != 0)
		return 1;
	raise(SIGUSR1);
	if (read_until_report(&own[0]) != 0)
		return 2;
	if (np_dump_on_signal(SIGUSR1, -1) != 0)
		return 3;
	sigaction(SIGUSR1, NULL, &now);
	return now.sa_handler == SIG_DFL ? 0 : 4;
}

/*
 * The child shares the pipe by which signals are told to the parent's thread. That has started when
 * it has written a first report: what a sanitizer locks for a thread that starts, a child that
 * comes meanwhile finds locked.
 */
Test(dump, is_not_written_by_the_parent_for_a_child)
{
	int first[2], before[2], after[2], childs[2], status;
	pid_t child;
	char byte;

	cr_assert_eq(pipe(first), 0);
	cr_assert_eq(np__sys_pipe(before), 0);
	cr_assert_eq(pipe(after), 0);
	cr_assert_eq(pipe(childs), 0);
	awaited = "0 workers\n";
	cr_assert_eq(np_dump_on_signal(SIGUSR1, first[1]), 0);
	raise(SIGUSR1);
	cr_assert_eq(read_until_report(&first[0]), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, before[1]), 0);
	child = fork();
	if (child == 0)
		_exit(ask_in_child(childs));
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0, "%x", (unsigned)status);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, after[1]), 0);
	raise(SIGUSR1);
	cr_assert_eq(read_until_report(&after[0]), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -1), 0);
	cr_assert_lt(read(before[0], &byte, 1), 0, "the parent wrote a report for the child");
	for (int i = 0; i < 2; i++) {
		close(first[i]);
		close(before[i]);
		close(after[i]);
		close(childs[i]);
	}
}

/* It has the writing end of the pipe, whose end therefore never comes. */
Test(dump, is_given_up_while_a_child_lives)
{
	int reports[2], status;
	pid_t child;

	cr_assert_eq(pipe(reports), 0);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, reports[1]), 0);
	child = fork();
	if (child == 0) {
		alarm(60);
		for (;;)
			pause();
	}
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -1), 0);
	kill(child, SIGKILL);
	cr_assert_eq(waitpid(child, &status, 0), child);
	close(reports[0]);
	close(reports[1]);
}

Test(dump, is_refused_for_what_is_no_signal)
{
	cr_assert_eq(np_dump_on_signal(0, 1), -EINVAL);
	cr_assert_eq(np_dump_on_signal(-1, 1), -EINVAL);
	cr_assert_eq(np_dump_on_signal(100000, 1), -EINVAL);
	cr_assert_eq(np_dump_on_signal(SIGKILL, 1), -EINVAL);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -2), -EINVAL);
	cr_assert_eq(np_dump_on_signal(SIGUSR1, -1), -EINVAL, "it was not asked for");
}

/* ---- reports without a pause -------------------------------------------------------------- */

struct rounds {
	struct runtime *runtime;
	atomic_bool over;
	atomic_int count;
};

static int go_round(void *arg)
{
	struct rounds *rounds = arg;

	while (!atomic_load(&rounds->over)) {
		atomic_fetch_add(&rounds->count, 1);
		np_yield();
	}
	return 0;
}

static bool is_waited_for(struct hold *hold)
{
	bool waits;

	pthread_mutex_lock(&hold->mutex);
	waits = hold->next - hold->serving == 2;
	pthread_mutex_unlock(&hold->mutex);
	return waits;
}

static int hold_again_and_again(void *arg)
{
	struct rounds *rounds = arg;
	struct runtime *runtime = rounds->runtime;
	int64_t until = np_deadline(INT64_C(60) * 1000000000);

	np__hold_begin(runtime, until);
	for (int i = 0; i < 50; i++) {
		int before = atomic_load(&rounds->count);

		FIXTURE_UNTIL(is_waited_for(&runtime->hold));
		np__hold_end(runtime);
		np__hold_begin(runtime, until);
		cr_assert_gt(atomic_load(&rounds->count), before, "nothing ran before hold %d", i);
	}
	np__hold_end(runtime);
	return 0;
}

static int hold_beside_one_that_runs(void *arg)
{
	struct rounds *rounds = arg;
	struct np_group group = { 0 };

	rounds->runtime = np__worker->runtime;
	cr_assert_eq(np_group_go(&group, go_round, rounds), 0);
	cr_assert_eq(np_blocking(hold_again_and_again, rounds), 0);
	atomic_store(&rounds->over, true);
	return np_group_join(&group);
}

Test(dump, a_worker_runs_between_one_report_and_the_next)
{
	struct rounds rounds = { .runtime = NULL };

	cr_assert_eq(fiber_run_with(hold_beside_one_that_runs, &rounds, 1), 0);
}
