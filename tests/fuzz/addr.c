/* SPDX-License-Identifier: MIT */
/* tests/fuzz/addr.c - np_addr_parse(). The input: "network address". */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

static bool exists(const char *network)
{
	static const char *const names[] = { "tcp",  "tcp4", "tcp6",     "udp",       "udp4",
					     "udp6", "unix", "unixgram", "unixpacket" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(network, names[i]) == 0)
			return true;
	return false;
}

/* As strtol(3) reads it, blanks apart. */
static bool read_port(const char *text, uint16_t *ret)
{
	const char *digits = text + (*text == '+' || *text == '-');
	long number = strtol(text, NULL, 10);

	if (digits[strspn(digits, "0123456789")] != '\0' || (digits > text && *digits == '\0'))
		return false;
	*ret = (uint16_t)number;
	return number >= 0 && number <= 65535;
}

static bool suits(char last, const struct np_addr *addr)
{
	struct np_addr unmapped = *addr;

	np_ip_unmap(&unmapped);
	return (last != '4' || unmapped.family == NP_ADDR_IPV4) &&
	       (last != '6' || unmapped.family == NP_ADDR_IPV6);
}

/* Cuts @text up. */
static bool read_ip_and_port(const char *network, char *text, struct np_addr *ret)
{
	char *host, *port;
	uint16_t number;

	if (!fuzz_split(text, &host, &port) || !read_port(port, &number) ||
	    strlen(host) >= NP_ADDR_TEXT_MAX)
		return false;
	*ret = (struct np_addr){ .family = NP_ADDR_WILDCARD };
	if (*host && (!fuzz_read_ip(host, ret) || !suits(network[strlen(network) - 1], ret)))
		return false;
	ret->port = number;
	return true;
}

static bool read_unix(const char *text, struct np_addr *ret)
{
	size_t length = strlen(text);
	size_t most = sizeof(((struct sockaddr_un *)NULL)->sun_path);

	*ret = (struct np_addr){ .family = NP_ADDR_UNIX, .path_size = (uint8_t)length };
#ifdef __linux__
	if (length > 0 && length <= most && text[0] == '@') {
		memcpy(ret->path + 1, text + 1, length - 1);
		return true;
	}
#endif
	if (length == 0 || length >= most)
		return false;
	memcpy(ret->path, text, length);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *network = fuzz_text(data, size), *address = strchr(network, ' ');
	struct np_addr addr, expected, before;
	bool is_good;
	int error;

	if (address)
		*address++ = '\0';
	else
		address = network + strlen(network);
	memset(&addr, 0x55, sizeof(addr));
	before = addr;
	error = np_addr_parse(network, address, &addr);
	if (!exists(network)) {
		FUZZ_CHECK(error == NP_ENETWORK);
		is_good = false;
	} else {
		is_good = network[0] == 'u' && network[1] == 'n'
				  ? read_unix(address, &expected)
				  : read_ip_and_port(network, address, &expected);
		FUZZ_CHECK(error == (is_good ? 0 : NP_EADDRESS));
	}
	if (is_good) {
		FUZZ_CHECK(addr.family == expected.family);
		FUZZ_CHECK(np_addr_equal(&addr, &expected));
		fuzz_check_addr(network, &addr);
	} else {
		FUZZ_CHECK(memcmp(&addr, &before, sizeof(addr)) == 0);
		fuzz_check_refusal(error);
	}
	free(network);
	return 0;
}
