/* SPDX-License-Identifier: MIT */
/*
 * tests/systems/socket_options.c - which options of sockets a build takes, for systems that are
 * only built for here. It is enough that this compiles.
 *
 *              no SIGPIPE       first probe      times in  shared ports      Unix paths
 *	Linux      MSG_NOSIGNAL    TCP_KEEPIDLE     seconds   SO_REUSEPORT      108
 *	macOS      SO_NOSIGPIPE    TCP_KEEPALIVE    seconds   (SO_REUSEPORT)    104
 *	FreeBSD    MSG_NOSIGNAL    TCP_KEEPIDLE     seconds   SO_REUSEPORT_LB   104
 *	NetBSD     MSG_NOSIGNAL    TCP_KEEPIDLE     seconds   (SO_REUSEPORT)    104
 *	OpenBSD    MSG_NOSIGNAL    -                -         (SO_REUSEPORT)    104
 *	DragonFly  MSG_NOSIGNAL    TCP_KEEPIDLE     seconds   SO_REUSEPORT      104
 *
 * In parentheses: several may have the port, but it is not divided among them.
 */
#include "core/net/keep_alive_options.h"
#include "core/sys.h"

#include <sys/un.h>

#ifdef __linux__
#define PATH_SIZE 108
#else
#define PATH_SIZE 104
#endif

#if defined(__APPLE__)
#define IDLE TCP_KEEPALIVE
#elif defined(__OpenBSD__)
#define IDLE -1
#else
#define IDLE TCP_KEEPIDLE
#endif

_Static_assert(OPTION_IDLE == IDLE, "when the first probe is sent");
_Static_assert((OPTION_INTERVAL > 0 && OPTION_COUNT > 0) == (IDLE > 0), "all of them, or none");
_Static_assert(NS_PER_UNIT == 1000000000, "seconds");
_Static_assert(sizeof(((struct sockaddr_un *)0)->sun_path) == PATH_SIZE, "the longest path");

#ifdef __APPLE__
_Static_assert(SO_NOSIGPIPE > 0, "older kernels know no MSG_NOSIGNAL");
#else
_Static_assert(MSG_NOSIGNAL > 0 && MSG_CMSG_CLOEXEC > 0, "nothing is done after the fact");
#endif

#ifdef __FreeBSD__
_Static_assert(SO_REUSEPORT_LB > 0, "SO_REUSEPORT gives all to one of them");
#else
_Static_assert(SO_REUSEPORT > 0, "ports can be shared");
#endif
