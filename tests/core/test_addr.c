/* SPDX-License-Identifier: MIT */
/*
 * tests/core/test_addr.c - addresses: what is read, what is refused and why, and that what is
 * written is read back. The system's own parsers are oracles where their grammars agree with Go's.
 */
#include "core/addr.h"
#include "tests/support/fixture.h"

#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

TestSuite(addr, .timeout = FIXTURE_TIMEOUT);

/* Parse, and give back the formatted address or the full text of the error. */
static const char *parsed(const char *network, const char *text)
{
	static char result[256];
	struct np_addr addr;
	int error = np_addr_parse(network, text, &addr);

	if (error)
		np_error_text(error, result, sizeof(result));
	else
		np_addr_format(&addr, result, sizeof(result));
	return result;
}

struct row {
	const char *network;
	const char *text;
	const char *result;
};

static void check_rows(const struct row *rows, size_t count)
{
	for (size_t i = 0; i < count; i++)
		cr_expect_str_eq(parsed(rows[i].network, rows[i].text), rows[i].result,
				 "%s \"%s\": expected \"%s\", got \"%s\"", rows[i].network,
				 rows[i].text, rows[i].result,
				 parsed(rows[i].network, rows[i].text));
}

#define CHECK_ROWS(rows) check_rows(rows, sizeof(rows) / sizeof((rows)[0]))

Test(addr, good_addresses_are_written_in_their_shortest_form)
{
	static const struct row rows[] = {
		{ "tcp", "127.0.0.1:80", "127.0.0.1:80" },
		{ "tcp4", "0.0.0.0:0", "0.0.0.0:0" },
		{ "tcp", "255.255.255.255:65535", "255.255.255.255:65535" },
		{ "tcp", "1.2.3.4:", "1.2.3.4:0" },
		{ "tcp", "1.2.3.4:+80", "1.2.3.4:80" },
		{ "tcp", "1.2.3.4:-0", "1.2.3.4:0" },
		{ "tcp", "1.2.3.4:00080", "1.2.3.4:80" },
		{ "tcp", ":80", ":80" },
		{ "tcp6", ":80", ":80" },
		{ "tcp", ":", ":0" },
		{ "tcp", "[]:80", ":80" },
		{ "tcp", "[::1]:80", "[::1]:80" },
		{ "tcp6", "[::]:80", "[::]:80" },
		{ "tcp", "[2001:DB8:0:0:0:0:0:1]:1", "[2001:db8::1]:1" },
		{ "tcp", "[2001:db8:0:0:1:0:0:1]:1", "[2001:db8::1:0:0:1]:1" },
		{ "tcp", "[1:0:2:0:3:0:4:0]:1", "[1:0:2:0:3:0:4:0]:1" },
		{ "tcp", "[0:0:1::]:1", "[0:0:1::]:1" },
		{ "tcp", "[1::]:1", "[1::]:1" },
		{ "tcp", "[1:2:3:4:5:6:7::]:1", "[1:2:3:4:5:6:7:0]:1" },
		{ "tcp", "[::2:3:4:5:6:7:8]:1", "[0:2:3:4:5:6:7:8]:1" },
		{ "tcp", "[::1.2.3.4]:1", "[::102:304]:1" },
		{ "tcp", "[1:2:3:4:5:6:1.2.3.4]:1", "[1:2:3:4:5:6:102:304]:1" },
		{ "tcp", "[::ffff:1.2.3.4]:1", "1.2.3.4:1" },
		{ "tcp4", "[::ffff:102:304]:1", "1.2.3.4:1" },
		{ "udp", ":53", ":53" },
		{ "udp", "1.2.3.4:53", "1.2.3.4:53" },
		{ "udp4", "[::ffff:1.2.3.4]:53", "1.2.3.4:53" },
		{ "udp6", "[::1]:53", "[::1]:53" },
		{ "unix", "/tmp/socket", "/tmp/socket" },
		{ "unixgram", "/tmp/socket", "/tmp/socket" },
		{ "unixpacket", "/tmp/socket", "/tmp/socket" },
		{ "unix", "relative", "relative" },
#ifdef __linux__
		{ "unix", "@abstract", "@abstract" },
		{ "unix", "@@two", "@@two" },
		{ "unix", "@", "@" },
#endif
	};

	CHECK_ROWS(rows);
}

