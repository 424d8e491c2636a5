/* SPDX-License-Identifier: MIT */
/* tests/examples/server.c - see server.h. */
#include "server.h"
#include "stop.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int server_fail(const struct server *server, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "%s: %s\n", server->name, text);
	return 1;
}

const char *server_network(const char **address)
{
	if (strncmp(*address, "unix:", 5) != 0)
		return "tcp";
	*address += 5;
	return "unix";
}

long server_number(const struct server *server, const char *text, long most)
{
	char *end;
	long number;

	errno = 0;
	number = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || number < 1 || number > most) {
		fprintf(stderr, "%s: \"%s\" is no number from 1 to %ld\n", server->name, text,
			most);
		exit(2);
	}
	return number;
}

bool server_option(struct server *server, int letter, const char *value)
{
	switch (letter) {
	case 'b':
		server->backend = runtime_poll_find(value);
		if (!server->backend)
			fprintf(stderr, "%s: this build has no backend \"%s\"\n", server->name,
				value);
		return server->backend != NULL;
	case 'w':
		server->workers = (unsigned)server_number(server, value, 1024);
		return true;
	case 'c':
		server->most = (unsigned)server_number(server, value, 1000000);
		return true;
	default:
		return false;
	}
}

/* ---- connections -------------------------------------------------------------------------- */

struct connection {
	struct server *server;
	struct np_fd *conn;
};

static int serve(void *arg)
{
	struct connection connection = *(struct connection *)arg;
	struct server *server = connection.server;

	free(arg);
	server->serve(connection.conn, server->arg);
	np_close(connection.conn);
	np_semaphore_release(&server->room, 1);
	return 0;
}

static int start(struct server *server, struct np_fd *conn)
{
	struct connection *connection = malloc(sizeof(*connection));
	int error = -ENOMEM;

	if (connection) {
		*connection = (struct connection){ server, conn };
		error = np_group_go(&server->group, serve, connection);
	}
	if (error) {
		free(connection);
		np_close(conn);
		np_semaphore_release(&server->room, 1);
	}
	return error;
}

/* Whoever is too many stays in the kernel's queue until somebody has left. */
static int accept_next(struct server *server)
{
	struct np_fd *conn;
	int error = np_semaphore_acquire(&server->room, 1);

	if (error)
		return error;
	error = np_accept(server->listener, &conn);
	if (error) {
		np_semaphore_release(&server->room, 1);
		return error;
	}
	return start(server, conn);
}

/* Out of descriptors or memory: who is served goes on, others are asked for later. */
static int accept_all(void *arg)
{
	const int64_t pause_ns = 50 * INT64_C(1000000);
	struct server *server = arg;
	int error;

	do {
		error = accept_next(server);
		if (error && error != NP_ECANCELED && error != NP_ECLOSED) {
			server_fail(server, error);
			error = np_sleep(pause_ns);
		}
	} while (!error);
	np_cancel_io(server->listener); /* the handle is run()'s, which may be closing it, too */
	return 0;
}

static int announce(struct server *server)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	int error = np_local_addr(server->listener, &addr);

	if (error)
		return error;
	np_addr_format(&addr, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
	return 0;
}

static int run(void *arg)
{
	struct server *server = arg;
	const char *address = server->address;
	const char *network = server_network(&address);
	int error = np_listen(network, address, &server->listener);

	if (error)
		return server_fail(server, error);
	error = announce(server);
	if (!error)
		error = np_group_go(&server->group, accept_all, server);
	if (!error)
		error = stop_wait(server->stop_fd);
	if (!error && server->stop) {
		np_cancel_io(server->listener);
		server->stop(server->arg);
	}
	np_group_cancel(&server->group);
	np_group_join(&server->group);
	np_close(server->listener);
	return error ? server_fail(server, error) : 0;
}

int server_run(struct server *server)
{
	const struct np_run_options options = {
		.backend = server->backend,
		.workers = server->workers,
	};
	int status = stop_catch(&server->stop_fd);

	if (status < 0)
		return server_fail(server, status);
	/* netpark keeps it back where it would come, which costs a little: see np_copy(). */
	signal(SIGPIPE, SIG_IGN);
	np_semaphore_release(&server->room, server->most ? server->most : 1000);
	status = np_run(run, server, &options);
	return status < 0 ? server_fail(server, status) : status;
}
