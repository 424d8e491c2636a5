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

static const int NO_OPTION = -1;

#if defined(TCP_KEEPIDLE)
static const int OPTION_IDLE = TCP_KEEPIDLE;
#elif defined(TCP_KEEPALIVE) && !defined(__sun) /* macOS; Solaris' own is another thing */
static const int OPTION_IDLE = TCP_KEEPALIVE;
#else                                           /* OpenBSD, old Solaris */
static const int OPTION_IDLE = -1;
#endif

#ifdef TCP_KEEPINTVL
static const int OPTION_INTERVAL = TCP_KEEPINTVL;
#else
static const int OPTION_INTERVAL = -1;
#endif

#ifdef TCP_KEEPCNT
static const int OPTION_COUNT = TCP_KEEPCNT;
#else
static const int OPTION_COUNT = -1;
#endif

/* DragonFly before 5.8 */
#if defined(__DragonFly__) && __DragonFly_version < 500702
static const int NS_PER_UNIT = 1000 * 1000;
#else
static const int NS_PER_UNIT = 1000 * 1000 * 1000;
#endif

/* What the count is before anybody has touched it. */
#ifdef __linux__
static const int SYSTEM_COUNT = 9;
#else
static const int SYSTEM_COUNT = 8;
#endif

#endif /* NETPARK_CORE_NET_KEEP_ALIVE_OPTIONS_H */
