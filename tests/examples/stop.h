/* SPDX-License-Identifier: MIT */
/* tests/examples/stop.h - SIGINT and SIGTERM as something that a task can wait for. */
#ifndef NETPARK_TESTS_EXAMPLES_STOP_H
#define NETPARK_TESTS_EXAMPLES_STOP_H

/* From now on they stop nothing, and are waited for at *ret_fd. Once. Returns 0 or -errno. */
int stop_catch(int *ret_fd);

/* Wait for one of them; by one task. Returns 0 or an error of netpark. */
int stop_wait(int fd);

#endif /* NETPARK_TESTS_EXAMPLES_STOP_H */
