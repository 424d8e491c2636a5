/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/server.h - a server with a fiber for each connection: options, a limit, a stop.
 *
 * Prints the address it listens on as its first line; port 0 takes a free one. SIGINT and SIGTERM
 * stop it: it accepts no more, what is served is cancelled and closed, and the exit status is 0.
 */
#ifndef NETPARK_TESTS_EXAMPLES_SERVER_H
#define NETPARK_TESTS_EXAMPLES_SERVER_H

#include <netpark.h>

#include <stdbool.h>

struct server {
	const char *name;                   /* of the program, for what it says */
	const struct runtime_poll *backend; /* NULL: the default */
	unsigned workers;                   /* of fibers; 0: one a processor */
	unsigned most;                      /* connections at once; others wait to be accepted */
	const char *address;                /* to listen on: "HOST:PORT" or "unix:PATH" */
	void (*serve)(struct np_fd *conn, void *arg); /* in a fiber; @conn is closed after it */
	void (*stop)(void *arg); /* NULL, or what to do before what is served is cancelled */
	void *arg;

	/* its own */
	struct np_fd *listener;
	struct np_group group;
	struct np_semaphore room;
	int stop_fd;
};

/* Run until a signal comes. Returns the exit status. */
int server_run(struct server *server);

/* Say on standard error what went wrong. Returns 1. */
int server_fail(const struct server *server, int error);

/* What "HOST:PORT" or "unix:PATH" means to np_dial() and np_listen(). */
const char *server_network(const char **address);

/* The option @letter of those that every server has, -b, -w and -c. False if it is none of them, or
 * makes no sense. */
bool server_option(struct server *server, int letter, const char *value);
#define SERVER_OPTIONS "b:w:c:"

/* A number above 0 and up to @most. Exits, with what is wrong with it, if it is none. */
long server_number(const struct server *server, const char *text, long most);

#endif /* NETPARK_TESTS_EXAMPLES_SERVER_H */
