/* SPDX-License-Identifier: MIT */
/*
 * core/net/interface_link.h - what of the answer of getifaddrs(3) differs between systems. One of
 * interface_link_*.c, see core/meson.build.
 */
#ifndef NETPARK_CORE_NET_INTERFACE_LINK_H
#define NETPARK_CORE_NET_INTERFACE_LINK_H

#include <netpark/interface.h>

#include <ifaddrs.h>
#include <stdbool.h>

/*
 * Does @entry of the list that begins with @list stand for its interface? One of each interface's
 * does.
 */
bool np__link_is_interface(const struct ifaddrs *list, const struct ifaddrs *entry);

/*
 * Add what such an entry tells of the hardware and, where it is of use, of the index. @sysfd is a
 * socket to ask with. 0 or -errno.
 */
int np__link_describe(const struct ifaddrs *entry, int sysfd, struct np_interface *interface);

/* How many bytes there are of @name, which should have @usual. */
size_t np__link_name_size(const struct sockaddr *name, size_t usual);

#endif /* NETPARK_CORE_NET_INTERFACE_LINK_H */
