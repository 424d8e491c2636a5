/* SPDX-License-Identifier: MIT */
/* tests/examples/relay.h - two streams that are passed on to each other, until both have ended. */
#ifndef NETPARK_TESTS_EXAMPLES_RELAY_H
#define NETPARK_TESTS_EXAMPLES_RELAY_H

#include <netpark.h>

/*
 * Copy both ways. The end of one is passed on, and the other way goes on; an error of any kind ends
 * both. So does idleness: nothing has moved, either way, for @idle_ns at least and twice that at
 * most. Nobody may read or write but this; closes nothing for good. By a fiber.
 */
void relay(struct np_fd *near, struct np_fd *far, int64_t idle_ns);

#endif /* NETPARK_TESTS_EXAMPLES_RELAY_H */
