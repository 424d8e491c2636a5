/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/echo_libev.c - libev, with a watcher in each connection.
 *
 * Its manual's advice: write at once, and watch for writing only when that would have blocked. One
 * read an event: the loop is level-triggered.
 *
 * With -d, its advice for timeouts that activity moves: a timer that repeats, and ev_timer_again.
 * (It knows a cheaper way, which is to keep the time of the last activity oneself and to leave the
 * timer alone; but that deadline would be the program's, not the library's.)
 */
#include "peer.h"

#include <ev.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	ev_io io;
	ev_timer *timeout; /* NULL without -d */
	size_t pending;
	size_t written;
	char buf[];
};

static struct peer_options options;

static void watch(struct ev_loop *loop, struct conn *conn, int events)
{
	ev_io_stop(loop, &conn->io);
	ev_io_set(&conn->io, conn->io.fd, events);
	ev_io_start(loop, &conn->io);
}

static void end(struct ev_loop *loop, struct conn *conn)
{
	ev_io_stop(loop, &conn->io);
	if (conn->timeout)
		ev_timer_stop(loop, conn->timeout);
	close(conn->io.fd);
	free(conn->timeout);
	free(conn);
}

static void on_timeout(struct ev_loop *loop, ev_timer *timer, int events)
{
	(void)events;
	end(loop, timer->data);
}

static void set_timeout(struct ev_loop *loop, struct conn *conn)
{
	if (conn->timeout)
		ev_timer_again(loop, conn->timeout);
}

/* 1 if all is written, 0 if it must wait, -1 if the connection failed. */
static int flush(struct conn *conn)
{
	while (conn->pending) {
		ssize_t n =
			send(conn->io.fd, conn->buf + conn->written, conn->pending, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		conn->pending -= (size_t)n;
		conn->written += (size_t)n;
	}
	return 1;
}

static void on_readable(struct ev_loop *loop, struct conn *conn)
{
	ssize_t n = recv(conn->io.fd, conn->buf, options.buffer_size, 0);
	int flushed;

	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end(loop, conn);
		return;
	}
	conn->pending = (size_t)n;
	conn->written = 0;
	flushed = flush(conn);
	if (flushed < 0)
		end(loop, conn);
	else if (flushed == 0)
		watch(loop, conn, EV_WRITE);
	else
		set_timeout(loop, conn);
}

static void on_conn(struct ev_loop *loop, ev_io *io, int events)
{
	struct conn *conn = io->data;

	if (events & EV_WRITE) {
		int flushed = flush(conn);

		if (flushed < 0) {
			end(loop, conn);
		} else if (flushed > 0) {
			watch(loop, conn, EV_READ);
			set_timeout(loop, conn);
		}
	} else {
		on_readable(loop, conn);
	}
}

static ev_timer *new_timeout(struct conn *conn)
{
	ev_timer *timeout = malloc(sizeof(*timeout));

	if (!timeout)
		die("out of memory");
	ev_timer_init(timeout, on_timeout, 0., PEER_TIMEOUT_SECONDS);
	timeout->data = conn;
	return timeout;
}

static void on_listener(struct ev_loop *loop, ev_io *io, int events)
{
	int fd;

	(void)events;
	while ((fd = peer_accept(io->fd)) >= 0) {
		struct conn *conn = malloc(sizeof(*conn) + options.buffer_size);

		if (!conn)
			die("out of memory");
		conn->pending = 0;
		conn->timeout = options.sets_deadlines ? new_timeout(conn) : NULL;
		set_timeout(loop, conn);
		ev_io_init(&conn->io, on_conn, fd, EV_READ);
		conn->io.data = conn;
		ev_io_start(loop, &conn->io);
	}
}

static void on_signal(struct ev_loop *loop, ev_signal *watcher, int events)
{
	(void)watcher, (void)events;
	ev_break(loop, EVBREAK_ALL);
}

int main(int argc, char **argv)
{
	struct ev_loop *loop = ev_default_loop(EVBACKEND_EPOLL);
	ev_io listener;
	ev_signal stop;

	options = peer_parse(argc, argv);
	ev_io_init(&listener, on_listener, peer_listen(options.address), EV_READ);
	ev_signal_init(&stop, on_signal, SIGTERM);
	ev_io_start(loop, &listener);
	ev_signal_start(loop, &stop);
	ev_run(loop, 0);
	return 0;
}
