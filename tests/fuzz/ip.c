/* SPDX-License-Identifier: MIT */
/* tests/fuzz/ip.c - np_ip_parse(), and which kind of address it is. The input: a literal. */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <netdb.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/*
 * getaddrinfo(3) reads what we read, without zones: names of interfaces it only takes for addresses
 * of a link, and the number 0. Beyond that it takes what inet_aton(3) does.
 */
static void check_getaddrinfo(const char *text, const struct np_addr *addr, bool is_good)
{
	const struct addrinfo hints = { .ai_flags = AI_NUMERICHOST, .ai_socktype = SOCK_STREAM };
	struct addrinfo *theirs;
	struct np_addr their_addr;
	struct in_addr loose;

	if (strchr(text, '%'))
		return;
	if (getaddrinfo(text, NULL, &hints, &theirs) != 0) {
		FUZZ_CHECK(!is_good);
		return;
	}
	FUZZ_CHECK(np_addr_from_sockaddr(theirs->ai_addr, theirs->ai_addrlen, &their_addr) == 0);
	if (is_good)
		FUZZ_CHECK(np_addr_equal(addr, &their_addr));
	else
		FUZZ_CHECK(their_addr.family == NP_ADDR_IPV4 && inet_aton(text, &loose) == 1);
	freeaddrinfo(theirs);
}

/* Against the system's macros, which do not take IPv4-mapped addresses for IPv4. */
static void check_kinds(const struct np_addr *addr)
{
	struct np_addr unmapped = *addr;
	struct in6_addr ip;

	np_ip_unmap(&unmapped);
	FUZZ_CHECK(np_addr_equal(addr, &unmapped));
	FUZZ_CHECK(np_ip_is_loopback(addr) == np_ip_is_loopback(&unmapped));
	FUZZ_CHECK(np_ip_is_private(addr) == np_ip_is_private(&unmapped));
	FUZZ_CHECK(np_ip_is_global_unicast(addr) == np_ip_is_global_unicast(&unmapped));
	if (unmapped.family == NP_ADDR_IPV4) {
		FUZZ_CHECK(np_ip_is_loopback(addr) == (unmapped.ip[0] == IN_LOOPBACKNET));
		FUZZ_CHECK(np_ip_is_multicast(addr) == (unmapped.ip[0] >> 4 == 14));
		return;
	}
	memcpy(&ip, addr->ip, sizeof(ip));
	FUZZ_CHECK(np_ip_is_unspecified(addr) == !!IN6_IS_ADDR_UNSPECIFIED(&ip));
	FUZZ_CHECK(np_ip_is_loopback(addr) == !!IN6_IS_ADDR_LOOPBACK(&ip));
	FUZZ_CHECK(np_ip_is_link_local(addr) == !!IN6_IS_ADDR_LINKLOCAL(&ip));
	FUZZ_CHECK(np_ip_is_multicast(addr) == !!IN6_IS_ADDR_MULTICAST(&ip));
}

/* As inet_ntop(3) writes it, which has some more addresses with a dotted end than we do. */
static void check_shortest(const struct np_addr *addr, const char *text)
{
	char theirs[INET6_ADDRSTRLEN];
	size_t length = strcspn(text, "%");

	FUZZ_CHECK(inet_ntop(addr->family == NP_ADDR_IPV4 ? AF_INET : AF_INET6, addr->ip, theirs,
			     sizeof(theirs)));
	if (addr->family == NP_ADDR_IPV6 && strchr(theirs, '.'))
		return;
	FUZZ_CHECK(strlen(theirs) == length && memcmp(text, theirs, length) == 0);
}

static void check_text(const struct np_addr *addr)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr back;

	FUZZ_CHECK(np_ip_format(addr, text, sizeof(text)) == (int)strlen(text));
	FUZZ_CHECK(np_ip_parse(text, &back) == 0);
	FUZZ_CHECK(np_addr_equal(addr, &back));
	check_shortest(addr, text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	struct np_addr addr, expected;
	int error = np_ip_parse(text, &addr);
	bool is_good = fuzz_read_ip(text, &expected);

	FUZZ_CHECK(error == (is_good ? 0 : NP_EADDRESS));
	check_getaddrinfo(text, &addr, is_good);
	if (is_good) {
		FUZZ_CHECK(memcmp(&addr, &expected, sizeof(addr)) == 0);
		check_text(&addr);
		check_kinds(&addr);
		fuzz_check_addr("tcp", &addr);
	} else {
		fuzz_check_refusal(error);
	}
	free(text);
	return 0;
}
