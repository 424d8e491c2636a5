/* SPDX-License-Identifier: MIT */
/*
 * core/net/keep_alive_options.h - what systems call the times of keep-alive, and count them in.
 *
 * NO_OPTION: there is one value for all sockets, which is not ours to change.
 */
#ifndef NETPARK_CORE_NET_KEEP_ALIVE_OPTIONS_H
#define NETPARK_CORE_NET_KEEP_ALIVE_OPTIONS_H

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/param.h>

enum { NO_OPTION = -1 };

#if defined(TCP_KEEPIDLE)
enum { OPTION_IDLE = TCP_KEEPIDLE };
#elif defined(TCP_KEEPALIVE) && !defined(__sun) /* macOS; Solaris' own is another thing */
enum { OPTION_IDLE = TCP_KEEPALIVE };
#else                                           /* OpenBSD, old Solaris */
enum { OPTION_IDLE = -1 };
#endif

#ifdef TCP_KEEPINTVL
enum { OPTION_INTERVAL = TCP_KEEPINTVL };
#else
enum { OPTION_INTERVAL = -1 };
#endif

#ifdef TCP_KEEPCNT
enum { OPTION_COUNT = TCP_KEEPCNT };
#else
enum { OPTION_COUNT = -1 };
#endif

/* DragonFly before 5.8 */
#if defined(__DragonFly__) && __DragonFly_version < 500702
enum { NS_PER_UNIT = 1000 * 1000 };
#else
enum { NS_PER_UNIT = 1000 * 1000 * 1000 };
#endif

/* What the count is before anybody has touched it. */
#ifdef __linux__
enum { SYSTEM_COUNT = 9 };
#else
enum { SYSTEM_COUNT = 8 };
#endif

#endif /* NETPARK_CORE_NET_KEEP_ALIVE_OPTIONS_H */
