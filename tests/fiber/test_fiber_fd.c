/* SPDX-License-Identifier: MIT */
/* tests/fiber/test_fiber_fd.c - handles in fibers: parking, deadlines, close, cancellation. */
#include "core/sys.h"
#include "tests/fiber/fiber_fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdatomic.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>

TestSuite(fiber_fd, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

static const int64_t MILLISECOND = 1000000;
static const int64_t HOUR = INT64_C(3600) * 1000000000;

enum { MESSAGES = 500 };

static int echo(void *arg)
{
	struct np_fd *fd = arg;
	char buf[64];
	ssize_t n;

	while ((n = np_read(fd, buf, sizeof(buf))) > 0) {
		n = np_write(fd, buf, (size_t)n);
		if (n < 0)
			break;
	}
	np_close(fd);
	return (int)n;
}

static void converse(struct np_fd *fd)
{
	for (int i = 0; i < MESSAGES; i++) {
		int reply = -1;

		cr_assert_eq(np_write(fd, &i, sizeof(i)), sizeof(i));
		cr_assert_eq(np_read(fd, &reply, sizeof(reply)), sizeof(reply));
		cr_assert_eq(reply, i);
	}
}

FIBER_TEST(fiber_fd, two_fibers_converse)
{
	struct np_group group = { 0 };
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_group_go(&group, echo, fds[1]), 0);
	converse(fds[0]);
	np_close(fds[0]);
	cr_assert_eq(np_group_join(&group), 0);
}

static void *echo_in_thread(void *arg)
{
	return (void *)(intptr_t)echo(arg);
}

FIBER_TEST(fiber_fd, a_fiber_and_a_thread_converse)
{
	struct np_fd *fds[2];
	pthread_t thread;
	void *result;

	fixture_fd_pair(fds);
	thread = fixture_start_thread(echo_in_thread, fds[1]);
	converse(fds[0]);
	np_close(fds[0]);
	pthread_join(thread, &result);
	cr_assert_eq((intptr_t)result, 0);
}

/* ---- calls that fail ----------------------------------------------------------------------- */

static atomic_int at_it;

enum { OTHERS = 10 };

static void expect_text(int error, const char *op, const char *text)
{
	char said[256];

	np_error_text(error, said, sizeof(said));
	cr_assert(strncmp(said, op, strlen(op)) == 0 && strstr(said, text),
		  "%s is not what failed here", said);
}

/* Who calls what fails, without waiting and without an end, lets others do the same. */
static void fail_beside_others(struct np_fd *fd, int error, const char *text)
{
	char byte;

	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++) {
		cr_assert_eq(np_read(fd, &byte, 1), error);
		expect_text(error, "read ", text);
	}
}

static int dial_nobody(void *arg)
{
	struct np_fd *conn;

	(void)arg;
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++) {
		cr_assert_eq(np_dial("unix", "/no-such-folder/socket", 0, &conn), -ENOENT);
		expect_text(-ENOENT, "dial ", "no such file");
	}
	return 0;
}

static int listen_nowhere(void *arg)
{
	struct np_fd *listener;

	(void)arg;
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++) {
		const char *network = i % 2 ? "unix" : "unixgram";
		int error = i % 2 ? np_listen(network, "/no-such-folder/socket", &listener)
				  : np_listen_packet(network, "/no-such-folder/socket", &listener);

		cr_assert_eq(error, -ENOENT);
		expect_text(-ENOENT, "listen ", "no such file");
	}
	return 0;
}

static int wait_for_interface(void *arg)
{
	const int error = fixture_is_refused("AF_NETLINK") ? -EAFNOSUPPORT : -ENODEV;
	struct np_interface interface;

	(void)arg;
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++) {
		cr_assert_eq(np_interface_by_name("no-such", &interface), error);
		expect_text(error, "interface no-such",
			    error == -ENODEV ? "no such" : "getifaddrs");
	}
	return 0;
}

