/* SPDX-License-Identifier: MIT */
/* core/net/race.h - attempts side by side to connect to several addresses, until one of them does.
 */
#ifndef NETPARK_CORE_NET_RACE_H
#define NETPARK_CORE_NET_RACE_H

#include "core/net/attempt.h"

/*
 * Dial @count addresses of the network of @like, at least one, in their order; see np_dial(). 0; or
 * an error, which is recorded, and nothing is left.
 */
int np__race(const struct np_dial_options *options, const struct np_addr *local,
	     const struct target *like, const struct np_addr *addrs, size_t count,
	     struct np_fd **ret_conn);

#endif /* NETPARK_CORE_NET_RACE_H */
