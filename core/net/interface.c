/* SPDX-License-Identifier: MIT */
/* core/net/interface.c - interfaces, their addresses, and zones. */
#include <netpark/interface.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/net/interface_link.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* ---- interfaces --------------------------------------------------------------------------- */

static uint32_t flags_of(unsigned flags)
{
	static const struct {
		unsigned system;
		uint32_t ours;
	} pairs[] = {
		{ IFF_UP, NP_INTERFACE_UP },
		{ IFF_BROADCAST, NP_INTERFACE_BROADCAST },
		{ IFF_LOOPBACK, NP_INTERFACE_LOOPBACK },
		{ IFF_POINTOPOINT, NP_INTERFACE_POINT_TO_POINT },
		{ IFF_MULTICAST, NP_INTERFACE_MULTICAST },
		{ IFF_RUNNING, NP_INTERFACE_RUNNING },
	};
	uint32_t ours = 0;

	for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
		if (flags & pairs[i].system)
			ours |= pairs[i].ours;
	return ours;
}

/* 0; -ENODEV if it has gone meanwhile. */
static int describe(const struct ifaddrs *entry, int sysfd, struct np_interface *ret_interface)
{
	struct np_interface interface = { .index = if_nametoindex(entry->ifa_name) };
	int error;

	if (interface.index == 0)
		return -ENODEV;
	snprintf(interface.name, sizeof(interface.name), "%s", entry->ifa_name);
	interface.flags = flags_of((unsigned)entry->ifa_flags);
	error = np__link_describe(entry, sysfd, &interface);
	if (!error)
		*ret_interface = interface;
	return error;
}

/* How many of the list, or an error. */
static int list_interfaces(const struct ifaddrs *list, int sysfd,
			   struct np_interface *ret_interfaces, size_t max)
{
	int count = 0;

	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		struct np_interface interface;
		int error;

		if (!np__link_is_interface(list, entry))
			continue;
		error = describe(entry, sysfd, &interface);
		if (error == -ENODEV || error == -ENXIO)
			continue;
		if (error)
			return error;
		if ((size_t)count < max)
			ret_interfaces[count] = interface;
		count++;
	}
	return count;
}

/* The one that is called @name, or that has @index where that is NULL. 0 or an error. */
static int find_interface(const struct ifaddrs *list, int sysfd, const char *name, uint32_t index,
			  struct np_interface *ret_interface)
{
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		if (!np__link_is_interface(list, entry))
			continue;
		if (name ? strcmp(entry->ifa_name, name) == 0
			 : if_nametoindex(entry->ifa_name) == index)
			return describe(entry, sysfd, ret_interface);
	}
	return -ENODEV;
}

struct listing {
	struct ifaddrs *list;
	int sysfd;
	const char *call; /* that failed: sandboxes refuse what getifaddrs(3) needs */
};

/* 0 or -errno. */
static int get_addresses(struct ifaddrs **ret_list)
{
	NP_UNCANCELLED;
	return getifaddrs(ret_list) < 0 ? -errno : 0;
}

/* 0 or -errno. */
static int begin(struct listing *listing)
{
	int error;

	listing->call = "socket";
	listing->sysfd = np__sys_socket(AF_UNIX, SOCK_DGRAM, 0);
	if (listing->sysfd < 0)
		return listing->sysfd;
	listing->call = "getifaddrs";
	error = get_addresses(&listing->list);
	if (error)
		np__sys_close(listing->sysfd);
	else
		listing->call = NULL;
	return error;
}

static void end(struct listing *listing)
{
	freeifaddrs(listing->list);
	np__sys_close(listing->sysfd);
}

/* Who asks again and again until an interface is there, or gone, lets others run meanwhile. */
static int fail(int error, const char *call, const char *name)
{
	struct np_failure *failure = np__fail(error, "interface", NULL);

	failure->call = call;
	snprintf(failure->input, sizeof(failure->input), "%s", name);
	return np__spend(error);
}

int np_interfaces(struct np_interface *ret_interfaces, size_t max)
{
	struct listing listing;
	int result;

	if (!ret_interfaces && max > 0)
		return np__invalid("np_interfaces: no place for the interfaces");
	result = begin(&listing);
	if (!result) {
		result = list_interfaces(listing.list, listing.sysfd, ret_interfaces, max);
		end(&listing);
	}
	return result < 0 ? fail(result, listing.call, "") : np__spend(result);
}

