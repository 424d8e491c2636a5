/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_ip.c - the order of addresses, IP addresses without their ports, which kind they
 * are, and the kernel's form for programs.
 */
#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

TestSuite(ip, .timeout = FIXTURE_TIMEOUT);

static struct np_addr parse(const char *network, const char *text)
{
	struct np_addr addr;

	cr_assert_eq(np_addr_parse(network, text, &addr), 0, "%s %s", network, text);
	return addr;
}

static struct np_addr parse_ip(const char *text)
{
	struct np_addr addr;

	cr_assert_eq(np_ip_parse(text, &addr), 0, "%s", text);
	return addr;
}

/* Few different bytes, so that addresses are equal in part, and now and then altogether. */
static struct np_addr random_addr(uint64_t *random)
{
	static const uint8_t families[] = { NP_ADDR_NONE, NP_ADDR_WILDCARD, NP_ADDR_IPV4,
					    NP_ADDR_IPV6, NP_ADDR_UNIX };
	uint64_t r = fixture_random(random);
	struct np_addr addr = { .family = families[r % 5], .port = (uint16_t)((r >> 8 & 3) << 7) };

	if (addr.family == NP_ADDR_UNIX) {
		addr.path_size = r >> 12 & 3;
		for (int i = 0; i < 3; i++)
			addr.path[i] = (char)((r >> (16 + i) & 1) * 200);
	} else if (addr.family != NP_ADDR_IPV6) {
		addr.ip[r >> 12 & 3] = (uint8_t)((r >> 16 & 3) * 80);
	} else if (r >> 12 & 1) {
		addr.ip[10] = addr.ip[11] = 0xff;
		addr.ip[12 + (r >> 13 & 3)] = (uint8_t)((r >> 16 & 3) * 80);
	} else {
		addr.ip[r >> 13 & 15] = (uint8_t)((r >> 18 & 3) * 80);
		addr.zone = (r >> 20 & 1) * 4000000000u;
	}
	return addr;
}

/* ---- order -------------------------------------------------------------------------------- */

Test(ip, addresses_are_in_the_order_of_the_manual)
{
	struct np_addr none = { .family = NP_ADDR_NONE };
	const struct np_addr sorted[] = {
		none,
		parse("tcp", ":1"),
		parse("tcp", ":256"),
		parse("tcp", "0.0.0.0:9"),
		parse("tcp", "9.9.9.9:1"),
		parse("tcp", "[::ffff:9.9.9.9]:2"),
		parse("tcp", "9.9.9.9:256"),
		parse("tcp", "9.9.10.0:0"),
		parse("tcp", "[::ffff:200.0.0.0]:0"),
		parse("tcp", "[::]:0"),
		parse("tcp", "[::1]:0"),
		parse("tcp", "[fe80::1]:7"),
		parse("tcp", "[fe80::1%2]:6"),
		parse("tcp", "[fe80::1%4000000000]:5"),
		parse("tcp", "[ff00::]:0"),
		parse("unix", "a"),
		parse("unix", "aa"),
		parse("unix", "b"),
		parse("unix", "\xff"),
	};
	const int count = sizeof(sorted) / sizeof(sorted[0]);

	for (int i = 0; i < count; i++)
		for (int k = 0; k < count; k++)
			cr_expect_eq(np_addr_compare(&sorted[i], &sorted[k]), (i > k) - (i < k),
				     "%d %d", i, k);
	cr_assert_eq(np_addr_compare(NULL, &none), -1);
	cr_assert_eq(np_addr_compare(&none, NULL), 1);
	cr_assert_eq(np_addr_compare(NULL, NULL), 0);
}

Test(ip, the_order_is_total_and_agrees_with_equality)
{
	uint64_t random = fixture_seed();
	int equal = 0;

	for (int i = 0; i < 200000; i++) {
		struct np_addr a = random_addr(&random), b = random_addr(&random),
			       c = random_addr(&random);
		int ab = np_addr_compare(&a, &b);

		cr_assert_eq(np_addr_compare(&b, &a), -ab);
		cr_assert_eq(np_addr_equal(&a, &b), ab == 0);
		if (ab <= 0 && np_addr_compare(&b, &c) <= 0)
			cr_assert_leq(np_addr_compare(&a, &c), 0);
		if (ab == 0) {
			cr_assert_eq(np_addr_compare(&a, &c), np_addr_compare(&b, &c));
			equal++;
		}
	}
	cr_assert_gt(equal, 1000, "the generator makes equal ones, too");
}

