/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/deadline_races.c - deadlines that are moved, cleared and met under a blocked call.
 *
 * Three questions. Is a timeout ever early? Movers keep a diary: when each deadline was set and
 * when it had surely been replaced. A timeout is right if one of those in force during the call had
 * been reached by then. Is a wake-up ever lost? Each round ends either with a deadline that nobody
 * moves any more or with none and a byte, and the reader must notice. Are data ever lost? What is
 * sent while deadlines expire on both sides must arrive, byte for byte.
 */
#include "tests/stress/stress.h"

#include <sched.h>
#include <stdio.h>

enum { MOVERS = 2, MOVES = 8, CALLS = 64 };

/* ---- never early, never lost -------------------------------------------------------------- */

/* One entry of a mover's diary. */
struct move {
	int64_t deadline;
	int64_t set;      /* when it was about to be set */
	int64_t replaced; /* when the mover's next had been set: it was not in force any more */
};

/* One call of the reader that timed out. */
struct timeout {
	int64_t called, returned;
};

struct contest {
	struct np_fd *fds[2]; /* 0 reads */
	struct stress_gate begin, moved, end;
	struct move diaries[MOVERS + 1][MOVES]; /* the last is of who ends the round */
	struct timeout timeouts[CALLS];
	int timeout_count;
	bool ends_with_data;
	int sends_at; /* the move at which the byte is sent already, or -1: when all is settled */
	atomic_bool is_settled;  /* the deadline will not be moved any more */
	_Atomic int64_t settled; /* in rounds without movers: the deadline that stays */
	bool is_over;
};

struct mover {
	struct contest *contest;
	unsigned index;
};

static int64_t choose_deadline(uint64_t *random)
{
	switch (stress_below(random, 8)) {
	case 0:
		return 0;
	case 1:
		return -1;
	case 2:
		return np_time();
	case 3:
		return np_deadline(HOUR);
	case 4:
		return INT64_MAX;
	default:
		return np_deadline(stress_below(random, 60) * MICROSECOND);
	}
}

/* Set it for reading alone or for both directions, which share a timer. */
static void set_deadline(struct contest *contest, int64_t deadline, uint64_t *random)
{
	int error = stress_below(random, 2) ? np_set_deadline(contest->fds[0], deadline)
					    : np_set_read_deadline(contest->fds[0], deadline);

	STRESS_CHECK(!error, "a deadline could not be set: %s", np_strerror(error));
}

static void send_byte(struct contest *contest)
{
	ssize_t n = np_write(contest->fds[1], "x", 1);

	STRESS_CHECK(n == 1, "np_write returned %zd", n);
}

static void write_diary(struct contest *contest, struct move *diary, uint64_t *random)
{
	for (int i = 0; i < MOVES; i++) {
		if (i == contest->sends_at && diary == contest->diaries[0])
			send_byte(contest);
		diary[i] = (struct move){ .deadline = choose_deadline(random), .set = np_time() };
		set_deadline(contest, diary[i].deadline, random);
		if (i > 0)
			diary[i - 1].replaced = np_time();
		for (unsigned pause = stress_below(random, 8); pause > 0; pause--)
			stress_jitter(random);
	}
	diary[MOVES - 1].replaced = INT64_MAX;
}

static void *run_mover(void *arg)
{
	struct mover *mover = arg;
	struct contest *contest = mover->contest;
	uint64_t random = stress_seed(mover->index);

	for (;;) {
		stress_gate_pass(&contest->begin);
		if (contest->is_over)
			return NULL;
		write_diary(contest, contest->diaries[mover->index], &random);
		stress_gate_pass(&contest->moved);
		stress_gate_pass(&contest->end);
	}
}

/* Read until a byte comes, or until the deadline that stays has passed. */
static void read_round(struct contest *contest)
{
	contest->timeout_count = 0;
	for (;;) {
		bool was_settled = atomic_load(&contest->is_settled);
		struct timeout timeout = { .called = np_time() };
		char byte;
		ssize_t n = np_read(contest->fds[0], &byte, 1);

		if (n == 1)
			return;
		STRESS_CHECK(n == NP_EDEADLINE, "np_read returned %zd", n);
		timeout.returned = np_time();
		if (contest->timeout_count < CALLS)
			contest->timeouts[contest->timeout_count++] = timeout;
		if (was_settled && !contest->ends_with_data)
			return;
		sched_yield();
	}
}