Test(addr, the_reason_is_told_for_every_text_without_host_and_port)
{
	static const struct row rows[] = {
		{ "tcp", "", "missing port in address" },
		{ "tcp", "1.2.3.4", "address 1.2.3.4: missing port in address" },
		{ "tcp", "[::1]", "address [::1]: missing port in address" },
		{ "tcp", "[::1", "address [::1: missing ']' in address" },
		{ "tcp", "[::1]80", "address [::1]80: missing port in address" },
		{ "tcp", "[::1]x:80", "address [::1]x:80: missing port in address" },
		{ "tcp", "[::1]:80:90", "address [::1]:80:90: too many colons in address" },
		{ "tcp", "::1:80", "address ::1:80: too many colons in address" },
		{ "tcp", "a:b:c", "address a:b:c: too many colons in address" },
		{ "tcp", "[[::1]:80", "address [[::1]:80: unexpected '[' in address" },
		{ "tcp", "a[b:80", "address a[b:80: unexpected '[' in address" },
		{ "tcp", "a:80[", "address a:80[: unexpected '[' in address" },
		{ "tcp", "a]b:80", "address a]b:80: unexpected ']' in address" },
		{ "tcp", "[a]:8]", "address [a]:8]: unexpected ']' in address" },
	};

	CHECK_ROWS(rows);
}

#define NO_LITERAL "not an IP address (names are not looked up)"

Test(addr, hosts_that_are_no_literals_are_refused)
{
	static const char *const hosts[] = {
		"localhost", "1.2.3",    "1.2.3.4.5", "1.2.3.256", "1.2.3.1000",
		"01.2.3.4",  "1.2.3.00", "1.2.3.",    ".1.2.3",    "1..2.3",
		"1.2.3.4 ",  " 1.2.3.4", "0x1.2.3.4", "1.2.3.-4",  "-",
	};
	static const char *const hosts6[] = {
		":::",
		"1::2::3",
		"1",
		"1:",
		":1",
		"1:2:3:4:5:6:7",
		"1:2:3:4:5:6:7:8:9",
		"1:2:3:4:5:6:7:8::",
		"::1:2:3:4:5:6:7:8",
		"1:2:3:4::5:6:7:8",
		"12345::",
		"00001::",
		"g::",
		"::1.2.3",
		"::1.2.3.4.5",
		"::1.2.3.04",
		"1.2.3.4::",
		"::1.2.3.4:1",
		"1:2:3:4:5:6:7:1.2.3.4",
		"1:2:3:4:5:1.2.3.4",
		"::1 ",
		" ::1",
		"1:2:3:4:5:6:7:",
		"::%",
		"::1%",
	};
	char text[64];
	char expected[160];

	for (size_t i = 0; i < sizeof(hosts) / sizeof(hosts[0]); i++) {
		snprintf(text, sizeof(text), "%s:80", hosts[i]);
		snprintf(expected, sizeof(expected), "address %s: " NO_LITERAL, hosts[i]);
		cr_expect_str_eq(parsed("tcp", text), expected, "%s", text);
	}
	for (size_t i = 0; i < sizeof(hosts6) / sizeof(hosts6[0]); i++) {
		struct np_addr addr;

		cr_expect_eq(np_ip_parse(hosts6[i], &addr), NP_EADDRESS, "%s", hosts6[i]);
		snprintf(text, sizeof(text), "[%s]:80", hosts6[i]);
		cr_expect_eq(np_addr_parse("tcp", text, &addr), NP_EADDRESS, "%s", text);
	}
}