static int find(const char *name, uint32_t index, struct np_interface *ret_interface,
		const char **call)
{
	struct listing listing;
	int error = begin(&listing);

	*call = listing.call;
	if (!error) {
		error = find_interface(listing.list, listing.sysfd, name, index, ret_interface);
		end(&listing);
	}
	return error == -ENXIO ? -ENODEV : error;
}

int np_interface_by_name(const char *name, struct np_interface *ret_interface)
{
	const char *call;
	int error;

	if (!name || !ret_interface)
		return np__invalid("np_interface_by_name: no name, or no place for the interface");
	error = find(name, 0, ret_interface, &call);
	return error ? fail(error, call, name) : np__spend(0);
}

int np_interface_by_index(uint32_t index, struct np_interface *ret_interface)
{
	const char *call;
	char name[16];
	int error;

	if (!ret_interface)
		return np__invalid("np_interface_by_index: no place for the interface");
	error = find(NULL, index, ret_interface, &call);
	snprintf(name, sizeof(name), "%u", (unsigned)index);
	return error ? fail(error, call, name) : np__spend(0);
}

/* ---- addresses ---------------------------------------------------------------------------- */

static unsigned count_ones(const uint8_t *bytes, size_t size)
{
	unsigned bits = 0;

	while (bits < size * 8 && bytes[bits / 8] & (0x80 >> bits % 8))
		bits++;
	return bits;
}

/* A mask's family is not always told: it is that of the address. */
static unsigned prefix_bits(const struct sockaddr *mask, bool is_v4)
{
	union {
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
	} name;
	size_t size = is_v4 ? sizeof(name.v4) : sizeof(name.v6);

	if (!mask)
		return is_v4 ? 32 : 128;
	memset(&name, 0, sizeof(name));
	memcpy(&name, mask, np__link_name_size(mask, size));
	return is_v4 ? count_ones((const uint8_t *)&name.v4.sin_addr, 4)
		     : count_ones((const uint8_t *)&name.v6.sin6_addr, 16);
}

/* Some systems have the zone of a link-local address in it, where zeros belong. */
static void take_zone_out(struct np_addr *addr)
{
	if (addr->family != NP_ADDR_IPV6 || addr->zone != 0 || !np_ip_is_link_local(addr))
		return;
	addr->zone = (uint32_t)addr->ip[2] << 8 | addr->ip[3];
	addr->ip[2] = addr->ip[3] = 0;
}

/* False if it is no IP address, or has gone. */
static bool describe_addr(const struct ifaddrs *entry, struct np_interface_addr *ret)
{
	int family = entry->ifa_addr ? entry->ifa_addr->sa_family : AF_UNSPEC;
	bool is_v4 = family == AF_INET;
	struct np_interface_addr addr = { .index = 0 };

	if (family != AF_INET && family != AF_INET6)
		return false;
	addr.index = if_nametoindex(entry->ifa_name);
	np__addr_from_sockaddr(&addr.addr, entry->ifa_addr,
			       is_v4 ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6));
	take_zone_out(&addr.addr);
	if (np_prefix_make(&addr.addr, prefix_bits(entry->ifa_netmask, is_v4), &addr.prefix))
		return false;
	*ret = addr;
	return addr.index != 0;
}

int np_interface_addrs(uint32_t index, struct np_interface_addr *ret_addrs, size_t max)
{
	struct np_interface_addr addr;
	struct ifaddrs *list;
	int count = 0;
	int error;

	if (!ret_addrs && max > 0)
		return np__invalid("np_interface_addrs: no place for the addresses");
	error = get_addresses(&list);
	if (error)
		return fail(error, "getifaddrs", "");
	for (const struct ifaddrs *entry = list; entry; entry = entry->ifa_next) {
		if (!describe_addr(entry, &addr) || (index != 0 && addr.index != index))
			continue;
		if ((size_t)count < max)
			ret_addrs[count] = addr;
		count++;
	}
	freeifaddrs(list);
	return np__spend(count);
}

/* ---- zones -------------------------------------------------------------------------------- */

int np_zone_parse(const char *zone, uint32_t *ret_index)
{
	uint32_t index;

	if (!zone || !ret_index)
		return np__invalid("np_zone_parse: no zone, or no place for the index");
	index = np__zone_parse(zone);
	if (index == 0)
		return fail(-ENODEV, NULL, zone);
	*ret_index = index;
	return 0;
}

int np_zone_format(uint32_t index, char *buf, size_t size)
{
	return np__zone_format(index, buf, size);
}
