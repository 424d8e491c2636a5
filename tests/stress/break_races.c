/* SPDX-License-Identifier: MIT */
/*
 * tests/stress/break_races.c - breaks against turns, and against threads that wait.
 *
 * First a host that sleeps in np_poller_turn() and whoever wants it to come out: each counts up
 * what it asks for, breaks, and waits until the host has seen the number. No report and no deadline
 * would end the turn instead, so a break that is lost is a hang. One of them breaks from a signal
 * handler, in the host's own thread.
 *
 * Then threads that play ping-pong on a poller which is broken all the time, while others turn it
 * as well. Breaks are none of the players' business: every ball comes back.
 */
#include "tests/stress/stress.h"

#include <errno.h>
#include <sched.h>
#include <signal.h>

enum { BREAKERS = 3, PLAYERS = 6, TURNERS = 2 };

static struct np_poller *poller;

static struct np_poller *create_poller(unsigned flags)
{
	const struct np_poller_options options = { .backend = stress_backend, .flags = flags };
	struct np_poller *created;
	int error = np_poller_create(&options, &created);

	STRESS_CHECK(!error, "np_poller_create: %s", np_strerror(error));
	return created;
}

static void destroy_poller(void)
{
	int error = np_poller_destroy(poller);

	STRESS_CHECK(!error, "np_poller_destroy: %s", np_strerror(error));
}

static void break_poller(void)
{
	int error = np_poller_break(poller);

	STRESS_CHECK(!error, "np_poller_break: %s", np_strerror(error));
}

/* ---- a host and who wants it out ---------------------------------------------------------- */

struct breaker {
	unsigned index;
	pthread_t host;
	bool by_signal;
	atomic_int asked, seen;
};

static struct breaker breakers[BREAKERS];

static void break_in_handler(int number)
{
	(void)number;
	np_poller_break(poller);
}

static void *ask_host(void *arg)
{
	struct breaker *breaker = arg;
	uint64_t random = stress_seed(breaker->index);

	for (int round = 1; round <= stress_rounds; round++) {
		atomic_store(&breaker->asked, round);
		if (breaker->by_signal)
			pthread_kill(breaker->host, SIGUSR1);
		else
			break_poller();
		STRESS_UNTIL(atomic_load(&breaker->seen) == round);
		if (stress_below(&random, 2))
			stress_jitter(&random);
	}
	return NULL;
}

/* Sleeps as a rule; a look and a short sleep must leave or take breaks without losing any. */
static int64_t choose_delta(uint64_t *random)
{
	switch (stress_below(random, 6)) {
	case 0:
		return 0;
	case 1:
		return stress_below(random, 50) * MICROSECOND;
	default:
		return -1;
	}
}

/* A look must leave the break for the turn that sleeps. A host's may take it: that is all it does.
 */
static bool may_take_break(int64_t delta_ns, unsigned flags)
{
	return delta_ns != 0 || flags & NP_POLLER_HOST_DRIVEN;
}

static void be_host(int count, unsigned flags)
{
	uint64_t random = stress_seed(100);
	int finished = 0;

	do {
		int64_t delta_ns = choose_delta(&random);
		int n = np_poller_turn(poller, delta_ns);

		STRESS_CHECK(n == 0, "a turn with nothing to report returned %d", n);
		if (!may_take_break(delta_ns, flags))
			continue;
		finished = 0;
		for (int i = 0; i < count; i++) {
			int asked = atomic_load(&breakers[i].asked);

			atomic_store(&breakers[i].seen, asked);
			finished += asked == stress_rounds;
		}
	} while (finished < count);
}

static void break_host(int count, unsigned flags, const char *name)
{
	struct sigaction action = { .sa_handler = break_in_handler };
	pthread_t threads[BREAKERS];

	stress_phase(name);
	poller = create_poller(flags);
	sigemptyset(&action.sa_mask);
	sigaction(SIGUSR1, &action, NULL);
	for (int i = 0; i < count; i++) {
		breakers[i].index = (unsigned)i;
		breakers[i].host = pthread_self();
		breakers[i].by_signal = i == BREAKERS - 1;
		atomic_store(&breakers[i].asked, 0);
		atomic_store(&breakers[i].seen, 0);
		threads[i] = stress_start(ask_host, &breakers[i]);
	}
	be_host(count, flags);
	for (int i = 0; i < count; i++)
		stress_join(threads[i]);
	destroy_poller();
}