static void *run_reader(void *arg)
{
	struct contest *contest = arg;

	for (;;) {
		stress_gate_pass(&contest->begin);
		if (contest->is_over)
			return NULL;
		read_round(contest);
		stress_gate_pass(&contest->end);
	}
}

/* Could this entry have ended that call? */
static bool explains(const struct move *move, const struct timeout *timeout)
{
	int64_t last = move->replaced < timeout->returned ? move->replaced : timeout->returned;

	return move->deadline != 0 && move->set <= timeout->returned &&
	       move->replaced >= timeout->called && move->deadline <= last;
}

static void check_timeout(struct contest *contest, const struct timeout *timeout)
{
	for (int i = 0; i < MOVERS + 1; i++)
		for (int k = 0; k < MOVES; k++)
			if (explains(&contest->diaries[i][k], timeout))
				return;
	stress_fail("np_read timed out early");
}

/* Once the movers are done: what must end the reader's round. */
static void end_round(struct contest *contest, uint64_t *random)
{
	struct move *move = contest->diaries[MOVERS];

	for (int i = 1; i < MOVES; i++)
		move[i] = (struct move){ .deadline = 0 };
	*move = (struct move){ .set = np_time(), .replaced = INT64_MAX };
	if (!contest->ends_with_data)
		move->deadline = np_deadline(stress_below(random, 60) * MICROSECOND);
	set_deadline(contest, move->deadline, random);
	atomic_store(&contest->is_settled, true);
	if (contest->ends_with_data && contest->sends_at < 0)
		send_byte(contest);
}

static void move_under_reader(void (*make)(struct np_fd *fds[2]), const char *name)
{
	static struct contest contest;
	struct mover movers[MOVERS];
	pthread_t threads[MOVERS + 1];
	uint64_t random = stress_seed(100);

	stress_phase(name);
	contest.is_over = false;
	make(contest.fds);
	stress_gate_init(&contest.begin, MOVERS + 2);
	stress_gate_init(&contest.moved, MOVERS + 1);
	stress_gate_init(&contest.end, MOVERS + 2);
	for (unsigned i = 0; i < MOVERS; i++) {
		movers[i] = (struct mover){ &contest, i };
		threads[i] = stress_start(run_mover, &movers[i]);
	}
	threads[MOVERS] = stress_start(run_reader, &contest);
	for (int round = 0; round < stress_rounds; round++) {
		contest.ends_with_data = stress_below(&random, 3);
		contest.sends_at =
			contest.ends_with_data ? (int)stress_below(&random, MOVES + 4) : -1;
		if (contest.sends_at >= MOVES)
			contest.sends_at = -1;
		atomic_store(&contest.is_settled, false);
		np_set_deadline(contest.fds[0], 0);
		stress_gate_pass(&contest.begin);
		stress_gate_pass(&contest.moved);
		end_round(&contest, &random);
		stress_gate_pass(&contest.end);
		for (int i = 0; i < contest.timeout_count; i++)
			check_timeout(&contest, &contest.timeouts[i]);
	}
	contest.is_over = true;
	stress_gate_pass(&contest.begin);
	for (int i = 0; i < MOVERS + 1; i++)
		stress_join(threads[i]);
	np_close(contest.fds[0]);
	np_close(contest.fds[1]);
}

/* ---- a deadline set while the timer of an older one is being looked at --------------------- */

static void *read_timeouts(void *arg)
{
	struct contest *contest = arg;

	for (int round = 0; round < stress_rounds; round++) {
		char byte;
		ssize_t n;

		stress_gate_pass(&contest->begin);
		n = np_read(contest->fds[0], &byte, 1);
		STRESS_CHECK(n == NP_EDEADLINE, "np_read returned %zd", n);
		STRESS_CHECK(np_time() >= atomic_load(&contest->settled),
			     "np_read timed out early");
		stress_gate_pass(&contest->end);
	}
	return NULL;
}

/*
 * Clearing a deadline leaves its timer, and a later deadline relies on that one as long as it is
 * there. So the moment to set one is when the timer is due.
 */
