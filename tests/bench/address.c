/* SPDX-License-Identifier: MIT */
/* tests/bench/address.c - parse and print. */
#include "address.h"

#include "die.h"

#include <arpa/inet.h>
#include <stdint.h>

struct sockaddr_in address_parse(const char *text)
{
	struct sockaddr_in address = { .sin_family = AF_INET };
	const char *colon = strrchr(text, ':');
	char host[INET_ADDRSTRLEN];
	char *end;
	unsigned long port;

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		die("the address is not HOST:PORT");
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	port = strtoul(colon + 1, &end, 10);
	if (inet_pton(AF_INET, host, &address.sin_addr) != 1 || end == colon + 1 || *end ||
	    port > UINT16_MAX)
		die("the address is not HOST:PORT, with HOST in numbers");
	address.sin_port = htons((uint16_t)port);
	return address;
}

void address_announce(int fd)
{
	struct sockaddr_in address;
	socklen_t length = sizeof(address);
	char host[INET_ADDRSTRLEN];

	if (getsockname(fd, (struct sockaddr *)&address, &length) != 0)
		die_errno("getsockname");
	inet_ntop(AF_INET, &address.sin_addr, host, sizeof(host));
	printf("%s:%u\n", host, ntohs(address.sin_port));
	fflush(stdout);
}
