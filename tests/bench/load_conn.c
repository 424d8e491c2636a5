/* SPDX-License-Identifier: MIT */
/* tests/bench/load_conn.c - messages out, the same bytes back in. */
#include "load.h"

#include "die.h"

#include <fcntl.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { OPENED_AT_ONCE = 128 };

void conn_init(struct conn *conn, size_t size)
{
	*conn = (struct conn){ .fd = -1, .size = size, .message = malloc(size) };
	if (!conn->message)
		die("out of memory");
	for (size_t i = 0; i < size; i++)
		conn->message[i] = (unsigned char)(i * 7 + ((uintptr_t)conn >> 4));
}

void conn_set_nonblocking(struct conn *conn)
{
	if (fcntl(conn->fd, F_SETFL, O_NONBLOCK) != 0)
		die_errno("fcntl");
}

void conn_send(struct conn *conn)
{
	while (conn->sent < conn->size) {
		ssize_t n = send(conn->fd, conn->message + conn->sent, conn->size - conn->sent,
				 MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n < 0)
			die_errno("send");
		conn->sent += (size_t)n;
	}
}

void conn_begin(struct conn *conn, int64_t now_ns)
{
	conn->sequence++;
	memcpy(conn->message, &conn->sequence,
	       conn->size < sizeof(conn->sequence) ? conn->size : sizeof(conn->sequence));
	conn->sent = 0;
	conn->received = 0;
	conn->began_ns = now_ns;
	conn_send(conn);
}

bool conn_receive(struct conn *conn)
{
	unsigned char buf[65536];

	while (conn->received < conn->size) {
		size_t wanted = conn->size - conn->received;
		ssize_t n = recv(conn->fd, buf, wanted < sizeof(buf) ? wanted : sizeof(buf), 0);

		if (n < 0 && errno == EAGAIN)
			return false;
		if (n < 0)
			die_errno("recv");
		if (n == 0)
			die("the server closed a connection");
		if (memcmp(buf, conn->message + conn->received, (size_t)n) != 0)
			die("the server sent back other bytes");
		conn->received += (size_t)n;
	}
	return true;
}

static void connect_one(struct conn *conn, const struct load_options *options)
{
	const int on = 1;

	conn_init(conn, options->size);
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		die_errno("socket");
	if (connect(conn->fd, (const struct sockaddr *)&options->address,
		    sizeof(options->address)) != 0)
		die_errno("connect");
	setsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	conn_begin(conn, 0);
}

struct conn *conns_open(const struct load_options *options, unsigned count)
{
	struct conn *conns = calloc(count ? count : 1, sizeof(*conns));
	unsigned opened = 0;

	if (!conns)
		die("out of memory");
	for (unsigned i = 0; i < count; i++) {
		connect_one(&conns[i], options);
		if (i + 1 - opened < OPENED_AT_ONCE && i + 1 < count)
			continue;
		while (opened <= i)
			conn_receive(&conns[opened++]);
	}
	return conns;
}

void conns_reset(struct conn *conns, unsigned count)
{
	const struct linger reset = { .l_onoff = 1 };

	for (unsigned i = 0; i < count; i++) {
		setsockopt(conns[i].fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(conns[i].fd);
		free(conns[i].message);
	}
	free(conns);
}

int loop_open(void)
{
	int loop = epoll_create1(EPOLL_CLOEXEC);

	if (loop < 0)
		die_errno("epoll_create1");
	return loop;
}

void loop_add(int loop, int fd, uint32_t events, void *data)
{
	struct epoll_event event = { .events = events, .data.ptr = data };

	if (epoll_ctl(loop, EPOLL_CTL_ADD, fd, &event) != 0)
		die_errno("epoll_ctl");
}
