/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/restart_server.c - a small HTTP server: every request is answered with the number
 * of the process, connections are kept. It can be drained, and stopped between two requests.
 */
#include "restart.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* How long an idle connection is kept by one that wants to leave. */
static const int64_t DRAIN_NS = INT64_C(5000000000);

enum { REQUEST_MAX = 1024 };

struct conn {
	struct server *server;
	struct conn *next, **link;
	struct np_fd *fd;
	size_t used;
	char buf[REQUEST_MAX + 1];
};

static void add(struct server *server, struct conn *conn)
{
	conn->next = server->conns;
	conn->link = &server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	server->conns = conn;
	server->count++;
}

static void discard(struct conn *conn)
{
	struct server *server = conn->server;

	np_mutex_lock(&server->lock);
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	server->count--;
	np_mutex_unlock(&server->lock);
	np_close(conn->fd);
	free(conn);
}

/* Until a whole request is buffered: its size. Or what np_read() said; nothing is lost then. */
static ssize_t read_request(struct conn *conn)
{
	for (;;) {
		char *end = strstr(conn->buf, "\r\n\r\n");
		ssize_t n;

		if (end)
			return end + 4 - conn->buf;
		if (conn->used == REQUEST_MAX)
			return NP_ELIMIT;
		n = np_read(conn->fd, conn->buf + conn->used, REQUEST_MAX - conn->used);
		if (n <= 0)
			return n;
		conn->used += (size_t)n;
		conn->buf[conn->used] = '\0';
	}
}

/* Does the one who asks want the connection kept, and do we? */
static bool is_kept(struct conn *conn, size_t size)
{
	bool is_kept;

	conn->buf[size - 1] = '\0'; /* the next request begins after it */
	is_kept = strstr(conn->buf, " HTTP/1.1\r\n") && !strstr(conn->buf, "\r\nConnection: close");
	np_mutex_lock(&conn->server->lock);
	conn->server->requests++;
	is_kept = is_kept && !conn->server->is_draining;
	np_mutex_unlock(&conn->server->lock);
	return is_kept;
}

/* True if there is to be another. */
static bool answer(struct conn *conn, size_t size)
{
	bool more = is_kept(conn, size);
	char text[256];
	int length =
		snprintf(text, sizeof(text),
			 "HTTP/1.1 200 OK\r\nConnection: %s\r\nContent-Length: 11\r\n\r\n%10ld\n",
			 more ? "keep-alive" : "close", (long)getpid());

	conn->used -= size;
	memmove(conn->buf, conn->buf + size, conn->used + 1);
	return np_write(conn->fd, text, (size_t)length) == length && more;
}

static int serve(void *arg)
{
	struct conn *conn = arg;
	struct server *server = conn->server;
	bool is_left = false;
	ssize_t n;

	while ((n = read_request(conn)) > 0)
		if (!answer(conn, (size_t)n))
			break;
	if (n == NP_EDEADLINE) {
		np_mutex_lock(&server->lock);
		is_left = server->is_suspended; /* it goes on elsewhere */
		np_mutex_unlock(&server->lock);
	}
	if (!is_left)
		discard(conn);
	np_wait_group_done(&server->serving);
	return 0;
}

static int serve_conn(struct server *server, struct conn *conn)
{
	int error;

	np_wait_group_add(&server->serving, 1);
	error = np_group_go(&server->group, serve, conn);
	if (error) {
		discard(conn);
		np_wait_group_done(&server->serving);
	}
	return error;
}

int server_adopt(struct server *server, struct np_fd *fd, const void *data, size_t size)
{
	struct conn *conn = size <= REQUEST_MAX ? calloc(1, sizeof(*conn)) : NULL;

	if (!conn) {
		np_close(fd);
		return NP_ELIMIT;
	}
	conn->server = server;
	conn->fd = fd;
	conn->used = size;
	if (size > 0)
		memcpy(conn->buf, data, size);
	np_mutex_lock(&server->lock);
	add(server, conn);
	np_mutex_unlock(&server->lock);
	return serve_conn(server, conn);
}

static int accept_all(void *arg)
{
	struct server *server = arg;
	struct np_fd *fd;
	int error;

	while ((error = np_accept(server->listener, &fd)) == 0)
		server_adopt(server, fd, NULL, 0);
	if (error != NP_ECLOSED && error != NP_EDEADLINE && error != NP_ECANCELED)
		restart_fail("accept", error);
	np_wait_group_done(&server->acceptor);
	return 0;
}

int server_start(struct server *server)
{
	int error;

	np_wait_group_add(&server->acceptor, 1);
	error = np_group_go(&server->group, accept_all, server);
	if (error)
		np_wait_group_done(&server->acceptor);
	return error;
}

void server_drain(struct server *server)
{
	/* The listener is another process's, too, which goes on with its queue. */
	np_cancel_io(server->listener);
	np_wait_group_wait(&server->acceptor);
	np_mutex_lock(&server->lock);
	server->is_draining = true;
	for (struct conn *conn = server->conns; conn; conn = conn->next)
		np_set_read_deadline(conn->fd, np_deadline(DRAIN_NS));
	np_mutex_unlock(&server->lock);
	np_wait_group_wait(&server->serving);
}

size_t server_suspend(struct server *server, struct np_inherited list[CONNECTIONS_MAX])
{
	size_t count = 0;

	np_set_read_deadline(server->listener, -1);
	np_wait_group_wait(&server->acceptor);
	/* Whoever reads stops; whoever answers does so before it reads again. */
	np_mutex_lock(&server->lock);
	server->is_suspended = true;
	for (struct conn *conn = server->conns; conn; conn = conn->next)
		np_set_read_deadline(conn->fd, -1);
	np_mutex_unlock(&server->lock);
	np_wait_group_wait(&server->serving);
	for (struct conn *conn = server->conns; conn && count < CONNECTIONS_MAX; conn = conn->next)
		list[count++] = (struct np_inherited){
			.fd = conn->fd,
			.name = "connection",
			.data = conn->used > 0 ? conn->buf : NULL,
			.size = conn->used,
		};
	return count;
}

int server_resume(struct server *server)
{
	struct conn *conn, *next;

	server->is_suspended = false;
	for (conn = server->conns; conn; conn = next) {
		next = conn->next;
		np_set_read_deadline(conn->fd, 0);
		serve_conn(server, conn);
	}
	np_set_read_deadline(server->listener, 0);
	return server_start(server);
}

void server_forget(struct server *server)
{
	while (server->conns)
		discard(server->conns);
	np_cancel_io(server->listener);
}
