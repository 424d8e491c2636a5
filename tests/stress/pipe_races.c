/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/pipe_races.c - pairs in memory: readers, writers, deadlines that move, and a close.
 *
 * Nothing is buffered, so whatever a write says went out was read, at any moment: what writers
 * count and what readers got is compared after each round, which a close ends. That every task ends
 * with it is the other question.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <netpark/pipe.h>

#include <errno.h>
#include <string.h>

enum { SIZE = 300, SHARERS = 2, MOVES = 12 };

/* Of one direction of one end: what went through it. */
struct tally {
	_Atomic uint64_t bytes, sum;
};

struct round {
	struct np_fd *ends[2];
	struct tally written[2], read[2]; /* by the number of the end */
	_Atomic uint64_t seeds;
};

struct actor {
	struct round *round;
	struct np_fd *end; /* a reference of its own */
	int number;
	struct spawn task;
};

static uint64_t next_seed(struct round *round)
{
	return atomic_fetch_add(&round->seeds, 1) * UINT64_C(0x9e3779b97f4a7c15) | 1;
}

static void count(struct tally *tally, const unsigned char *data, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i < size; i++)
		sum += data[i];
	atomic_fetch_add(&tally->bytes, size);
	atomic_fetch_add(&tally->sum, sum);
}

/* Who is late may be so until somebody else moves. */
static bool is_late(ssize_t n)
{
	if (n == NP_EDEADLINE)
		spawn_yield();
	return n == NP_EDEADLINE;
}

static void write_on(void *arg)
{
	struct actor *actor = arg;
	uint64_t random = next_seed(actor->round);
	unsigned char data[SIZE];
	ssize_t n;

	do {
		size_t size = stress_below(&random, SIZE + 1);
		size_t written;

		for (size_t i = 0; i < size; i++)
			data[i] = (unsigned char)stress_random(&random);
		n = np_write_counted(actor->end, data, size, &written);
		count(&actor->round->written[actor->number], data, written);
		STRESS_CHECK(n < 0 || (size_t)n == written, "np_write returned %zd", n);
	} while (n >= 0 || is_late(n));
	STRESS_CHECK(n == NP_ECLOSED || n == -EPIPE, "np_write returned %zd", n);
	np_unref(actor->end);
}

/* An empty write looks like the end, which comes again. */
static void read_on(void *arg)
{
	struct actor *actor = arg;
	uint64_t random = next_seed(actor->round);
	unsigned char data[SIZE];
	int ends = 0;
	ssize_t n;

	do {
		n = np_read(actor->end, data, 1 + stress_below(&random, SIZE));
		if (n > 0)
			count(&actor->round->read[actor->number], data, (size_t)n);
		ends = n == 0 ? ends + 1 : 0;
	} while ((n >= 0 && ends < 100) || is_late(n));
	STRESS_CHECK(n == NP_ECLOSED || n == 0, "np_read returned %zd", n);
	np_unref(actor->end);
}

/* The last move leaves none that has passed: who is left goes on until the close. */
static void move_deadlines(void *arg)
{
	struct actor *actor = arg;
	uint64_t random = next_seed(actor->round);

	for (int i = 0; i < MOVES; i++) {
		static int (*const sets[])(struct np_fd * fd, int64_t deadline_ns) = {
			np_set_deadline, np_set_read_deadline, np_set_write_deadline
		};
		const int64_t deadlines[] = { 0, -1, np_deadline(HOUR), np_time(),
					      np_deadline(stress_below(&random, 60) *
							  MICROSECOND) };

		sets[stress_below(&random, 3)](actor->end, deadlines[stress_below(&random, 5)]);
		stress_jitter(&random);
		spawn_yield();
	}
	np_set_deadline(actor->end, stress_below(&random, 2) ? 0 : np_deadline(HOUR));
	np_unref(actor->end);
}

static void close_end(void *arg)
{
	struct actor *actor = arg;
	uint64_t random = next_seed(actor->round);

	for (unsigned i = stress_below(&random, 3 * MOVES); i > 0; i--) {
		stress_jitter(&random);
		spawn_yield();
	}
	if (stress_below(&random, 4) == 0)
		np_close_write(actor->end);
	STRESS_CHECK(np_close(actor->end) == 0, "np_close failed");
}

