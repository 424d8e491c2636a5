/* SPDX-License-Identifier: MIT */
/* tests/examples/restart.h - the two halves of the server that is restarted: it serves, and it
 * goes. */
#ifndef NETPARK_TESTS_EXAMPLES_RESTART_H
#define NETPARK_TESTS_EXAMPLES_RESTART_H

#include <netpark.h>

enum { CONNECTIONS_MAX = NP_INHERITED_MAX - 2 }; /* with two listeners */

struct server {
	struct np_fd *listener;
	struct np_mutex lock; /* of what follows */
	struct conn *conns;
	size_t count;
	unsigned long requests;
	bool is_draining;  /* each connection ends with its next answer */
	bool is_suspended; /* nobody reads: the connections go to somebody else */

	struct np_wait_group acceptor; /* while it accepts */
	struct np_wait_group serving;  /* connections that are read from */
	struct np_group group;         /* all fibers */
};

/* Accept and serve, from now on. 0 or an error. */
int server_start(struct server *server);

/* Serve a connection that has been open before, of which @data was read already. 0 or an error. */
int server_adopt(struct server *server, struct np_fd *fd, const void *data, size_t size);

/* Accept no more; every connection gets one more answer, and ends. */
void server_drain(struct server *server);

/*
 * Stop where no answer is owed: nobody accepts, nobody reads. Connections are put into @list, with
 * what was read of a next request, which stays the server's. Returns how many.
 */
size_t server_suspend(struct server *server, struct np_inherited list[CONNECTIONS_MAX]);

/* Go on as if nothing had been; or close everything that somebody else has now. */
int server_resume(struct server *server);
void server_forget(struct server *server);

/* Say on standard error what went wrong. Returns 1. */
int restart_fail(const char *what, int error);

#endif /* NETPARK_TESTS_EXAMPLES_RESTART_H */
