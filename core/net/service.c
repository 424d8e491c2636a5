/* SPDX-License-Identifier: MIT */
/* core/net/service.c - the ports of services: from the system's database, else of a few. */
#include "core/failure.h"
#include "core/net/lookup.h"

#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

/* For systems without services(5), which are many containers. */
static const struct {
	const char *name;
	uint16_t tcp, udp; /* 0: none */
} well_known[] = {
	{ "domain", 53, 53 }, { "ftp", 21, 0 },    { "ftps", 990, 0 },  { "gopher", 70, 0 },
	{ "http", 80, 0 },    { "https", 443, 0 }, { "imap2", 143, 0 }, { "imap3", 220, 0 },
	{ "imaps", 993, 0 },  { "pop3", 110, 0 },  { "pop3s", 995, 0 }, { "smtp", 25, 0 },
	{ "ssh", 22, 0 },     { "telnet", 23, 0 },
};

static char lower(char c)
{
	return c >= 'A' && c <= 'Z' ? (char)(c + ('a' - 'A')) : c;
}

/* In lower case. False if it cannot be the name of one. */
static bool normalize(const char *service, char name[LOOKUP_SERVICE_MAX + 1])
{
	size_t length = strlen(service);

	if (length == 0 || length > LOOKUP_SERVICE_MAX)
		return false;
	for (size_t i = 0; i <= length; i++) {
		if (i < length && (service[i] <= ' ' || service[i] > '~'))
			return false;
		name[i] = lower(service[i]);
	}
	return true;
}

static uint16_t well_known_port(const char *name, bool is_udp)
{
	for (size_t i = 0; i < sizeof(well_known) / sizeof(well_known[0]); i++)
		if (strcmp(name, well_known[i].name) == 0)
			return is_udp ? well_known[i].udp : well_known[i].tcp;
	return 0;
}

/* "address tcp/nonsense: unknown port" */
static int fail_unknown(const char *network, const char *service)
{
	char text[NP_ADDR_TEXT_MAX];

	snprintf(text, sizeof(text), "%s/%s", network, service);
	return np__fail_input(NP_EADDRESS, "unknown port", text);
}

/* Does @error say that the database has no answer, or that nobody was asked? */
static bool is_about_service(int error)
{
	return error == NP_EHOST || error == NP_ETRYAGAIN || error == NP_ERESOLVE;
}

int np__service_port(const char *network, const char *service, struct np_dial_cancel *cancel,
		     int64_t deadline_ns, uint16_t *ret_port)
{
	bool is_udp = network[0] == 'u';
	char name[LOOKUP_SERVICE_MAX + 1];
	const struct lookup_query query = {
		.service = name,
		.family = AF_INET,
		.type = is_udp ? SOCK_DGRAM : SOCK_STREAM,
		.cancel = cancel,
	};
	struct np_addr *addrs;
	int result;

	if (!normalize(service, name))
		return fail_unknown(network, service);
	result = np__lookup(&query, deadline_ns, &addrs);
	if (result > 0) {
		*ret_port = addrs[0].port;
		free(addrs);
		return 0;
	}
	if (!is_about_service(result))
		return np__fail_lookup(result, service);
	*ret_port = well_known_port(name, is_udp);
	return *ret_port ? 0 : fail_unknown(network, service);
}
