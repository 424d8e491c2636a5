/* SPDX-License-Identifier: MIT */
/*
 * netpark/addr.h - network addresses: parsing, formatting, comparing. No name is looked up.
 *
 * Networks are named "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix" (streams), "unixgram"
 * (datagrams) and "unixpacket" (SOCK_SEQPACKET). An address of TCP and UDP is host:port:
 *
 *	127.0.0.1:80   1.2.3.4:0   [::1]:80   [fe80::1%eth0]:80
 *	:80            any address of this host; dialed, this host itself
 *
 * The host is an IP literal and the port a decimal number. An address of the Unix networks is a
 * path, or a name beginning with '@' for Linux's abstract names. Any thread may call any function
 *here.
 */
#ifndef NETPARK_ADDR_H
#define NETPARK_ADDR_H

#include <netpark/base.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

enum np_family {
	NP_ADDR_NONE,     /* no address: an unset value */
	NP_ADDR_WILDCARD, /* any address of this host, only the port is known: ":80" */
	NP_ADDR_IPV4,
	NP_ADDR_IPV6,
	NP_ADDR_UNIX,
};

enum { NP_ADDR_PATH_MAX = 108 }; /* longest Unix name; systems may allow less */
enum { NP_ADDR_TEXT_MAX = 128 }; /* a buffer of this size holds every formatted address */

/** struct np_addr - an address, a plain value to copy and keep */
struct np_addr {
	uint8_t family;    /* of enum np_family */
	uint8_t path_size; /* NP_ADDR_UNIX: bytes of path; 0 for an unnamed socket */
	uint16_t port;     /* in host byte order */
	uint32_t zone; /* NP_ADDR_IPV6: index of the interface that gives it meaning, 0 for none */
	union {
		uint8_t ip[16];              /* network byte order; NP_ADDR_IPV4 uses the first 4 */
		char path[NP_ADDR_PATH_MAX]; /* not terminated; an abstract name begins with NUL */
	};
};

/**
 * np_addr_parse() - read an address as np_listen() and np_dial() do. Go: ResolveTCPAddr, UnixAddr
 * @network: its name, see the top of this file
 * @text:    see the top of this file
 *
 * As strict as Go: no leading zeros in IPv4, at most four hex digits a group in IPv6, one "::"
 * worth a group at least, zones only on IPv6, a port of 0 to 65535 (none means 0).
 *
 * Return: 0; NP_ENETWORK; NP_EADDRESS, with np_error_text() telling which part is wrong
 * ("address 1.2.3.4: missing port in address"); -EINVAL for NULL.
 */
NP_API int np_addr_parse(const char *network, const char *text, struct np_addr *ret_addr);

/**
 * np_ip_parse() - read an IP literal without port, "127.0.0.1" or "fe80::1%eth0". Go: ParseAddr
 *
 * Return: 0, NP_EADDRESS, -EINVAL.
 */
NP_API int np_ip_parse(const char *text, struct np_addr *ret_addr);

/**
 * np_addr_format() - write an address as np_addr_parse() reads it. Go: Addr.String
 *
 * IPv6 in lower case with its longest run of zeros shortened and in brackets; IPv4-mapped addresses
 * dotted; zones by interface name where there is one; abstract names with '@' for each NUL; an
 * unnamed Unix socket "@" on Linux and "" elsewhere; NP_ADDR_NONE "".
 *
 * Return: the length of the whole text without its terminator, as snprintf(3).
 */
NP_API int np_addr_format(const struct np_addr *addr, char *buf, size_t size);

/** Do two addresses mean the same? An IPv4-mapped IPv6 address equals its IPv4 one. */
NP_API bool np_addr_equal(const struct np_addr *a, const struct np_addr *b);

/**
 * np_split_host_port() - "host:port" or "[host]:port" into its parts. Go: SplitHostPort
 *
 * The parts are not validated and may be empty. Each goes, terminated, into a buffer of @text's
 * length + 1. Return: 0, NP_EADDRESS with the reason Go gives, -EINVAL for NULL.
 */
NP_API int np_split_host_port(const char *text, char *ret_host, char *ret_port);

/** np_join_host_port() - the reverse: brackets if host has a colon. Returns as snprintf(3). */
NP_API int np_join_host_port(const char *host, const char *port, char *buf, size_t size);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_ADDR_H */
