/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/foreign_loop.c - netpark as the guest of a loop that is somebody else's.
 *
 *	foreign_loop BACKEND [MESSAGES]
 *
 * The host is a plain poll(2) loop with a timer and a descriptor of its own. It gives netpark three
 * things, and needs no thread for it:
 *
 *	np_poller_descriptor()     a place in its poll set: readable when there are reports
 *	np_poller_next_deadline()  a bound for its sleep
 *	np_poller_turn(poller, 0)  a call when either says so
 *
 * A backend without a descriptor wants it the other way round: the host sleeps in the turn.
 *
 * Its tasks are callbacks, so its parker cannot stop one: park is NULL. A callback begins to wait
 * with np_poll_begin() and returns; when its time has come ready() puts it in the run queue, and
 * when the host runs it, it asks np_poll_end() why.
 */
#include <netpark.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t MILLISECOND = 1000000;

static int fail(const char *what, int error)
{
	fprintf(stderr, "foreign_loop: %s: %s\n", what, np_strerror(error));
	exit(1);
}

/* ---- callbacks, and their parker ---------------------------------------------------------- */

struct callback {
	struct np_task task; /* first: what netpark knows of it */
	void (*run)(struct callback *self);
};

static struct np_task *run_queue;
static struct np_task **run_queue_end = &run_queue;

/*
 * Any thread may make a task ready. Here there is one; a host with more would take a lock and wake
 * its loop. In no case is this the place to run anything.
 */
static void queue_callbacks(struct np_task *list)
{
	*run_queue_end = list;
	while (*run_queue_end)
		run_queue_end = &(*run_queue_end)->next;
}

static const struct np_parker callback_parker = { .name = "callback", .ready = queue_callbacks };

/* Those that are queued now; what they make ready has its turn the next time round. */
static void run_callbacks(void)
{
	struct np_task *list = run_queue;

	run_queue = NULL;
	run_queue_end = &run_queue;
	while (list) {
		struct callback *callback = (struct callback *)list;

		list = list->next; /* before it waits again */
		callback->run(callback);
	}
}

/* ---- a game of ping-pong between callbacks ------------------------------------------------ */

struct player {
	struct callback callback;
	int fd;
	struct np_poll_desc *desc;
	int64_t deadline;
	int caught;
	int timeouts;
	bool has_left;
};

static int messages = 1000;

static void leave(struct player *player)
{
	np_poll_unblock(player->desc);
	np_poll_close(player->desc);
	player->has_left = true;
}

static void throw_ball(struct player *player)
{
	if (write(player->fd, "o", 1) != 1)
		fail("write", -errno);
}

/* Read until nothing is there, then wait: the loop of every reader, cut where it would block. */
static void play(struct player *player)
{
	int error = 0;

	while (error == 0 && player->caught < messages) {
		char ball;

		np_poll_reset(player->desc, NP_READ);
		if (read(player->fd, &ball, 1) == 1) {
			player->caught++;
			throw_ball(player);
			continue;
		}
		if (errno != EAGAIN)
			fail("read", -errno);
		np_poll_set_deadline(player->desc, np_deadline(60000 * MILLISECOND), NP_READ);
		error = np_poll_begin(player->desc, NP_READ, &player->callback.task);
		if (error == 0)
			return; /* to be called back */
		if (error == 1)
			error = 0; /* a report had come already */
	}
	if (error)
		fail("np_poll_begin", error);
	leave(player);
}

static void go_on_playing(struct callback *self)
{
	struct player *player = (struct player *)self;
	int why = np_poll_end(player->desc, NP_READ);

	if (why != 0 && why != -EAGAIN) /* EAGAIN: a deadline that was moved meanwhile */
		fail("np_poll_end", why);
	play(player);
}

/* Waits for a ball that nobody throws. */
static void give_up(struct callback *self)
{
	struct player *player = (struct player *)self;
	int why = np_poll_end(player->desc, NP_READ);

	if (why != NP_EDEADLINE || np_time() < player->deadline)
		fail("a deadline of 20 ms ended with", why);
	player->timeouts++;
	leave(player);
}

static void enter(struct player *player, struct np_poller *poller, int fd,
		  void (*run)(struct callback *self))
{
	int error;

	*player = (struct player){ .callback = { { .parker = &callback_parker }, run }, .fd = fd };
	fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
	error = np_poll_open(poller, fd, &player->desc);
	if (error)
		fail("np_poll_open", error);
}

