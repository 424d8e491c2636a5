/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/echo_storm.c - thirty-two tasks, and every byte comes back.
 *
 * Half are clients, half servers, over TCP and over Unix sockets. Of threads whoever waits first
 * leads, its own report comes and it hands the lead on: with messages this short that is all the
 * time. Deadlines expire in between on either side; what they interrupt goes on where it stopped.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <stdio.h>
#include <string.h>

enum { CONNECTIONS = 16, MESSAGE_MAX = 700, LONG_MESSAGE = 40000 };

struct end {
	struct np_fd *fd;
	unsigned index;
	struct spawn task;
	char sent[LONG_MESSAGE], received[LONG_MESSAGE]; /* of who asks */
};

static atomic_ulong timeouts;

static int64_t soon(uint64_t *random)
{
	return np_deadline(stress_below(random, 200) * MICROSECOND);
}

static void write_all(struct end *end, const char *data, size_t size, uint64_t *random)
{
	size_t sent = 0;

	if (stress_below(random, 8) == 0)
		np_set_write_deadline(end->fd, soon(random));
	while (sent < size) {
		size_t written;
		ssize_t n = np_write_counted(end->fd, data + sent, size - sent, &written);

		sent += written;
		STRESS_CHECK(n == NP_EDEADLINE || sent == size, "np_write_counted returned %zd", n);
		if (n == NP_EDEADLINE) {
			atomic_fetch_add(&timeouts, 1);
			np_set_write_deadline(end->fd, 0);
		}
	}
}

/* At least one byte; 0 at the end of the stream. */
static size_t read_some(struct end *end, char *buf, size_t size, uint64_t *random)
{
	ssize_t n;

	if (stress_below(random, 4) == 0)
		np_set_read_deadline(end->fd, soon(random));
	while ((n = np_read(end->fd, buf, size)) == NP_EDEADLINE) {
		atomic_fetch_add(&timeouts, 1);
		np_set_read_deadline(end->fd, stress_below(random, 2) ? soon(random) : 0);
	}
	STRESS_CHECK(n >= 0, "np_read returned %zd", n);
	return (size_t)n;
}

static void serve(void *arg)
{
	struct end *end = arg;
	uint64_t random = stress_seed(end->index);
	char buf[MESSAGE_MAX];
	size_t n;

	while ((n = read_some(end, buf, 1 + stress_below(&random, sizeof(buf)), &random)) > 0)
		write_all(end, buf, n, &random);
	np_close(end->fd);
}

static void fill(char *message, size_t size, uint64_t *random)
{
	for (size_t i = 0; i < size; i++)
		message[i] = (char)(stress_random(random) >> 24);
}

static void exchange(struct end *end, size_t size, uint64_t *random)
{
	fill(end->sent, size, random);
	write_all(end, end->sent, size, random);
	for (size_t got = 0; got < size;) {
		size_t n = read_some(end, end->received + got, size - got, random);

		STRESS_CHECK(n > 0, "the stream ended after %zu of %zu bytes", got, size);
		got += n;
	}
	STRESS_CHECK(memcmp(end->sent, end->received, size) == 0, "other bytes came back");
}

static void ask(void *arg)
{
	struct end *end = arg;
	uint64_t random = stress_seed(end->index);
	char byte;
	int error;

	for (int round = 0; round < stress_rounds; round++) {
		bool is_long = stress_below(&random, 64) == 0;

		exchange(end, 1 + stress_below(&random, is_long ? LONG_MESSAGE : MESSAGE_MAX),
			 &random);
	}
	error = np_close_write(end->fd);
	STRESS_CHECK(!error, "np_close_write: %s", np_strerror(error));
	STRESS_CHECK(read_some(end, &byte, 1, &random) == 0, "a byte too many came back");
	np_close(end->fd);
}

static void storm(void *arg)
{
	static struct end ends[2 * CONNECTIONS];

	(void)arg;
	stress_phase("the storm");
	for (unsigned i = 0; i < 2 * CONNECTIONS; i += 2) {
		struct np_fd *fds[2];

		if (i % 4)
			stress_tcp_pair(fds);
		else
			stress_fd_pair(fds);
		ends[i].fd = fds[0];
		ends[i + 1].fd = fds[1];
	}
	for (int i = 0; i < 2 * CONNECTIONS; i++) {
		ends[i].index = (unsigned)i;
		spawn_start(&ends[i].task, i % 2 ? serve : ask, &ends[i]);
	}
	for (int i = 0; i < 2 * CONNECTIONS; i++)
		spawn_join(&ends[i].task);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 600);
	spawn_run(storm, NULL, stress_backend);
	printf("%lu timeouts\n", atomic_load(&timeouts));
	return stress_end();
}