Test(addr, ports_are_numbers_of_sixteen_bits)
{
	static const struct row rows[] = {
		{ "tcp", "1.2.3.4:65536", "address 65536: invalid port" },
		{ "tcp", "1.2.3.4:99999999999999999999",
		  "address 99999999999999999999: invalid port" },
		{ "tcp", "1.2.3.4:-1", "address -1: invalid port" },
		{ "tcp", "1.2.3.4:http", "address http: unknown port" },
		{ "tcp", "1.2.3.4:80x", "address 80x: unknown port" },
		{ "tcp", "1.2.3.4:+", "address +: unknown port" },
		{ "tcp", "1.2.3.4: 80", "address  80: unknown port" },
	};

	CHECK_ROWS(rows);
}

Test(addr, the_family_must_suit_the_network)
{
	static const struct row rows[] = {
		{ "tcp4", "[::1]:1", "address ::1: no suitable address found" },
		{ "tcp6", "1.2.3.4:1", "address 1.2.3.4: no suitable address found" },
		{ "tcp6", "[::ffff:1.2.3.4]:1",
		  "address ::ffff:1.2.3.4: no suitable address found" },
		{ "tpc", "1.2.3.4:1", "unknown network tpc" },
		{ "", "1.2.3.4:1", "unknown network " },
		{ "udp4", "[::1]:1", "address ::1: no suitable address found" },
		{ "udp6", "1.2.3.4:1", "address 1.2.3.4: no suitable address found" },
		{ "udp5", "1.2.3.4:1", "unknown network udp5" },
		{ "unixstream", "/a", "unknown network unixstream" },
		{ "TCP", "1.2.3.4:1", "unknown network TCP" },
	};

	CHECK_ROWS(rows);
}

Test(addr, unix_names_fit_the_kernel_or_are_refused)
{
	const size_t most = sizeof(((struct sockaddr_un *)0)->sun_path);
	struct sockaddr_storage name;
	socklen_t length;
	struct np_addr addr;
	char text[256];

	cr_assert_str_eq(parsed("unix", ""), "missing address");
	memset(text, 'x', sizeof(text));
	text[most] = '\0';
	cr_assert_eq(np_addr_parse("unix", text, &addr), NP_EADDRESS);
	text[most - 1] = '\0';
	cr_assert_eq(np_addr_parse("unix", text, &addr), 0);
	cr_assert_eq(np__addr_to_sockaddr(&addr, &name, &length), 0);
	cr_assert_eq(length, sizeof(struct sockaddr_un));
#ifdef __linux__
	memset(text, 'x', sizeof(text));
	text[0] = '@';
	text[most] = '\0';
	cr_assert_eq(np_addr_parse("unix", text, &addr), 0, "an abstract name needs no NUL");
	cr_assert_eq(np__addr_to_sockaddr(&addr, &name, &length), 0);
	cr_assert_eq(length, sizeof(struct sockaddr_un));
	text[most] = 'x';
	text[most + 1] = '\0';
	cr_assert_eq(np_addr_parse("unix", text, &addr), NP_EADDRESS);
#endif
}

Test(addr, zones_are_names_or_numbers_of_interfaces)
{
	char lo[IF_NAMESIZE];
	char text[64];
	char expected[64];
	struct np_addr addr;

	cr_assert(if_indextoname(1, lo), "the first interface is there");
	snprintf(text, sizeof(text), "[fe80::1%%%s]:80", lo);
	cr_assert_str_eq(parsed("tcp", text), text);
	cr_assert_eq(np_addr_parse("tcp", "[fe80::1%1]:80", &addr), 0);
	cr_assert_eq(addr.zone, 1);
	np_addr_format(&addr, expected, sizeof(expected));
	cr_assert_str_eq(expected, text, "the number is written as the name");
	cr_assert_str_eq(parsed("tcp", "[fe80::1%4000000000]:80"), "[fe80::1%4000000000]:80");

	cr_assert_str_eq(parsed("tcp", "[fe80::1%4294967295]:80"), "[fe80::1%4294967295]:80");
	cr_assert_eq(np_ip_parse("fe80::1%4294967296", &addr), NP_EADDRESS, "no wrapping");
	cr_assert_eq(np_ip_parse("fe80::1%42949672960", &addr), NP_EADDRESS);
	cr_assert_eq(np_ip_parse("fe80::1%no-such-interface", &addr), NP_EADDRESS);
	cr_assert_eq(np_ip_parse("1.2.3.4%1", &addr), NP_EADDRESS);
	cr_assert_eq(np_ip_parse("::ffff:1.2.3.4%1", &addr), NP_EADDRESS);
	cr_assert_eq(np_ip_parse("%1", &addr), NP_EADDRESS);
}