static int try_what_is_locked(void *arg)
{
	struct np_mutex mutex = { 0 };

	(void)arg;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++)
		cr_assert_eq(np_mutex_try_lock(&mutex), -EAGAIN);
	return np_mutex_unlock(&mutex);
}

/* The ways to fail at once that waits have: it is too late, or the fiber is to end. */
static int wait_too_late(void *arg)
{
	struct np_mutex mutex = { 0 };
	struct np_cond cond = { 0 };
	struct np_wait_group running = { 0 };

	(void)arg;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	cr_assert_eq(np_wait_group_add(&running, 1), 0);
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++)
		if (i % 2 == 0)
			cr_assert_eq(np_cond_wait_until(&cond, &mutex, -1), NP_EDEADLINE);
		else
			cr_assert_eq(np_wait_group_wait_until(&running, -1), NP_EDEADLINE);
	np_wait_group_done(&running);
	return np_mutex_unlock(&mutex);
}

static int wait_canceled(void *arg)
{
	struct np_mutex mutex = { 0 };
	struct np_cond cond = { 0 };

	(void)arg;
	cr_assert_eq(np_mutex_lock(&mutex), 0);
	np_cancel(np_self());
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++)
		cr_assert_eq(np_cond_wait(&cond, &mutex), NP_ECANCELED);
	return np_mutex_unlock(&mutex);
}

static int read_too_late(void *arg)
{
	np_set_read_deadline(arg, -1);
	fail_beside_others(arg, NP_EDEADLINE, "i/o timeout");
	return 0;
}

static int read_what_is_closed(void *arg)
{
	np_cancel_io(arg);
	fail_beside_others(arg, NP_ECLOSED, "use of closed descriptor");
	return 0;
}

static int read_unconnected(void *arg)
{
	fail_beside_others(arg, -ENOTCONN, "not connected");
	return 0;
}

static int send_what_is_no_file(void *arg)
{
	atomic_fetch_add(&at_it, 1);
	for (int i = 0; i < 100 || atomic_load(&at_it) < OTHERS; i++)
		cr_assert_eq(np_sendfile(arg, arg, 0, 1), -ESPIPE);
	return 0;
}

FIBER_TEST(fiber_fd, whose_calls_fail_does_not_keep_its_worker)
{
	struct np_group group = { 0 };
	struct np_fd *fds[2], *lone;
	int sock = np__sys_socket(AF_INET, SOCK_STREAM, 0);

	fixture_fd_pair(fds);
	cr_assert_eq(np_fd_open(sock, 0, &lone), 0);
	atomic_store(&at_it, 0);
	cr_assert_eq(np_group_go(&group, wait_canceled, NULL), 0);
	cr_assert_eq(np_group_go(&group, wait_too_late, NULL), 0);
	cr_assert_eq(np_group_go(&group, read_too_late, fds[0]), 0);
	cr_assert_eq(np_group_go(&group, read_what_is_closed, fds[1]), 0);
	cr_assert_eq(np_group_go(&group, read_unconnected, lone), 0);
	cr_assert_eq(np_group_go(&group, send_what_is_no_file, lone), 0);
	cr_assert_eq(np_group_go(&group, dial_nobody, NULL), 0);
	cr_assert_eq(np_group_go(&group, listen_nowhere, NULL), 0);
	cr_assert_eq(np_group_go(&group, wait_for_interface, NULL), 0);
	cr_assert_eq(np_group_go(&group, try_what_is_locked, NULL), 0);
	cr_assert_eq(np_group_join(&group), 0);
	np_close(fds[0]);
	np_close(fds[1]);
	np_close(lone);
}

/* ---- a handle that threads waited on before ------------------------------------------------ */

static struct np_fd *old_fds[2];

static int converse_on_old(void *arg)
{
	struct np_group group = { 0 };

	(void)arg;
	cr_assert_eq(np_group_go(&group, echo, np_ref(old_fds[1])), 0);
	converse(old_fds[0]);
	np_cancel_io(old_fds[0]);
	cr_assert_eq(np_group_join(&group), 0);
	return 0;
}

