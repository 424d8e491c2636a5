/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/wake_epoll.c - the control: an eventfd in an epoll instance, edge-triggered. */
#include "wake.h"

#include "../die.h"

#include <stdint.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

static int wakeup;

void wake_run(void)
{
	struct epoll_event event = { .events = EPOLLIN | EPOLLET };
	int loop = epoll_create1(EPOLL_CLOEXEC);

	wakeup = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (epoll_ctl(loop, EPOLL_CTL_ADD, wakeup, &event) != 0)
		die_errno("epoll_ctl");
	wake_ready();
	do
		/* Each write is an edge: there is no need to read. */
		while (epoll_wait(loop, &event, 1, -1) != 1)
			;
	while (wake_answer());
	close(wakeup);
	close(loop);
}

void wake(void)
{
	const uint64_t one = 1;

	if (write(wakeup, &one, sizeof(one)) != sizeof(one))
		die_errno("write");
}