Test(addr, equality_is_of_meaning)
{
	static const struct {
		const char *a, *b;
		bool equal;
	} rows[] = {
		{ "1.2.3.4:1", "1.2.3.4:1", true },
		{ "1.2.3.4:1", "[::ffff:1.2.3.4]:1", true },
		{ "1.2.3.4:1", "1.2.3.4:2", false },
		{ "1.2.3.4:1", "1.2.3.5:1", false },
		{ "1.2.3.4:1", "[::1.2.3.4]:1", false },
		{ "[::1]:1", "[0:0::1]:1", true },
		{ "[::1]:1", "[::1%1]:1", false },
		{ "0.0.0.0:1", ":1", false },
		{ ":1", ":1", true },
		{ ":1", ":2", false },
	};
	struct np_addr a, b;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		cr_assert_eq(np_addr_parse("tcp", rows[i].a, &a), 0);
		cr_assert_eq(np_addr_parse("tcp", rows[i].b, &b), 0);
		cr_expect_eq(np_addr_equal(&a, &b), rows[i].equal, "%s %s", rows[i].a, rows[i].b);
		cr_expect_eq(np_addr_equal(&b, &a), rows[i].equal, "%s %s", rows[i].b, rows[i].a);
	}
	cr_assert_eq(np_addr_parse("unix", "/a", &a), 0);
	cr_assert_eq(np_addr_parse("unix", "/ab", &b), 0);
	cr_assert(np_addr_equal(&a, &a));
	cr_assert_not(np_addr_equal(&a, &b));
	cr_assert_not(np_addr_equal(&a, NULL));
	cr_assert(np_addr_equal(NULL, NULL));
}

Test(addr, null_is_invalid)
{
	struct np_addr addr;
	char buf[8];

	cr_assert_eq(np_addr_parse(NULL, "", &addr), -EINVAL);
	cr_assert_eq(np_addr_parse("tcp", NULL, &addr), -EINVAL);
	cr_assert_eq(np_addr_parse("tcp", ":1", NULL), -EINVAL);
	cr_assert_eq(np_ip_parse(NULL, &addr), -EINVAL);
	cr_assert_eq(np_ip_parse("::", NULL), -EINVAL);
	cr_assert_eq(np_split_host_port(NULL, buf, buf), -EINVAL);
	cr_assert_eq(np_join_host_port(NULL, "", buf, sizeof(buf)), -EINVAL);
	cr_assert_eq(np_addr_format(NULL, buf, sizeof(buf)), 0);
}

Test(addr, a_failed_parse_leaves_the_output_alone)
{
	struct np_addr addr = { .family = NP_ADDR_IPV4, .port = 77 };

	cr_assert_eq(np_addr_parse("tcp", "1.2.3.4:x", &addr), NP_EADDRESS);
	cr_assert_eq(np_addr_parse("tcp4", "[::1]:5", &addr), NP_EADDRESS);
	cr_assert_eq(addr.family, NP_ADDR_IPV4);
	cr_assert_eq(addr.port, 77);
}

Test(addr, a_small_buffer_gets_the_beginning_and_the_whole_length)
{
	struct np_addr addr;
	char buf[8] = "xxxxxxx";

	cr_assert_eq(np_addr_parse("tcp", "127.0.0.1:8080", &addr), 0);
	cr_assert_eq(np_addr_format(&addr, NULL, 0), 14);
	cr_assert_eq(np_addr_format(&addr, buf, sizeof(buf)), 14);
	cr_assert_str_eq(buf, "127.0.0");
}

