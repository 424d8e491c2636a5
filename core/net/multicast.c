/* SPDX-License-Identifier: MIT */
/* core/net/multicast.c - groups, and the other options of UDP. */
#include "core/net/multicast.h"

#include <netpark/datagram.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/mreqn.h"
#include "core/net/options.h"

#include <errno.h>
#include <limits.h>
#include <netinet/in.h>
#include <string.h>

/* Newer than some headers. */
#if defined(__linux__) && !defined(IPV6_MULTICAST_ALL)
#define IPV6_MULTICAST_ALL 29
#endif

/* An old kernel that knows nothing of it is no reason to fail. */
void np__multicast_only_joined(int sysfd, int family)
{
#ifdef IP_MULTICAST_ALL
	np__set_option(sysfd, IPPROTO_IP, IP_MULTICAST_ALL, 0);
#endif
#ifdef IPV6_MULTICAST_ALL
	if (family == AF_INET6)
		np__set_option(sysfd, IPPROTO_IPV6, IPV6_MULTICAST_ALL, 0);
#endif
	(void)sysfd, (void)family;
}

/* ---- options ------------------------------------------------------------------------------ */

/* AF_..., of a handle that is open. */
static int find_family(const struct np_fd *fd)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);

	if (fd->family == AF_UNSPEC)
		getsockname(fd->sysfd, (struct sockaddr *)&name, &length);
	return fd->family == AF_UNSPEC ? name.ss_family : fd->family;
}

/* One thing to set, of each family. */
struct setting {
	int (*set4)(int sysfd, unsigned value);
	int (*set6)(int sysfd, unsigned value);
	unsigned value;
};

/* A socket of IPv6 may serve IPv4, too, and some systems then have both options. */
static int set_for_family(int sysfd, int family, const struct setting *setting)
{
	if (family == AF_INET)
		return setting->set4(sysfd, setting->value);
	if (family != AF_INET6)
		return -ENOPROTOOPT;
	if (setting->set4 != setting->set6)
		setting->set4(sysfd, setting->value);
	return setting->set6(sysfd, setting->value);
}

static int apply(struct np_fd *fd, const struct setting *setting)
{
	int error = np__fd_incref(fd, "set");

	if (error)
		return error;
	return np__option_end(fd, set_for_family(fd->sysfd, find_family(fd), setting));
}

/* The BSDs want it as a byte, and nobody minds. */
static int set_byte(int sysfd, int option, unsigned value)
{
	unsigned char byte = (unsigned char)value;

	return np__set_value(sysfd, IPPROTO_IP, option, &byte, sizeof(byte));
}

static int set_interface4(int sysfd, unsigned interface)
{
	mreqn_interface request = mreqn_interface_of(interface);

	return np__set_value(sysfd, IPPROTO_IP, IP_MULTICAST_IF, &request, sizeof(request));
}

static int set_interface6(int sysfd, unsigned interface)
{
	return np__set_option(sysfd, IPPROTO_IPV6, IPV6_MULTICAST_IF, (int)interface);
}

static int set_group_ttl4(int sysfd, unsigned hops)
{
	return set_byte(sysfd, IP_MULTICAST_TTL, hops);
}

static int set_group_ttl6(int sysfd, unsigned hops)
{
	return np__set_option(sysfd, IPPROTO_IPV6, IPV6_MULTICAST_HOPS, (int)hops);
}

static int set_loop4(int sysfd, unsigned loop)
{
	return set_byte(sysfd, IP_MULTICAST_LOOP, loop);
}

static int set_loop6(int sysfd, unsigned loop)
{
	return np__set_option(sysfd, IPPROTO_IPV6, IPV6_MULTICAST_LOOP, (int)loop);
}

static int set_ttl4(int sysfd, unsigned hops)
{
	return np__set_option(sysfd, IPPROTO_IP, IP_TTL, (int)hops);
}

static int set_ttl6(int sysfd, unsigned hops)
{
	return np__set_option(sysfd, IPPROTO_IPV6, IPV6_UNICAST_HOPS, (int)hops);
}

static int set_broadcast(int sysfd, unsigned broadcast)
{
	return np__set_option(sysfd, SOL_SOCKET, SO_BROADCAST, (int)broadcast);
}

int np_set_multicast_interface(struct np_fd *socket, unsigned interface)
{
	if (!socket || interface > INT_MAX)
		return np__invalid("np_set_multicast_interface: no handle, or no such number");
	return apply(socket, &(struct setting){ set_interface4, set_interface6, interface });
}

int np_set_multicast_ttl(struct np_fd *socket, int hops)
{
	if (!socket || hops < 0 || hops > 255)
		return np__invalid("np_set_multicast_ttl: no handle, or not 0 to 255 hops");
	return apply(socket, &(struct setting){ set_group_ttl4, set_group_ttl6, (unsigned)hops });
}

int np_set_multicast_loop(struct np_fd *socket, bool loop)
{
	if (!socket)
		return np__invalid("np_set_multicast_loop: no handle");
	return apply(socket, &(struct setting){ set_loop4, set_loop6, loop });
}

int np_set_ttl(struct np_fd *socket, int hops)
{
	if (!socket || hops < 1 || hops > 255)
		return np__invalid("np_set_ttl: no handle, or not 1 to 255 hops");
	return apply(socket, &(struct setting){ set_ttl4, set_ttl6, (unsigned)hops });
}

int np_set_broadcast(struct np_fd *socket, bool broadcast)
{
	if (!socket)
		return np__invalid("np_set_broadcast: no handle");
	return apply(socket, &(struct setting){ set_broadcast, set_broadcast, broadcast });
}

/* ---- groups ------------------------------------------------------------------------------- */

static int complain(struct np_fd *fd, const char *reason, const struct np_addr *about)
{
	struct np_failure *failure = np__fail(NP_EADDRESS, "set", fd->network);

	failure->reason = reason;
	np_ip_format(about, failure->input, sizeof(failure->input));
	return NP_EADDRESS;
}

/* 0, or an error that is recorded. */
static int check(struct np_fd *fd, const struct membership *membership)
{
	if (!np_ip_is_multicast(membership->group))
		return complain(fd, "not a multicast address", membership->group);
	if (membership->source && membership->source->family != membership->group->family)
		return complain(fd, "a source of another family", membership->source);
	return 0;
}

static int change(struct np_fd *fd, struct membership membership,
		  int (*fn)(int sysfd, const struct membership *membership))
{
	int error = check(fd, &membership);

	if (!error)
		error = np__fd_incref(fd, "set");
	if (error)
		return error;
	if (membership.interface == 0 && membership.group->family == NP_ADDR_IPV6)
		membership.interface = membership.group->zone;
	error = fn(fd->sysfd, &membership);
	if (!error)
		np__multicast_only_joined(fd->sysfd, find_family(fd));
	return np__option_end(fd, error);
}

int np_multicast_join(struct np_fd *socket, const struct np_addr *group, unsigned interface,
		      const struct np_addr *source)
{
	if (!socket || !group)
		return np__invalid("np_multicast_join: no handle, or no group");
	return change(socket, (struct membership){ group, source, interface }, np__multicast_join);
}

int np_multicast_leave(struct np_fd *socket, const struct np_addr *group, unsigned interface,
		       const struct np_addr *source)
{
	if (!socket || !group)
		return np__invalid("np_multicast_leave: no handle, or no group");
	return change(socket, (struct membership){ group, source, interface }, np__multicast_leave);
}
