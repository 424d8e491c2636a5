/* SPDX-License-Identifier: MIT */
/*
 * core/net/multicast.h - what is known about groups. multicast_group.c speaks the
 * protocol-independent interface of RFC 3678; multicast_mreq.c the older one, of systems that have
 * no other.
 */
#ifndef NETPARK_CORE_NET_MULTICAST_H
#define NETPARK_CORE_NET_MULTICAST_H

#include <netpark/addr.h>

/* As every other system does it: groups that somebody else joined are none of this socket's. */
void np__multicast_only_joined(int sysfd, int family);

/* Who belongs to what. */
struct membership {
	const struct np_addr *group;
	const struct np_addr *source; /* of the same family, or NULL */
	unsigned interface;
};

/* Begin it, or end it. 0 or -errno. */
int np__multicast_join(int sysfd, const struct membership *membership);
int np__multicast_leave(int sysfd, const struct membership *membership);

#endif /* NETPARK_CORE_NET_MULTICAST_H */