Test(addr, split_and_join_undo_each_other)
{
	static const char *const texts[] = {
		"a:b", ":", "[::1]:80", "[fe80::1%x]:http", "h:", ":p"
	};
	char host[64], port[64], joined[128];

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		cr_assert_eq(np_split_host_port(texts[i], host, port), 0, "%s", texts[i]);
		cr_assert_eq(np_join_host_port(host, port, joined, sizeof(joined)),
			     (int)strlen(texts[i]));
		cr_assert_str_eq(joined, texts[i]);
	}
}

/* ---- against the system's parsers, from a seed ---------------------------------------------- */

static void random_ip6(uint64_t *random, uint8_t ip[16])
{
	for (int i = 0; i < 16; i += 2) {
		uint64_t r = fixture_random(random);

		/* Many zeros, so that runs of them come up. */
		ip[i] = (uint8_t)(r & 3 ? 0 : r >> 8);
		ip[i + 1] = (uint8_t)(r & 1 ? 0 : r >> 16);
	}
}

/* Of two runs of zeros that are as long RFC 5952 has the first left out, musl the other. */
static bool system_writes_as_we_do(void)
{
	const uint8_t ip[16] = { 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 2, 0, 3, 0, 4 };
	char text[INET6_ADDRSTRLEN];

	cr_assert(inet_ntop(AF_INET6, ip, text, sizeof(text)));
	return strcmp(text, "::1:0:0:2:3:4") == 0;
}

Test(addr, any_ipv6_address_is_written_as_the_system_does_and_read_back)
{
	bool is_compared = system_writes_as_we_do();
	uint64_t random = fixture_seed();
	char ours[NP_ADDR_TEXT_MAX], theirs[INET6_ADDRSTRLEN], expected[NP_ADDR_TEXT_MAX];

	for (int i = 0; i < 20000; i++) {
		struct np_addr addr = { .family = NP_ADDR_IPV6, .port = (uint16_t)i }, back;

		random_ip6(&random, addr.ip);
		cr_assert(inet_ntop(AF_INET6, addr.ip, theirs, sizeof(theirs)));
		np_addr_format(&addr, ours, sizeof(ours));
		/* The system writes ::1.2.3.4 for what Go writes ::102:304. */
		if (is_compared && !strchr(theirs, '.')) {
			snprintf(expected, sizeof(expected), "[%s]:%d", theirs, i);
			cr_assert_str_eq(ours, expected);
		}
		cr_assert_eq(np_addr_parse("tcp", ours, &back), 0, "%s", ours);
		cr_assert(np_addr_equal(&addr, &back), "%s", ours);
	}
}

Test(addr, any_ipv4_address_is_written_as_the_system_does_and_read_back)
{
	uint64_t random = fixture_seed();
	char ours[NP_ADDR_TEXT_MAX], theirs[INET_ADDRSTRLEN], expected[NP_ADDR_TEXT_MAX];

	for (int i = 0; i < 20000; i++) {
		struct np_addr addr = { .family = NP_ADDR_IPV4, .port = (uint16_t)(i * 3) }, back;
		uint32_t ip = (uint32_t)(fixture_random(&random) >> (random & 31));

		memcpy(addr.ip, &ip, 4);
		cr_assert(inet_ntop(AF_INET, addr.ip, theirs, sizeof(theirs)));
		snprintf(expected, sizeof(expected), "%s:%u", theirs, addr.port);
		np_addr_format(&addr, ours, sizeof(ours));
		cr_assert_str_eq(ours, expected);
		cr_assert_eq(np_addr_parse("tcp4", ours, &back), 0);
		cr_assert(np_addr_equal(&addr, &back));
	}
}

