/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_fd_shared.c - many tasks on one descriptor: writes stay whole, every byte is read
 * by exactly one reader, every connection accepted by exactly one acceptor.
 */
#include "core/fd.h"
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

TestSuite(fd_shared, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/* A message is larger than what the kernel keeps for a pipe: its writer has to wait in the middle.
 */
enum { WRITERS = 4, READERS = 4, MESSAGES = 6, MESSAGE_SIZE = 300 * 1000 };

static void pair_in_memory(struct np_fd *fds[2])
{
	cr_assert_eq(np_pipe_pair(fds), 0);
}

/* Each makes a pair of which 0 reads and 1 writes. */
static void (*const make_pair[])(struct np_fd *fds[2]) = {
	fixture_fd_pair,
	fixture_fd_pipe,
	fixture_fd_tcp_pair,
	pair_in_memory,
};

enum { PAIRS = 4 };

struct worker {
	struct np_fd *fd;
	unsigned char id;
	size_t counts[256]; /* how often each byte was read */
	ssize_t result;
	pthread_t thread;
};

/* Messages of one byte value, the worker's; every other in several buffers. */
static void *write_messages(void *arg)
{
	struct worker *worker = arg;
	unsigned char *bytes = malloc(MESSAGE_SIZE);

	worker->result = bytes ? 0 : -1;
	if (bytes)
		memset(bytes, worker->id, MESSAGE_SIZE);
	for (int i = 0; i < MESSAGES && worker->result == 0; i++) {
		struct iovec halves[2] = {
			{ bytes, MESSAGE_SIZE / 3 },
			{ bytes + MESSAGE_SIZE / 3, MESSAGE_SIZE - MESSAGE_SIZE / 3 },
		};
		ssize_t n = i % 2 ? np_writev(worker->fd, halves, 2)
				  : np_write(worker->fd, bytes, MESSAGE_SIZE);

		if (n != MESSAGE_SIZE)
			worker->result = n < 0 ? n : -2;
	}
	free(bytes);
	return NULL;
}

static void *read_bytes(void *arg)
{
	struct worker *worker = arg;
	unsigned char buf[5000];
	ssize_t n;

	while ((n = np_read(worker->fd, buf, sizeof(buf))) > 0)
		for (ssize_t i = 0; i < n; i++)
			worker->counts[buf[i]]++;
	worker->result = n;
	return NULL;
}

static void start(struct worker *workers, int count, struct np_fd *fd, void *(*run)(void *))
{
	memset(workers, 0, sizeof(*workers) * (size_t)count);
	for (int i = 0; i < count; i++) {
		workers[i].fd = fd;
		workers[i].id = (unsigned char)('a' + i);
		workers[i].thread = fixture_start_thread(run, &workers[i]);
	}
}

static void finish(struct worker *workers, int count)
{
	for (int i = 0; i < count; i++) {
		pthread_join(workers[i].thread, NULL);
		cr_assert_eq(workers[i].result, 0, "worker %d: %zd", i, workers[i].result);
	}
}

/* The whole stream is messages, each of one value from its first byte to its last. */
static void expect_whole_messages(struct np_fd *fd)
{
	unsigned char *message = malloc(MESSAGE_SIZE);
	int count[WRITERS] = { 0 };

	for (int i = 0; i < WRITERS * MESSAGES; i++) {
		cr_assert_eq(call_read_full(fd, message, MESSAGE_SIZE), MESSAGE_SIZE);
		for (size_t j = 0; j < MESSAGE_SIZE; j++)
			cr_assert_eq(message[j], message[0], "message %d is mixed at %zu", i, j);
		cr_assert_lt(message[0] - 'a', WRITERS);
		count[message[0] - 'a']++;
	}
	for (int i = 0; i < WRITERS; i++)
		cr_assert_eq(count[i], MESSAGES);
	free(message);
}

Test(fd_shared, what_one_call_writes_is_never_mixed_with_anothers)
{
	for (int kind = 0; kind < PAIRS; kind++) {
		struct worker writers[WRITERS];
		struct np_fd *fds[2];

		make_pair[kind](fds);
		start(writers, WRITERS, fds[1], write_messages);
		expect_whole_messages(fds[0]);
		finish(writers, WRITERS);
		cr_assert_eq(np_close(fds[0]), 0);
		cr_assert_eq(np_close(fds[1]), 0);
	}
}

Test(fd_shared, every_byte_is_read_by_one_reader)
{
	static struct worker readers[READERS], writers[WRITERS];

	for (int kind = 0; kind < PAIRS; kind++) {
		struct np_fd *fds[2];

		make_pair[kind](fds);
		start(readers, READERS, fds[0], read_bytes);
		start(writers, WRITERS, fds[1], write_messages);
		finish(writers, WRITERS);
		cr_assert_eq(np_close(fds[1]), 0);
		finish(readers, READERS);
		for (int id = 'a'; id < 'a' + WRITERS; id++) {
			size_t sum = 0;

			for (int i = 0; i < READERS; i++)
				sum += readers[i].counts[id];
			cr_assert_eq(sum, MESSAGES * MESSAGE_SIZE, "of '%c'", id);
		}
		cr_assert_eq(np_close(fds[0]), 0);
	}
}

/* Both directions of both ends at once: each end echoes for the other. */
static void *echo(void *arg)
{
	struct worker *worker = arg;
	char buf[3000];
	ssize_t n;

	while ((n = np_read(worker->fd, buf, sizeof(buf))) > 0)
		if ((n = np_write(worker->fd, buf, (size_t)n)) < 0)
			break;
	worker->result = n;
	return NULL;
}

Test(fd_shared, readers_and_writers_do_not_wait_for_each_other)
{
	struct worker writers[WRITERS], echoer;
	struct np_fd *fds[2];

	fixture_fd_tcp_pair(fds);
	start(&echoer, 1, fds[0], echo);
	start(writers, WRITERS, fds[1], write_messages);
	expect_whole_messages(fds[1]);
	finish(writers, WRITERS);
	cr_assert_eq(np_close_write(fds[1]), 0);
	finish(&echoer, 1);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

/* One for each reader: the sum of what they got tells whether each got another. */
static const char bits[READERS] = { 1, 2, 4, 8 };

Test(fd_shared, reads_that_queue_are_served_one_after_the_other)
{
	struct np_fd *fds[2];
	struct call readers[READERS];
	int sum = 0;

	fixture_fd_pair(fds);
	for (int i = 0; i < READERS; i++) {
		readers[i] = (struct call){ .fd = fds[0], .size = 1 };
		call_start(&readers[i], call_read);
	}
	FIXTURE_UNTIL(fixture_parked() == 1 && call_queued(fds[0], NP_READ) == READERS - 1);
	cr_assert_eq(np_write(fds[1], bits, READERS), READERS);
	for (int i = 0; i < READERS; i++) {
		cr_assert_eq(call_finish(&readers[i]), 1);
		sum += readers[i].data[0];
	}
	cr_assert_eq(sum, 1 + 2 + 4 + 8);
	cr_assert_eq(call_queued(fds[0], NP_READ), 0);
	cr_assert_eq(call_inside(fds[0]), 0);
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

Test(fd_shared, every_connection_is_accepted_by_one_acceptor)
{
	struct np_fd *listener, *client;
	struct call acceptors[READERS];
	char path[64];

	call_unix_path(path);
	cr_assert_eq(np_listen("unix", path, &listener), 0);
	for (int i = 0; i < READERS; i++) {
		acceptors[i] = (struct call){ .fd = listener };
		call_start(&acceptors[i], call_accept);
	}
	for (int i = 0; i < READERS; i++) {
		cr_assert_eq(np_dial("unix", path, 0, &client), 0);
		cr_assert_eq(np_write(client, &"\1\2\4\10"[i], 1), 1);
		cr_assert_eq(np_close(client), 0);
	}
	for (int i = 0, sum = 0; i < READERS; i++) {
		cr_assert_eq(call_finish(&acceptors[i]), 0);
		cr_assert_eq(np_read(acceptors[i].conn, acceptors[i].data, 2), 1);
		sum += acceptors[i].data[0];
		cr_assert(i < READERS - 1 || sum == 1 + 2 + 4 + 8);
		cr_assert_eq(np_close(acceptors[i].conn), 0);
	}
	cr_assert_eq(np_close(listener), 0);
}

/* Forked as a lock goes from one to the next, while somebody is at the list of those who sleep. */
Test(fd_shared, a_child_wakes_none_of_its_parents_readers)
{
	struct np_fd *fds[2];
	char buf[2];
	int status;
	pid_t child;

	fixture_fd_pair(fds);
	cr_assert_eq(np_write(fds[1], "ab", 2), 2);
	atomic_fetch_add(&fds[0]->mutex.word, 2 * FD_MUTEX_SLEEPER(SIDE_READ));
	fds[0]->mutex.lock = 1;
	child = fork();
	if (child == 0) {
		alarm(60); /* it would spin for ever */
		_exit(np_read(fds[0], buf, 1) != 1 || np_read(fds[0], buf, 1) != 1);
	}
	cr_assert_eq(waitpid(child, &status, 0), child);
	cr_assert_eq(status, 0);
	fds[0]->mutex.lock = 0;
	atomic_fetch_sub(&fds[0]->mutex.word, 2 * FD_MUTEX_SLEEPER(SIDE_READ));
	np_close(fds[0]);
	np_close(fds[1]);
}
