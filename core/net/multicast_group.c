/* SPDX-License-Identifier: MIT */
/*
 * core/net/multicast_group.c - see multicast.h: one interface for both families, with sources.
 *
 * It wants an interface: Linux lets 0 pass, FreeBSD and macOS do not. Where the kernel is to choose
 * one, the older options are asked, each of one family. Of those IPv6 has none with a source.
 */
#include "core/net/multicast.h"

#include "core/addr.h"
#include "core/net/options.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* The names of what is done. */
struct options {
	int group;
	int source_group;
	int ipv4;
	int ipv4_source;
	int ipv6;
};

/* ---- on an interface ---------------------------------------------------------------------- */

/* What the kernel looks at is the address; some want the port to be 0. */
static void store(const struct np_addr *addr, struct sockaddr_storage *ret)
{
	struct np_addr copy = *addr;
	socklen_t length;

	copy.port = 0;
	np__addr_to_sockaddr(&copy, ret, &length);
}

static int change_there(int sysfd, const struct membership *membership,
			const struct options *options)
{
	struct group_source_req with_source = { .gsr_interface = membership->interface };
	struct group_req alone = { .gr_interface = membership->interface };
	int level = membership->group->family == NP_ADDR_IPV4 ? IPPROTO_IP : IPPROTO_IPV6;

	store(membership->group, &alone.gr_group);
	if (!membership->source)
		return np__set_value(sysfd, level, options->group, &alone, sizeof(alone));
	with_source.gsr_group = alone.gr_group;
	store(membership->source, &with_source.gsr_source);
	return np__set_value(sysfd, level, options->source_group, &with_source,
			     sizeof(with_source));
}

/* ---- on the one that the kernel takes ----------------------------------------------------- */

static int change_ipv4(int sysfd, const struct membership *membership,
		       const struct options *options)
{
	struct ip_mreq_source with_source = { .imr_interface.s_addr = INADDR_ANY };
	struct ip_mreq alone = { .imr_interface.s_addr = INADDR_ANY };

	memcpy(&alone.imr_multiaddr, membership->group->ip, 4);
	if (!membership->source)
		return np__set_value(sysfd, IPPROTO_IP, options->ipv4, &alone, sizeof(alone));
	with_source.imr_multiaddr = alone.imr_multiaddr;
	memcpy(&with_source.imr_sourceaddr, membership->source->ip, 4);
	return np__set_value(sysfd, IPPROTO_IP, options->ipv4_source, &with_source,
			     sizeof(with_source));
}

static int change_ipv6(int sysfd, const struct membership *membership,
		       const struct options *options)
{
	struct ipv6_mreq request = { .ipv6mr_interface = 0 };

	memcpy(&request.ipv6mr_multiaddr, membership->group->ip, 16);
	return np__set_value(sysfd, IPPROTO_IPV6, options->ipv6, &request, sizeof(request));
}

/* ------------------------------------------------------------------------------------------- */

static int change(int sysfd, const struct membership *membership, const struct options *options)
{
	if (membership->interface != 0)
		return change_there(sysfd, membership, options);
	if (membership->group->family == NP_ADDR_IPV4)
		return change_ipv4(sysfd, membership, options);
	return membership->source ? change_there(sysfd, membership, options)
				  : change_ipv6(sysfd, membership, options);
}

int np__multicast_join(int sysfd, const struct membership *membership)
{
	static const struct options joins = {
		.group = MCAST_JOIN_GROUP,
		.source_group = MCAST_JOIN_SOURCE_GROUP,
		.ipv4 = IP_ADD_MEMBERSHIP,
		.ipv4_source = IP_ADD_SOURCE_MEMBERSHIP,
		.ipv6 = IPV6_JOIN_GROUP,
	};

	return change(sysfd, membership, &joins);
}

int np__multicast_leave(int sysfd, const struct membership *membership)
{
	static const struct options leaves = {
		.group = MCAST_LEAVE_GROUP,
		.source_group = MCAST_LEAVE_SOURCE_GROUP,
		.ipv4 = IP_DROP_MEMBERSHIP,
		.ipv4_source = IP_DROP_SOURCE_MEMBERSHIP,
		.ipv6 = IPV6_LEAVE_GROUP,
	};

	return change(sysfd, membership, &leaves);
}