/* Texts that are nearly literals, so that both answers come up often. */
static void random_text(uint64_t *random, char *text, size_t size)
{
	static const char *const seeds[] = {
		"1.2.3.4",         "255.0.10.1",     "::",    "::1", "fe80::1:2",
		"1:2:3:4:5:6:7:8", "::ffff:1.2.3.4", "1::2:3"
	};
	static const char alphabet[] = "0123456789abcdfF:.:.g x";
	uint64_t r = fixture_random(random);
	size_t length;

	snprintf(text, size, "%s", seeds[r % (sizeof(seeds) / sizeof(seeds[0]))]);
	for (r >>= 8; r & 3; r >>= 2) {
		size_t at = (size_t)(fixture_random(random) % (strlen(text) + 1));
		char c = alphabet[fixture_random(random) % (sizeof(alphabet) - 1)];

		length = strlen(text);
		if (r & 1 && length + 1 < size) {
			memmove(text + at + 1, text + at, length - at + 1);
			text[at] = c;
		} else if (at < length) {
			if (r & 2)
				memmove(text + at, text + at + 1, length - at);
			else
				text[at] = c;
		}
	}
}

Test(addr, literals_are_accepted_exactly_when_the_system_accepts_them)
{
	uint64_t random = fixture_seed();
	int accepted = 0;

	for (int i = 0; i < 200000; i++) {
		char text[64];
		unsigned char ip[16];
		struct np_addr addr;
		bool ours, v4, v6;

		random_text(&random, text, sizeof(text));
		v4 = inet_pton(AF_INET, text, ip) == 1;
		if (v4)
			memset(ip + 4, 0, 12);
		v6 = !v4 && inet_pton(AF_INET6, text, ip) == 1;
		ours = np_ip_parse(text, &addr) == 0;
		cr_assert_eq(ours, v4 || v6, "\"%s\"", text);
		if (ours) {
			cr_assert_eq(addr.family, v4 ? NP_ADDR_IPV4 : NP_ADDR_IPV6);
			cr_assert_arr_eq(addr.ip, ip, v4 ? 4 : 16, "\"%s\"", text);
			accepted++;
		}
	}
	cr_assert_gt(accepted, 1000, "the generator makes good texts, too");
}

/*
 * getaddrinfo(3) takes all that we take, and for the same address. Beyond that it takes what
 * inet_aton(3) does ("1.2.3", "0x1.2.3.4", octal), which means IPv4.
 */
Test(addr, literals_mean_what_getaddrinfo_reads)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	uint64_t random = fixture_seed();
	int both = 0, theirs_alone = 0;

	for (int i = 0; i < 30000; i++) {
		struct np_addr addr, their_addr;
		struct addrinfo *theirs;
		struct in_addr loose;
		char text[64];
		bool ours;

		random_text(&random, text, sizeof(text));
		ours = np_ip_parse(text, &addr) == 0;
		if (getaddrinfo(text, NULL, &hints, &theirs) != 0) {
			cr_assert_not(ours, "\"%s\"", text);
			continue;
		}
		cr_assert_eq(
			np_addr_from_sockaddr(theirs->ai_addr, theirs->ai_addrlen, &their_addr), 0);
		freeaddrinfo(theirs);
		if (ours) {
			cr_assert(np_addr_equal(&addr, &their_addr), "\"%s\"", text);
			both++;
		} else {
			cr_assert_eq(their_addr.family, NP_ADDR_IPV4, "\"%s\"", text);
			cr_assert_eq(inet_aton(text, &loose), 1, "\"%s\"", text);
			theirs_alone++;
		}
	}
	cr_assert_gt(both, 1000, "the generator makes good texts, too");
	cr_assert_gt(theirs_alone, 10);
}

Test(addr, getaddrinfo_is_known_to_take_more)
{
	static const char *const texts[] = { "1.2.3", "0x1.2.3.4", "01.2.3.4", "1" };
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		struct addrinfo *theirs;
		struct np_addr addr;

		cr_assert_eq(getaddrinfo(texts[i], NULL, &hints, &theirs), 0, "%s", texts[i]);
		freeaddrinfo(theirs);
		cr_assert_eq(np_ip_parse(texts[i], &addr), NP_EADDRESS, "%s", texts[i]);
	}
}