/* It has to be told of: a deadline that has passed before there is a wait is not enough. */
static void join_poller(struct np_fd *fd)
{
	struct np_poller_stats before, after;
	char byte;

	np_poller_get_stats(np_task_self()->poller, &before);
	after = before;
	for (int64_t timeout = MILLISECOND; after.registered == before.registered; timeout *= 2) {
		cr_assert_eq(np_set_read_deadline(fd, np_deadline(timeout)), 0);
		cr_assert_eq(np_read(fd, &byte, 1), NP_EDEADLINE);
		np_poller_get_stats(np_task_self()->poller, &after);
	}
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
}

Test(fiber_fd, of_another_poller_work_too)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		fixture_fd_pair(old_fds);
		join_poller(old_fds[0]);
		join_poller(old_fds[1]);
		cr_assert_eq(fiber_run_with(converse_on_old, NULL, workers), 0);
		np_close(old_fds[0]);
		np_close(old_fds[1]);
	}
}

/* ---- a handle that fibers leave behind ----------------------------------------------------- */

static int leave_behind(void *arg)
{
	(void)arg;
	fixture_fd_pair(old_fds);
	join_poller(old_fds[0]);
	join_poller(old_fds[1]);
	return 0;
}

Test(fiber_fd, outlive_the_runtime)
{
	for (unsigned workers = 1; workers < 4; workers++) {
		pthread_t thread;

		cr_assert_eq(fiber_run_with(leave_behind, NULL, workers), 0);
		thread = fixture_start_thread(echo_in_thread, np_ref(old_fds[1]));
		converse(old_fds[0]);
		np_close(old_fds[0]);
		pthread_join(thread, NULL);
		np_close(old_fds[1]);
	}
}

/* ---- a poller that no worker turns --------------------------------------------------------- */

