/* SPDX-License-Identifier: MIT */
/*
 * core/net/mreqn.h - an interface by its number, for options of IPv4 that would rather have one of
 * its addresses. Most systems have a structure for that; NetBSD takes 0.0.0.number (RFC 1724, 3.3).
 */
#ifndef NETPARK_CORE_NET_MREQN_H
#define NETPARK_CORE_NET_MREQN_H

#include <arpa/inet.h>
#include <netinet/in.h>

#ifdef NP_HAVE_MREQN
typedef struct ip_mreqn mreqn;
typedef struct ip_mreqn mreqn_interface;

static inline mreqn mreqn_of(struct in_addr group, unsigned interface)
{
	return (mreqn){ .imr_multiaddr = group, .imr_ifindex = (int)interface };
}

static inline mreqn_interface mreqn_interface_of(unsigned interface)
{
	return (mreqn_interface){ .imr_ifindex = (int)interface };
}
#else
typedef struct ip_mreq mreqn;
typedef struct in_addr mreqn_interface;

static inline mreqn_interface mreqn_interface_of(unsigned interface)
{
	return (mreqn_interface){ .s_addr = htonl(interface) };
}

static inline mreqn mreqn_of(struct in_addr group, unsigned interface)
{
	return (mreqn){ .imr_multiaddr = group, .imr_interface = mreqn_interface_of(interface) };
}
#endif

#endif /* NETPARK_CORE_NET_MREQN_H */
