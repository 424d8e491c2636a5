/* SPDX-License-Identifier: MIT */
/* tests/examples/echo.h - what the two kinds of echo server share. */
#ifndef NETPARK_TESTS_EXAMPLES_ECHO_H
#define NETPARK_TESTS_EXAMPLES_ECHO_H

#include <netpark.h>

struct echo_options {
	const struct runtime_poll *backend; /* NULL: the default */
	const char *address;
	unsigned workers; /* of fibers; 0: one a processor */
	int stop_fd;      /* a pipe that can be read once SIGINT or SIGTERM has come */
};

/* Serve until stop_fd can be read. Each returns the exit status. */
int echo_run_threads(const struct echo_options *options);
int echo_run_fibers(const struct echo_options *options);

/* Say on standard error what went wrong. Returns 1. */
int echo_fail(const char *what, int error);

/* Wait, as the calling task, until the server shall stop. 0, or 1 after saying why not. */
int echo_wait_for_stop(const struct echo_options *options);

/* Listen, and print the address. 0, or 1 after saying why not. */
int echo_listen(const char *address, struct np_fd **ret_listener);

/*
 * Accept a connection, however long it takes. Where there are no descriptors left for one, or no
 * memory, who is served goes on: that is said once and tried again later. Fails with NP_ECLOSED or
 * NP_ECANCELED only: the server shall stop.
 */
int echo_accept(struct np_fd *listener, struct np_fd **ret_conn);

#endif /* NETPARK_TESTS_EXAMPLES_ECHO_H */
