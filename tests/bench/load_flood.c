/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/load_flood.c - quiet connections beside some that send without ever waiting.
 *
 * A flood keeps the server's receive buffer full, so that the server can always read and write on
 * it and nothing makes it look at anybody else. The quiet ones alone are counted.
 *
 * The load must not be what keeps the quiet ones waiting. It serves them first, takes little of a
 * flood at a time, and is told of a flood's echo only when a good piece of it is there.
 */
#include "load.h"

#include "die.h"

#include <sys/epoll.h>
#include <sys/socket.h>

enum { EVENTS = 256, PIECE = 16384 };

static void feed(struct conn *flood)
{
	static const unsigned char piece[PIECE];

	if (send(flood->fd, piece, sizeof(piece), MSG_NOSIGNAL) < 0 && errno != EAGAIN)
		die_errno("send");
}

static void drain(struct conn *flood)
{
	static unsigned char sink[2 * PIECE];
	ssize_t n = recv(flood->fd, sink, sizeof(sink), 0);

	if (n == 0)
		die("the server closed a flood");
	if (n < 0 && errno != EAGAIN)
		die_errno("recv");
}

/* Returns false when the window has closed. */
static bool serve_quiet(struct window *window, struct conn *quiet)
{
	int64_t now_ns;

	if (!conn_receive(quiet))
		return true;
	now_ns = load_time_ns();
	if (!window_end_request(window, now_ns, now_ns - quiet->began_ns))
		return false;
	if (window_begin_request(window))
		conn_begin(quiet, now_ns);
	return true;
}

static void serve_flood(struct conn *flood, uint32_t events)
{
	if (events & EPOLLIN)
		drain(flood);
	if (events & EPOLLOUT)
		feed(flood);
}

static bool is_flood(const struct conn *conn, const struct conn *floods, unsigned count)
{
	return conn >= floods && conn < floods + count;
}

static void run(struct window *window, int loop, const struct conn *floods, unsigned flood_count)
{
	struct epoll_event events[EVENTS];

	while (window_pass_time(window, load_time_ns())) {
		int count = epoll_wait(loop, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			die_errno("epoll_wait");
		for (int i = 0; i < count; i++)
			if (!is_flood(events[i].data.ptr, floods, flood_count) &&
			    !serve_quiet(window, events[i].data.ptr))
				return;
		for (int i = 0; i < count; i++)
			if (is_flood(events[i].data.ptr, floods, flood_count))
				serve_flood(events[i].data.ptr, events[i].events);
	}
}

void load_flood(const struct load_options *options)
{
	struct conn *quiet = conns_open(options, options->connections);
	struct conn *floods = conns_open(options, options->floods);
	const int piece = PIECE;
	struct window window;
	int loop = loop_open();

	for (unsigned i = 0; i < options->floods; i++) {
		conn_set_nonblocking(&floods[i]);
		setsockopt(floods[i].fd, SOL_SOCKET, SO_RCVLOWAT, &piece, sizeof(piece));
		loop_add(loop, floods[i].fd, EPOLLIN | EPOLLOUT, &floods[i]);
	}
	for (unsigned i = 0; i < options->connections; i++) {
		conn_set_nonblocking(&quiet[i]);
		loop_add(loop, quiet[i].fd, EPOLLIN, &quiet[i]);
	}
	window_init(&window, options);
	for (unsigned i = 0; i < options->connections; i++)
		if (window_begin_request(&window))
			conn_begin(&quiet[i], load_time_ns());
	run(&window, loop, floods, options->floods);
	window_report(&window);
	conns_reset(floods, options->floods);
	conns_reset(quiet, options->connections);
}