Test(addr, random_bytes_are_refused_or_read_back_and_never_more)
{
	uint64_t random = fixture_seed();

	for (int i = 0; i < 100000; i++) {
		static const char alphabet[] = "[]:%.@0123456789abf/\x80\xff";
		char text[40], again[NP_ADDR_TEXT_MAX];
		struct np_addr addr, back;
		size_t length = (size_t)(fixture_random(&random) % sizeof(text));
		const char *network = i & 1 ? "tcp" : "unix";

		for (size_t at = 0; at < length; at++)
			text[at] = alphabet[fixture_random(&random) % (sizeof(alphabet) - 1)];
		text[length < sizeof(text) ? length : sizeof(text) - 1] = '\0';
		if (np_addr_parse(network, text, &addr) != 0)
			continue;
		np_addr_format(&addr, again, sizeof(again));
		cr_assert_eq(np_addr_parse(network, again, &back), 0, "\"%s\" -> \"%s\"", text,
			     again);
		cr_assert(np_addr_equal(&addr, &back), "\"%s\" -> \"%s\"", text, again);
	}
}

/* ---- the kernel's form ----------------------------------------------------------------------- */

Test(addr, the_kernels_form_is_that_of_getaddrinfo_and_comes_back_the_same)
{
	static const char *const texts[] = { "1.2.3.4", "::1", "fe80::1%1", "2001:db8::5" };

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST,
						.ai_socktype = SOCK_STREAM };
		struct addrinfo *theirs;
		struct sockaddr_storage ours;
		struct np_addr addr, back;
		socklen_t length;

		cr_assert_eq(np_ip_parse(texts[i], &addr), 0);
		addr.port = 4711;
		cr_assert_eq(np__addr_to_sockaddr(&addr, &ours, &length), 0);
		cr_assert_eq(getaddrinfo(texts[i], "4711", &hints, &theirs), 0, "%s", texts[i]);
		cr_assert_eq(length, theirs->ai_addrlen);
		cr_assert_arr_eq(&ours, theirs->ai_addr, length, "%s", texts[i]);
		np__addr_from_sockaddr(&back, theirs->ai_addr, theirs->ai_addrlen);
		cr_assert(np_addr_equal(&addr, &back));
		freeaddrinfo(theirs);
	}
}

Test(addr, what_has_no_single_form_in_the_kernel_is_refused)
{
	struct sockaddr_storage name;
	socklen_t length;
	struct np_addr addr = { .family = NP_ADDR_WILDCARD };

	cr_assert_eq(np__addr_to_sockaddr(&addr, &name, &length), -EINVAL);
	addr.family = NP_ADDR_NONE;
	cr_assert_eq(np__addr_to_sockaddr(&addr, &name, &length), -EINVAL);
}

Test(addr, names_cut_short_by_the_kernel_or_unknown_to_us_are_none)
{
	struct sockaddr_storage name = { .ss_family = AF_INET6 };
	struct np_addr addr;

	np__addr_from_sockaddr(&addr, (struct sockaddr *)&name, 0);
	cr_assert_eq(addr.family, NP_ADDR_NONE);
	np__addr_from_sockaddr(&addr, (struct sockaddr *)&name, sizeof(struct sockaddr_in));
	cr_assert_eq(addr.family, NP_ADDR_NONE);
	name.ss_family = AF_UNSPEC;
	np__addr_from_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name));
	cr_assert_eq(addr.family, NP_ADDR_NONE);
	name.ss_family = AF_UNIX;
	np__addr_from_sockaddr(&addr, (struct sockaddr *)&name, sizeof(sa_family_t));
	cr_assert_eq(addr.family, NP_ADDR_UNIX, "an unnamed socket");
	cr_assert_eq(addr.path_size, 0);
}
