/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/close_races.c - close against everything that may be under way.
 *
 * Callers are in a call that would never end by itself: one is parked, the others are queued on the
 * lock behind it, or have not come that far. Then two close at once. Every call returns NP_ECLOSED,
 * one closer gets 0 and the other NP_ECLOSED, and when the former has returned the number is the
 * kernel's again.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CALLERS = 3, CLOSERS = 2 };

/* ---- calls -------------------------------------------------------------------------------- */

static int note_number(int sysfd, void *arg)
{
	*(int *)arg = sysfd;
	return 0;
}

static bool never_done(int sysfd, void *arg)
{
	char byte;

	(void)arg;
	return read(sysfd, &byte, 1) > 0;
}

static ssize_t read_it(struct np_fd *fd, uint64_t *random)
{
	char buf[16];

	return np_read(fd, buf, 1 + stress_below(random, sizeof(buf)));
}

/* More than any buffer here takes. */
static ssize_t write_it(struct np_fd *fd, uint64_t *random)
{
	static const char much[1 << 18];
	ssize_t n;

	(void)random;
	do
		n = np_write(fd, much, sizeof(much));
	while (n > 0);
	return n;
}

static ssize_t accept_it(struct np_fd *fd, uint64_t *random)
{
	struct np_fd *conn;

	(void)random;
	return np_accept(fd, &conn);
}

/* Whatever a handle can be asked, until it says that it is closed. */
static ssize_t do_anything(struct np_fd *fd, uint64_t *random)
{
	int64_t soon = np_deadline(stress_below(random, 100) * MICROSECOND);
	struct np_addr addr;
	ssize_t n;

	do {
		switch (stress_below(random, 7)) {
		case 0:
			n = np_set_deadline(fd, stress_below(random, 2) ? soon : 0);
			break;
		case 1:
			n = np_set_read_deadline(fd, 0);
			break;
		case 2:
			n = np_local_addr(fd, &addr);
			break;
		case 3:
			n = np_wait(fd, NP_READ);
			break;
		case 4:
			n = np_wait(fd, NP_WRITE);
			break;
		case 5:
			n = np_raw_read(fd, never_done, NULL);
			break;
		default:
			n = read_it(fd, random);
		}
		STRESS_CHECK(n == 0 || n == NP_EDEADLINE || n == NP_ECLOSED, "a call returned %zd",
			     n);
	} while (n != NP_ECLOSED);
	return n;
}

/* ---- what is closed; the other end is index 1, NULL if there is none ---------------------- */