static void await_byte(struct np_fd *fds[2])
{
	char byte;

	cr_assert_eq(np_set_read_deadline(fds[0], np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
	cr_assert_eq(np_set_read_deadline(fds[0], 0), 0);
	cr_assert_eq(np_write(fds[1], "x", 1), 1);
	cr_assert_eq(np_read(fds[0], &byte, 1), 1);
}

static void await_nobody(void)
{
	struct np_fd *listener, *conn;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_set_deadline(listener, np_deadline(MILLISECOND)), 0);
	cr_assert_eq(np_accept(listener, &conn), NP_EDEADLINE);
	np_close(listener);
}

static void await_nothing(void)
{
	struct np_channel *channel;
	char byte;

	cr_assert_eq(np_channel_create(1, 0, &channel), 0);
	cr_assert_eq(np_channel_receive_until(channel, &byte, np_deadline(MILLISECOND)),
		     NP_EDEADLINE);
	np_channel_destroy(channel);
}

static struct np_poller *foreign_poller; /* NULL: the default one */

/* Each way to wait, beginning with that of number @arg: by it the poller gets who turns it. */
static int wait_in_each_way(void *arg)
{
	struct np_fd *fds[2];

	np_task_use_poller(foreign_poller);
	fixture_fd_pair(fds);
	for (uintptr_t i = 0; i < 4; i++) {
		switch ((i + (uintptr_t)arg) % 4) {
		case 0:
			cr_assert_eq(np_sleep(MILLISECOND), 0);
			break;
		case 1:
			await_nothing();
			break;
		case 2:
			await_nobody();
			break;
		default:
			await_byte(fds);
		}
	}
	np_close(fds[0]);
	np_close(fds[1]);
	return 0;
}

static int wait_beside_others(void *arg)
{
	struct np_group group = { 0 };

	for (int i = 0; i < 3; i++)
		cr_assert_eq(np_group_go(&group, wait_in_each_way, arg), 0);
	wait_in_each_way(arg);
	return np_group_join(&group);
}

/* Known from the beginning on, so that it is none of those that a test leaves behind. */
static void begin_with_default(void)
{
	struct np_poller *poller;

	cr_assert_eq(np_poller_default(&poller), 0);
	fixture_begin();
}

TestSuite(foreign_poller, .init = begin_with_default, .fini = fixture_end,
	  .timeout = FIXTURE_TIMEOUT);

static const unsigned worker_counts[] = { 1, 2, 8 };

Test(foreign_poller, the_default_one_is_turned_for_fibers_that_use_it)
{
	foreign_poller = NULL;
	for (int i = 0; i < 3; i++)
		for (uintptr_t first = 0; first < 4; first++)
			cr_assert_eq(
				fiber_run_with(wait_beside_others, (void *)first, worker_counts[i]),
				0);
}

/* Somebody leads it until the runtime has ended. */
Test(foreign_poller, one_of_the_programs_is_turned_for_fibers_that_use_it)
{
	const struct np_poller_options options = { .backend = np_poller_backend(test_poller) };

	for (int i = 0; i < 3; i++)
		for (uintptr_t first = 0; first < 4; first++) {
			cr_assert_eq(np_poller_create(&options, &foreign_poller), 0);
			cr_assert_eq(
				fiber_run_with(wait_beside_others, (void *)first, worker_counts[i]),
				0);
			cr_assert_eq(np_poller_destroy(foreign_poller), 0);
		}
}

/* ---- deadlines ---------------------------------------------------------------------------- */

FIBER_TEST(fiber_fd, a_deadline_ends_a_read)
{
	struct np_fd *fds[2];
	int64_t deadline;
	char byte;

	fixture_fd_pair(fds);
	for (int i = 0; i < 5; i++) {
		deadline = np_deadline(i * MILLISECOND);
		cr_assert_eq(np_set_read_deadline(fds[0], deadline), 0);
		cr_assert_eq(np_read(fds[0], &byte, 1), NP_EDEADLINE);
		cr_assert_geq(np_time(), deadline);
	}
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- calls that are ended by others ------------------------------------------------------- */

struct call {
	struct np_fd *fd;
	ssize_t (*fn)(struct np_fd *fd);
	atomic_bool begun;
};

static ssize_t call_read(struct np_fd *fd)
{
	char byte;

	return np_read(fd, &byte, 1);
}

static ssize_t call_write(struct np_fd *fd)
{
	static const char much[1 << 20];
	ssize_t n;

	do
		n = np_write(fd, much, sizeof(much));
	while (n > 0);
	return n;
}

static ssize_t call_accept(struct np_fd *fd)
{
	struct np_fd *conn;

	return np_accept(fd, &conn);
}

static int make_call(void *arg)
{
	struct call *call = arg;

	atomic_store(&call->begun, true);
	return (int)call->fn(call->fd);
}

static void make_fd(ssize_t (*fn)(struct np_fd *fd), struct np_fd *fds[2])
{
	fds[1] = NULL;
	if (fn == call_accept)
		cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &fds[0]), 0);
	else
		fixture_fd_pair(fds);
}

static ssize_t (*const calls[])(struct np_fd *fd) = { call_read, call_write, call_accept };

/* Three of them, so that two are asleep for the lock. */
static void end_calls(int (*end)(struct np_fd *fd, struct np_group *group), int expected)
{
	for (size_t i = 0; i < sizeof(calls) / sizeof(calls[0]); i++) {
		struct np_group group = { 0 };
		struct call call[3];
		struct np_fd *fds[2];

		make_fd(calls[i], fds);
		for (int k = 0; k < 3; k++) {
			call[k] = (struct call){ .fd = fds[0], .fn = calls[i] };
			cr_assert_eq(np_group_go(&group, make_call, &call[k]), 0);
		}
		for (int k = 0; k < 3; k++)
			FIBER_UNTIL(atomic_load(&call[k].begun));
		for (int k = 0; k < 50; k++)
			np_yield(); /* mostly enough for them to park */
		cr_assert_eq(end(fds[0], &group), 0);
		cr_assert_eq(np_group_join(&group), expected);
		np_close(fds[0]);
		np_close(fds[1]);
	}
}

static int end_by_close(struct np_fd *fd, struct np_group *group)
{
	(void)group;
	return np_cancel_io(fd);
}

