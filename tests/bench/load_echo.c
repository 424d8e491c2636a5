/* SPDX-License-Identifier: MIT */
/* tests/bench/load_echo.c - request and response on every connection; and connections that idle. */
#include "load.h"

#include "die.h"

#include <poll.h>
#include <signal.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <unistd.h>

enum { EVENTS = 256 };

/* Returns false when the window has closed. */
static bool turn(struct window *window, struct conn *conn, uint32_t events)
{
	int64_t now_ns;

	if (conn->sent < conn->size && (events & EPOLLOUT))
		conn_send(conn);
	if (!(events & ~(uint32_t)EPOLLOUT) || conn->received == conn->size || !conn_receive(conn))
		return true;
	now_ns = load_time_ns();
	if (!window_end_request(window, now_ns, now_ns - conn->began_ns))
		return false;
	if (window_begin_request(window))
		conn_begin(conn, now_ns);
	return true;
}

static void run(struct window *window, int loop)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(loop, events, EVENTS, -1);

		if (count < 0 && errno != EINTR)
			die_errno("epoll_wait");
		for (int i = 0; i < count; i++)
			if (!turn(window, events[i].data.ptr, events[i].events))
				return;
	}
}

void load_echo(const struct load_options *options)
{
	struct conn *conns = conns_open(options, options->connections);
	struct window window;
	int loop = loop_open();

	for (unsigned i = 0; i < options->connections; i++) {
		conn_set_nonblocking(&conns[i]);
		loop_add(loop, conns[i].fd, EPOLLIN | EPOLLOUT | EPOLLET, &conns[i]);
	}
	window_init(&window, options);
	for (unsigned i = 0; i < options->connections; i++)
		if (window_begin_request(&window))
			conn_begin(&conns[i], load_time_ns());
	run(&window, loop);
	window_report(&window);
	close(loop);
	conns_reset(conns, options->connections);
}

/* Until standard input is closed or SIGTERM comes. */
static void wait_for_end(void)
{
	struct pollfd fds[] = { { .fd = STDIN_FILENO, .events = POLLIN }, { .events = POLLIN } };
	sigset_t stop;
	char byte;

	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	sigprocmask(SIG_BLOCK, &stop, NULL);
	fds[1].fd = signalfd(-1, &stop, SFD_CLOEXEC);
	printf("ready\n");
	fflush(stdout);
	do
		poll(fds, 2, -1);
	while (!fds[1].revents && read(STDIN_FILENO, &byte, 1) > 0);
}

void load_idle(const struct load_options *options)
{
	struct conn *conns = conns_open(options, options->connections);

	wait_for_end();
	conns_reset(conns, options->connections);
}
