/* SPDX-License-Identifier: MIT */
/*
 * core/sys_accepted_tcp.c - the times of keep-alive, which a listener is told and the kernel does
 * not hand down: NetBSD none of them, macOS not the first. SO_KEEPALIVE itself it does.
 */
#include "core/sys.h"

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stddef.h>

static const int options[] = {
#ifdef TCP_KEEPIDLE
	TCP_KEEPIDLE,
#else
	TCP_KEEPALIVE, /* macOS */
#endif
	TCP_KEEPINTVL,
	TCP_KEEPCNT,
};

/* Sockets of another kind say no to the first question. */
void np__sys_accepted(int listener, int fd)
{
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++) {
		int value;
		socklen_t size = sizeof(value);

		if (getsockopt(listener, IPPROTO_TCP, options[i], &value, &size) < 0)
			return;
		setsockopt(fd, IPPROTO_TCP, options[i], &value, size);
	}
}