static int end_by_cancel(struct np_fd *fd, struct np_group *group)
{
	(void)fd;
	np_group_cancel(group);
	return 0;
}

static int end_by_deadline(struct np_fd *fd, struct np_group *group)
{
	(void)group;
	return np_set_deadline(fd, -1);
}

FIBER_TEST(fiber_fd, close_ends_every_call)
{
	end_calls(end_by_close, NP_ECLOSED);
}

FIBER_TEST(fiber_fd, cancellation_ends_every_call)
{
	end_calls(end_by_cancel, NP_ECANCELED);
}

FIBER_TEST(fiber_fd, an_expired_deadline_ends_every_call)
{
	end_calls(end_by_deadline, NP_EDEADLINE);
}

static int use_cancelled(void *arg)
{
	struct np_fd **fds = arg;
	char byte = 'x';
	bool ok;

	np_cancel(np_self());
	ok = np_read(fds[0], &byte, 1) == NP_ECANCELED &&
	     np_write(fds[0], &byte, 1) == NP_ECANCELED;
	np_shield(true);
	ok = ok && np_write(fds[0], "y", 1) == 1 && np_read(fds[1], &byte, 1) == 1 && byte == 'y';
	np_shield(false);
	return ok ? -ENOTDIR : -EISDIR;
}

FIBER_TEST(fiber_fd, calls_of_a_cancelled_fiber_fail_though_they_need_not_wait)
{
	struct np_group group = { 0 };
	struct np_fd *fds[2];

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "z", 1), 1);
	cr_assert_eq(np_group_go(&group, use_cancelled, fds), 0);
	cr_assert_eq(np_group_join(&group), -ENOTDIR);
	np_close(fds[0]);
	np_close(fds[1]);
}

/* ---- fairness ----------------------------------------------------------------------------- */

static atomic_bool stop_flood;

/* Its own peer: never has to wait. */
static int flood(void *arg)
{
	struct np_fd *fds[2];
	char byte;

	(void)arg;
	fixture_fd_pair(fds);
	while (!atomic_load(&stop_flood))
		if (np_write(fds[0], "x", 1) != 1 || np_read(fds[1], &byte, 1) != 1)
			return -EISDIR;
	np_close(fds[0]);
	np_close(fds[1]);
	return 0;
}

FIBER_TEST(fiber_fd, who_never_has_to_wait_leaves_room_for_others)
{
	struct np_group group = { 0 };
	struct np_fd *fds[2];

	atomic_store(&stop_flood, false);
	fixture_fd_pair(fds);
	for (unsigned i = 0; i < fiber_workers; i++)
		cr_assert_eq(np_group_go(&group, flood, NULL), 0);
	cr_assert_eq(np_group_go(&group, echo, fds[1]), 0);
	converse(fds[0]);
	atomic_store(&stop_flood, true);
	np_close(fds[0]);
	cr_assert_eq(np_group_join(&group), 0);
}

/* ---- a server ----------------------------------------------------------------------------- */

static struct np_group server;

static int accept_all(void *arg)
{
	struct np_fd *conn;
	int error;

	while ((error = np_accept(arg, &conn)) == 0)
		if (np_group_go(&server, echo, conn))
			np_close(conn);
	return error == NP_ECLOSED ? 0 : error;
}

static int dial_and_converse(void *arg)
{
	struct np_fd *conn;
	int error = np_dial("tcp", arg, np_deadline(HOUR), &conn);

	if (!error) {
		converse(conn);
		np_close(conn);
	}
	return error;
}

FIBER_TEST(fiber_fd, a_server_serves)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_group clients = { 0 };
	struct np_fd *listener;
	struct np_addr addr;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, text, sizeof(text));
	cr_assert_eq(np_group_go(&server, accept_all, listener), 0);
	for (int i = 0; i < 20; i++)
		cr_assert_eq(np_group_go(&clients, dial_and_converse, text), 0);
	cr_assert_eq(np_group_join(&clients), 0);
	np_cancel_io(listener);
	cr_assert_eq(np_group_join(&server), 0);
	np_close(listener);
}
