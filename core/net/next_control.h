/* SPDX-License-Identifier: MIT */
/* core/net/next_control.h - CMSG_NXTHDR(3), which mixes signs in some C libraries (musl). */
#ifndef NETPARK_CORE_NET_NEXT_CONTROL_H
#define NETPARK_CORE_NET_NEXT_CONTROL_H

#include <sys/socket.h>

static inline struct cmsghdr *next_control(struct msghdr *message, struct cmsghdr *control)
{
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wsign-compare"
#pragma GCC diagnostic ignored "-Wsign-conversion"
	return CMSG_NXTHDR(message, control);
#pragma GCC diagnostic pop
}

#endif /* NETPARK_CORE_NET_NEXT_CONTROL_H */