static int shrink_buffers(int sysfd, void *arg)
{
	const int size = 4096;

	(void)arg;
	setsockopt(sysfd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	setsockopt(sysfd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	return 0;
}

static void make_small_tcp_pair(struct np_fd *fds[2])
{
	stress_tcp_pair(fds);
	np_fd_control(fds[0], shrink_buffers, NULL);
	np_fd_control(fds[1], shrink_buffers, NULL);
}

static void make_writing_pipe(struct np_fd *fds[2])
{
	struct np_fd *reader;

	stress_fd_pipe(fds);
	reader = fds[0];
	fds[0] = fds[1];
	fds[1] = reader;
}

/* The same port again and again: each close must have made it free. */
static void make_listener(struct np_fd *fds[2])
{
	static char address[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	int error;

	if (!*address)
		stress_loopback(address);
	error = np_listen("tcp", address, &fds[0]);
	STRESS_CHECK(!error, "np_listen on %s again: %s", address, np_strerror(error));
	error = np_local_addr(fds[0], &addr);
	STRESS_CHECK(!error, "np_local_addr: %s", np_strerror(error));
	np_addr_format(&addr, address, sizeof(address));
	fds[1] = NULL;
}

static const struct kind {
	const char *name;
	void (*make)(struct np_fd *fds[2]);
	ssize_t (*call)(struct np_fd *fd, uint64_t *random);
} kinds[] = {
	{ "reading a socket", stress_fd_pair, read_it },
	{ "reading a TCP connection", stress_tcp_pair, read_it },
	{ "reading a pipe", stress_fd_pipe, read_it },
	{ "writing a socket", stress_fd_pair, write_it },
	{ "writing a TCP connection", make_small_tcp_pair, write_it },
	{ "writing a pipe", make_writing_pipe, write_it },
	{ "accepting", make_listener, accept_it },
	{ "doing anything", stress_fd_pair, do_anything },
};

/* ---- the race ----------------------------------------------------------------------------- */

struct race {
	const struct kind *kind;
	struct np_fd *victim;
	int number; /* of the victim's descriptor */
	struct stress_gate begin, end;
	atomic_uint index;   /* gives each task its seed */
	atomic_uint winners; /* closers that got 0 */
	bool is_over;
};

/* Tasks come to the gate with a reference each. */
static void run_caller(void *arg)
{
	struct race *race = arg;
	uint64_t random = stress_seed(atomic_fetch_add(&race->index, 1));

	for (;;) {
		ssize_t n;

		stress_gate_pass(&race->begin);
		if (race->is_over)
			return;
		stress_jitter(&random);
		n = race->kind->call(race->victim, &random);
		STRESS_CHECK(n == NP_ECLOSED, "a call returned %zd", n);
		n = np_set_deadline(race->victim, 0);
		STRESS_CHECK(n == NP_ECLOSED, "closed, and then a call returned %zd", n);
		np_unref(race->victim);
		stress_gate_pass(&race->end);
	}
}

static void run_closer(void *arg)
{
	struct race *race = arg;
	uint64_t random = stress_seed(atomic_fetch_add(&race->index, 1));

	for (;;) {
		bool keep = stress_below(&random, 2);
		int result;

		stress_gate_pass(&race->begin);
		if (race->is_over)
			return;
		for (unsigned i = stress_below(&random, 4); i > 0; i--)
			stress_jitter(&random);
		result = keep ? np_cancel_io(race->victim) : np_close(race->victim);
		STRESS_CHECK(result == 0 || result == NP_ECLOSED, "a close returned %d", result);
		/* Nobody opens anything now, so the number is free or it is still the victim's. */
		if (result == 0)
			STRESS_CHECK(fcntl(race->number, F_GETFD) < 0,
				     "the close has returned, the descriptor is still open");
		atomic_fetch_add(&race->winners, result == 0);
		if (keep)
			np_unref(race->victim);
		stress_gate_pass(&race->end);
	}
}

static void run_round(struct race *race)
{
	struct np_fd *fds[2];

	race->kind->make(fds);
	np_fd_control(fds[0], note_number, &race->number);
	race->victim = fds[0];
	atomic_store(&race->winners, 0);
	for (int i = 1; i < CALLERS + CLOSERS; i++)
		np_ref(fds[0]);
	stress_gate_pass(&race->begin);
	stress_gate_pass(&race->end);
	STRESS_CHECK(atomic_load(&race->winners) == 1, "%u closers were told that they closed it",
		     atomic_load(&race->winners));
	np_close(fds[1]);
}

static void race_all(void)
{
	static struct race race;
	struct spawn tasks[CALLERS + CLOSERS];

	stress_gate_init(&race.begin, CALLERS + CLOSERS + 1);
	stress_gate_init(&race.end, CALLERS + CLOSERS + 1);
	for (int i = 0; i < CALLERS + CLOSERS; i++)
		spawn_start(&tasks[i], i < CALLERS ? run_caller : run_closer, &race);
	for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
		race.kind = &kinds[i];
		stress_phase(kinds[i].name);
		for (int round = 0; round < stress_rounds; round++)
			run_round(&race);
	}
	race.is_over = true;
	stress_gate_pass(&race.begin);
	for (int i = 0; i < CALLERS + CLOSERS; i++)
		spawn_join(&tasks[i]);
}

/* ---- a caller without a reference --------------------------------------------------------- */

/* Of the reader: where it parks. */
static struct np_poller *_Atomic readers_poller;

static void read_borrowed(void *arg)
{
	char byte;
	ssize_t n;

	atomic_store(&readers_poller, np_task_self()->poller);
	n = np_read(arg, &byte, 1);
	STRESS_CHECK(n == NP_ECLOSED, "np_read returned %zd", n);
}

/* The last reference goes while a call is under way: that must not touch the memory after it. */
static void close_under_borrower(void)
{
	uint64_t random = stress_seed(200);

	stress_phase("closing under a caller that has no reference");
	for (int round = 0; round < stress_rounds; round++) {
		struct np_fd *fds[2];
		struct spawn reader;

		atomic_store(&readers_poller, NULL);
		stress_fd_pair(fds);
		spawn_start(&reader, read_borrowed, fds[0]);
		STRESS_UNTIL(atomic_load(&readers_poller) &&
			     stress_parked(atomic_load(&readers_poller)) == 1);
		if (stress_below(&random, 2))
			np_close(fds[0]);
		else
			np_unref(fds[0]);
		spawn_join(&reader);
		np_close(fds[1]);
	}
}

/* ---- dialing a listener that is being closed ---------------------------------------------- */

struct dialed {
	const char *network;
	char address[NP_ADDR_TEXT_MAX];
	struct np_fd *listener;
	unsigned index;
};

/*
 * Accepted and closed, or never accepted: either way it ends. Linux now and then forgets to reset a
 * connection whose last acknowledgement meets the closing of the listener; a byte that nobody takes
 * reminds it.
 */
static void read_to_end(struct np_fd *conn)
{
	char byte = 'x';
	ssize_t n = np_write(conn, &byte, 1);

	STRESS_CHECK(n == 1 || n == -EPIPE || n == -ECONNRESET,
		     "np_write to a connection nobody serves: %zd", n);
	n = np_read(conn, &byte, 1);
	STRESS_CHECK(n == 0 || n == -ECONNRESET, "np_read of a connection nobody serves: %zd", n);
}

static void dial_until_refused(void *arg)
{
	struct dialed *dialed = arg;
	uint64_t random = stress_seed(dialed->index);
	int error;

	do {
		int64_t deadline = 0;
		struct np_fd *conn;

		if (stress_below(&random, 2))
			deadline = np_deadline(stress_below(&random, 100) * MICROSECOND);
		error = np_dial(dialed->network, dialed->address, deadline, &conn);
		if (error == NP_EDEADLINE) {
			STRESS_CHECK(deadline && np_time() >= deadline, "np_dial timed out early");
		} else if (!error) {
			if (stress_below(&random, 2))
				read_to_end(conn);
			np_close(conn);
		}
	} while (error == 0 || error == NP_EDEADLINE);
	/* Reset: the listener went after the kernel had connected and before we looked. */
	STRESS_CHECK(error == -ECONNREFUSED || error == -ECONNRESET || error == -ENOENT,
		     "np_dial: %s", np_strerror(error));
}

static void accept_until_closed(void *arg)
{
	struct dialed *dialed = arg;
	struct np_fd *conn;
	int error;

	while ((error = np_accept(dialed->listener, &conn)) == 0)
		np_close(conn);
	STRESS_CHECK(error == NP_ECLOSED, "np_accept: %s", np_strerror(error));
	np_unref(dialed->listener);
}

static void dial_round(struct dialed *dialed, int round)
{
	uint64_t random = stress_seed(300 + (unsigned)round);
	struct spawn dialer, accepter;
	struct np_addr addr;
	int error = np_listen(dialed->network, dialed->address, &dialed->listener);

	STRESS_CHECK(!error, "np_listen on %s: %s", dialed->address, np_strerror(error));
	np_local_addr(dialed->listener, &addr);
	np_addr_format(&addr, dialed->address, sizeof(dialed->address));
	dialed->index = 1000 + (unsigned)round;
	np_ref(dialed->listener);
	spawn_start(&accepter, accept_until_closed, dialed);
	spawn_start(&dialer, dial_until_refused, dialed);
	for (unsigned i = stress_below(&random, 32); i > 0; i--)
		stress_jitter(&random);
	error = np_close(dialed->listener);
	STRESS_CHECK(!error, "np_close: %s", np_strerror(error));
	spawn_join(&accepter);
	spawn_join(&dialer);
}

static void dial_all(void)
{
	char dir[] = "/tmp/netpark-stress-XXXXXX";
	struct dialed tcp = { .network = "tcp" };
	struct dialed local = { .network = "unix" };

	stress_loopback(tcp.address);
	STRESS_CHECK(mkdtemp(dir), "mkdtemp: errno %d", errno);
	snprintf(local.address, sizeof(local.address), "%s/socket", dir);
	for (int round = 0; round < stress_rounds; round++) {
		stress_phase("dialing TCP");
		dial_round(&tcp, round);
		stress_phase("dialing a path");
		dial_round(&local, round);
	}
	STRESS_CHECK(rmdir(dir) == 0, "a listener left its path behind");
}

static void storms(void *arg)
{
	(void)arg;
	race_all();
	close_under_borrower();
	dial_all();
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 60);
	spawn_run(storms, NULL, stress_backend);
	return stress_end();
}
