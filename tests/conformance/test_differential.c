/* SPDX-License-Identifier: MIT */
/*
 * test_differential.c - all backends of the build, on the same descriptors, against poll(2).
 *
 * Random operations on a few pairs of descriptors, each open in one instance of every backend. What
 * a backend has reported of a direction counts until an operation in that direction would have
 * blocked: only then does anyone wait, and arm. After each operation, whatever poll(2) says is
 * possible must have been reported by every backend since it last was not. That is what a task that
 * waits relies on, and it makes the backends agree on all that is confirmed.
 *
 * More may have been reported than is possible, and that is not compared:
 *  - reports outlive what they told: the bytes may have been read, the room filled, since;
 *  - the kernel's one edge for both directions makes epoll repeat the direction that did not
 *    change, and a kqueue on top of epoll as well;
 *  - a TCP socket becomes writable in between, while bytes are on their way to the peer's buffer;
 *  - hang-up and error wake both directions where only one has an end; kqueue's end of file wakes
 *    the writer too.
 *
 * Not looked at, because nobody waits there: the direction that a pipe does not have, and that
 * which this side has shut by itself. The latter is no news, and Linux tells nobody of it.
 */
#include "tests/conformance/harness.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(differential, .init = harness_begin, .fini = harness_end, .timeout = FIXTURE_TIMEOUT);

enum { PAIRS = 4, OPERATIONS = 2000, BACKENDS_MAX = 8, HISTORY = 24 };

enum kind { PIPE, SOCKETPAIR, TCP, KINDS };

struct end {
	int fd; /* -1: closed */
	uint64_t tag;
	unsigned directions; /* those that make sense */
};

struct pair {
	enum kind kind;
	struct end ends[2];
};

static struct harness *backends[BACKENDS_MAX];
static int backend_count;
static struct pair pairs[PAIRS];
static uint64_t last_tag;
static uint64_t random_state;
static char history[HISTORY][64];
static int operations;

static size_t random_below(size_t bound)
{
	return (size_t)(fixture_random(&random_state) % bound);
}

/* ---- what happened, to be told when it went wrong ----------------------------------------- */

static void note(const char *operation, const struct end *end, long result)
{
	snprintf(history[operations % HISTORY], sizeof(history[0]), "%s(%d, tag %d) = %ld",
		 operation, end->fd, (int)end->tag, result);
}

static void print_history(void)
{
	int first = operations < HISTORY ? 0 : operations - HISTORY + 1;

	for (int i = first; i <= operations; i++)
		printf("operation %d: %s\n", i, history[i % HISTORY]);
	fflush(stdout);
}

/* ---- one end in all backends -------------------------------------------------------------- */

static void arm(const struct end *end, unsigned mode)
{
	for (int i = 0; i < backend_count; i++)
		harness_arm(backends[i], end->fd, mode);
}

static void open_end(struct end *end)
{
	end->tag = ++last_tag;
	for (int i = 0; i < backend_count; i++)
		harness_watch(backends[i], end->fd, end->tag, end->directions);
}

static void unwatch_end(const struct end *end)
{
	for (int i = 0; i < backend_count; i++)
		harness_close(backends[i], end->fd, end->tag);
}

static void close_end(struct end *end)
{
	if (end->fd < 0)
		return;
	unwatch_end(end);
	close(end->fd);
	end->fd = -1;
}

/*
 * An operation would have blocked: what was reported of the direction is used up, and it is armed.
 */
static void begin_to_wait(const struct end *end, unsigned direction)
{
	for (int i = 0; i < backend_count; i++)
		backends[i]->flags[end->tag] &= ~direction;
	arm(end, direction);
}

static void open_pair(struct pair *pair)
{
	int fds[2];

	pair->kind = (enum kind)random_below(KINDS);
	if (pair->kind == PIPE)
		fixture_pipe(fds);
	else if (pair->kind == SOCKETPAIR)
		fixture_socketpair(fds);
	else
		fixture_tcp_pair(fds);
	for (int i = 0; i < 2; i++) {
		const int small = 4096; /* or filling takes megabytes */

		if (pair->kind != PIPE)
			cr_assert_eq(
				setsockopt(fds[i], SOL_SOCKET, SO_SNDBUF, &small, sizeof(small)),
				0);
		pair->ends[i].fd = fds[i];
		pair->ends[i].directions = pair->kind == PIPE ? (i ? WRITE : READ) : BOTH;
		open_end(&pair->ends[i]);
	}
}

/* ---- operations --------------------------------------------------------------------------- */

static char block[4096];

static ssize_t write_up_to(struct end *end, size_t size)
{
	ssize_t n;

	if (!(end->directions & WRITE))
		return 0;
	n = write(end->fd, block, size);
	if (n < 0 && errno == EAGAIN)
		begin_to_wait(end, WRITE);
	return n;
}

static ssize_t read_up_to(struct end *end, size_t size)
{
	ssize_t n;

	if (!(end->directions & READ))
		return 0;
	n = read(end->fd, block, size);
	if (n < 0 && errno == EAGAIN)
		begin_to_wait(end, READ);
	return n;
}

