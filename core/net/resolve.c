/* SPDX-License-Identifier: MIT */
/* core/net/resolve.c - texts of networks and addresses into the addresses that they stand for. */
#include <netpark/resolve.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/net/lookup.h"
#include "core/task.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { TEXT_MAX = 512 }; /* more than any host and service */
enum { LABEL_MAX = 63 };
enum { USUAL_COUNT = 16 }; /* of a host's addresses, and rarely more */

struct request {
	const char *network; /* a constant */
	const struct np_resolver *resolver;
	struct np_dial_cancel *cancel; /* or NULL */
	int64_t deadline_ns;
	struct np_addr *ret_addrs;
	size_t max;
};

/* ---- what can be the name of a host ------------------------------------------------------- */

/* Beyond ASCII is for the system to say. */
static bool is_name_byte(unsigned char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '-' || c == '_' || c >= 0x80;
}

static bool is_label(const char *label, size_t length)
{
	if (length == 0 || length > LABEL_MAX || label[0] == '-' || label[length - 1] == '-')
		return false;
	for (size_t i = 0; i < length; i++)
		if (!is_name_byte((unsigned char)label[i]))
			return false;
	return true;
}

/* "127", "0x7f": where there is nothing else, getaddrinfo(3) makes addresses of these. */
static bool is_number(const char *label, size_t length)
{
	if (length >= 2 && label[0] == '0' && (label[1] == 'x' || label[1] == 'X'))
		return strspn(label + 2, "0123456789abcdefABCDEF") >= length - 2;
	return strspn(label, "0123456789") >= length;
}

/* Why @host is no name, or NULL. */
static const char *check_name(const char *host)
{
	size_t length = strlen(host);
	size_t start = 0, end;
	bool has_name = false;

	if (length > 0 && host[length - 1] == '.')
		length--;
	if (length >= LOOKUP_HOST_MAX)
		return "host name too long";
	for (;; start = end + 1) {
		end = start;
		while (end < length && host[end] != '.')
			end++;
		if (!is_label(host + start, end - start))
			return "not a host name";
		has_name |= !is_number(host + start, end - start);
		if (end == length)
			break;
	}
	return has_name ? NULL : "not an IP address";
}

/* ---- looking up --------------------------------------------------------------------------- */

/* '4', '6', or 0 for both. */
static char family_of(const char *network)
{
	char last = network[strlen(network) - 1];

	return last == '4' || last == '6' ? last : 0;
}

static int ask_system(const struct request *request, const char *host, struct np_addr **ret_addrs)
{
	char family = family_of(request->network);
	const struct lookup_query query = {
		.host = host,
		.family = family == '4'   ? AF_INET
			  : family == '6' ? AF_INET6
					  : AF_UNSPEC,
		.type = SOCK_STREAM, /* else each address comes once for every type */
		.cancel = request->cancel,
	};

	return np__lookup(&query, request->deadline_ns, ret_addrs);
}

/* Into room for @max. */
static int ask_once(const struct request *request, const char *host, struct np_addr *addrs,
		    size_t max)
{
	char family = family_of(request->network);
	const char *network = family == '4' ? "ip4" : family == '6' ? "ip6" : "ip";
	const struct np_resolver *resolver = request->resolver;

	return resolver->lookup(resolver, network, host, request->deadline_ns, addrs, max);
}

/* Twice if the room was too little; of what is more even then nothing is known. */
static int ask_resolver(const struct request *request, const char *host, struct np_addr **ret_addrs)
{
	size_t max = USUAL_COUNT;
	struct np_addr *addrs = calloc(max, sizeof(*addrs));
	struct np_addr *more;
	int count;

	if (!addrs)
		return -ENOMEM;
	count = ask_once(request, host, addrs, max);
	if (count > USUAL_COUNT) {
		max = (size_t)count;
		more = realloc(addrs, max * sizeof(*addrs));
		if (more)
			addrs = more;
		count = more ? ask_once(request, host, addrs, max) : -ENOMEM;
	}
	if (count <= 0) {
		free(addrs);
		return count ? count : NP_EHOST;
	}
	*ret_addrs = addrs;
	return (size_t)count < max ? count : (int)max;
}

static int ask_own(const struct request *request, const char *host, struct np_addr **ret_addrs)
{
	int error = np__task_check(np_task_self(), request->deadline_ns);

	return error ? error : ask_resolver(request, host, ret_addrs);
}

/* ---- answers ------------------------------------------------------------------------------ */

