/* SPDX-License-Identifier: MIT */
/* core/net/interface_link_none.c - where getifaddrs(3) tells of addresses alone. */
#include "core/net/interface_link.h"

#include <string.h>

/* The first of its name. */
bool np__link_is_interface(const struct ifaddrs *list, const struct ifaddrs *entry)
{
	for (; list != entry; list = list->ifa_next)
		if (strcmp(list->ifa_name, entry->ifa_name) == 0)
			return false;
	return true;
}

int np__link_describe(const struct ifaddrs *entry, int sysfd, struct np_interface *interface)
{
	(void)entry;
	(void)sysfd;
	(void)interface;
	return 0;
}

size_t np__link_name_size(const struct sockaddr *name, size_t usual)
{
	(void)name;
	return usual;
}
