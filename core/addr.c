/* SPDX-License-Identifier: MIT */
/*
 * core/addr.c - addresses as values: parse, format, compare.
 *
 * By hand, since the system's parsers are not of one mind: inet_aton takes "127.1" and octal, some
 * inet_pton take leading zeros. As strict as Go's.
 */
#include "core/addr.h"

#include "core/failure.h"

#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { IPV6_GROUPS = 8, HOST_MAX = NP_ADDR_TEXT_MAX };

/* What this system's socket addresses hold of a Unix name. */
#define SUN_PATH_SIZE sizeof(((struct sockaddr_un *)0)->sun_path)

static const char NOT_AN_IP[] = "not an IP address (names are not looked up)";

/* Callers may have made the address themselves. */
static size_t path_size(const struct np_addr *addr)
{
	return addr->path_size < NP_ADDR_PATH_MAX ? addr->path_size : NP_ADDR_PATH_MAX;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

static int hex_value(char c)
{
	if (is_digit(c))
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* What is wrong with a text, and with which part of it. */
struct complaint {
	const char *reason; /* NULL: nothing */
	const char *about;
};

static int complain(struct complaint complaint)
{
	return np__fail_input(NP_EADDRESS, complaint.reason, complaint.about);
}

/* ---- parse: IP literals ------------------------------------------------------------------- */

/* Four decimal parts without leading zeros, and nothing after them. */
static bool parse_ipv4(const char *text, uint8_t ip[4])
{
	for (int part = 0; part < 4; part++) {
		unsigned value = 0;
		const char *start = text;

		for (; is_digit(*text) && value <= 255; text++)
			value = value * 10 + (unsigned)(*text - '0');
		if (text == start || value > 255 || (*start == '0' && text > start + 1))
			return false;
		ip[part] = (uint8_t)value;
		if (*text != (part < 3 ? '.' : '\0'))
			return false;
		text++;
	}
	return true;
}

/* Up to four hex digits. Returns how many, 0 for none or too many. */
static int parse_group(const char *text, uint8_t ip[2])
{
	unsigned value = 0;
	int digits = 0;

	for (; hex_value(text[digits]) >= 0; digits++) {
		if (digits == 4)
			return 0;
		value = value * 16 + (unsigned)hex_value(text[digits]);
	}
	ip[0] = (uint8_t)(value >> 8);
	ip[1] = (uint8_t)(value & 0xff);
	return digits;
}

/* What was read before "::" stays in front, the rest moves to the end. */
static bool expand(uint8_t ip[16], int used, int gap)
{
	int tail = used - gap;

	if (used == 16)
		return false; /* "::" must stand for something */
	memmove(ip + 16 - tail, ip + gap, (size_t)tail);
	memset(ip + gap, 0, (size_t)(16 - used));
	return true;
}

static bool parse_ipv6(const char *text, uint8_t ip[16])
{
	int used = 0;
	int gap = -1;

	if (text[0] == ':') {
		if (text[1] != ':')
			return false;
		gap = 0;
		text += 2;
	}
	while (*text && used < 16) {
		int digits = parse_group(text, ip + used);

		if (digits == 0)
			return false;
		if (text[digits] == '.') { /* the last four bytes in IPv4's form */
			if (used > 12 || !parse_ipv4(text, ip + used))
				return false;
			used += 4;
			text = "";
			break;
		}
		used += 2;
		text += digits;
		if (*text == '\0')
			break;
		if (*text++ != ':' || *text == '\0')
			return false; /* ends in a single colon */
		if (*text == ':') {
			if (gap >= 0)
				return false;
			gap = used;
			text++;
		}
	}
	if (*text != '\0')
		return false;
	return gap >= 0 ? expand(ip, used, gap) : used == 16;
}

const char *np__ip_parse(const char *text, struct np_addr *addr)
{
	const char *percent = strrchr(text, '%');
	char host[HOST_MAX];
	size_t length = percent ? (size_t)(percent - text) : strlen(text);

	*addr = (struct np_addr){ .family = NP_ADDR_IPV4 };
	if (length >= sizeof(host))
		return NOT_AN_IP;
	memcpy(host, text, length);
	host[length] = '\0';
	if (!percent && parse_ipv4(host, addr->ip))
		return NULL;
	addr->family = NP_ADDR_IPV6;
	if (!parse_ipv6(host, addr->ip))
		return NOT_AN_IP;
	if (!percent)
		return NULL;
	if (np__addr_ipv4(addr))
		return "zone on an IPv4 address";
	addr->zone = np__zone_parse(percent + 1);
	return addr->zone == 0 ? "no such zone" : NULL;
}

int np_ip_parse(const char *text, struct np_addr *ret_addr)
{
	struct np_addr addr;
	const char *reason;

	if (!text || !ret_addr)
		return np__invalid("np_ip_parse: no text, or no place for the address");
	reason = np__ip_parse(text, &addr);
	if (reason)
		return complain((struct complaint){ reason, text });
	*ret_addr = addr;
	return 0;
}

/* ---- parse: host and port ----------------------------------------------------------------- */

/* A stretch of text. */
struct span {
	const char *start;
	size_t length;
};

static bool has(struct span span, char c)
{
	return memchr(span.start, c, span.length) != NULL;
}

/* Why @text has no host and port, or NULL; the checks in Go's order. */
static const char *split(const char *text, struct span *host, struct span *port)
{
	const char *colon = strrchr(text, ':');
	const char *bracket;

	if (!colon)
		return "missing port in address";
	*host = (struct span){ text, (size_t)(colon - text) };
	*port = (struct span){ colon + 1, strlen(colon + 1) };
	if (text[0] == '[') {
		bracket = strchr(text, ']');
		if (!bracket)
			return "missing ']' in address";
		if (bracket[1] == ':' && bracket + 1 != colon)
			return "too many colons in address";
		if (bracket + 1 != colon)
			return "missing port in address";
		*host = (struct span){ text + 1, (size_t)(bracket - text - 1) };
	} else if (has(*host, ':')) {
		return "too many colons in address";
	}
	if (has(*host, '[') || has(*port, '['))
		return "unexpected '[' in address";
	if (has(*host, ']') || has(*port, ']'))
		return "unexpected ']' in address";
	return NULL;
}

static void copy_span(struct span span, char *buf)
{
	memcpy(buf, span.start, span.length);
	buf[span.length] = '\0';
}

int np_split_host_port(const char *text, char *ret_host, char *ret_port)
{
	struct span host, port;
	const char *reason;

	if (!text || !ret_host || !ret_port)
		return np__invalid("np_split_host_port: no text, or no place for its parts");
	reason = split(text, &host, &port);
	if (reason)
		return complain((struct complaint){ reason, text });
	copy_span(host, ret_host);
	copy_span(port, ret_port);
	return 0;
}

int np_join_host_port(const char *host, const char *port, char *buf, size_t size)
{
	if (!host || !port)
		return np__invalid("np_join_host_port: no host or no port");
	return snprintf(buf, size, strchr(host, ':') ? "[%s]:%s" : "%s:%s", host, port);
}

/* A sign is allowed, as Go does. */
const char *np__port_parse(const char *text, uint16_t *port)
{
	bool negative = *text == '-';
	long value = 0;

	if (*text == '+' || *text == '-')
		if (*++text == '\0')
			return "unknown port";
	for (; *text; text++) {
		if (!is_digit(*text))
			return "unknown port";
		if (value <= 65535)
			value = value * 10 + (*text - '0');
	}
	if (value > 65535 || (negative && value > 0))
		return "invalid port";
	*port = (uint16_t)value;
	return NULL;
}

bool np__addr_suits(const struct np_addr *addr, const char *network)
{
	bool is_v4 = np__addr_ipv4(addr) != NULL;

	switch (network[strlen(network) - 1]) {
	case '4':
		return is_v4;
	case '6':
		return !is_v4;
	default:
		return true;
	}
}

static const char *parse_host(const char *network, const char *host, struct np_addr *addr)
{
	const char *reason;

	if (*host == '\0') {
		*addr = (struct np_addr){ .family = NP_ADDR_WILDCARD };
		return NULL;
	}
	reason = np__ip_parse(host, addr);
	if (!reason && !np__addr_suits(addr, network))
		reason = "no suitable address found";
	return reason;
}

static int parse_ip_and_port(const char *network, const char *text, struct np_addr *addr)
{
	struct span host, port;
	char buf[HOST_MAX];
	struct complaint complaint = { split(text, &host, &port), text };
	uint16_t number = 0;

	if (!complaint.reason)
		complaint = (struct complaint){ np__port_parse(port.start, &number), port.start };
	if (!complaint.reason && host.length >= sizeof(buf))
		complaint = (struct complaint){ NOT_AN_IP, text };
	if (complaint.reason)
		return complain(complaint);
	copy_span(host, buf);
	complaint = (struct complaint){ parse_host(network, buf, addr), buf };
	if (complaint.reason)
		return complain(complaint);
	addr->port = number;
	return 0;
}

static int parse_unix(const char *text, struct np_addr *addr)
{
	size_t length = strlen(text);
	bool is_abstract = HAS_ABSTRACT_NAMES && text[0] == '@';

	if (length == 0)
		return complain((struct complaint){ "missing address", "" });
	if (length > SUN_PATH_SIZE - !is_abstract) /* a path leaves room for its NUL */
		return complain((struct complaint){ "path too long", text });
	*addr = (struct np_addr){ .family = NP_ADDR_UNIX, .path_size = (uint8_t)length };
	memcpy(addr->path, text, length);
	if (is_abstract)
		addr->path[0] = '\0';
	return 0;
}

const char *np__network_name(const char *network)
{
	static const char *const names[] = { "tcp",  "tcp4", "tcp6",     "udp",       "udp4",
					     "udp6", "unix", "unixgram", "unixpacket" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (strcmp(network, names[i]) == 0)
			return names[i];
	return NULL;
}

int np_addr_parse(const char *network, const char *text, struct np_addr *ret_addr)
{
	struct np_addr addr;
	int error;

	if (!network || !text || !ret_addr)
		return np__invalid(
			"np_addr_parse: no network, no text, or no place for the address");
	if (!np__network_name(network))
		return np__fail_input(NP_ENETWORK, "unknown network", network);
	if (strncmp(network, "unix", 4) == 0)
		error = parse_unix(text, &addr);
	else
		error = parse_ip_and_port(network, text, &addr);
	if (!error)
		*ret_addr = addr;
	return error;
}

/* ---- format ------------------------------------------------------------------------------- */

static unsigned group(const uint8_t ip[16], int index)
{
	return (unsigned)ip[2 * index] << 8 | ip[2 * index + 1];
}

/* The longest run of two zero groups or more, the first of equals. Its length, 0 for none. */
static int longest_zeros(const uint8_t ip[16], int *start)
{
	int longest = 0;

	for (int i = 0; i < IPV6_GROUPS; i++) {
		int run = 0;

		while (i + run < IPV6_GROUPS && group(ip, i + run) == 0)
			run++;
		if (run > longest) {
			longest = run;
			*start = i;
		}
		i += run;
	}
	return longest >= 2 ? longest : 0;
}

static void format_ipv6(const uint8_t ip[16], char *buf, size_t size)
{
	int start = -1;
	int zeros = longest_zeros(ip, &start);
	const char *separator = "";
	size_t used = 0;

	for (int i = 0; i < IPV6_GROUPS; i++) {
		if (zeros > 0 && i == start) {
			used += (size_t)snprintf(buf + used, size - used, "::");
			i += zeros - 1;
			separator = "";
			continue;
		}
		used += (size_t)snprintf(buf + used, size - used, "%s%x", separator, group(ip, i));
		separator = ":";
	}
}

int np_ip_format(const struct np_addr *addr, char *buf, size_t size)
{
	const uint8_t *ip = addr ? np__addr_ipv4(addr) : NULL;
	char text[INET6_ADDRSTRLEN];
	char zone[IF_NAMESIZE];

	if (ip)
		return snprintf(buf, size, "%u.%u.%u.%u", ip[0], ip[1], ip[2], ip[3]);
	if (!addr || addr->family != NP_ADDR_IPV6)
		return snprintf(buf, size, "%s", "");
	format_ipv6(addr->ip, text, sizeof(text));
	if (addr->zone == 0)
		return snprintf(buf, size, "%s", text);
	np__zone_format(addr->zone, zone, sizeof(zone));
	return snprintf(buf, size, "%s%%%s", text, zone);
}

static int format_ip_and_port(const struct np_addr *addr, char *buf, size_t size)
{
	char host[HOST_MAX];

	np_ip_format(addr, host, sizeof(host));
	return snprintf(buf, size, np__addr_ipv4(addr) ? "%s:%u" : "[%s]:%u", host, addr->port);
}

static int format_unix(const struct np_addr *addr, char *buf, size_t size)
{
	size_t length = path_size(addr);
	char text[NP_ADDR_PATH_MAX + 1];

	if (length == 0)
		return snprintf(buf, size, "%s", HAS_ABSTRACT_NAMES ? "@" : "");
	for (size_t i = 0; i < length; i++)
		text[i] = (char)(addr->path[i] == '\0' ? '@' : addr->path[i]);
	text[length] = '\0';
	return snprintf(buf, size, "%s", text);
}

int np_addr_format(const struct np_addr *addr, char *buf, size_t size)
{
	switch (addr ? addr->family : NP_ADDR_NONE) {
	case NP_ADDR_IPV4:
	case NP_ADDR_IPV6:
		return format_ip_and_port(addr, buf, size);
	case NP_ADDR_UNIX:
		return format_unix(addr, buf, size);
	case NP_ADDR_WILDCARD:
		return snprintf(buf, size, ":%u", addr->port);
	default:
		return snprintf(buf, size, "%s", "");
	}
}

/* ---- compare ------------------------------------------------------------------------------ */

static int sign(int difference)
{
	return (difference > 0) - (difference < 0);
}

static int compare_numbers(uint32_t a, uint32_t b)
{
	return (a > b) - (a < b);
}

/* What comes after all that makes a name longer. */
static int compare_paths(const struct np_addr *a, const struct np_addr *b)
{
	size_t size_a = path_size(a), size_b = path_size(b);
	int order = memcmp(a->path, b->path, size_a < size_b ? size_a : size_b);

	return order ? sign(order) : compare_numbers((uint32_t)size_a, (uint32_t)size_b);
}

/* Of one family, ports apart. */
static int compare_hosts(const struct np_addr *a, const struct np_addr *b)
{
	int order = sign(memcmp(a->ip, b->ip, 16));

	return order ? order : compare_numbers(a->zone, b->zone);
}

int np_addr_compare(const struct np_addr *a, const struct np_addr *b)
{
	const uint8_t *a4, *b4;
	int order;

	if (!a || !b)
		return (a != NULL) - (b != NULL);
	a4 = np__addr_ipv4(a);
	b4 = np__addr_ipv4(b);
	order = compare_numbers(a4 ? NP_ADDR_IPV4 : a->family, b4 ? NP_ADDR_IPV4 : b->family);
	if (order)
		return order;
	if (a4 && b4)
		order = sign(memcmp(a4, b4, 4));
	else if (a->family == NP_ADDR_UNIX)
		return compare_paths(a, b);
	else if (a->family == NP_ADDR_IPV6)
		order = compare_hosts(a, b);
	else if (a->family != NP_ADDR_WILDCARD)
		return 0; /* nothing but a family */
	return order ? order : compare_numbers(a->port, b->port);
}

bool np_addr_equal(const struct np_addr *a, const struct np_addr *b)
{
	return np_addr_compare(a, b) == 0;
}