static void set_when_timer_is_due(void)
{
	static struct contest contest;
	uint64_t random = stress_seed(104);
	pthread_t reader;

	stress_phase("deadlines set when an older timer is due");
	stress_fd_pair(contest.fds);
	stress_gate_init(&contest.begin, 2);
	stress_gate_init(&contest.end, 2);
	reader = stress_start(read_timeouts, &contest);
	for (int round = 0; round < stress_rounds; round++) {
		int64_t old = np_deadline(30 * MICROSECOND);
		int64_t moment = old + stress_below(&random, 60) * MICROSECOND;

		atomic_store(&contest.settled, old + 150 * MICROSECOND);
		np_set_read_deadline(contest.fds[0], old);
		np_set_read_deadline(contest.fds[0], 0);
		stress_gate_pass(&contest.begin);
		while (np_time() < moment)
			;
		np_set_read_deadline(contest.fds[0], atomic_load(&contest.settled));
		stress_gate_pass(&contest.end);
	}
	stress_join(reader);
	np_close(contest.fds[0]);
	np_close(contest.fds[1]);
}

/* ---- the deadline and the byte at the same moment ----------------------------------------- */

struct duel {
	struct np_fd *fds[2];
	struct stress_gate begin;
	int64_t when;
};

/* Sends at the time of the deadline, give or take. */
static void *run_sender(void *arg)
{
	struct duel *duel = arg;

	for (int round = 0; round < stress_rounds; round++) {
		char byte = (char)round;

		stress_gate_pass(&duel->begin);
		while (np_time() < duel->when)
			;
		STRESS_CHECK(np_write(duel->fds[1], &byte, 1) == 1, "np_write failed");
	}
	return NULL;
}

static void meet_data(void)
{
	struct duel duel;
	uint64_t random = stress_seed(101);
	pthread_t sender;

	stress_phase("a deadline and a byte together");
	stress_tcp_pair(duel.fds);
	stress_gate_init(&duel.begin, 2);
	sender = stress_start(run_sender, &duel);
	for (int round = 0; round < stress_rounds; round++) {
		int64_t deadline = np_deadline(50 * MICROSECOND);
		char byte;
		ssize_t n;

		duel.when =
			deadline + (int)stress_below(&random, 40) * MICROSECOND - 20 * MICROSECOND;
		stress_gate_pass(&duel.begin);
		np_set_read_deadline(duel.fds[0], deadline);
		n = np_read(duel.fds[0], &byte, 1);
		if (n == NP_EDEADLINE) {
			STRESS_CHECK(np_time() >= deadline, "np_read timed out early");
			np_set_read_deadline(duel.fds[0], 0);
			n = np_read(duel.fds[0], &byte, 1);
		}
		STRESS_CHECK(n == 1 && byte == (char)round, "np_read returned %zd, byte %d", n,
			     byte);
	}
	stress_join(sender);
	np_close(duel.fds[0]);
	np_close(duel.fds[1]);
}

/* ---- a stream across deadlines of both sides ---------------------------------------------- */

enum { CHUNK = 20000 }; /* several fill the buffer of a pipe */

static char stream_byte(size_t offset)
{
	return (char)(offset * 31 + (offset >> 8) * 7);
}

static void *run_writer(void *arg)
{
	uint64_t random = stress_seed(102);
	size_t end = (size_t)stress_rounds * CHUNK / 4;
	struct np_fd *fd = arg;
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
	return NULL;
}

static void stream_across_deadlines(void (*make)(struct np_fd *fds[2]), const char *name)
{
	uint64_t random = stress_seed(103);
	struct np_fd *fds[2];
	char buf[CHUNK];
	size_t received = 0;
	pthread_t writer;
	ssize_t n;

	stress_phase(name);
	make(fds);
	writer = stress_start(run_writer, fds[1]);
	do {
		np_set_read_deadline(fds[0], np_deadline(stress_below(&random, 60) * MICROSECOND));
		n = np_read(fds[0], buf, 1 + stress_below(&random, sizeof(buf)));
		STRESS_CHECK(n >= 0 || n == NP_EDEADLINE, "np_read returned %zd", n);
		for (ssize_t i = 0; i < n; i++, received++)
			STRESS_CHECK(buf[i] == stream_byte(received), "byte %zu is wrong",
				     received);
	} while (n != 0);
	STRESS_CHECK(received == (size_t)stress_rounds * CHUNK / 4, "only %zu bytes came",
		     received);
	stress_join(writer);
	np_close(fds[0]);
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 800);
	move_under_reader(stress_fd_pair, "deadlines moved under a reader of a socket");
	move_under_reader(stress_tcp_pair, "deadlines moved under a reader of TCP");
	set_when_timer_is_due();
	meet_data();
	stream_across_deadlines(stress_fd_pipe, "a pipe across deadlines");
	stream_across_deadlines(stress_tcp_pair, "TCP across deadlines");
	return stress_end();
}
