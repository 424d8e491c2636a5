/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/restart.c - a server that is replaced by another process without anybody noticing.
 *
 *	restart [-b BACKEND] spawn ADDRESS
 *	restart [-b BACKEND] hand-over ADDRESS PATH
 *
 * ADDRESS is HOST:PORT, or a path. A program that started it with a listener (systemd, LISTEN_FDS)
 * is served instead.
 *
 * spawn: on SIGHUP it starts itself anew, with its listener: the program that is now at the path by
 * which it was started, a newer one perhaps. As soon as that one serves, the old one answers what
 * comes on the connections it has, says that they end, and leaves.
 *
 * hand-over: it is replaced by one more that is started the same way. That one connects to PATH and
 * is given the listener, the connections, what was read from them, and PATH itself.
 *
 * Each says "serving PID ADDRESS", and in the end "left PID REQUESTS". SIGTERM ends it.
 */
#include "restart.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/* How long the other process may take. */
static const int64_t PATIENCE_NS = INT64_C(20000000000);

static struct {
	char **argv;
	const char *address;
	const char *path; /* of hand-over, or NULL */
	struct server server;
	struct np_fd *control; /* listens at path, or NULL */
	struct np_fd *ready;   /* who started us waits for a byte, or NULL */
} restart;

int restart_fail(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "restart %ld: %s: %s\n", (long)getpid(), what, text);
	return 1;
}

/* ---- events: signals, and the end of a hand-over, as bytes in a pipe ----------------------- */

enum { EVENT_END = 'e', EVENT_RESTART = 'r', EVENT_GONE = 'g' };

static int event_pipe[2];

static void tell(char event)
{
	int saved = errno;

	if (write(event_pipe[1], &event, 1) < 0)
		errno = saved; /* full: there is enough to do */
}

static void handle(int signo)
{
	tell(signo == SIGHUP ? EVENT_RESTART : EVENT_END);
}

static int catch_signals(void)
{
	struct sigaction action = { .sa_handler = handle, .sa_flags = SA_RESTART };

	if (pipe(event_pipe) < 0)
		return -errno;
	fcntl(event_pipe[0], F_SETFD, FD_CLOEXEC);
	fcntl(event_pipe[1], F_SETFD, FD_CLOEXEC);
	fcntl(event_pipe[1], F_SETFL, O_NONBLOCK);
	sigaction(SIGHUP, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	return 0;
}

/* ---- the beginning ------------------------------------------------------------------------ */

static const char *network(void)
{
	return restart.address[0] == '/' ? "unix" : "tcp";
}

static void say(const char *what, const char *more)
{
	char line[256];
	int length = snprintf(line, sizeof(line), "%s %ld %s\n", what, (long)getpid(), more);

	/* In one piece: others write there, too. */
	if (write(STDOUT_FILENO, line, (size_t)length) != length)
		fprintf(stderr, "restart: %s", line);
}

static int take_place(struct np_inherited *one)
{
	if (strcmp(one->name, "ready") == 0)
		restart.ready = one->fd;
	else if (strcmp(one->name, "control") == 0)
		restart.control = one->fd;
	else if (strcmp(one->name, "connection") == 0)
		return server_adopt(&restart.server, one->fd, one->data, one->size);
	else
		restart.server.listener = one->fd;
	return 0;
}

static void take_places(struct np_inherited *list, int count)
{
	for (int i = 0; i < count; i++) {
		if (take_place(&list[i]))
			fprintf(stderr, "restart: a connection was lost\n");
		free(list[i].data);
	}
}

/* What is given and taken is used as one's own: among those who could do as they like anyway. */
static bool is_trusted(struct np_fd *conn)
{
	struct np_credentials peer;

	return np_peer_credentials(conn, &peer) == 0 && peer.uid == geteuid();
}

/* From the one that serves now. 0, also if there is none. */
static int take_over(void)
{
	struct np_inherited *list = calloc(CONNECTIONS_MAX + 2, sizeof(*list));
	struct np_fd *conn;
	int error = list ? np_dial("unix", restart.path, 0, &conn) : -ENOMEM;

	if (error) {
		free(list);
		return error == -ENOENT || error == -ECONNREFUSED ? 0 : error;
	}
	np_set_deadline(conn, np_deadline(PATIENCE_NS));
	error = is_trusted(conn) ? np_take_over(conn, list, CONNECTIONS_MAX + 2) : -EPERM;
	np_close(conn);
	if (error >= 0)
		take_places(list, error);
	free(list);
	return error < 0 ? error : 0;
}

static int find_listener(void)
{
	int error = 0;

	if (!restart.server.listener && restart.path)
		error = take_over();
	if (!error && !restart.server.listener)
		error = np_listen(network(), restart.address, &restart.server.listener);
	if (!error && restart.path && !restart.control)
		error = np_listen("unix", restart.path, &restart.control);
	return error;
}

/* Serve, and tell those who wait for it. */
static int begin(void)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	int error = find_listener();

	if (!error)
		error = np_local_addr(restart.server.listener, &addr);
	if (!error)
		error = server_start(&restart.server);
	if (error)
		return error;
	if (restart.ready) {
		np_write(restart.ready, "", 1);
		np_close(restart.ready);
	}
	np_addr_format(&addr, text, sizeof(text));
	say("serving", text);
	return 0;
}

