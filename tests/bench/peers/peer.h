/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/peer.h - what the echo servers to compare with share.
 *
 *	NAME [-d] [-r] [-s BUFFER_SIZE] HOST:PORT
 *
 * The first line printed is the address it listens on. SIGTERM ends it with status 0.
 */
#ifndef NETPARK_TESTS_BENCH_PEERS_PEER_H
#define NETPARK_TESTS_BENCH_PEERS_PEER_H

#include "../die.h"

#include <stdbool.h>
#include <stddef.h>

enum { PEER_BACKLOG = 4096, PEER_TIMEOUT_SECONDS = 30 };

struct peer_options {
	size_t buffer_size;  /* of each connection */
	bool uses_recv;      /* -r: recv and send where the server has the choice */
	bool sets_deadlines; /* -d: a new timeout before each read, where it knows how */
	const char *address; /* as given */
};

struct peer_options peer_parse(int argc, char **argv);

/* A listening socket that does not block, announced. What it accepts inherits TCP_NODELAY. */
int peer_listen(const char *address);

/* The next connection, which does not block; -1 if none is there. */
int peer_accept(int listener);

#endif /* NETPARK_TESTS_BENCH_PEERS_PEER_H */
