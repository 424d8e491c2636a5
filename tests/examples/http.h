/* SPDX-License-Identifier: MIT */
/* tests/examples/http.h - the HTTP server: what all connections share. */
#ifndef NETPARK_TESTS_EXAMPLES_HTTP_H
#define NETPARK_TESTS_EXAMPLES_HTTP_H

#include "server.h"

#include <stdatomic.h>

struct http_server {
	const char *root; /* of files; NULL: there are none */
	size_t max_body;
	int64_t timeout_ns; /* for each head, each body, each piece of an answer, and in between */
	int64_t grace_ns;   /* for requests under way when the server is told to stop */

	atomic_bool is_stopping;
	struct np_wait_group open; /* connections */
	struct np_mutex lock;
	struct http_conn *conns; /* under lock */
};

/* Serve one connection. */
void http_serve(struct http_server *http, struct np_fd *fd);

/* Have those go that wait for a request; the others will when they are done. */
void http_stop_idle(struct http_server *http);

#endif /* NETPARK_TESTS_EXAMPLES_HTTP_H */
