/* SPDX-License-Identifier: MIT */
/* core/net/interface_link_dl.c - BSDs and macOS: an entry of AF_LINK for each interface. */
#include "core/net/interface_link.h"

#include <string.h>
#include <sys/types.h>

#include <sys/socket.h>

#include <net/if.h>
#include <net/if_dl.h>

bool np__link_is_interface(const struct ifaddrs *list, const struct ifaddrs *entry)
{
	(void)list;
	return entry->ifa_addr && entry->ifa_addr->sa_family == AF_LINK;
}

int np__link_describe(const struct ifaddrs *entry, int sysfd, struct np_interface *interface)
{
	struct sockaddr_dl *link = (struct sockaddr_dl *)(void *)entry->ifa_addr;
	const struct if_data *data = entry->ifa_data;

	(void)sysfd;
	if (link->sdl_alen <= NP_INTERFACE_HARDWARE_MAX) {
		interface->hardware_size = link->sdl_alen;
		memcpy(interface->hardware, LLADDR(link), link->sdl_alen);
	}
	if (data)
		interface->mtu = (uint32_t)data->ifi_mtu;
	return 0;
}

/* Masks end where only zeros would follow. */
size_t np__link_name_size(const struct sockaddr *name, size_t usual)
{
	return name->sa_len < usual ? name->sa_len : usual;
}
