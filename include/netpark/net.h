/* SPDX-License-Identifier: MIT */
/*
 * netpark/net.h - connections over TCP, UDP and Unix sockets: Go's package net.
 *
 * Connections and listeners are np_fd handles: read, write, close and deadlines are those of
 * netpark/fd.h. Every descriptor made here is non-blocking and close-on-exec. Networks and
 * addresses are texts; netpark/addr.h says which.
 */
#ifndef NETPARK_NET_H
#define NETPARK_NET_H

#include <netpark/addr.h>
#include <netpark/base.h>
#include <netpark/fd.h>

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- streams ------------------------------------------------------------------------------ */

/**
 * np_listen() - a listener. Go: net.Listen
 * @network: "tcp" (both families on one socket for ":port" and "[::]:port" where the system can,
 *           IPv4 alone for "0.0.0.0:port"), "tcp4", "tcp6", "unix", "unixpacket"
 * @address: port 0 takes a free one, see np_local_addr()
 *
 * The backlog is the system's maximum. TCP listeners set SO_REUSEADDR, and TCP_NODELAY for what
 * they accept. A Unix listener removes its path when it is closed.
 *
 * Return: 0; NP_ENETWORK; NP_EADDRESS, also for networks of datagrams, where nothing connects;
 * -EADDRINUSE, -EACCES, -EMFILE or another -errno.
 */
NP_API int np_listen(const char *network, const char *address, struct np_fd **ret_listener);

/**
 * np_accept() - the next connection. Go: Listener.Accept
 *
 * Waits under the listener's read deadline. The connection inherits no deadline. Connections that
 * died in the queue are skipped (ECONNABORTED).
 *
 * Return: 0; NP_ECLOSED, NP_EDEADLINE; -EMFILE, -ENFILE, -ENOBUFS: the connection stays queued, try
 * again when there is room; -ENOMEM: it may have been dropped; -EINVAL if not a listener. After
 * every error but NP_ECLOSED the listener is as it was.
 */
NP_API int np_accept(struct np_fd *listener, struct np_fd **ret_conn);

/**
 * np_dial() - connect. Go: net.Dialer.Dial
 * @deadline_ns: of np_time(), 0 for none; the connection does not keep it
 *
 * Of a network of datagrams ("udp", "unixgram") it is a socket that sends to @address and receives
 * from there alone, whether anybody is there or not; UDP may broadcast (SO_BROADCAST). "unixpacket"
 * and datagrams keep the borders of messages: a read takes one, and loses what has no room.
 *
 * TCP connections have TCP_NODELAY set. A TCP socket that by chance connected to itself is tried
 * again, at most twice, as is EADDRNOTAVAIL.
 *
 * Return: 0; NP_ENETWORK, NP_EADDRESS; NP_EDEADLINE; -ECONNREFUSED, -ENETUNREACH, -ENOENT or
 * another -errno of socket(2) or connect(2).
 */
NP_API int np_dial(const char *network, const char *address, int64_t deadline_ns,
		   struct np_fd **ret_conn);

/** np_close_write() - half-close: the peer reads end of file. Go: CloseWrite. NP_ECLOSED, -errno.
 */
NP_API int np_close_write(struct np_fd *conn);

/** np_close_read() - half-close of our reading side. Go: CloseRead. NP_ECLOSED, -errno. */
NP_API int np_close_read(struct np_fd *conn);

/** np_set_no_delay() - TCP_NODELAY, on by default. NP_ECLOSED, -errno. Go: SetNoDelay */
NP_API int np_set_no_delay(struct np_fd *conn, bool no_delay);

/** np_local_addr() - this side's address, a listener's or a connection's. NP_ECLOSED, -errno. */
NP_API int np_local_addr(struct np_fd *fd, struct np_addr *ret_addr);

/** np_remote_addr() - the peer's address. NP_ECLOSED, -ENOTCONN, -errno. */
NP_API int np_remote_addr(struct np_fd *fd, struct np_addr *ret_addr);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_NET_H */
