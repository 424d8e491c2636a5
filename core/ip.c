/* SPDX-License-Identifier: MIT */
/* core/ip.c - which kind of IP address it is. */
#include "core/addr.h"

#include <string.h>

static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };

const uint8_t *np__addr_ipv4(const struct np_addr *addr)
{
	if (addr->family == NP_ADDR_IPV4)
		return addr->ip;
	if (addr->family == NP_ADDR_IPV6 && memcmp(addr->ip, mapped, sizeof(mapped)) == 0)
		return addr->ip + sizeof(mapped);
	return NULL;
}

void np__ip_map(const uint8_t ipv4[4], uint8_t ret_ip[16])
{
	memcpy(ret_ip, mapped, sizeof(mapped));
	memcpy(ret_ip + sizeof(mapped), ipv4, 4);
}

void np_ip_unmap(struct np_addr *addr)
{
	const uint8_t *ip = addr ? np__addr_ipv4(addr) : NULL;
	struct np_addr unmapped;

	if (!ip)
		return;
	unmapped = (struct np_addr){ .family = NP_ADDR_IPV4, .port = addr->port };
	memcpy(unmapped.ip, ip, 4);
	*addr = unmapped;
}

/* Its bytes and how many; NULL for what is no IP address. */
static const uint8_t *bytes(const struct np_addr *addr, size_t *count)
{
	const uint8_t *ip = addr ? np__addr_ipv4(addr) : NULL;

	*count = ip ? 4 : 16;
	if (!ip && addr && addr->family == NP_ADDR_IPV6)
		ip = addr->ip;
	return ip;
}

static bool is_all(const uint8_t *ip, size_t count, uint8_t value)
{
	for (size_t i = 0; i < count; i++)
		if (ip[i] != value)
			return false;
	return true;
}

bool np_ip_is_unspecified(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	return ip ? is_all(ip, count, 0) : addr && addr->family == NP_ADDR_WILDCARD;
}

bool np_ip_is_loopback(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	if (!ip || count == 4)
		return ip && ip[0] == 127;
	return is_all(ip, 15, 0) && ip[15] == 1;
}

bool np_ip_is_private(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	if (!ip || count == 16)
		return ip && (ip[0] & 0xfe) == 0xfc;
	return ip[0] == 10 || (ip[0] == 172 && (ip[1] & 0xf0) == 16) ||
	       (ip[0] == 192 && ip[1] == 168);
}

bool np_ip_is_link_local(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	if (!ip || count == 16)
		return ip && ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80;
	return ip[0] == 169 && ip[1] == 254;
}

bool np_ip_is_multicast(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	return ip && (count == 4 ? (ip[0] & 0xf0) == 224 : ip[0] == 0xff);
}

bool np_ip_is_global_unicast(const struct np_addr *addr)
{
	size_t count;
	const uint8_t *ip = bytes(addr, &count);

	if (!ip || (count == 4 && is_all(ip, count, 255)))
		return false;
	return !np_ip_is_unspecified(addr) && !np_ip_is_loopback(addr) &&
	       !np_ip_is_link_local(addr) && !np_ip_is_multicast(addr);
}
