/* SPDX-License-Identifier: MIT */
/* core/prefix.c - ranges of IP addresses. */
#include <netpark/prefix.h>

#include "core/addr.h"
#include "core/failure.h"

#include <stdio.h>
#include <string.h>

enum { MAPPED_BITS = 96 }; /* that say that an IPv6 address is an IPv4 one */

static unsigned width(uint8_t family)
{
	return family == NP_ADDR_IPV4 ? 32 : family == NP_ADDR_IPV6 ? 128 : 0;
}

/* Callers may have made it themselves. */
static bool is_set(const struct np_prefix *prefix)
{
	return prefix && width(prefix->family) != 0 && prefix->bits <= width(prefix->family);
}

/* Of an IP address, and as many bits as it has or less. */
static void make(const struct np_addr *addr, unsigned bits, struct np_prefix *ret)
{
	const uint8_t *ipv4 = np__addr_ipv4(addr);

	*ret = (struct np_prefix){ .family = addr->family, .bits = (uint8_t)bits };
	if (!ipv4 || (addr->family == NP_ADDR_IPV6 && bits < MAPPED_BITS)) {
		memcpy(ret->ip, addr->ip, 16);
		return;
	}
	if (addr->family == NP_ADDR_IPV6)
		ret->bits = (uint8_t)(bits - MAPPED_BITS);
	ret->family = NP_ADDR_IPV4;
	memcpy(ret->ip, ipv4, 4);
}

int np_prefix_make(const struct np_addr *addr, unsigned bits, struct np_prefix *ret_prefix)
{
	if (!addr || !ret_prefix)
		return np__invalid("np_prefix_make: no address, or no place for the prefix");
	if (width(addr->family) == 0 || bits > width(addr->family))
		return np__invalid("np_prefix_make: no IP address, or more bits than it has");
	make(addr, bits, ret_prefix);
	return 0;
}

/* ---- texts -------------------------------------------------------------------------------- */

/* Why it is no number of bits, or NULL. */
static const char *parse_bits(const char *text, unsigned max, unsigned *bits)
{
	unsigned value = 0;

	if (*text == '\0' || (*text == '0' && text[1] != '\0'))
		return "bad number of bits in prefix";
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return "bad number of bits in prefix";
		if (value <= max)
			value = value * 10 + (unsigned)(*text - '0');
	}
	*bits = value;
	return value > max ? "prefix length out of range" : NULL;
}

/* Why it is no prefix, or NULL. */
static const char *parse(const char *text, struct np_prefix *ret)
{
	const char *slash = strrchr(text, '/');
	char host[NP_PREFIX_TEXT_MAX];
	struct np_addr addr;
	const char *reason;
	unsigned bits;
	size_t length;

	if (!slash)
		return "missing '/' in prefix";
	/* What is cut here is too long for an address anyway. */
	length = (size_t)(slash - text) < sizeof(host) ? (size_t)(slash - text) : sizeof(host) - 1;
	memcpy(host, text, length);
	host[length] = '\0';
	if (strchr(host, '%'))
		return "zone in prefix";
	reason = np__ip_parse(host, &addr);
	if (!reason)
		reason = parse_bits(slash + 1, width(addr.family), &bits);
	if (!reason)
		make(&addr, bits, ret);
	return reason;
}

int np_prefix_parse(const char *text, struct np_prefix *ret_prefix)
{
	struct np_prefix prefix;
	const char *reason;

	if (!text || !ret_prefix)
		return np__invalid("np_prefix_parse: no text, or no place for the prefix");
	reason = parse(text, &prefix);
	if (reason)
		return np__fail_input(NP_EADDRESS, reason, text);
	*ret_prefix = prefix;
	return 0;
}

int np_prefix_format(const struct np_prefix *prefix, char *buf, size_t size)
{
	struct np_addr addr = { .family = NP_ADDR_NONE };
	char ip[NP_PREFIX_TEXT_MAX];
	bool is_mapped;

	if (!is_set(prefix))
		return snprintf(buf, size, "%s", "");
	addr.family = prefix->family;
	memcpy(addr.ip, prefix->ip, 16);
	np_ip_format(&addr, ip, sizeof(ip));
	/* Dotted alone, it would be another one. */
	is_mapped = prefix->family == NP_ADDR_IPV6 && np__addr_ipv4(&addr);
	return snprintf(buf, size, "%s%s/%u", is_mapped ? "::ffff:" : "", ip, prefix->bits);
}

/* ---- ranges ------------------------------------------------------------------------------- */

/* Are the first @bits the same? */
static bool match(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned rest = bits % 8;

	if (memcmp(a, b, bits / 8) != 0)
		return false;
	return rest == 0 || (a[bits / 8] ^ b[bits / 8]) >> (8 - rest) == 0;
}

void np_prefix_mask(struct np_prefix *prefix)
{
	unsigned at;

	if (!is_set(prefix))
		return;
	at = prefix->bits / 8;
	if (prefix->bits % 8 != 0)
		prefix->ip[at++] &= (uint8_t)(0xff00 >> prefix->bits % 8);
	memset(prefix->ip + at, 0, 16 - at);
}

bool np_prefix_contains(const struct np_prefix *prefix, const struct np_addr *addr)
{
	const uint8_t *ipv4 = addr ? np__addr_ipv4(addr) : NULL;

	if (!addr || !is_set(prefix))
		return false;
	if (prefix->family == NP_ADDR_IPV4)
		return ipv4 && match(prefix->ip, ipv4, prefix->bits);
	return !ipv4 && addr->family == NP_ADDR_IPV6 && match(prefix->ip, addr->ip, prefix->bits);
}

bool np_prefix_overlaps(const struct np_prefix *a, const struct np_prefix *b)
{
	if (!is_set(a) || !is_set(b) || a->family != b->family)
		return false;
	return match(a->ip, b->ip, a->bits < b->bits ? a->bits : b->bits);
}

/* ---- order -------------------------------------------------------------------------------- */

static int compare_bytes(const uint8_t a[16], const uint8_t b[16])
{
	int difference = memcmp(a, b, 16);

	return (difference > 0) - (difference < 0);
}

int np_prefix_compare(const struct np_prefix *a, const struct np_prefix *b)
{
	struct np_prefix masked_a, masked_b;
	int order;

	if (!a || !b)
		return (a != NULL) - (b != NULL);
	if (!is_set(a) || !is_set(b))
		return is_set(a) - is_set(b);
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	masked_a = *a;
	masked_b = *b;
	np_prefix_mask(&masked_a);
	np_prefix_mask(&masked_b);
	order = compare_bytes(masked_a.ip, masked_b.ip);
	if (order)
		return order;
	if (a->bits != b->bits)
		return a->bits < b->bits ? -1 : 1;
	return compare_bytes(a->ip, b->ip);
}

bool np_prefix_equal(const struct np_prefix *a, const struct np_prefix *b)
{
	return np_prefix_compare(a, b) == 0;
}