/* Leave out what is of no use in the network. How many remain. */
static size_t keep_suitable(const struct request *request, struct np_addr *addrs, size_t count)
{
	size_t kept = 0;

	for (size_t i = 0; i < count; i++) {
		bool is_ip = addrs[i].family == NP_ADDR_IPV4 || addrs[i].family == NP_ADDR_IPV6;

		if (is_ip && np__addr_suits(&addrs[i], request->network))
			addrs[kept++] = addrs[i];
	}
	return kept;
}

static int hand_out(const struct request *request, const struct np_addr *addrs, size_t count,
		    uint16_t port)
{
	for (size_t i = 0; i < count && i < request->max; i++) {
		request->ret_addrs[i] = addrs[i];
		request->ret_addrs[i].port = port;
	}
	return (int)count;
}

/* Of an answer, which is freed. */
static int answer(const struct request *request, const char *host, struct np_addr *addrs,
		  size_t count, uint16_t port)
{
	int result;

	for (size_t i = 0; i < count; i++)
		addrs[i].port = port; /* or equals would differ in it */
	count = keep_suitable(request, addrs, count);
	count = np__addrs_unique(addrs, count);
	result = count ? hand_out(request, addrs, count, port)
		       : np__fail_input(NP_EADDRESS, "no suitable address found", host);
	free(addrs);
	return result;
}

static int resolve_name(const struct request *request, const char *host, uint16_t port)
{
	const char *reason = check_name(host);
	struct np_addr *addrs;
	int count;

	if (reason)
		return np__fail_input(NP_EADDRESS, reason, host);
	if (request->resolver)
		count = ask_own(request, host, &addrs);
	else
		count = ask_system(request, host, &addrs);
	if (count < 0)
		return np__fail_lookup(count, host);
	return answer(request, host, addrs, (size_t)count, port);
}

/* What has a colon would be a literal of IPv6, whatever is wrong with it: that is recorded. */
static int fail_literal(const char *host, int error)
{
	return strchr(host, '%') ? error : np__fail_input(NP_EADDRESS, "not an IP address", host);
}

static int resolve_host(const struct request *request, const char *host, uint16_t port)
{
	struct np_addr addr = { .family = NP_ADDR_WILDCARD };
	int error = *host ? np_ip_parse(host, &addr) : 0;

	if (error && strchr(host, ':'))
		return fail_literal(host, error);
	if (error)
		return resolve_name(request, host, port);
	if (*host && !np__addr_suits(&addr, request->network))
		return np__fail_input(NP_EADDRESS, "no suitable address found", host);
	return hand_out(request, &addr, 1, port);
}

static int resolve_port(const struct request *request, const char *text, uint16_t *port)
{
	const char *reason = np__port_parse(text, port);

	if (!reason)
		return 0;
	if (strcmp(reason, "unknown port") != 0)
		return np__fail_input(NP_EADDRESS, reason, text);
	return np__service_port(request->network, text, request->cancel, request->deadline_ns,
				port);
}

static int resolve_host_port(const struct request *request, const char *address)
{
	char host[TEXT_MAX], port[TEXT_MAX];
	uint16_t number = 0;
	int error;

	if (strlen(address) >= TEXT_MAX)
		return np__fail_input(NP_EADDRESS, "address too long", address);
	error = np_split_host_port(address, host, port);
	if (!error)
		error = resolve_port(request, port, &number);
	return error ? error : resolve_host(request, host, number);
}

static int resolve(const struct request *request, const char *address)
{
	struct np_addr addr;
	int error;

	if (strncmp(request->network, "unix", 4) != 0)
		return resolve_host_port(request, address);
	error = np_addr_parse(request->network, address, &addr);
	if (error)
		return error;
	if (request->max > 0)
		*request->ret_addrs = addr;
	return 1;
}

int np__resolve(const char *network, const char *address, const struct np_resolver *resolver,
		struct np_dial_cancel *cancel, int64_t deadline_ns, struct np_addr *ret_addrs,
		size_t max)
{
	struct request request = {
		.resolver = resolver,
		.cancel = cancel,
		.deadline_ns = deadline_ns,
		.ret_addrs = ret_addrs,
		.max = max,
	};
	int result;

	if (!network || !address || (!ret_addrs && max > 0))
		return np__invalid(
			"np_resolve: no network, no address, or no place for the addresses");
	request.network = np__network_name(network);
	if (!request.network)
		result = np__fail_input(NP_ENETWORK, "unknown network", network);
	else
		result = resolve(&request, address);
	return np__spend(result);
}

int np_resolve_with(const char *network, const char *address, const struct np_resolver *resolver,
		    int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	return np__resolve(network, address, resolver, NULL, deadline_ns, ret_addrs, max);
}

int np_resolve(const char *network, const char *address, int64_t deadline_ns,
	       struct np_addr *ret_addrs, size_t max)
{
	return np_resolve_with(network, address, NULL, deadline_ns, ret_addrs, max);
}
