/* SPDX-License-Identifier: MIT */
/* tests/core/test_prefix.c - ranges of IP addresses: texts, what is in them, and their order. */
#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

TestSuite(prefix, .timeout = FIXTURE_TIMEOUT);

/* Parse, and give back the formatted prefix or the full text of the error. */
static const char *parsed(const char *text)
{
	static char result[256];
	struct np_prefix prefix;
	int error = np_prefix_parse(text, &prefix);

	if (error)
		np_error_text(error, result, sizeof(result));
	else
		np_prefix_format(&prefix, result, sizeof(result));
	return result;
}

static struct np_prefix parse(const char *text)
{
	struct np_prefix prefix;

	cr_assert_eq(np_prefix_parse(text, &prefix), 0, "%s", text);
	return prefix;
}

static struct np_addr parse_ip(const char *text)
{
	struct np_addr addr;

	cr_assert_eq(np_ip_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* ---- texts -------------------------------------------------------------------------------- */

Test(prefix, good_texts_are_read_and_written)
{
	static const struct {
		const char *text, *result;
	} rows[] = {
		{ "0.0.0.0/0", "0.0.0.0/0" },
		{ "10.1.2.3/8", "10.1.2.3/8" },
		{ "255.255.255.255/32", "255.255.255.255/32" },
		{ "::/0", "::/0" },
		{ "2001:DB8:0::1/32", "2001:db8::1/32" },
		{ "::1/128", "::1/128" },
		{ "::ffff:10.0.0.0/104", "10.0.0.0/8" },
		{ "::ffff:10.1.2.3/96", "10.1.2.3/0" },
		{ "::ffff:10.1.2.3/128", "10.1.2.3/32" },
		{ "::ffff:10.1.2.3/95", "::ffff:10.1.2.3/95" },
		{ "::ffff:a01:203/0", "::ffff:10.1.2.3/0" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		cr_expect_str_eq(parsed(rows[i].text), rows[i].result, "%s: %s", rows[i].text,
				 parsed(rows[i].text));
}

Test(prefix, the_reason_is_told_for_every_bad_text)
{
	static const char no_ip[] = "not an IP address (names are not looked up)";
	static const char bad_bits[] = "bad number of bits in prefix";
	static const struct {
		const char *text, *reason;
	} rows[] = {
		{ "10.0.0.0", "missing '/' in prefix" },
		{ "10.0.0/8", no_ip },
		{ "010.0.0.0/8", no_ip },
		{ "/8", no_ip },
		{ "localhost/8", no_ip },
		{ "10.0.0.0/8/8", no_ip },
		{ "[::1]/8", no_ip },
		{ "10.0.0.0 /8", no_ip },
		{ "1111111111111111111111111111111111111111111111111111111111111111/8", no_ip },
		{ "10.0.0.0/", bad_bits },
		{ "10.0.0.0/08", bad_bits },
		{ "10.0.0.0/00", bad_bits },
		{ "10.0.0.0/+8", bad_bits },
		{ "10.0.0.0/-8", bad_bits },
		{ "10.0.0.0/8x", bad_bits },
		{ "10.0.0.0/ 8", bad_bits },
		{ "10.0.0.0/255.0.0.0", bad_bits },
		{ "10.0.0.0/33", "prefix length out of range" },
		{ "::/129", "prefix length out of range" },
		{ "::/256", "prefix length out of range" },
		{ "::/4294967296", "prefix length out of range" },
		{ "::/4294967304", "prefix length out of range" },
		{ "::/99999999999999999999999999", "prefix length out of range" },
		{ "fe80::%1/10", "zone in prefix" },
		{ "fe80::%no-such-interface/10", "zone in prefix" },
		{ "10.0.0.0%1/8", "zone in prefix" },
	};
	char expected[256];

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		snprintf(expected, sizeof(expected), "address %s: %s", rows[i].text,
			 rows[i].reason);
		cr_expect_str_eq(parsed(rows[i].text), expected, "%s", parsed(rows[i].text));
	}
	cr_expect_str_eq(parsed(""), "missing '/' in prefix");
}

Test(prefix, null_is_invalid_and_a_failure_leaves_the_output_alone)
{
	struct np_prefix prefix = parse("10.0.0.0/8"), before = prefix;
	struct np_addr addr = parse_ip("10.0.0.0"), path = { .family = NP_ADDR_UNIX };
	char text[8] = "xxxxxxx";

	cr_assert_eq(np_prefix_parse(NULL, &prefix), -EINVAL);
	cr_assert_eq(np_prefix_parse("::/0", NULL), -EINVAL);
	cr_assert_eq(np_prefix_parse("::/129", &prefix), NP_EADDRESS);
	cr_assert_eq(np_prefix_make(NULL, 0, &prefix), -EINVAL);
	cr_assert_eq(np_prefix_make(&addr, 0, NULL), -EINVAL);
	cr_assert_eq(np_prefix_make(&addr, 33, &prefix), -EINVAL);
	cr_assert_eq(np_prefix_make(&addr, 256, &prefix), -EINVAL);
	cr_assert_eq(np_prefix_make(&path, 0, &prefix), -EINVAL);
	cr_assert(np_prefix_equal(&prefix, &before));
	cr_assert_eq(np_prefix_format(NULL, text, sizeof(text)), 0);
	cr_assert_str_eq(text, "");
	cr_assert_eq(np_prefix_format(&prefix, text, sizeof(text)), 10);
	cr_assert_str_eq(text, "10.0.0.");
	np_prefix_mask(NULL);
}

Test(prefix, what_is_unset_or_makes_no_sense_is_empty)
{
	struct np_prefix odd[] = {
		{ .family = NP_ADDR_NONE },
		{ .family = NP_ADDR_WILDCARD },
		{ .family = NP_ADDR_IPV4, .bits = 33 },
		{ .family = NP_ADDR_IPV6, .bits = 129 },
		{ .family = 99 },
	};
	struct np_prefix all = parse("0.0.0.0/0");
	struct np_addr addr = parse_ip("0.0.0.0");
	char text[NP_PREFIX_TEXT_MAX];

	for (size_t i = 0; i < sizeof(odd) / sizeof(odd[0]); i++) {
		cr_assert_eq(np_prefix_format(&odd[i], text, sizeof(text)), 0);
		cr_assert_not(np_prefix_contains(&odd[i], &addr));
		cr_assert_not(np_prefix_overlaps(&odd[i], &odd[i]));
		cr_assert_not(np_prefix_overlaps(&odd[i], &all));
		cr_assert_not(np_prefix_overlaps(&all, &odd[i]));
		cr_assert_eq(np_prefix_compare(&odd[i], &all), -1);
		cr_assert_eq(np_prefix_compare(&all, &odd[i]), 1);
		cr_assert_eq(np_prefix_compare(&odd[i], &odd[0]), 0);
		np_prefix_mask(&odd[i]);
	}
	cr_assert_not(np_prefix_contains(NULL, &addr));
	cr_assert_not(np_prefix_contains(&all, NULL));
	cr_assert_not(np_prefix_overlaps(NULL, &all));
	cr_assert_eq(np_prefix_compare(NULL, &odd[0]), -1);
	cr_assert_eq(np_prefix_compare(&odd[0], NULL), 1);
	cr_assert(np_prefix_equal(NULL, NULL));
}

/* ---- ranges ------------------------------------------------------------------------------- */

Test(prefix, the_first_and_the_last_address_are_in_and_their_neighbours_out)
{
	static const struct {
		const char *prefix, *in[3], *out[4];
	} rows[] = {
		{ "10.0.0.0/8",
		  { "10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3" },
		  { "9.255.255.255", "11.0.0.0", "::a00:0", "::ffff:11.0.0.0" } },
		{ "172.16.0.0/12",
		  { "172.16.0.0", "172.31.255.255", "::ffff:172.16.0.1" },
		  { "172.15.255.255", "172.32.0.0", "::", "44.16.0.0" } },
		{ "1.2.3.5/31",
		  { "1.2.3.4", "1.2.3.5", "::ffff:1.2.3.4" },
		  { "1.2.3.3", "1.2.3.6", "1.2.2.4", "129.2.3.4" } },
		{ "1.2.3.4/32",
		  { "1.2.3.4", "1.2.3.4", "::ffff:1.2.3.4" },
		  { "1.2.3.5", "1.2.3.3", "::1.2.3.4", "::" } },
		{ "0.0.0.0/0",
		  { "0.0.0.0", "255.255.255.255", "::ffff:0.0.0.0" },
		  { "::", "::1", "::fffe:0:0", "ffff::" } },
		{ "::/0",
		  { "::", "ffff:ffff::", "fe80::1%7" },
		  { "0.0.0.0", "1.2.3.4", "::ffff:1.2.3.4", "255.255.255.255" } },
		{ "::ffff:0.0.0.0/96",
		  { "0.0.0.0", "1.2.3.4", "::ffff:1.2.3.4" },
		  { "::", "::1:0:0:0", "::fffe:102:304", "ffff::" } },
		{ "::ffff:1.2.3.4/80",
		  { "::", "::1.2.3.4", "::fffe:ffff:ffff" },
		  { "1.2.3.4", "::ffff:1.2.3.4", "::1:0:0:0", "0.0.0.0" } },
		{ "fe80::/10",
		  { "fe80::1", "febf:ffff::", "fe80::1%7" },
		  { "fec0::", "fe7f:ffff::", "254.128.0.0", "7e80::" } },
		{ "2001:db8::/127",
		  { "2001:db8::", "2001:db8::1", "2001:db8::1%1" },
		  { "2001:db8::2", "2001:db7::", "2001:db8:8000::", "::" } },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_prefix prefix = parse(rows[i].prefix);

		for (int k = 0; k < 3; k++) {
			struct np_addr addr = parse_ip(rows[i].in[k]);

			addr.port = 80;
			cr_expect(np_prefix_contains(&prefix, &addr), "%s %s", rows[i].prefix,
				  rows[i].in[k]);
		}
		for (int k = 0; k < 4; k++) {
			struct np_addr addr = parse_ip(rows[i].out[k]);

			cr_expect_not(np_prefix_contains(&prefix, &addr), "%s %s", rows[i].prefix,
				      rows[i].out[k]);
		}
	}
}

Test(prefix, what_is_no_ip_address_is_nowhere)
{
	struct np_prefix everything[] = { parse("0.0.0.0/0"), parse("::/0") };
	struct np_addr addr;

	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_addr_parse("tcp", ":80", &addr), 0);
		cr_assert_not(np_prefix_contains(&everything[i], &addr));
		cr_assert_eq(np_addr_parse("unix", "abc", &addr), 0);
		cr_assert_not(np_prefix_contains(&everything[i], &addr));
	}
}

Test(prefix, ranges_overlap_when_one_is_in_the_other)
{
	static const struct {
		const char *a, *b;
		bool overlap;
	} rows[] = {
		{ "10.0.0.0/8", "10.1.0.0/16", true },   { "10.0.0.0/8", "10.0.0.0/8", true },
		{ "10.0.0.0/8", "11.0.0.0/8", false },   { "10.0.0.0/7", "11.0.0.0/8", true },
		{ "10.9.0.0/8", "10.1.0.0/9", true },    { "10.128.0.0/9", "10.1.0.0/9", false },
		{ "0.0.0.0/0", "::/0", false },          { "::/0", "::ffff:1.2.3.4/128", false },
		{ "::ffff:0:0/96", "1.2.3.4/32", true }, { "::/0", "fe80::/10", true },
		{ "fe80::/10", "fec0::/10", false },     { "1.2.3.4/32", "1.2.3.5/32", false },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_prefix a = parse(rows[i].a), b = parse(rows[i].b);

		cr_expect_eq(np_prefix_overlaps(&a, &b), rows[i].overlap, "%s %s", rows[i].a,
			     rows[i].b);
		cr_expect_eq(np_prefix_overlaps(&b, &a), rows[i].overlap, "%s %s", rows[i].b,
			     rows[i].a);
	}
}

Test(prefix, prefixes_are_in_the_order_of_the_manual)
{
	static const char *const sorted[] = {
		"0.0.0.0/0",  "10.0.0.0/7",  "10.0.0.0/8",        "10.1.2.3/8", "10.0.0.0/9",
		"10.1.2.3/9", "10.0.0.0/32", "10.1.0.0/16",       "11.0.0.0/8", "200.0.0.0/8",
		"::/0",       "::/8",        "::ffff:1.2.3.4/80", "::/96",      "::/128",
		"::1/128",    "fe80::/10",   "fe80::/64",
	};
	const int count = sizeof(sorted) / sizeof(sorted[0]);

	for (int i = 0; i < count; i++)
		for (int k = 0; k < count; k++) {
			struct np_prefix a = parse(sorted[i]), b = parse(sorted[k]);

			cr_expect_eq(np_prefix_compare(&a, &b), (i > k) - (i < k), "%s %s",
				     sorted[i], sorted[k]);
			cr_expect_eq(np_prefix_equal(&a, &b), i == k);
		}
}

/* ---- properties, from a seed -------------------------------------------------------------- */

/* Near each other, so that ranges meet; mapped ones, too. */
static struct np_addr random_ip(uint64_t *random)
{
	uint64_t r = fixture_random(random);
	struct np_addr addr = { .family = r & 1 ? NP_ADDR_IPV4 : NP_ADDR_IPV6 };
	size_t size = r & 1 ? 4 : 16;

