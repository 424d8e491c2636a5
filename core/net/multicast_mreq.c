/* SPDX-License-Identifier: MIT */
/* core/net/multicast_mreq.c - see multicast.h: a structure for each family, and no sources. */
#include "core/net/multicast.h"

#include "core/net/mreqn.h"
#include "core/net/options.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>

static int change4(int sysfd, const struct membership *membership, int option)
{
	struct in_addr group;
	mreqn request;

	memcpy(&group, membership->group->ip, sizeof(group));
	request = mreqn_of(group, membership->interface);
	return np__set_value(sysfd, IPPROTO_IP, option, &request, sizeof(request));
}

static int change6(int sysfd, const struct membership *membership, int option)
{
	struct ipv6_mreq request = { .ipv6mr_interface = membership->interface };

	memcpy(&request.ipv6mr_multiaddr, membership->group->ip, sizeof(request.ipv6mr_multiaddr));
	return np__set_value(sysfd, IPPROTO_IPV6, option, &request, sizeof(request));
}

static int change(int sysfd, const struct membership *membership, int option4, int option6)
{
	if (membership->source)
		return -EOPNOTSUPP;
	return membership->group->family == NP_ADDR_IPV4 ? change4(sysfd, membership, option4)
							 : change6(sysfd, membership, option6);
}

int np__multicast_join(int sysfd, const struct membership *membership)
{
	return change(sysfd, membership, IP_ADD_MEMBERSHIP, IPV6_JOIN_GROUP);
}

int np__multicast_leave(int sysfd, const struct membership *membership)
{
	return change(sysfd, membership, IP_DROP_MEMBERSHIP, IPV6_LEAVE_GROUP);
}
