/* SPDX-License-Identifier: MIT */
/*
 * tests/fuzz/prefix.c - np_prefix_parse(), and what is in a prefix. The input: a prefix, and on a
 * second line an address or another prefix.
 */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Cuts @text up. */
static bool read_prefix(char *text, struct np_addr *addr, unsigned *bits)
{
	char *slash = strrchr(text, '/');
	char *digits;

	if (!slash)
		return false;
	*slash = '\0';
	digits = slash + 1;
	if (strchr(text, '%') || !fuzz_read_ip(text, addr))
		return false;
	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0' ||
	    (digits[0] == '0' && digits[1] != '\0') || strlen(digits) > 3)
		return false;
	*bits = (unsigned)strtoul(digits, NULL, 10);
	return *bits <= (addr->family == NP_ADDR_IPV4 ? 32 : 128);
}

/* IPv4 among IPv6, so that there is one kind of address. */
static void widen(uint8_t family, const uint8_t *ip, uint8_t wide[16])
{
	memset(wide, 0, 16);
	if (family == NP_ADDR_IPV4) {
		memset(wide + 10, 0xff, 2);
		memcpy(wide + 12, ip, 4);
	} else {
		memcpy(wide, ip, 16);
	}
}

static unsigned common_bits(const uint8_t a[16], const uint8_t b[16])
{
	unsigned bit = 0;

	while (bit < 128 && !((a[bit / 8] ^ b[bit / 8]) & 0x80 >> bit % 8))
		bit++;
	return bit;
}

/* By bits of IPv6 alone. IPv4 is no part of what is wider than IPv4. */
static void check_contains(const struct np_prefix *prefix, const struct np_addr *addr)
{
	static const uint8_t ipv4[16] = { [10] = 0xff, [11] = 0xff };
	uint8_t range[16], ip[16];
	unsigned bits = prefix->bits + (prefix->family == NP_ADDR_IPV4 ? 96u : 0u);
	bool expected;

	widen(prefix->family, prefix->ip, range);
	widen(addr->family, addr->ip, ip);
	expected = common_bits(range, ip) >= bits;
	if (bits < 96 && common_bits(ip, ipv4) >= 96)
		expected = false;
	FUZZ_CHECK(np_prefix_contains(prefix, addr) == expected);
}

static void check_pair(const struct np_prefix *a, const struct np_prefix *b)
{
	struct np_prefix first_a = *a, first_b = *b;
	struct np_addr addr_a = { .family = a->family }, addr_b = { .family = b->family };

	np_prefix_mask(&first_a);
	np_prefix_mask(&first_b);
	memcpy(addr_a.ip, first_a.ip, 16);
	memcpy(addr_b.ip, first_b.ip, 16);
	check_contains(a, &addr_a);
	check_contains(a, &addr_b);
	FUZZ_CHECK(np_prefix_contains(a, &addr_a));
	FUZZ_CHECK(np_prefix_overlaps(a, b) ==
		   (np_prefix_contains(a, &addr_b) || np_prefix_contains(b, &addr_a)));
	FUZZ_CHECK(np_prefix_compare(a, b) == -np_prefix_compare(b, a));
	FUZZ_CHECK(np_prefix_equal(a, b) == (memcmp(a, b, sizeof(*a)) == 0));
	if (np_prefix_compare(&first_a, &first_b) < 0)
		FUZZ_CHECK(np_prefix_compare(a, b) < 0);
}

static void check_prefix(const struct np_prefix *prefix, const struct np_addr *addr, unsigned bits)
{
	char text[NP_PREFIX_TEXT_MAX];
	struct np_prefix back;

	FUZZ_CHECK(prefix->bits == bits || prefix->bits + 96u == bits);
	FUZZ_CHECK(np_prefix_make(addr, bits, &back) == 0);
	FUZZ_CHECK(memcmp(prefix, &back, sizeof(back)) == 0);
	FUZZ_CHECK(np_prefix_format(prefix, text, sizeof(text)) == (int)strlen(text));
	FUZZ_CHECK(np_prefix_parse(text, &back) == 0);
	FUZZ_CHECK(memcmp(prefix, &back, sizeof(back)) == 0);
	check_pair(prefix, prefix);
	check_contains(prefix, addr);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size), *second = strchr(text, '\n');
	struct np_prefix prefix, other;
	struct np_addr addr;
	unsigned bits;
	int error;

	if (second)
		*second++ = '\0';
	error = np_prefix_parse(text, &prefix);
	if (error)
		fuzz_check_refusal(error);
	if (read_prefix(text, &addr, &bits)) {
		FUZZ_CHECK(error == 0);
		check_prefix(&prefix, &addr, bits);
		if (second && np_prefix_parse(second, &other) == 0)
			check_pair(&prefix, &other);
		else if (second && np_ip_parse(second, &addr) == 0)
			check_contains(&prefix, &addr);
	} else {
		FUZZ_CHECK(error == NP_EADDRESS);
	}
	free(text);
	return 0;
}