	if ((r & 3) == 2) {
		addr.ip[10] = addr.ip[11] = 0xff;
		addr.ip[12 + (r >> 8 & 3)] = (uint8_t)(1 << (r >> 12 & 7));
	} else if ((r & 7) > 4) {
		for (size_t i = 0; i < size; i++)
			addr.ip[i] = (uint8_t)fixture_random(random);
	} else {
		addr.ip[(r >> 8) % size] = (uint8_t)(1 << (r >> 12 & 7));
	}
	return addr;
}

static struct np_prefix random_prefix(uint64_t *random)
{
	struct np_addr addr = random_ip(random);
	unsigned most = addr.family == NP_ADDR_IPV4 ? 32 : 128;
	struct np_prefix prefix;

	cr_assert_eq(
		np_prefix_make(&addr, (unsigned)(fixture_random(random) % (most + 1)), &prefix), 0);
	return prefix;
}

/* Bit by bit, with what is mapped as IPv4. */
static bool is_in(const struct np_prefix *prefix, struct np_addr addr)
{
	np_ip_unmap(&addr);
	if (addr.family != prefix->family)
		return false;
	for (unsigned bit = 0; bit < prefix->bits; bit++)
		if ((addr.ip[bit / 8] ^ prefix->ip[bit / 8]) & 0x80 >> bit % 8)
			return false;
	return true;
}

static struct np_addr first_address(struct np_prefix prefix)
{
	struct np_addr addr = { .family = prefix.family };