/* Equal addresses are one in every text, and what is one in every text is equal. */
Test(ip, what_is_equal_reads_the_same)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 100000; i++) {
		struct np_addr a = random_addr(&random), b = random_addr(&random);
		char text_a[NP_ADDR_TEXT_MAX], text_b[NP_ADDR_TEXT_MAX];

		if (a.family == NP_ADDR_UNIX || b.family == NP_ADDR_UNIX)
			continue; /* NUL and '@' read the same */
		np_addr_format(&a, text_a, sizeof(text_a));
		np_addr_format(&b, text_b, sizeof(text_b));
		cr_assert_eq(np_addr_equal(&a, &b), strcmp(text_a, text_b) == 0, "%s %s", text_a,
			     text_b);
	}
}

Test(ip, a_size_that_no_name_has_is_not_read_beyond_it)
{
	struct np_addr *a = malloc(sizeof(*a)), *b = malloc(sizeof(*b));
	char text[300];

	memset(a, 'x', sizeof(*a));
	a->family = NP_ADDR_UNIX;
	a->path_size = 255;
	*b = *a;
	cr_assert_eq(np_addr_compare(a, b), 0);
	cr_assert(np_addr_equal(a, b));
	cr_assert_eq(np_addr_format(a, text, sizeof(text)), NP_ADDR_PATH_MAX);
	free(a);
	free(b);
}

/* ---- without the port --------------------------------------------------------------------- */

Test(ip, an_address_is_written_alone_as_it_is_read)
{
	static const char *const texts[] = { "0.0.0.0",
					     "1.2.3.4",
					     "255.255.255.255",
					     "::",
					     "::1",
					     "2001:db8::1:0:0:1",
					     "::102:304",
					     "ff02::1",
					     "fe80::1%4000000000",
					     "1:2:3:4:5:6:7:8" };
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		addr = parse_ip(texts[i]);
		addr.port = 80;
		cr_expect_eq(np_ip_format(&addr, text, sizeof(text)), (int)strlen(texts[i]));
		cr_expect_str_eq(text, texts[i]);
	}
	addr = parse_ip("::ffff:1.2.3.4");
	cr_assert_eq(np_ip_format(&addr, text, 4), 7);
	cr_assert_str_eq(text, "1.2");
	addr = parse("tcp", ":80");
	cr_assert_eq(np_ip_format(&addr, text, sizeof(text)), 0);
	cr_assert_str_eq(text, "");
	addr = parse("unix", "/a");
	cr_assert_eq(np_ip_format(&addr, text, sizeof(text)), 0);
	cr_assert_eq(np_ip_format(NULL, text, sizeof(text)), 0);
}

Test(ip, what_is_written_alone_is_the_host_of_what_is_written_with_its_port)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 50000; i++) {
		struct np_addr addr = random_addr(&random), back;
		char whole[NP_ADDR_TEXT_MAX], host[NP_ADDR_TEXT_MAX], port[NP_ADDR_TEXT_MAX],
			text[NP_ADDR_TEXT_MAX];

		if (addr.family != NP_ADDR_IPV4 && addr.family != NP_ADDR_IPV6)
			continue;
		np_addr_format(&addr, whole, sizeof(whole));
		np_ip_format(&addr, text, sizeof(text));
		cr_assert_eq(np_split_host_port(whole, host, port), 0);
		cr_assert_str_eq(text, host);
		cr_assert_eq(np_ip_parse(text, &back), 0);
		back.port = addr.port;
		cr_assert(np_addr_equal(&addr, &back), "%s", text);
	}
}

Test(ip, a_mapped_address_becomes_the_one_it_means)
{
	struct np_addr addr = parse("tcp", "[::ffff:1.2.3.4]:80"), before;

	cr_assert_eq(addr.family, NP_ADDR_IPV6);
	before = addr;
	np_ip_unmap(&addr);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	cr_assert_arr_eq(addr.ip, "\1\2\3\4", 4);
	cr_assert_eq(addr.port, 80);
	cr_assert(np_addr_equal(&addr, &before));
	np_ip_unmap(&addr);
	cr_assert_arr_eq(addr.ip, "\1\2\3\4", 4);
	addr = before = parse("tcp", "[::fffe:102:304]:80");
	np_ip_unmap(&addr);
	cr_assert_arr_eq(&addr, &before, sizeof(addr));
	np_ip_unmap(NULL);
}

/* ---- which kind it is --------------------------------------------------------------------- */

static bool (*const predicates[])(const struct np_addr *) = {
	np_ip_is_unspecified, np_ip_is_loopback,  np_ip_is_private,
	np_ip_is_link_local,  np_ip_is_multicast, np_ip_is_global_unicast,
};

