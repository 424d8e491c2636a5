/* SPDX-License-Identifier: MIT */
/* core/net/interface_link_packet.c - Linux: an entry of AF_PACKET for each interface. */
#include "core/net/interface_link.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

/* Those without a hardware address, tunnels for example, have none at all. */
bool np__link_is_interface(const struct ifaddrs *list, const struct ifaddrs *entry)
{
	(void)list;
	return !entry->ifa_addr || entry->ifa_addr->sa_family == AF_PACKET;
}

/* Addresses of some kinds are longer than struct sockaddr_ll says, and are there in full. */
static void copy_hardware(const struct sockaddr *name, struct np_interface *interface)
{
	const char *bytes = (const char *)name;
	struct sockaddr_ll link;

	memcpy(&link, bytes, offsetof(struct sockaddr_ll, sll_addr));
	if (link.sll_halen > NP_INTERFACE_HARDWARE_MAX)
		return;
	interface->hardware_size = link.sll_halen;
	memcpy(interface->hardware, bytes + offsetof(struct sockaddr_ll, sll_addr), link.sll_halen);
}

int np__link_describe(const struct ifaddrs *entry, int sysfd, struct np_interface *interface)
{
	struct ifreq request;

	if (entry->ifa_addr)
		copy_hardware(entry->ifa_addr, interface);
	memset(&request, 0, sizeof(request));
	strncpy(request.ifr_name, entry->ifa_name, sizeof(request.ifr_name) - 1);
	if (ioctl(sysfd, SIOCGIFMTU, &request) < 0)
		return -errno;
	interface->mtu = (uint32_t)request.ifr_mtu;
	return 0;
}

size_t np__link_name_size(const struct sockaddr *name, size_t usual)
{
	(void)name;
	return usual;
}