	np_prefix_mask(&prefix);
	memcpy(addr.ip, prefix.ip, 16);
	return addr;
}

Test(prefix, what_is_written_is_read_back)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 50000; i++) {
		struct np_prefix prefix = random_prefix(&random), back;
		char text[NP_PREFIX_TEXT_MAX];
		int length = np_prefix_format(&prefix, text, sizeof(text));

		cr_assert_eq(length, (int)strlen(text));
		cr_assert_eq(np_prefix_parse(text, &back), 0, "%s", text);
		cr_assert_arr_eq(&prefix, &back, sizeof(prefix), "%s", text);
	}
}

Test(prefix, an_address_is_in_exactly_when_the_bits_say_so)
{
	uint64_t random = fixture_seed();
	int in = 0;

	for (int i = 0; i < 200000; i++) {
		struct np_prefix prefix = random_prefix(&random), masked = prefix;
		struct np_addr addr = random_ip(&random), unmapped = addr;
		bool expected = is_in(&prefix, addr);

		np_prefix_mask(&masked);
		np_ip_unmap(&unmapped);
		cr_assert_eq(np_prefix_contains(&prefix, &addr), expected);
		cr_assert_eq(np_prefix_contains(&masked, &addr), expected);
		cr_assert_eq(np_prefix_contains(&prefix, &unmapped), expected);
		in += expected;
	}
	cr_assert_gt(in, 1000, "the generator makes addresses that are in, too");
	cr_assert_lt(in, 199000);
}