/* ---- a successor that is started ---------------------------------------------------------- */

/* Until it serves; 0 only then. */
static int wait_until_ready(struct np_fd *ready)
{
	char byte;
	ssize_t n;

	np_set_read_deadline(ready, np_deadline(PATIENCE_NS));
	n = np_read(ready, &byte, 1);
	return n == 1 ? 0 : n == 0 ? NP_EEOF : (int)n;
}

static int start_successor(void)
{
	struct np_inherited list[2] = {
		{ .fd = restart.server.listener, .name = "web" },
		{ .name = "ready" },
	};
	struct np_fd *ready[2];
	pid_t pid;
	int error = np_socketpair("unix", ready);

	if (error)
		return error;
	list[1].fd = ready[1];
	error = np_spawn(restart.argv[0], restart.argv, NULL, list, 2, &pid);
	np_close(ready[1]);
	if (!error) {
		error = wait_until_ready(ready[0]);
		if (error)
			kill(pid, SIGKILL);
		if (error)
			waitpid(pid, NULL, 0);
	}
	np_close(ready[0]);
	return error;
}

/* True if this one is no longer needed. */
static bool is_replaced(void)
{
	int error = restart.path ? -ENOTSUP : start_successor();

	if (error) {
		restart_fail("restart", error); /* and goes on */
		return false;
	}
	/* The path of a Unix listener is the successor's. */
	if (network()[0] == 'u')
		np_set_unlink_on_close(restart.server.listener, false);
	server_drain(&restart.server);
	return true;
}

/* ---- a successor that comes --------------------------------------------------------------- */

static int give(struct np_fd *conn, struct np_inherited *list)
{
	size_t count = server_suspend(&restart.server, list + 2);
	int error;

	list[0] = (struct np_inherited){ .fd = restart.server.listener, .name = "web" };
	list[1] = (struct np_inherited){ .fd = restart.control, .name = "control" };
	error = np_hand_over(conn, list, count + 2);
	if (error) {
		restart_fail("hand-over", error);
		return server_resume(&restart.server);
	}
	server_forget(&restart.server);
	np_cancel_io(restart.control);
	tell(EVENT_GONE);
	return 0;
}

static int wait_for_successor(void *arg)
{
	struct np_inherited *list = calloc(CONNECTIONS_MAX + 2, sizeof(*list));
	struct np_fd *conn;

	(void)arg;
	while (list && np_accept(restart.control, &conn) == 0) {
		np_set_deadline(conn, np_deadline(PATIENCE_NS));
		if (is_trusted(conn))
			give(conn, list);
		np_close(conn);
	}
	free(list);
	return 0;
}

/* ---- in between --------------------------------------------------------------------------- */

/* Until there is nothing more to do here. */
static int watch(struct np_fd *events)
{
	char event;
	ssize_t n;

	while ((n = np_read(events, &event, 1)) == 1) {
		if (event != EVENT_RESTART || is_replaced())
			return 0;
	}
	return n < 0 ? (int)n : NP_EEOF;
}

static int run(void *arg)
{
	struct np_fd *events;
	int error = np_fd_open(event_pipe[0], 0, &events);

	(void)arg;
	if (!error)
		error = begin();
	if (!error && restart.control)
		error = np_group_go(&restart.server.group, wait_for_successor, NULL);
	if (!error)
		error = watch(events);
	np_group_cancel(&restart.server.group);
	np_group_join(&restart.server.group);
	np_close(restart.server.listener);
	np_close(restart.control);
	np_close(events);
	return error;
}

static int usage(void)
{
	fprintf(stderr, "usage: restart [-b epoll|poll|kqueue] spawn ADDRESS\n"
			"       restart [-b epoll|poll|kqueue] hand-over ADDRESS PATH\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct np_run_options options = { .workers = 2 };
	struct np_inherited list[2];
	char requests[32];
	int count = np_inherit(list, 2);
	int first = 1;
	int error;

	if (count < 0)
		return restart_fail("inherited", count);
	if (argc > 2 && strcmp(argv[1], "-b") == 0) {
		options.backend = runtime_poll_find(argv[2]);
		first = 3;
	}
	if (argc - first == 3 && strcmp(argv[first], "hand-over") == 0)
		restart.path = argv[first + 2];
	else if (argc - first != 2 || strcmp(argv[first], "spawn") != 0)
		return usage();
	restart.argv = argv;
	restart.address = argv[first + 1];
	take_places(list, count);
	error = catch_signals();
	if (!error)
		error = np_run(run, NULL, &options);
	if (error)
		return restart_fail("run", error);
	snprintf(requests, sizeof(requests), "%lu", restart.server.requests);
	say("left", requests);
	return 0;
}
