/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/echo_epoll.c - the control: a loop written by hand, edge-triggered, and nothing
 * else. What a library adds is what it costs beyond this one.
 *
 * A read that did not fill the buffer has emptied the socket, so it is not tried again before the
 * next edge: a request takes a read, a write, and its share of a wait. Whoever fills the buffer
 * gets a few more turns and then queues behind the others, or one connection that never runs dry
 * would have the loop for itself.
 */
#include "peer.h"

#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, TURNS_AT_ONCE = 8 };

static const uint32_t EVENTS_IN = EPOLLIN | EPOLLRDHUP | EPOLLET;

struct conn {
	int fd;
	bool is_queued;
	bool is_ending; /* the end may come with the last data's edge: read on until it is seen */
	bool watches_room;
	struct conn *next; /* in the queue */
	size_t pending;    /* bytes in the buffer that are still to be written: */
	size_t written;    /* from here on */
	char buf[];
};

struct server {
	struct peer_options options;
	int loop;
	int listener;
	int signals;
	struct conn *queue; /* those that may have more to read, without another edge to come */
	struct conn **queue_end;
};

static ssize_t receive(const struct server *server, struct conn *conn)
{
	size_t size = server->options.buffer_size;

	return server->options.uses_recv ? recv(conn->fd, conn->buf, size, 0)
					 : read(conn->fd, conn->buf, size);
}

static ssize_t transmit(const struct server *server, struct conn *conn)
{
	const char *rest = conn->buf + conn->written;

	return server->options.uses_recv ? send(conn->fd, rest, conn->pending, MSG_NOSIGNAL)
					 : write(conn->fd, rest, conn->pending);
}

enum outcome { WOULD_BLOCK, GO_ON, ENDED };

static enum outcome flush(const struct server *server, struct conn *conn)
{
	while (conn->pending) {
		ssize_t n = transmit(server, conn);

		if (n < 0)
			return errno == EAGAIN ? WOULD_BLOCK : ENDED;
		conn->pending -= (size_t)n;
		conn->written += (size_t)n;
	}
	return GO_ON;
}

static enum outcome echo_once(const struct server *server, struct conn *conn)
{
	ssize_t n = receive(server, conn);
	enum outcome outcome;

	if (n <= 0)
		return n < 0 && errno == EAGAIN ? WOULD_BLOCK : ENDED;
	conn->pending = (size_t)n;
	conn->written = 0;
	outcome = flush(server, conn);
	if (outcome == GO_ON && (size_t)n < server->options.buffer_size && !conn->is_ending)
		return WOULD_BLOCK;
	return outcome;
}

static void enqueue(struct server *server, struct conn *conn)
{
	conn->is_queued = true;
	conn->next = NULL;
	*server->queue_end = conn;
	server->queue_end = &conn->next;
}

/* Not from the start: it would be an event for each connection, and hardly any needs it. */
static void watch_for_room(const struct server *server, struct conn *conn)
{
	struct epoll_event event = { .events = EVENTS_IN | EPOLLOUT, .data.ptr = conn };

	if (conn->watches_room)
		return;
	conn->watches_room = true;
	if (epoll_ctl(server->loop, EPOLL_CTL_MOD, conn->fd, &event) != 0)
		die_errno("epoll_ctl");
}

static void serve(struct server *server, struct conn *conn)
{
	enum outcome outcome = flush(server, conn);

	for (int turns = 0; outcome == GO_ON && turns < TURNS_AT_ONCE; turns++)
		outcome = echo_once(server, conn);
	if (outcome == ENDED) {
		close(conn->fd);
		free(conn);
	} else if (outcome == GO_ON) {
		enqueue(server, conn);
	} else if (conn->pending) {
		watch_for_room(server, conn);
	}
}

static void serve_event(struct server *server, struct conn *conn, uint32_t events)
{
	if (events & (EPOLLRDHUP | EPOLLHUP | EPOLLERR))
		conn->is_ending = true;
	if (!conn->is_queued)
		serve(server, conn);
}

static void add(struct server *server, int fd, uint32_t events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	if (epoll_ctl(server->loop, EPOLL_CTL_ADD, fd, &event) != 0)
		die_errno("epoll_ctl");
}

static void accept_all(struct server *server)
{
	int fd;

	while ((fd = peer_accept(server->listener)) >= 0) {
		struct conn *conn = malloc(sizeof(*conn) + server->options.buffer_size);

		if (!conn)
			die("out of memory");
		*conn = (struct conn){ .fd = fd };
		add(server, fd, EVENTS_IN, conn);
	}
}

/* Those that are in the queue now, once each. */
static void serve_queue(struct server *server)
{
	struct conn *conn = server->queue;

	server->queue = NULL;
	server->queue_end = &server->queue;
	while (conn) {
		struct conn *next = conn->next;

		conn->is_queued = false;
		serve(server, conn);
		conn = next;
	}
}

static void run(struct server *server)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(server->loop, events, EVENTS, server->queue ? 0 : -1);

		for (int i = 0; i < count; i++) {
			void *data = events[i].data.ptr;

			if (data == &server->signals)
				return;
			if (data == &server->listener)
				accept_all(server);
			else
				serve_event(server, data, events[i].events);
		}
		serve_queue(server);
	}
}

int main(int argc, char **argv)
{
	struct server server = { .options = peer_parse(argc, argv) };
	sigset_t stop;

	signal(SIGPIPE, SIG_IGN);
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	server.queue_end = &server.queue;
	server.loop = epoll_create1(EPOLL_CLOEXEC);
	server.signals = signalfd(-1, &stop, SFD_CLOEXEC);
	server.listener = peer_listen(server.options.address);
	add(&server, server.signals, EPOLLIN, &server.signals);
	add(&server, server.listener, EPOLLIN | EPOLLET, &server.listener);
	run(&server);
	return 0;
}