/* The system's numbers instead of our bytes. */
Test(prefix, ipv4_is_masked_as_numbers_are)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 100000; i++) {
		uint32_t ip = (uint32_t)fixture_random(&random), other = ip;
		unsigned bits = (unsigned)(fixture_random(&random) % 33);
		uint32_t mask = bits == 0 ? 0 : UINT32_MAX << (32 - bits);
		struct np_addr addr = { .family = NP_ADDR_IPV4 };
		struct np_prefix prefix;
		uint32_t masked;

		other ^= UINT32_C(1) << (fixture_random(&random) & 31);
		ip = htonl(ip);
		memcpy(addr.ip, &ip, 4);
		cr_assert_eq(np_prefix_make(&addr, bits, &prefix), 0);
		other = htonl(other);
		memcpy(addr.ip, &other, 4);
		cr_assert_eq(np_prefix_contains(&prefix, &addr),
			     ((ntohl(ip) ^ ntohl(other)) & mask) == 0);
		np_prefix_mask(&prefix);
		memcpy(&masked, prefix.ip, 4);
		cr_assert_eq(ntohl(masked), ntohl(ip) & mask);
	}
}

Test(prefix, a_masked_prefix_is_its_first_address_and_masking_again_changes_nothing)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 50000; i++) {
		struct np_prefix prefix = random_prefix(&random), masked = prefix, again;

		np_prefix_mask(&masked);
		again = masked;
		np_prefix_mask(&again);
		cr_assert(np_prefix_equal(&masked, &again));
		cr_assert_eq(masked.bits, prefix.bits);
		cr_assert_leq(np_prefix_compare(&masked, &prefix), 0);
		for (unsigned bit = 0; bit < 128; bit++)
			cr_assert_eq(masked.ip[bit / 8] >> (7 - bit % 8) & 1,
				     bit < prefix.bits ? prefix.ip[bit / 8] >> (7 - bit % 8) & 1
						       : 0);
	}
}

