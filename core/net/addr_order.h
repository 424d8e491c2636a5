/* SPDX-License-Identifier: MIT */
/* core/net/addr_order.h - which of several destinations to try first: RFC 6724, section 6. */
#ifndef NETPARK_CORE_NET_ADDR_ORDER_H
#define NETPARK_CORE_NET_ADDR_ORDER_H

#include <netpark/addr.h>

/* The address of this host that @destination would be reached from. False if it cannot be. */
typedef bool addr_source_fn(const struct np_addr *destination, struct np_addr *ret_source);

/* np_addrs_sort() with sources from somewhere. 0 or -ENOMEM. */
int np__addrs_order(struct np_addr *addrs, size_t count, addr_source_fn *find_source);

#endif /* NETPARK_CORE_NET_ADDR_ORDER_H */