/* ---- ping-pong ---------------------------------------------------------------------------- */

struct player {
	unsigned index;
	bool serves;
	struct np_fd *fd;
};

static atomic_int playing;

/* A deadline now and then, so that breaks by timers join in. */
static void catch_ball(struct player *player, int expected, uint64_t *random)
{
	unsigned char ball;
	ssize_t n;

	if (stress_below(random, 4) == 0)
		np_set_read_deadline(player->fd,
				     np_deadline(stress_below(random, 60) * MICROSECOND));
	while ((n = np_read(player->fd, &ball, 1)) == NP_EDEADLINE)
		np_set_read_deadline(player->fd, 0);
	STRESS_CHECK(n == 1 && ball == (unsigned char)expected, "np_read returned %zd", n);
}

static void throw_ball(struct player *player, int number)
{
	unsigned char ball = (unsigned char)number;
	ssize_t n = np_write(player->fd, &ball, 1);

	STRESS_CHECK(n == 1, "np_write returned %zd", n);
}

static void *play(void *arg)
{
	struct player *player = arg;
	uint64_t random = stress_seed(200 + player->index);

	np_task_use_poller(poller);
	for (int round = 0; round < stress_rounds; round++) {
		if (player->serves)
			throw_ball(player, round);
		catch_ball(player, round, &random);
		if (!player->serves)
			throw_ball(player, round);
	}
	np_close(player->fd);
	atomic_fetch_sub(&playing, 1);
	return NULL;
}

static void *break_always(void *arg)
{
	while (atomic_load(&playing) > 0) {
		break_poller();
		sched_yield();
	}
	return arg;
}

/* Is out of its turn at the end by the breaks that go on until the last one has left. */
static void *turn_always(void *arg)
{
	uint64_t random = stress_seed(300);

	while (atomic_load(&playing) > 0) {
		int n = np_poller_turn(poller, choose_delta(&random));

		STRESS_CHECK(n >= 0 || n == -EBUSY, "np_poller_turn: %s", np_strerror(n));
		if (n == -EBUSY)
			sched_yield();
	}
	atomic_fetch_sub((atomic_int *)arg, 1);
	return NULL;
}

static void play_under_breaks(unsigned flags, const char *name)
{
	struct player players[PLAYERS];
	pthread_t threads[PLAYERS], others[TURNERS + 1];
	atomic_int turning = TURNERS;

	stress_phase(name);
	poller = create_poller(flags);
	atomic_store(&playing, PLAYERS);
	for (unsigned i = 0; i < PLAYERS; i += 2) {
		struct np_fd *fds[2];

		if (i == 0)
			stress_tcp_pair(fds);
		else
			stress_fd_pair(fds);
		players[i] = (struct player){ i, true, fds[0] };
		players[i + 1] = (struct player){ i + 1, false, fds[1] };
	}
	for (int i = 0; i < TURNERS; i++)
		others[i] = stress_start(turn_always, &turning);
	others[TURNERS] = stress_start(break_always, NULL);
	for (int i = 0; i < PLAYERS; i++)
		threads[i] = stress_start(play, &players[i]);
	for (int i = 0; i < PLAYERS; i++)
		stress_join(threads[i]);
	while (atomic_load(&turning) > 0) {
		break_poller();
		stress_yield();
	}
	for (int i = 0; i < TURNERS + 1; i++)
		stress_join(others[i]);
	destroy_poller();
}

int main(int argc, char **argv)
{
	stress_begin(argc, argv, 1500);
	break_host(1, 0, "one breaker and a thread that turns");
	break_host(1, NP_POLLER_HOST_DRIVEN, "one breaker and a host");
	break_host(BREAKERS, 0, "breakers, a signal and a thread that turns");
	break_host(BREAKERS, NP_POLLER_HOST_DRIVEN, "breakers, a signal and a host");
	play_under_breaks(0, "ping-pong on a poller that is broken");
	play_under_breaks(NP_POLLER_HOST_DRIVEN, "ping-pong on a host's poller that is broken");
	return stress_end();
}