Test(prefix, ranges_overlap_exactly_when_one_has_the_first_address_of_the_other)
{
	uint64_t random = fixture_seed();
	int overlapping = 0;

	for (int i = 0; i < 100000; i++) {
		struct np_prefix a = random_prefix(&random), b = random_prefix(&random);
		struct np_addr first_a = first_address(a), first_b = first_address(b);
		bool overlap = np_prefix_contains(&a, &first_b) || np_prefix_contains(&b, &first_a);

		cr_assert_eq(np_prefix_overlaps(&a, &b), overlap);
		cr_assert_eq(np_prefix_overlaps(&b, &a), overlap);
		cr_assert(np_prefix_overlaps(&a, &a));
		overlapping += overlap;
	}
	cr_assert_gt(overlapping, 1000, "the generator makes ranges that meet, too");
}

/* All that lies in a range comes right after it. */
Test(prefix, the_order_is_total_and_keeps_ranges_together)
{
	uint64_t random = fixture_seed();
	int between = 0;

	for (int i = 0; i < 200000; i++) {
		struct np_prefix a = random_prefix(&random), b = random_prefix(&random),
				 c = random_prefix(&random);
		int ab = np_prefix_compare(&a, &b);

		cr_assert_eq(np_prefix_compare(&b, &a), -ab);
		cr_assert_eq(np_prefix_equal(&a, &b), ab == 0);
		if (ab > 0 || np_prefix_compare(&b, &c) > 0)
			continue;
		cr_assert_leq(np_prefix_compare(&a, &c), 0);
		if (np_prefix_overlaps(&a, &c)) {
			cr_assert(np_prefix_overlaps(&a, &b));
			between++;
		}
	}
	cr_assert_gt(between, 1000, "the generator makes such, too");
}