enum { KINDS = sizeof(predicates) / sizeof(predicates[0]) };

/* A letter for each that is true: Unspecified, Loopback, Private, linK-local, Multicast, Global. */
static const char *kinds(const struct np_addr *addr)
{
	static char letters[KINDS + 1];
	char *at = letters;

	for (int i = 0; i < KINDS; i++)
		if (predicates[i](addr))
			*at++ = "ulpkmg"[i];
	*at = '\0';
	return letters;
}

/* The first and the last of each range, and their neighbours. */
Test(ip, ranges_begin_and_end_where_they_should)
{
	static const struct {
		const char *text, *kinds;
	} rows[] = {
		{ "0.0.0.0", "u" },
		{ "0.0.0.1", "g" },
		{ "9.255.255.255", "g" },
		{ "10.0.0.0", "pg" },
		{ "10.255.255.255", "pg" },
		{ "11.0.0.0", "g" },
		{ "126.255.255.255", "g" },
		{ "127.0.0.0", "l" },
		{ "127.255.255.255", "l" },
		{ "128.0.0.0", "g" },
		{ "169.253.255.255", "g" },
		{ "169.254.0.0", "k" },
		{ "169.254.255.255", "k" },
		{ "169.255.0.0", "g" },
		{ "172.15.255.255", "g" },
		{ "172.16.0.0", "pg" },
		{ "172.31.255.255", "pg" },
		{ "172.32.0.0", "g" },
		{ "192.167.255.255", "g" },
		{ "192.168.0.0", "pg" },
		{ "192.168.255.255", "pg" },
		{ "192.169.0.0", "g" },
		{ "223.255.255.255", "g" },
		{ "224.0.0.0", "m" },
		{ "239.255.255.255", "m" },
		{ "240.0.0.0", "g" },
		{ "255.255.255.254", "g" },
		{ "255.255.255.255", "" },
		{ "::", "u" },
		{ "::1", "l" },
		{ "::2", "g" },
		{ "::1:0:0:0:1", "g" },
		{ "fbff:ffff::", "g" },
		{ "fc00::", "pg" },
		{ "fdff:ffff::", "pg" },
		{ "fe00::", "g" },
		{ "fe7f:ffff::", "g" },
		{ "fe80::", "k" },
		{ "febf:ffff::", "k" },
		{ "fec0::", "g" },
		{ "feff:ffff::", "g" },
		{ "ff00::", "m" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", "m" },
		{ "::127.0.0.1", "g" },
		{ "::%7", "u" },
		{ "fe80::1%7", "k" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		struct np_addr addr = parse_ip(rows[i].text);
		char mapped[64];

		addr.port = 255;
		cr_expect_str_eq(kinds(&addr), rows[i].kinds, "%s", rows[i].text);
		if (addr.family == NP_ADDR_IPV4) {
			snprintf(mapped, sizeof(mapped), "::ffff:%s", rows[i].text);
			addr = parse_ip(mapped);
			cr_expect_str_eq(kinds(&addr), rows[i].kinds, "%s", mapped);
		}
	}
}

Test(ip, what_is_no_ip_address_is_of_no_kind)
{
	struct np_addr addr = parse("tcp", ":80");

	cr_assert_str_eq(kinds(&addr), "u", "any address of this host");
	addr = parse("unix", "a");
	cr_assert_str_eq(kinds(&addr), "");
	addr = (struct np_addr){ .family = NP_ADDR_NONE };
	cr_assert_str_eq(kinds(&addr), "");
	cr_assert_str_eq(kinds(NULL), "");
}

Test(ip, kinds_are_those_of_the_systems_macros)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 100000; i++) {
		struct np_addr addr = { .family = NP_ADDR_IPV6 };
		struct in6_addr ip = { 0 };
		uint64_t r = fixture_random(&random);
		uint32_t ipv4;

		ip.s6_addr[0] = (uint8_t)(r & 1 ? 0xf8 | (r >> 8 & 7) : r & 2 ? r >> 8 : 0);
		ip.s6_addr[1] = (uint8_t)(r & 4 ? r >> 16 : 0);
		ip.s6_addr[15] = r >> 24 & 3;
		memcpy(addr.ip, &ip, 16);
		cr_assert_eq(np_ip_is_unspecified(&addr), !!IN6_IS_ADDR_UNSPECIFIED(&ip));
		cr_assert_eq(np_ip_is_loopback(&addr), !!IN6_IS_ADDR_LOOPBACK(&ip));
		cr_assert_eq(np_ip_is_link_local(&addr), !!IN6_IS_ADDR_LINKLOCAL(&ip));
		cr_assert_eq(np_ip_is_multicast(&addr), !!IN6_IS_ADDR_MULTICAST(&ip));
		addr.family = NP_ADDR_IPV4;
		ipv4 = (uint32_t)r;
		memcpy(addr.ip, &ipv4, 4);
		cr_assert_eq(np_ip_is_multicast(&addr), !!IN_MULTICAST(ntohl(ipv4)));
	}
}

