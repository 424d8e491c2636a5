/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/pipes_epoll.c - the control: epoll, edge-triggered, nothing else. */
#include "pipes.h"

#include "../die.h"

#include <sys/epoll.h>
#include <unistd.h>

enum { EVENTS = 256 };

static int loop;

void pipes_loop_main(struct pipes *pipes)
{
	loop = epoll_create1(EPOLL_CLOEXEC);
	if (loop < 0)
		die_errno("epoll_create1");
	for (unsigned i = 0; i < pipes->count; i++) {
		struct epoll_event event = { .events = EPOLLIN | EPOLLET, .data.u32 = i };

		if (epoll_ctl(loop, EPOLL_CTL_ADD, pipes->read_fds[i], &event) != 0)
			die_errno("epoll_ctl");
	}
	pipes_rounds(pipes);
	close(loop);
}

void pipes_loop_run(struct pipes *pipes)
{
	struct epoll_event events[EVENTS];

	for (;;) {
		int count = epoll_wait(loop, events, EVENTS, -1);

		for (int i = 0; i < count; i++)
			if (pipes_on_readable(pipes, events[i].data.u32))
				return;
	}
}