static void wait_in_vain(struct player *player)
{
	int error;

	player->deadline = np_deadline(20 * MILLISECOND);
	np_poll_set_deadline(player->desc, player->deadline, NP_READ);
	error = np_poll_begin(player->desc, NP_READ, &player->callback.task);
	if (error)
		fail("np_poll_begin", error);
}

/* ---- the host: one timer, one descriptor, and a guest ------------------------------------- */

struct host {
	int own[2]; /* a pipe: the timer writes, the loop reads */
	int64_t tick_at;
	int ticks, bytes;
	struct np_poller *poller;
};

enum { OWN, GUEST, SOURCES };

static void tick(struct host *host)
{
	if (np_time() < host->tick_at)
		return;
	host->tick_at = np_deadline(5 * MILLISECOND);
	host->ticks++;
	if (write(host->own[1], "t", 1) != 1)
		fail("write", -errno);
}

/* How long the host may sleep: until its own timer, its guest's, or not at all. */
static int64_t time_to_sleep(const struct host *host)
{
	int64_t next = np_poller_next_deadline(host->poller);
	int64_t now = np_time();

	if (next == 0 || host->tick_at < next)
		next = host->tick_at;
	return run_queue || next <= now ? 0 : next - now;
}

/* Sleep, and look after the host's own descriptor and the guest. */
static void sleep_until_news(struct host *host)
{
	struct pollfd sources[SOURCES] = {
		[OWN] = { .fd = host->own[0], .events = POLLIN },
		[GUEST] = { .fd = np_poller_descriptor(host->poller), .events = POLLIN },
	};
	bool has_descriptor = sources[GUEST].fd >= 0;
	int64_t sleep_ns = time_to_sleep(host);
	int64_t deadline;
	char byte;

	/* No descriptor: sleep in the turn. It does not see ours, which has to wait for a tick. */
	if (!has_descriptor) {
		np_poller_turn(host->poller, sleep_ns);
		sleep_ns = 0;
	}
	/* Round up, or the last millisecond before a deadline would be spent spinning. */
	if (poll(sources, has_descriptor ? SOURCES : GUEST,
		 (int)((sleep_ns + MILLISECOND - 1) / MILLISECOND)) < 0)
		fail("poll", -errno);
	if (sources[OWN].revents)
		host->bytes += read(host->own[0], &byte, 1) == 1;
	deadline = np_poller_next_deadline(host->poller);
	if (sources[GUEST].revents || (deadline && deadline <= np_time()))
		np_poller_turn(host->poller, 0);
}

static void create_poller(struct host *host, const char *backend)
{
	struct np_poller_options options = {
		.backend = runtime_poll_find(backend),
		.flags = NP_POLLER_HOST_DRIVEN,
	};
	int error;

	if (!options.backend) {
		fprintf(stderr, "foreign_loop: this build has no backend \"%s\"\n", backend);
		exit(2);
	}
	error = np_poller_create(&options, &host->poller);
	if (error)
		fail("np_poller_create", error);
}

int main(int argc, char **argv)
{
	struct player ping, pong, loner;
	struct host host = { .ticks = 0 };
	int game[2], silence[2];
	int error;

	if (argc < 2) {
		fprintf(stderr, "usage: foreign_loop BACKEND [MESSAGES]\n");
		return 2;
	}
	if (argc > 2)
		messages = atoi(argv[2]);
	if (pipe(host.own) < 0 || socketpair(AF_UNIX, SOCK_STREAM, 0, game) < 0 ||
	    socketpair(AF_UNIX, SOCK_STREAM, 0, silence) < 0)
		fail("descriptors", -errno);
	create_poller(&host, argv[1]);
	host.tick_at = np_time();
	enter(&ping, host.poller, game[0], go_on_playing);
	enter(&pong, host.poller, game[1], go_on_playing);
	enter(&loner, host.poller, silence[0], give_up);

	wait_in_vain(&loner);
	play(&pong);
	throw_ball(&ping);
	play(&ping);
	while (!ping.has_left || !pong.has_left || !loner.has_left || host.bytes < 3) {
		run_callbacks();
		tick(&host);
		sleep_until_news(&host);
	}

	printf("%d and %d balls caught, %d deadline, %d ticks and %d bytes of the host's own\n",
	       ping.caught, pong.caught, loner.timeouts, host.ticks, host.bytes);
	error = np_poller_destroy(host.poller);
	if (error)
		fail("np_poller_destroy", error);
	for (int i = 0; i < 2; i++) {
		close(game[i]);
		close(silence[i]);
		close(host.own[i]);
	}
	return ping.caught == messages && pong.caught == messages && loner.timeouts == 1 ? 0 : 1;
}
