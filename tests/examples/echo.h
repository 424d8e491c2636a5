/* SPDX-License-Identifier: MIT */
/* tests/examples/echo.h - what the two kinds of echo server share. */
#ifndef NETPARK_TESTS_EXAMPLES_ECHO_H
#define NETPARK_TESTS_EXAMPLES_ECHO_H

#include <netpark.h>

#include <signal.h>

struct echo_options {
	const struct runtime_poll *backend; /* NULL: the default */
	const char *address;
	unsigned workers;      /* of fibers; 0: one a processor */
	sigset_t stop_signals; /* blocked in every thread */
};

/* Serve until a stop signal comes. Each returns the exit status. */
int echo_run_threads(const struct echo_options *options);
int echo_run_fibers(const struct echo_options *options);

/* Say on standard error what went wrong. Returns 1. */
int echo_fail(const char *what, int error);

/* Listen, and print the address. 0, or 1 after saying why not. */
int echo_listen(const char *address, struct np_fd **ret_listener);

/* Block the calling thread until one of @stop_signals has come. */
void echo_wait_for_stop(const sigset_t *stop_signals);

#endif /* NETPARK_TESTS_EXAMPLES_ECHO_H */
