/* SPDX-License-Identifier: MIT */
/* core/zone.c - what stands for an interface in addresses of IPv6: its name, or its number. */
#include "core/addr.h"

#include <net/if.h>
#include <stdio.h>

uint32_t np__zone_parse(const char *text)
{
	uint64_t index = if_nametoindex(text);

	if (index != 0)
		return (uint32_t)index;
	for (; *text >= '0' && *text <= '9' && index <= UINT32_MAX; text++)
		index = index * 10 + (uint64_t)(*text - '0');
	return *text == '\0' && index <= UINT32_MAX ? (uint32_t)index : 0;
}

int np__zone_format(uint32_t index, char *buf, size_t size)
{
	char name[IF_NAMESIZE];

	if (index == 0)
		return snprintf(buf, size, "%s", "");
	if (!if_indextoname(index, name))
		return snprintf(buf, size, "%u", (unsigned)index);
	return snprintf(buf, size, "%s", name);
}
