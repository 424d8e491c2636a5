/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/echo_libevent.c - libevent, with plain events: for an echo they beat
 * bufferevents, which copy everything twice.
 *
 * An event for reading that persists, one for writing that is added only when writing would block.
 * One thread: the base needs no locks.
 *
 * With -d the event for reading has a timeout, which begins anew whenever its callback is called:
 * that is what one on an event that persists does by itself. A common timeout, as event2/event.h
 * advises for many of one length.
 */
#include "peer.h"

#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

struct conn {
	struct event *readable;
	struct event *writable;
	size_t pending;
	size_t written;
	char buf[];
};

static struct peer_options options;
static struct event_base *base;
static const struct timeval *timeout; /* NULL without -d */

static void end(struct conn *conn, int fd)
{
	event_free(conn->readable);
	if (conn->writable)
		event_free(conn->writable);
	close(fd);
	free(conn);
}

/* 1 if all is written, 0 if it must wait, -1 if the connection failed. */
static int flush(struct conn *conn, int fd)
{
	while (conn->pending) {
		ssize_t n = send(fd, conn->buf + conn->written, conn->pending, MSG_NOSIGNAL);

		if (n < 0)
			return errno == EAGAIN ? 0 : -1;
		conn->pending -= (size_t)n;
		conn->written += (size_t)n;
	}
	return 1;
}

static void on_writable(evutil_socket_t fd, short events, void *arg)
{
	struct conn *conn = arg;
	int flushed = flush(conn, fd);

	(void)events;
	if (flushed < 0) {
		end(conn, fd);
	} else if (flushed > 0) {
		event_del(conn->writable);
		event_add(conn->readable, timeout);
	}
}

static void wait_until_writable(struct conn *conn, int fd)
{
	if (!conn->writable)
		conn->writable = event_new(base, fd, EV_WRITE | EV_PERSIST, on_writable, conn);
	if (!conn->writable)
		die("out of memory");
	event_del(conn->readable);
	event_add(conn->writable, NULL);
}

static void on_readable(evutil_socket_t fd, short events, void *arg)
{
	struct conn *conn = arg;
	ssize_t n;
	int flushed;

	if (events & EV_TIMEOUT) {
		end(conn, fd);
		return;
	}
	n = recv(fd, conn->buf, options.buffer_size, 0);
	if (n < 0 && errno == EAGAIN)
		return;
	if (n <= 0) {
		end(conn, fd);
		return;
	}
	conn->pending = (size_t)n;
	conn->written = 0;
	flushed = flush(conn, fd);
	if (flushed < 0)
		end(conn, fd);
	else if (flushed == 0)
		wait_until_writable(conn, fd);
}

static void on_listener(evutil_socket_t listener, short events, void *arg)
{
	int fd;

	(void)events, (void)arg;
	while ((fd = peer_accept(listener)) >= 0) {
		struct conn *conn = malloc(sizeof(*conn) + options.buffer_size);

		if (!conn)
			die("out of memory");
		conn->pending = 0;
		conn->writable = NULL;
		conn->readable = event_new(base, fd, EV_READ | EV_PERSIST, on_readable, conn);
		if (!conn->readable || event_add(conn->readable, timeout) != 0)
			die("event_add");
	}
}

static void on_signal(evutil_socket_t number, short events, void *arg)
{
	(void)number, (void)events, (void)arg;
	event_base_loopbreak(base);
}

static void init_timeout(void)
{
	const struct timeval duration = { .tv_sec = PEER_TIMEOUT_SECONDS };

	timeout = event_base_init_common_timeout(base, &duration);
	if (!timeout)
		die("event_base_init_common_timeout");
}

int main(int argc, char **argv)
{
	struct event_config *config = event_config_new();
	struct event *listener, *stop;

	options = peer_parse(argc, argv);
	event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
	base = event_base_new_with_config(config);
	if (!base)
		die("event_base_new_with_config");
	if (options.sets_deadlines)
		init_timeout();
	listener = event_new(base, peer_listen(options.address), EV_READ | EV_PERSIST, on_listener,
			     NULL);
	stop = evsignal_new(base, SIGTERM, on_signal, NULL);
	event_add(listener, NULL);
	event_add(stop, NULL);
	event_base_dispatch(base);
	return 0;
}
