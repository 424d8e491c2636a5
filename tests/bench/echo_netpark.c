/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/echo_netpark.c - netpark's fibers, with what the example has no options for: the size
 * of the buffer, and a new deadline before each read.
 *
 *	echo_netpark [-d] [-s BUFFER_SIZE] [-w WORKERS] HOST:PORT
 */
#include <netpark.h>

#include "die.h"

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <unistd.h>

enum { SMALL = 512 };

static const int64_t TIMEOUT_NS = INT64_C(30) * 1000000000;

struct server {
	struct np_group group;
	struct np_fd *listener;
	const char *address;
	size_t buffer_size;
	bool sets_deadlines;
};

struct session {
	const struct server *server;
	struct np_fd *conn;
};

static _Noreturn void die_np(const char *what, int error)
{
	fprintf(stderr, "bench: %s: %s\n", what, np_strerror(error));
	exit(1);
}

static void echo(const struct server *server, struct np_fd *conn, char *buf)
{
	ssize_t n;

	for (;;) {
		if (server->sets_deadlines)
			np_set_read_deadline(conn, np_deadline(TIMEOUT_NS));
		n = np_read(conn, buf, server->buffer_size);
		if (n <= 0 || np_write(conn, buf, (size_t)n) < 0)
			break;
	}
	np_close(conn);
}

static int serve_small(void *arg)
{
	struct session session = *(struct session *)arg;
	char buf[SMALL];

	free(arg);
	echo(session.server, session.conn, buf);
	return 0;
}

static int serve_large(void *arg)
{
	struct session session = *(struct session *)arg;
	char *buf = malloc(session.server->buffer_size);

	free(arg);
	if (!buf)
		die("out of memory");
	echo(session.server, session.conn, buf);
	free(buf);
	return 0;
}

static int accept_all(void *arg)
{
	struct server *server = arg;
	int (*serve)(void *arg) = server->buffer_size <= SMALL ? serve_small : serve_large;
	struct np_fd *conn;

	while (np_accept(server->listener, &conn) == 0) {
		struct session *session = malloc(sizeof(*session));

		if (!session)
			die("out of memory");
		*session = (struct session){ .server = server, .conn = conn };
		if (np_group_go(&server->group, serve, session) != 0)
			die("np_group_go");
	}
	np_close(server->listener);
	return 0;
}

static int wait_for_stop(void *arg)
{
	int received;

	return sigwait(arg, &received);
}

static int run(void *arg)
{
	struct server *server = arg;
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	sigset_t stop;
	int error = np_listen("tcp", server->address, &server->listener);

	if (!error)
		error = np_local_addr(server->listener, &addr);
	if (error)
		die_np("np_listen", error);
	np_addr_format(&addr, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	np_group_go(&server->group, accept_all, server);
	np_blocking(wait_for_stop, &stop);
	np_group_cancel(&server->group);
	return np_group_join(&server->group);
}

int main(int argc, char **argv)
{
	struct np_run_options run_options = { .workers = 1 };
	struct server server = { .buffer_size = SMALL };
	sigset_t stop;
	int option, status;

	while ((option = getopt(argc, argv, "ds:w:")) != -1) {
		if (option == 's')
			server.buffer_size = strtoul(optarg, NULL, 10);
		else if (option == 'd')
			server.sets_deadlines = true;
		else if (option == 'w')
			run_options.workers = (unsigned)strtoul(optarg, NULL, 10);
		else
			return 2;
	}
	if (optind != argc - 1 || server.buffer_size == 0)
		die("usage: echo_netpark [-d] [-s BUFFER_SIZE] [-w WORKERS] HOST:PORT");
	server.address = argv[optind];
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	status = np_run(run, &server, &run_options);
	if (status < 0)
		die_np("np_run", status);
	return status;
}
