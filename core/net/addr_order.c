/* SPDX-License-Identifier: MIT */
/* core/net/addr_order.c - see addr_order.h, and np_addrs_sort(). */
#include "core/net/addr_order.h"

#include "core/addr.h"
#include "core/failure.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <netpark/resolve.h>

#include <stdlib.h>
#include <string.h>

enum { PORT_FOR_NOBODY = 9 };   /* discard: some kernels refuse 0 */
enum { MOST_COMMON_BITS = 64 }; /* which all of IPv4 has in common: it is mapped */

enum scope { LINK_LOCAL = 2, SITE_LOCAL = 5, GLOBAL = 14 };

/* The policy table of section 2.1, longest prefixes first. */
static const struct policy {
	uint8_t prefix[16];
	unsigned bits;
	int precedence;
	int label;
} policies[] = {
	{ { [15] = 1 }, 128, 50, 0 },  { { [10] = 0xff, [11] = 0xff }, 96, 35, 4 }, /* IPv4 */
	{ { 0 }, 96, 1, 3 },           { { 0x20, 0x01 }, 32, 5, 5 },
	{ { 0x20, 0x02 }, 16, 30, 2 }, { { 0x3f, 0xfe }, 16, 1, 12 },
	{ { 0xfe, 0xc0 }, 10, 1, 11 }, { { 0xfc, 0x00 }, 7, 3, 13 },
	{ { 0 }, 0, 40, 1 },
};

/* What the rules want to know of an address: the table has IPv4 as mapped into IPv6. */
struct traits {
	uint8_t ip[16];
	bool is_v4;
	int scope;
	const struct policy *policy;
};

struct destination {
	struct np_addr addr;
	size_t place; /* it was given at */
	struct traits traits;
	bool is_reachable;
	struct traits source; /* if it is */
	unsigned common_bits; /* with it */
};

static unsigned common_bits(const uint8_t a[16], const uint8_t b[16])
{
	unsigned bits = 0;

	while (bits < 128 && !((a[bits / 8] ^ b[bits / 8]) & (0x80 >> bits % 8)))
		bits++;
	return bits;
}

static int scope_of(const struct traits *traits)
{
	const uint8_t *ip = traits->ip;

	if (traits->is_v4)
		return ip[12] == 127 || (ip[12] == 169 && ip[13] == 254) ? LINK_LOCAL : GLOBAL;
	if (ip[0] == 0xff)
		return ip[1] & 0xf;
	if (common_bits(ip, policies[0].prefix) == 128)
		return LINK_LOCAL; /* loopback */
	if (ip[0] == 0xfe && (ip[1] & 0xc0) == 0x80)
		return LINK_LOCAL;
	return ip[0] == 0xfe && (ip[1] & 0xc0) == 0xc0 ? SITE_LOCAL : GLOBAL;
}

static struct traits traits_of(const struct np_addr *addr)
{
	const uint8_t *ipv4 = np__addr_ipv4(addr);
	struct traits traits = { .policy = policies, .is_v4 = ipv4 != NULL };

	if (ipv4)
		np__ip_map(ipv4, traits.ip);
	else
		memcpy(traits.ip, addr->ip, 16);
	traits.scope = scope_of(&traits);
	while (common_bits(traits.ip, traits.policy->prefix) < traits.policy->bits)
		traits.policy++;
	return traits;
}

static struct destination describe(const struct np_addr *addr, size_t place,
				   addr_source_fn *find_source)
{
	struct destination destination = { .addr = *addr, .place = place };
	struct np_addr source;
	unsigned bits;

	destination.traits = traits_of(addr);
	destination.is_reachable = find_source(addr, &source);
	if (!destination.is_reachable)
		return destination;
	destination.source = traits_of(&source);
	bits = common_bits(destination.traits.ip, destination.source.ip);
	destination.common_bits = bits < MOST_COMMON_BITS ? bits : MOST_COMMON_BITS;
	return destination;
}

static bool has_matching_scope(const struct destination *destination)
{
	return destination->traits.scope == destination->source.scope;
}

static bool has_matching_label(const struct destination *destination)
{
	return destination->traits.policy->label == destination->source.policy->label;
}

/* Below 0: the first is to be tried first. Rules 3, 4 and 7 would need what only the kernel knows.
 */
static int compare(const struct destination *a, const struct destination *b)
{
	int order = b->is_reachable - a->is_reachable; /* rule 1 */

	if (!order && a->is_reachable) {
		order = has_matching_scope(b) - has_matching_scope(a); /* 2 */
		if (!order)
			order = has_matching_label(b) - has_matching_label(a); /* 5 */
	}
	if (!order)
		order = b->traits.policy->precedence - a->traits.policy->precedence; /* 6 */
	if (!order)
		order = a->traits.scope - b->traits.scope; /* 8 */
	if (!order)
		order = (int)b->common_bits - (int)a->common_bits; /* 9 */
	if (!order)
		order = a->place < b->place ? -1 : 1; /* 10 */
	return order;
}

static int compare_any(const void *a, const void *b)
{
	return compare(a, b);
}

int np__addrs_order(struct np_addr *addrs, size_t count, addr_source_fn *find_source)
{
	struct destination *destinations = calloc(count ? count : 1, sizeof(*destinations));

	if (!destinations)
		return -ENOMEM;
	for (size_t i = 0; i < count; i++)
		destinations[i] = describe(&addrs[i], i, find_source);
	qsort(destinations, count, sizeof(*destinations), compare_any);
	for (size_t i = 0; i < count; i++)
		addrs[i] = destinations[i].addr;
	free(destinations);
	return 0;
}

/* ---- sources from the kernel -------------------------------------------------------------- */

static bool ask_socket(int sysfd, const struct sockaddr_storage *name, socklen_t length,
		       struct np_addr *ret_source)
{
	struct sockaddr_storage own;
	socklen_t own_length = sizeof(own);

	if (connect(sysfd, (const struct sockaddr *)name, length) < 0 ||
	    getsockname(sysfd, (struct sockaddr *)&own, &own_length) < 0)
		return false;
	np__addr_from_sockaddr(ret_source, (struct sockaddr *)&own, own_length);
	return ret_source->family != NP_ADDR_NONE;
}

/* A datagram socket that is connected sends nothing, but has to have an address. */
static bool ask_kernel(const struct np_addr *destination, struct np_addr *ret_source)
{
	NP_UNCANCELLED;
	struct np_addr addr = *destination;
	struct sockaddr_storage name;
	socklen_t length;
	bool found;
	int sysfd;

	if (addr.port == 0)
		addr.port = PORT_FOR_NOBODY;
	if (np__addr_to_sockaddr(&addr, &name, &length))
		return false;
	sysfd = np__sys_socket(name.ss_family, SOCK_DGRAM, 0);
	if (sysfd < 0)
		return false;
	found = ask_socket(sysfd, &name, length, ret_source);
	np__sys_close(sysfd);
	return found;
}

static int sort(struct np_addr *addrs, size_t count)
{
	if (!addrs && count > 0)
		return np__invalid("np_addrs_sort: no addresses");
	for (size_t i = 0; i < count; i++)
		if (addrs[i].family != NP_ADDR_IPV4 && addrs[i].family != NP_ADDR_IPV6)
			return np__invalid("np_addrs_sort: an address that is not of IP");
	return np__addrs_order(addrs, count, ask_kernel);
}

int np_addrs_sort(struct np_addr *addrs, size_t count)
{
	return np__spend(sort(addrs, count));
}