/* ---- the kernel's form -------------------------------------------------------------------- */

Test(ip, the_kernels_form_comes_back_the_same)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 50000; i++) {
		struct np_addr addr = random_addr(&random), back;
		struct sockaddr_storage name;
		int length = np_addr_to_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name));

		if (addr.family == NP_ADDR_NONE || addr.family == NP_ADDR_WILDCARD) {
			cr_assert_eq(length, -EINVAL);
			continue;
		}
		cr_assert_gt(length, 0);
		if (addr.family == NP_ADDR_UNIX && addr.path[0] != '\0')
			addr.path_size = (uint8_t)strnlen(addr.path, addr.path_size);
		cr_assert_eq(np_addr_from_sockaddr((struct sockaddr *)&name, (size_t)length, &back),
			     0);
		cr_assert(np_addr_equal(&addr, &back));
	}
}

Test(ip, the_kernels_form_has_the_length_that_the_kernel_wants)
{
	struct np_addr addr = parse("tcp", "1.2.3.4:80");
	struct sockaddr_in in, *guarded = malloc(sizeof(in));
	struct sockaddr_storage name;

	cr_assert_eq(np_addr_to_sockaddr(&addr, (struct sockaddr *)guarded, sizeof(in)),
		     sizeof(in));
	cr_assert_eq(guarded->sin_family, AF_INET);
	cr_assert_eq(guarded->sin_port, htons(80));
	cr_assert_eq(guarded->sin_addr.s_addr, htonl(0x01020304));
	memset(guarded, 7, sizeof(in));
	memset(&in, 7, sizeof(in));
	cr_assert_eq(np_addr_to_sockaddr(&addr, (struct sockaddr *)guarded, sizeof(in) - 1),
		     -EINVAL);
	cr_assert_arr_eq(guarded, &in, sizeof(in), "written on failure");
	free(guarded);
	addr = parse("tcp", "[fe80::1%7]:80");
	cr_assert_eq(np_addr_to_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name)),
		     sizeof(struct sockaddr_in6));
	addr = parse("unix", "/abc");
	cr_assert_eq(np_addr_to_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name)),
		     offsetof(struct sockaddr_un, sun_path) + 5);
	cr_assert_str_eq(((struct sockaddr_un *)&name)->sun_path, "/abc");
}

Test(ip, forms_that_say_no_address_are_refused_and_no_output_is_touched)
{
	struct np_addr addr = parse("tcp", "1.2.3.4:80"), before = addr;
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	struct sockaddr *any = (struct sockaddr *)&name;
	char text[128];

	cr_assert_eq(np_addr_from_sockaddr(any, sizeof(name), &addr), NP_EADDRESS);
	np_error_text(NP_EADDRESS, text, sizeof(text));
	cr_assert_str_eq(text, "neither IP nor a Unix name, or cut short");
	name.ss_family = AF_INET;
	cr_assert_eq(np_addr_from_sockaddr(any, 0, &addr), NP_EADDRESS);
	cr_assert_eq(np_addr_from_sockaddr(any, sizeof(struct sockaddr_in) - 1, &addr),
		     NP_EADDRESS);
	name.ss_family = AF_INET6;
	cr_assert_eq(np_addr_from_sockaddr(any, sizeof(struct sockaddr_in6) - 1, &addr),
		     NP_EADDRESS);
	cr_assert_arr_eq(&addr, &before, sizeof(addr));
	cr_assert_eq(np_addr_from_sockaddr(NULL, sizeof(name), &addr), -EINVAL);
	cr_assert_eq(np_addr_from_sockaddr(any, sizeof(name), NULL), -EINVAL);
	cr_assert_eq(np_addr_to_sockaddr(NULL, any, sizeof(name)), -EINVAL);
	cr_assert_eq(np_addr_to_sockaddr(&addr, NULL, sizeof(name)), -EINVAL);
	name.ss_family = AF_UNIX;
	cr_assert_eq(np_addr_from_sockaddr(any, SIZE_MAX / 2 + 1, &addr), 0,
		     "more than a socklen_t");
	cr_assert_eq(addr.family, NP_ADDR_UNIX);
}
