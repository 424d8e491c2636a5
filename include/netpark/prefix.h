/* SPDX-License-Identifier: MIT */
/*
 * netpark/prefix.h - ranges of IP addresses in CIDR notation: "10.0.0.0/8", "2001:db8::/32".
 *
 * An IPv4-mapped IPv6 address means the IPv4 one, here as everywhere, so that each address has one
 * answer: "10.0.0.0/8" contains ::ffff:10.1.2.3, and no prefix of IPv6, not even "::/0", contains
 * an IPv4 address in either form. Go's net.IPNet does the same; netip.Prefix tells the two apart.
 *
 * Any thread may call any function here.
 */
#ifndef NETPARK_PREFIX_H
#define NETPARK_PREFIX_H

#include <netpark/addr.h>
#include <netpark/base.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum { NP_PREFIX_TEXT_MAX = 64 }; /* a buffer of this size holds every formatted prefix */

/**
 * struct np_prefix - an IP address and how many of its bits count, a plain value to copy and keep
 *
 * Made by np_prefix_make() or np_prefix_parse(). The bits that do not count are kept as they were
 * given, see np_prefix_mask().
 */
struct np_prefix {
	uint8_t family; /* NP_ADDR_IPV4, NP_ADDR_IPV6, or NP_ADDR_NONE for an unset value */
	uint8_t bits;   /* that count, the first ones: 0 to 32 or 128 */
	uint8_t ip[16]; /* network byte order; NP_ADDR_IPV4 uses the first 4, the rest is 0 */
};

/**
 * np_prefix_make() - from an IP address and a number of bits. Go: PrefixFrom
 *
 * Port and zone are left out. An IPv4-mapped address with 96 bits or more makes a prefix of IPv4
 * with 96 less; with fewer it is one of IPv6.
 *
 * Return: 0; -EINVAL for what is no IP address, too many bits, NULL.
 */
NP_API int np_prefix_make(const struct np_addr *addr, unsigned bits, struct np_prefix *ret_prefix);

/**
 * np_prefix_parse() - read "address/bits". Go: ParsePrefix
 *
 * The address as np_ip_parse() reads it, without a zone; bits a decimal number without sign or
 * leading zeros, of 0 to 32, or 128 for IPv6. IPv4-mapped addresses: see np_prefix_make().
 *
 * Return: 0; NP_EADDRESS, with np_error_text() telling what is wrong; -EINVAL for NULL.
 */
NP_API int np_prefix_parse(const char *text, struct np_prefix *ret_prefix);

/**
 * np_prefix_format() - write a prefix as np_prefix_parse() reads it. Go: Prefix.String
 *
 * "" for an unset one. Return: the length of the whole text without its terminator, as snprintf(3).
 */
NP_API int np_prefix_format(const struct np_prefix *prefix, char *buf, size_t size);

/** np_prefix_mask() - the bits that do not count become 0: "10.1.2.3/8" is "10.0.0.0/8". Go: Masked
 */
NP_API void np_prefix_mask(struct np_prefix *prefix);

/**
 * np_prefix_contains() - is the address in the range? Go: IPNet.Contains
 *
 * Its port and zone make no difference. Nothing is in an unset prefix, and in no prefix is what is
 * no IP address (NP_ADDR_WILDCARD, NP_ADDR_UNIX) or NULL.
 */
NP_API bool np_prefix_contains(const struct np_prefix *prefix, const struct np_addr *addr);

/** np_prefix_overlaps() - is there an address in both? One contains the other then. Go: Overlaps */
NP_API bool np_prefix_overlaps(const struct np_prefix *a, const struct np_prefix *b);

/**
 * np_prefix_compare() - an order of all prefixes. Go: Prefix.Compare
 *
 * Unset ones first, IPv4 before IPv6, then by the address with what does not count as 0, so that a
 * range is followed by those in it; then the wider first; then by the whole address. NULL is before
 * all.
 *
 * Return: -1, 0 or 1.
 */
NP_API int np_prefix_compare(const struct np_prefix *a, const struct np_prefix *b);

/** Are they the same in every bit, also those that do not count? np_prefix_compare() is 0. */
NP_API bool np_prefix_equal(const struct np_prefix *a, const struct np_prefix *b);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_PREFIX_H */
