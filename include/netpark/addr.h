/* SPDX-License-Identifier: MIT */
/*
 * netpark/addr.h - network addresses: parsing, formatting, comparing. No name is looked up. Ranges
 * of IP addresses ("10.0.0.0/8") are in netpark/prefix.h.
 *
 * Networks are named "tcp", "tcp4", "tcp6", "udp", "udp4", "udp6", "unix" (streams), "unixgram"
 * (datagrams) and "unixpacket" (SOCK_SEQPACKET). An address of TCP and UDP is host:port:
 *
 *	127.0.0.1:80   1.2.3.4:0   [::1]:80   [fe80::1%eth0]:80
 *	:80            any address of this host; dialed, this host itself
 *
 * The host is an IP literal and the port a decimal number. An address of the Unix networks is a
 * path, or a name beginning with '@' for Linux's abstract names. Any thread may call any function
 * here.
 */
#ifndef NETPARK_ADDR_H
#define NETPARK_ADDR_H

#include <netpark/base.h>

#include <stdbool.h>

struct sockaddr; /* of <sys/socket.h> */

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
 * np_addr_compare() - an order of all addresses, for sorting and searching. Go: AddrPort.Compare
 *
 * By family as enum np_family has them, an IPv4-mapped address with IPv4; then by IP, zone and
 * port as numbers, Unix names byte by byte with the shorter of two first. NULL is before all.
 *
 * Return: -1, 0 or 1; 0 exactly where np_addr_equal() is true.
 */
NP_API int np_addr_compare(const struct np_addr *a, const struct np_addr *b);

/**
 * np_addr_to_sockaddr() - the kernel's form, for system calls that a program makes itself
 * @ret_name: @size bytes; a struct sockaddr_storage has room for every address
 *
 * Return: the length, as bind(2) takes it; -EINVAL for what has no form or more than one
 * (NP_ADDR_NONE, NP_ADDR_WILDCARD), a Unix name too long for this system, too little room, NULL.
 */
NP_API int np_addr_to_sockaddr(const struct np_addr *addr, struct sockaddr *ret_name, size_t size);

/**
 * np_addr_from_sockaddr() - an address from the kernel's form, as getpeername(2) gives it
 * @length: what the system call said
 *
 * An IPv4-mapped address stays one, see np_ip_unmap(). A flow label is lost.
 *
 * Return: 0; NP_EADDRESS for other families and what is cut short; -EINVAL for NULL.
 */
NP_API int np_addr_from_sockaddr(const struct sockaddr *name, size_t length,
				 struct np_addr *ret_addr);

/* ---- IP addresses, ports apart ------------------------------------------------------------ */

/**
 * np_ip_format() - the IP address alone, as np_ip_parse() reads it. Go: Addr.String
 *
 * As np_addr_format() writes it, without brackets and port: IPv4-mapped addresses dotted. "" for
 * what is no IP address. Return: the length of the whole text, as snprintf(3).
 */
NP_API int np_ip_format(const struct np_addr *addr, char *buf, size_t size);

/** np_ip_unmap() - an IPv4-mapped address becomes the IPv4 one, others stay. Go: Addr.Unmap */
NP_API void np_ip_unmap(struct np_addr *addr);

/*
 * What kind of address is it? Go: the methods of netip.Addr. An IPv4-mapped address is judged as
 * the IPv4 one, zones make no difference. False for what is no IP address, and for NULL.
 */

/** 0.0.0.0, ::, and NP_ADDR_WILDCARD: no address in particular */
NP_API bool np_ip_is_unspecified(const struct np_addr *addr);

/** 127.0.0.0/8, ::1: this host */
NP_API bool np_ip_is_loopback(const struct np_addr *addr);

/** 10.0.0.0/8, 172.16.0.0/12, 192.168.0.0/16, fc00::/7: for a site's own use */
NP_API bool np_ip_is_private(const struct np_addr *addr);

/** 169.254.0.0/16, fe80::/10: one link's. Go: IsLinkLocalUnicast */
NP_API bool np_ip_is_link_local(const struct np_addr *addr);

/** 224.0.0.0/4, ff00::/8: a group */
NP_API bool np_ip_is_multicast(const struct np_addr *addr);

/**
 * One host's, not bound to this host or a link: none of unspecified, loopback, link-local and
 * multicast, and not 255.255.255.255. A private address is one.
 */
NP_API bool np_ip_is_global_unicast(const struct np_addr *addr);

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
