/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/dial_races.c - dials of hosts with several addresses, in a hurry, while they are
 * cancelled and timed out.
 *
 * A host has one address that answers, and some that refuse or are silent. Each dialer has a
 * canceler, which comes before, while or after it connects. A connection that a dial has returned
 * must work, whatever the canceler does; and at the end nothing of all that lost may be left. On
 * Linux the addresses are this process's alone; elsewhere only 127.0.0.1 can be counted on, and
 * nobody is silent.
 */
#include "tests/stress/stress.h"
#include "tests/support/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum { DIALERS = 4, ADDRS = 4, SILENT_CLIENTS = 4 };

static struct np_fd *listener;
static struct np_addr good;
static int silent = -1, silent_clients[SILENT_CLIENTS];

/* ---- who answers, and who does not -------------------------------------------------------- */

/* Another address of this host with the same port: only the third byte tells them apart. */
static struct np_addr neighbour(unsigned number)
{
	struct np_addr addr = good;

#ifdef __linux__
	addr.ip[1] = (uint8_t)(addr.ip[1] ^ (number ? 0x80 : 0));
	addr.ip[3] = (uint8_t)(addr.ip[3] + number);
#endif
	(void)number;
	return addr;
}

/* A queue that is full; without one it is an address like the others. */
static void begin_silence(void)
{
	struct np_addr addr = neighbour(1);
	struct sockaddr_storage name;
	int length = np_addr_to_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name));

	silent = socket(AF_INET, SOCK_STREAM, 0);
	if (bind(silent, (struct sockaddr *)&name, (socklen_t)length) == 0)
		listen(silent, 0);
	for (int i = 0; i < SILENT_CLIENTS; i++) {
		silent_clients[i] = socket(AF_INET, SOCK_STREAM, 0);
		fcntl(silent_clients[i], F_SETFL, O_NONBLOCK);
		connect(silent_clients[i], (struct sockaddr *)&name, (socklen_t)length);
	}
}

static void end_silence(void)
{
	close(silent);
	for (int i = 0; i < SILENT_CLIENTS; i++)
		close(silent_clients[i]);
}

/* Bytes come back until there are no more, one connection after the other. */
static void serve(void *arg)
{
	struct np_fd *conn;
	char byte;
	int error;

	(void)arg;
	while ((error = np_accept(listener, &conn)) == 0) {
		while (np_read(conn, &byte, 1) == 1)
			np_write(conn, &byte, 1);
		np_close(conn);
	}
	STRESS_CHECK(error == NP_ECLOSED, "np_accept returned %d", error);
}

/* ---- dialers ------------------------------------------------------------------------------ */

struct dialer {
	struct np_resolver resolver; /* first */
	struct np_addr addrs[ADDRS];
	uint64_t random, canceler_random;
	struct np_dial_cancel cancel;
	bool shall_be_canceled;
	bool answers_first; /* its first address does */
	struct stress_gate begin, end;
	struct spawn task, canceler;
};

static atomic_ulong connected, canceled, timed_out, refused;

static int look_up(const struct np_resolver *resolver, const char *network, const char *host,
		   int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	const struct dialer *dialer = (const struct dialer *)resolver;

	(void)network, (void)host, (void)deadline_ns;
	for (size_t i = 0; i < ADDRS && i < max; i++)
		ret_addrs[i] = dialer->addrs[i];
	return ADDRS;
}

/* In any order: 0 answers, 1 is silent, others refuse. Now and then nobody answers. */
static void shuffle(struct dialer *dialer)
{
	unsigned first = stress_below(&dialer->random, ADDRS);
	bool is_hopeless = stress_below(&dialer->random, 8) == 0;

	dialer->answers_first = first == 0 && !is_hopeless;
	for (unsigned i = 0; i < ADDRS; i++) {
		unsigned number = (first + i) % ADDRS;

		dialer->addrs[i] = neighbour(number == 0 && is_hopeless ? ADDRS : number);
	}
}

/* What has been returned is whole. */
static void expect_echo(struct np_fd *conn)
{
	char byte;
	ssize_t n = np_write(conn, "x", 1);

	STRESS_CHECK(n == 1, "np_write to a new connection returned %zd", n);
	n = np_read(conn, &byte, 1);
	STRESS_CHECK(n == 1, "np_read from a new connection returned %zd", n);
}