static void write_some(struct end *end, struct pair *pair)
{
	(void)pair;
	note("write", end, write_up_to(end, 1 + random_below(sizeof(block))));
}

static void fill(struct end *end, struct pair *pair)
{
	long total = 0;
	ssize_t n;

	(void)pair;
	while ((n = write_up_to(end, sizeof(block))) > 0)
		total += n;
	note("fill", end, total);
}

static void read_some(struct end *end, struct pair *pair)
{
	(void)pair;
	note("read", end, read_up_to(end, 1 + random_below(sizeof(block))));
}

static void drain(struct end *end, struct pair *pair)
{
	long total = 0;
	ssize_t n;

	(void)pair;
	while ((n = read_up_to(end, sizeof(block))) > 0)
		total += n;
	note("drain", end, total);
}

static void shut_writing(struct end *end, struct pair *pair)
{
	if (pair->kind == PIPE)
		return;
	note("shutdown", end, shutdown(end->fd, SHUT_WR));
	end->directions &= ~(unsigned)WRITE;
}

static void close_one(struct end *end, struct pair *pair)
{
	(void)pair;
	note("close", end, 0);
	close_end(end);
}

/* Another registration: it begins with what is there. */
static void reopen(struct end *end, struct pair *pair)
{
	(void)pair;
	note("reopen", end, 0);
	unwatch_end(end);
	open_end(end);
}

static void arm_again(struct end *end, struct pair *pair)
{
	unsigned mode = end->directions & (unsigned)(1 + random_below(BOTH));

	(void)pair;
	note("arm", end, (long)mode);
	if (mode)
		arm(end, mode);
}

/* How often each comes, of 32. */
static const struct {
	void (*run)(struct end *end, struct pair *pair);
	unsigned weight;
} OPERATION[] = {
	{ write_some, 8 }, { fill, 4 },   { read_some, 8 },    { drain, 4 },
	{ arm_again, 3 },  { reopen, 3 }, { shut_writing, 1 }, { close_one, 1 },
};

static void operate(void)
{
	struct pair *pair = &pairs[random_below(PAIRS)];
	struct end *end = &pair->ends[random_below(2)];
	uint64_t choice = random_below(32);
	size_t i = 0;

	if (end->fd < 0) { /* its peer has had the time to see that; now something new */
		note("replace", end, 0);
		close_end(&pair->ends[0]);
		close_end(&pair->ends[1]);
		open_pair(pair);
		return;
	}
	while (choice >= OPERATION[i].weight)
		choice -= OPERATION[i++].weight;
	OPERATION[i].run(end, pair);
}

/* ---- the comparison ----------------------------------------------------------------------- */

/* The oracle. */
static unsigned possible(const struct end *end)
{
	struct pollfd entry = { .fd = end->fd, .events = POLLIN | POLLOUT };
	unsigned directions = 0;

	if (poll(&entry, 1, 0) <= 0)
		return 0;
	if (entry.revents & (POLLIN | POLLHUP | POLLERR))
		directions |= READ;
	if (entry.revents & (POLLOUT | POLLHUP | POLLERR))
		directions |= WRITE;
	return directions & end->directions;
}

/* NULL when this end is told of as it should be, or the backend that has left something out. */
static const struct harness *find_silent(const struct end *end)
{
	unsigned needed;

	if (end->fd < 0)
		return NULL;
	needed = possible(end);
	for (int i = 0; i < backend_count; i++)
		if (needed & ~backends[i]->flags[end->tag])
			return backends[i];
	return NULL;
}

/* TCP's news may be on their way when poll(2) knows already, so ask again for a while. */
static void compare(const struct end *end)
{
	int64_t give_up = harness_now() + PATIENCE;
	const struct harness *silent;

	while ((silent = find_silent(end))) {
		for (int i = 0; i < backend_count; i++)
			harness_settle(backends[i]);
		if (harness_now() < give_up) {
			sched_yield();
			continue;
		}
		print_history();
		cr_assert(false, "%s has told %x of tag %d, where %x is possible",
			  silent->backend->name, silent->flags[end->tag], (int)end->tag,
			  possible(end));
	}
}

static void compare_all(void)
{
	for (int i = 0; i < backend_count; i++)
		harness_settle(backends[i]);
	for (int i = 0; i < PAIRS; i++) {
		compare(&pairs[i].ends[0]);
		compare(&pairs[i].ends[1]);
	}
}

Test(differential, backends_tell_all_that_poll_confirms)
{
	random_state = fixture_seed();
	for (; runtime_poll_at((size_t)backend_count); backend_count++) {
		cr_assert_lt(backend_count, BACKENDS_MAX);
		backends[backend_count] = harness_create(runtime_poll_at((size_t)backend_count));
	}
	for (int i = 0; i < PAIRS; i++)
		open_pair(&pairs[i]);
	compare_all();
	for (; operations < OPERATIONS; operations++) {
		operate();
		compare_all();
	}
	for (int i = 0; i < PAIRS; i++) {
		close_end(&pairs[i].ends[0]);
		close_end(&pairs[i].ends[1]);
	}
	for (int i = 0; i < backend_count; i++)
		harness_destroy(backends[i]);
}
