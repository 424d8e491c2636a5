/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/load_churn.c - connect, one echo, close, and again, in some slots at once.
 *
 * Who closes first keeps the pair of ports for a minute. A range of ports would last for a second;
 * all of 127.0.0.0/8 is this machine, so the connections come from many addresses in turn.
 */
#include "load.h"

#include "die.h"

#include <arpa/inet.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { EVENTS = 256, SOURCES = 200, FIRST_SOURCE = 0x7f010002 /* 127.1.0.2 */ };

struct churn {
	struct window window;
	const struct load_options *options;
	int loop;
	uint32_t turns; /* chooses the next source */
};

static void bind_source(struct churn *churn, int fd)
{
	const struct sockaddr_in source = {
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(FIRST_SOURCE + churn->turns++ % SOURCES),
	};
	const int on = 1;

	/* Without this, the port would be chosen before it is known for which peer. */
	setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&source, sizeof(source)) != 0)
		die_errno("bind to a loopback address");
}

static void start(struct churn *churn, struct conn *conn)
{
	const struct sockaddr_in *address = &churn->options->address;

	conn->began_ns = load_time_ns();
	conn->sent = 0;
	conn->received = 0;
	conn->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (conn->fd < 0)
		die_errno("socket");
	bind_source(churn, conn->fd);
	if (connect(conn->fd, (const struct sockaddr *)address, sizeof(*address)) != 0 &&
	    errno != EINPROGRESS)
		die_errno("connect");
	loop_add(churn->loop, conn->fd, EPOLLIN | EPOLLOUT | EPOLLET, conn);
}

/* Returns false when the window has closed. */
static bool turn(struct churn *churn, struct conn *conn, uint32_t events)
{
	int64_t began_ns = conn->began_ns, now_ns;

	if (conn->sent == 0 && (events & EPOLLOUT))
		conn_begin(conn, began_ns);
	else if (conn->sent < conn->size)
		conn_send(conn);
	if (!(events & ~(uint32_t)EPOLLOUT) || !conn_receive(conn))
		return true;
	close(conn->fd);
	conn->fd = -1;
	now_ns = load_time_ns();
	if (!window_end_request(&churn->window, now_ns, now_ns - began_ns))
		return false;
	if (window_begin_request(&churn->window))
		start(churn, conn);
	return true;
}

static void run(struct churn *churn)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(churn->loop, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			die_errno("epoll_wait");
		for (int i = 0; i < count; i++)
			if (!turn(churn, events[i].data.ptr, events[i].events))
				return;
	}
}

void load_churn(const struct load_options *options)
{
	struct conn *slots = calloc(options->connections, sizeof(*slots));
	struct churn churn = { .options = options, .loop = loop_open() };

	if (!slots)
		die("out of memory");
	window_init(&churn.window, options);
	for (unsigned i = 0; i < options->connections; i++) {
		conn_init(&slots[i], options->size);
		if (window_begin_request(&churn.window))
			start(&churn, &slots[i]);
	}
	run(&churn);
	window_report(&churn.window);
	close(churn.loop);
	conns_reset(slots, options->connections);
}