static void count(int error)
{
	switch (error) {
	case 0:
		atomic_fetch_add(&connected, 1);
		break;
	case NP_ECANCELED:
		atomic_fetch_add(&canceled, 1);
		break;
	case NP_EDEADLINE:
		atomic_fetch_add(&timed_out, 1);
		break;
	default:
		STRESS_CHECK(error == -ECONNREFUSED, "np_dial_with returned %d", error);
		atomic_fetch_add(&refused, 1);
	}
}

static void dial(struct dialer *dialer, const char *name)
{
	struct np_dial_options options = {
		.resolver = &dialer->resolver,
		.fallback_delay_ns = 1 + stress_below(&dialer->random, 300) * MICROSECOND,
		.deadline_ns = np_deadline(20000 * MICROSECOND),
		.cancel = &dialer->cancel,
	};
	struct np_fd *conn;
	int error;

	if (stress_below(&dialer->random, 4) == 0)
		options.deadline_ns =
			np_deadline(stress_below(&dialer->random, 300) * MICROSECOND + 1);
	if (stress_below(&dialer->random, 4) == 0)
		options.fallback_delay_ns = -1;
	/* No clock helps: a report or the canceler that is missed is a hang. */
	if ((dialer->answers_first || dialer->shall_be_canceled) &&
	    stress_below(&dialer->random, 2) == 0) {
		options.deadline_ns = 0;
		options.fallback_delay_ns = HOUR;
	}
	error = np_dial_with("tcp", name, &options, &conn);
	STRESS_CHECK(error != NP_ECANCELED || dialer->shall_be_canceled, "nobody cancelled it");
	count(error);
	if (error)
		return;
	expect_echo(conn);
	np_close(conn);
}

static void run_dialer(void *arg)
{
	struct dialer *dialer = arg;
	char name[32];

	snprintf(name, sizeof(name), "any.name:%u", good.port);
	for (int round = 0; round < stress_rounds; round++) {
		dialer->cancel = (struct np_dial_cancel){ .is_canceled = 0 };
		dialer->shall_be_canceled = stress_below(&dialer->random, 3) > 0;
		shuffle(dialer);
		stress_gate_pass(&dialer->begin);
		dial(dialer, name);
		stress_gate_pass(&dialer->end);
	}
}

static void run_canceler(void *arg)
{
	struct dialer *dialer = arg;

	for (int round = 0; round < stress_rounds; round++) {
		stress_gate_pass(&dialer->begin);
		for (unsigned n = stress_below(&dialer->canceler_random, 4); n > 0; n--)
			stress_jitter(&dialer->canceler_random);
		if (dialer->shall_be_canceled)
			np_dial_cancel(&dialer->cancel);
		stress_gate_pass(&dialer->end);
	}
}

static void fight(void *arg)
{
	static struct dialer dialers[DIALERS];
	struct spawn server;

	(void)arg;
	stress_phase("dialing");
	spawn_start(&server, serve, NULL);
	for (unsigned i = 0; i < DIALERS; i++) {
		dialers[i].resolver.lookup = look_up;
		dialers[i].random = stress_seed(2 * i);
		dialers[i].canceler_random = stress_seed(2 * i + 1);
		stress_gate_init(&dialers[i].begin, 2);
		stress_gate_init(&dialers[i].end, 2);
		spawn_start(&dialers[i].task, run_dialer, &dialers[i]);
		spawn_start(&dialers[i].canceler, run_canceler, &dialers[i]);
	}
	for (unsigned i = 0; i < DIALERS; i++) {
		spawn_join(&dialers[i].task);
		spawn_join(&dialers[i].canceler);
	}
	np_cancel_io(listener);
	spawn_join(&server);
}

int main(int argc, char **argv)
{
	char address[NP_ADDR_TEXT_MAX];
	int error;

	stress_begin(argc, argv, 200);
	stress_loopback(address);
	error = np_listen("tcp", address, &listener);
	STRESS_CHECK(!error, "np_listen on %s: %s", address, np_strerror(error));
	error = np_local_addr(listener, &good);
	STRESS_CHECK(!error, "np_local_addr: %s", np_strerror(error));
	begin_silence();
	spawn_run(fight, NULL, stress_backend);
	end_silence();
	np_unref(listener);
	printf("%lu connected, %lu cancelled, %lu timed out, %lu refused\n",
	       atomic_load(&connected), atomic_load(&canceled), atomic_load(&timed_out),
	       atomic_load(&refused));
	return stress_end();
}
