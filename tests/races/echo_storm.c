/* SPDX-License-Identifier: MIT */
/*
 * tests/races/echo_storm.c - many threads on one poller: the lead goes round, deadlines come and
 * go, threads start and end, and every byte comes back.
 */
#include "tests/races/stress.h"

#include <string.h>

enum { CONNECTIONS = 12, MESSAGE_MAX = 300 };

struct connection {
	struct np_fd *fds[2];
	unsigned number;
};

static void *serve(void *arg)
{
	struct connection *connection = arg;
	char buf[MESSAGE_MAX];
	ssize_t n;

	while ((n = np_read(connection->fds[1], buf, sizeof(buf))) > 0)
		STRESS_CHECK(np_write(connection->fds[1], buf, (size_t)n) == n, "write");
	STRESS_CHECK(n == 0, "the server's read: %zd", n);
	np_close(connection->fds[1]);
	return NULL;
}

/* All of @size; deadlines on the way are set again until it is there. */
static void read_all(struct connection *connection, char *buf, size_t size, uint64_t *random)
{
	size_t got = 0;

	while (got < size) {
		ssize_t n;

		if (stress_random(random) % 2)
			np_set_read_deadline(connection->fds[0],
					     np_deadline((int64_t)(stress_random(random) % 60000)));
		n = np_read(connection->fds[0], buf + got, size - got);
		STRESS_CHECK(n > 0 || n == NP_EDEADLINE, "the client's read: %zd", n);
		if (n > 0)
			got += (size_t)n;
		else
			np_set_read_deadline(connection->fds[0], 0);
	}
}

static void *ask(void *arg)
{
	struct connection *connection = arg;
	uint64_t random = stress_random_of(connection->number);
	char sent[MESSAGE_MAX], received[MESSAGE_MAX];

	for (long i = 0; i < stress_rounds; i++) {
		size_t size = 1 + stress_random(&random) % MESSAGE_MAX;

		memset(sent, (int)(stress_random(&random) & 0xff), size);
		STRESS_CHECK(np_write(connection->fds[0], sent, size) == (ssize_t)size, "write");
		read_all(connection, received, size, &random);
		STRESS_CHECK(memcmp(sent, received, size) == 0, "other bytes came back");
	}
	np_close(connection->fds[0]);
	return NULL;
}

/* Each answer by a thread of its own: records of ended threads must not be touched any more. */
static void *answer_once(void *arg)
{
	struct connection *connection = arg;
	char byte;

	STRESS_CHECK(np_read(connection->fds[1], &byte, 1) == 1, "read");
	STRESS_CHECK(np_write(connection->fds[1], &byte, 1) == 1, "write");
	return NULL;
}

static void *ask_passing_threads(void *arg)
{
	struct connection *connection = arg;
	char byte = 'x';

	for (long i = 0; i < stress_rounds; i++) {
		pthread_t thread = stress_start(answer_once, connection);

		STRESS_CHECK(np_write(connection->fds[0], &byte, 1) == 1, "write");
		STRESS_CHECK(np_read(connection->fds[0], &byte, 1) == 1, "read");
		stress_join(thread);
	}
	np_close(connection->fds[0]);
	np_close(connection->fds[1]);
	return NULL;
}

int main(int argc, char **argv)
{
	static struct connection connections[CONNECTIONS + 2];
	pthread_t servers[CONNECTIONS], clients[CONNECTIONS + 2];

	stress_begin(argc, argv, 300);
	for (unsigned i = 0; i < CONNECTIONS + 2; i++) {
		connections[i].number = i;
		if (i % 2)
			stress_tcp_pair(connections[i].fds);
		else
			stress_fd_pair(connections[i].fds);
	}
	for (int i = 0; i < CONNECTIONS; i++) {
		servers[i] = stress_start(serve, &connections[i]);
		clients[i] = stress_start(ask, &connections[i]);
	}
	for (int i = CONNECTIONS; i < CONNECTIONS + 2; i++)
		clients[i] = stress_start(ask_passing_threads, &connections[i]);
	for (int i = 0; i < CONNECTIONS + 2; i++)
		stress_join(clients[i]);
	for (int i = 0; i < CONNECTIONS; i++)
		stress_join(servers[i]);
	return stress_end();
}
