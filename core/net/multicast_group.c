/* SPDX-License-Identifier: MIT */
/* core/net/multicast_group.c - see multicast.h: one interface for both families, with sources. */
#include "core/net/multicast.h"

#include "core/addr.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* What the kernel looks at is the address; some want the port to be 0. */
static void store(const struct np_addr *addr, struct sockaddr_storage *ret)
{
	struct np_addr copy = *addr;
	socklen_t length;

	copy.port = 0;
	np__addr_to_sockaddr(&copy, ret, &length);
}

static int change(int sysfd, const struct membership *membership, int option, int source_option)
{
	struct group_source_req with_source = { .gsr_interface = membership->interface };
	struct group_req alone = { .gr_interface = membership->interface };
	int level = membership->group->family == NP_ADDR_IPV4 ? IPPROTO_IP : IPPROTO_IPV6;
	int result;

	store(membership->group, &alone.gr_group);
	if (membership->source) {
		with_source.gsr_group = alone.gr_group;
		store(membership->source, &with_source.gsr_source);
		result = setsockopt(sysfd, level, source_option, &with_source, sizeof(with_source));
	} else {
		result = setsockopt(sysfd, level, option, &alone, sizeof(alone));
	}
	return result < 0 ? -errno : 0;
}

int np__multicast_join(int sysfd, const struct membership *membership)
{
	return change(sysfd, membership, MCAST_JOIN_GROUP, MCAST_JOIN_SOURCE_GROUP);
}

int np__multicast_leave(int sysfd, const struct membership *membership)
{
	return change(sysfd, membership, MCAST_LEAVE_GROUP, MCAST_LEAVE_SOURCE_GROUP);
}
