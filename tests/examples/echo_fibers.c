/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo_fibers.c - the echo server with a fiber for each connection.
 *
 * All are in one group. To stop, the group is cancelled: whoever waits gets NP_ECANCELED, closes
 * what it has and ends.
 */
#include "echo.h"

struct server {
	const struct echo_options *options;
	struct np_fd *listener;
	struct np_group group;
};

/* A small buffer: the stack's first page is all the memory that an idle connection needs. */
static int serve(void *arg)
{
	struct np_fd *conn = arg;
	char buf[512];
	ssize_t n;

	while ((n = np_read(conn, buf, sizeof(buf))) > 0)
		if (np_write(conn, buf, (size_t)n) < 0)
			break;
	np_close(conn);
	return 0;
}

static int accept_all(void *arg)
{
	struct server *server = arg;
	struct np_fd *conn;
	int error;

	while (echo_accept(server->listener, &conn) == 0) {
		error = np_group_go(&server->group, serve, conn);
		if (error) {
			np_close(conn);
			echo_fail("", error);
		}
	}
	np_close(server->listener);
	return 0;
}

static int run(void *arg)
{
	struct server *server = arg;
	int error = echo_listen(server->options->address, &server->listener);

	if (error)
		return error;
	error = np_group_go(&server->group, accept_all, server);
	if (error)
		return echo_fail("", error);
	error = echo_wait_for_stop(server->options);
	np_group_cancel(&server->group);
	np_group_join(&server->group);
	return error;
}

int echo_run_fibers(const struct echo_options *options)
{
	const struct np_run_options run_options = {
		.backend = options->backend,
		.workers = options->workers,
	};
	struct server server = { .options = options };
	int status = np_run(run, &server, &run_options);

	return status < 0 ? echo_fail("np_run", status) : status;
}
