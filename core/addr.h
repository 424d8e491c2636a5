/* SPDX-License-Identifier: MIT */
/* core/addr.h - addresses as the library's own files see them. */
#ifndef NETPARK_CORE_ADDR_H
#define NETPARK_CORE_ADDR_H

#include <netpark/addr.h>

#include <sys/socket.h>

#ifdef __linux__
enum { HAS_ABSTRACT_NAMES = 1 };
#else
enum { HAS_ABSTRACT_NAMES = 0 };
#endif

/* The constant that equals @network, or NULL for none: the caller's text may be gone tomorrow. */
const char *np__network_name(const char *network);

/* np_ip_parse() that records no failure. Why @text is no IP literal, or NULL. */
const char *np__ip_parse(const char *text, struct np_addr *addr);

/* The four bytes of an IPv4 address, also of a mapped one. NULL of others. */
const uint8_t *np__addr_ipv4(const struct np_addr *addr);

/* The reverse: the IPv6 address that means it. */
void np__ip_map(const uint8_t ipv4[4], uint8_t ret_ip[16]);

/* A Unix name as the path of a file. False if it is none: an abstract name, or no name. */
bool np__addr_path(const struct np_addr *addr, char ret_path[NP_ADDR_PATH_MAX + 1]);

/* The interface's name, else its number. 0 if it is neither. */
uint32_t np__zone_parse(const char *text);

/* The reverse, as snprintf(3). */
int np__zone_format(uint32_t index, char *buf, size_t size);

/* Why @text is no port, or NULL. None is 0. */
const char *np__port_parse(const char *text, uint16_t *port);

/* Does the address fit a network of one family? An IPv4-mapped address is one of IPv4. */
bool np__addr_suits(const struct np_addr *addr, const char *network);

/*
 * The kernel's form. 0; -EINVAL for a Unix name that is too long here, and for families without one
 * form (NP_ADDR_NONE, NP_ADDR_WILDCARD).
 */
int np__addr_to_sockaddr(const struct np_addr *addr, struct sockaddr_storage *ret,
			 socklen_t *ret_length);

/* NP_ADDR_NONE for families that we do not know and for what is cut short. */
void np__addr_from_sockaddr(struct np_addr *ret, const struct sockaddr *sa, socklen_t length);

#endif /* NETPARK_CORE_ADDR_H */