static void (*const acts[])(void *arg) = { write_on, read_on, write_on, read_on, move_deadlines };

enum { ACTS = sizeof(acts) / sizeof(acts[0]) };

static void play(struct round *round, uint64_t *random)
{
	struct actor actors[2 * ACTS + 1];
	int closer = (int)stress_below(random, 2);

	STRESS_CHECK(np_pipe_pair(round->ends) == 0, "np_pipe_pair failed");
	for (int i = 0; i <= 2 * ACTS; i++) {
		int number = i == 2 * ACTS ? closer : i % 2;

		actors[i] = (struct actor){
			.round = round,
			.end = np_ref(round->ends[number]),
			.number = number,
		};
		spawn_start(&actors[i].task, i == 2 * ACTS ? close_end : acts[i / 2], &actors[i]);
	}
	for (int i = 0; i <= 2 * ACTS; i++)
		spawn_join(&actors[i].task);
	for (int i = 0; i < 2; i++)
		np_unref(round->ends[i]);
}

static void storm(void *arg)
{
	uint64_t random = stress_seed(1);

	(void)arg;
	stress_phase("readers, writers, deadlines and a close");
	for (int i = 0; i < stress_rounds; i++) {
		struct round round = { .seeds = stress_random(&random) };

		play(&round, &random);
		for (int number = 0; number < 2; number++) {
			struct tally *out = &round.written[number];
			struct tally *in = &round.read[1 - number];

			STRESS_CHECK(out->bytes == in->bytes && out->sum == in->sum,
				     "%llu bytes were written, %llu read",
				     (unsigned long long)out->bytes, (unsigned long long)in->bytes);
		}
	}
}

/* ---- in order ----------------------------------------------------------------------------- */

enum { CHUNK = 2000 };

static char stream_byte(size_t offset)
{
	return (char)(offset * 31 + (offset >> 8) * 7);
}

/* Of what did not go out in time the rest comes next. */
static void send_stream(void *arg)
{
	struct np_fd *fd = arg;
	uint64_t random = stress_seed(2);
	size_t end = (size_t)stress_rounds * CHUNK;
	char chunk[CHUNK];

	for (size_t sent = 0, written; sent < end; sent += written) {
		size_t size = end - sent < CHUNK ? end - sent : CHUNK;
		ssize_t n;

		for (size_t i = 0; i < size; i++)
			chunk[i] = stream_byte(sent + i);
		np_set_write_deadline(fd, np_deadline(stress_below(&random, 60) * MICROSECOND));
		n = np_write_counted(fd, chunk, size, &written);
		STRESS_CHECK(n == NP_EDEADLINE || (n == (ssize_t)size && written == size),
			     "np_write_counted returned %zd and %zu", n, written);
	}
	np_close(fd);
}

static void stream(void *arg)
{
	uint64_t random = stress_seed(3);
	struct np_fd *ends[2];
	struct spawn writer;
	char buf[CHUNK];
	size_t received = 0;
	ssize_t n;

	(void)arg;
	stress_phase("a stream across deadlines");
	STRESS_CHECK(np_pipe_pair(ends) == 0, "np_pipe_pair failed");
	spawn_start(&writer, send_stream, ends[1]);
	do {
		np_set_read_deadline(ends[0], np_deadline(stress_below(&random, 60) * MICROSECOND));
		n = np_read(ends[0], buf, 1 + stress_below(&random, sizeof(buf)));
		STRESS_CHECK(n >= 0 || n == NP_EDEADLINE, "np_read returned %zd", n);
		for (ssize_t i = 0; i < n; i++, received++)
			STRESS_CHECK(buf[i] == stream_byte(received), "byte %zu is wrong",
				     received);
	} while (n != 0);
	STRESS_CHECK(received == (size_t)stress_rounds * CHUNK, "only %zu bytes came", received);
	spawn_join(&writer);
	np_close(ends[0]);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 40);
	spawn_run(storm, NULL, stress_backend);
	spawn_run(stream, NULL, stress_backend);
	return stress_end();
}
