/* SPDX-License-Identifier: MIT */
/*
 * netpark/net.h - connections over TCP, UDP and Unix sockets: Go's package net.
 *
 * Connections and listeners are np_fd handles: read, write, close and deadlines are those of
 * netpark/fd.h, as are its rules. Every descriptor made here is non-blocking and close-on-exec.
 * Networks and addresses are texts; netpark/addr.h says which.
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

/* ---- what dials and listeners have in common ---------------------------------------------- */

/**
 * struct np_keep_alive - probes that find out whether a silent TCP peer is still there
 *
 * The zero value is the default: on, the first probe after 15 s of silence, the next ones 15 s
 * apart, lost after 9 without an answer. Times are rounded up to what the system counts in, seconds
 * nearly everywhere. Go: net.KeepAliveConfig
 */
struct np_keep_alive {
	int64_t idle_ns; /* silence before the first probe; 0: 15 s; below 0: the system's own */
	int64_t interval_ns; /* between probes; the same */
	int count; /* unanswered probes; 0: 9, but a new socket of Linux, where 9 is the system's
		      own, is left with what the administrator has made of that; below 0: the
		      system's own */
	bool is_off;
};

/**
 * np_set_keep_alive() - for a TCP connection, or for what a listener will accept
 * @keep_alive: NULL for the default
 *
 * Go: SetKeepAliveConfig. Return: 0; NP_ECLOSED; -ENOPROTOOPT for a value that the system has for
 * all sockets only (OpenBSD), with keep-alive left as it was; -errno.
 */
NP_API int np_set_keep_alive(struct np_fd *fd, const struct np_keep_alive *keep_alive);

/**
 * np_socket_control_fn - look at a socket, and set options, before it is bound or connected
 * @sysfd:   to look at only: not to be closed, nor made to block
 * @network: "tcp4", "tcp6", "udp4", "udp6", "unix", "unixgram" or "unixpacket"
 * @address: where the socket is going to: what is dialed, or what is listened on
 *
 * Called by the task that dials or listens, once for each socket it makes, after netpark's own
 * options that have to come before. Must not park. Go: Dialer.Control, ListenConfig.Control
 *
 * Return: 0, or a negative error with which the dial's attempt or the listen fails.
 */
typedef int np_socket_control_fn(int sysfd, const char *network, const char *address, void *arg);

/* ---- listening ---------------------------------------------------------------------------- */

enum np_listen_flags {
	/* SO_REUSEPORT: several sockets, of one user, on one address. Linux, FreeBSD
	 * (SO_REUSEPORT_LB) and DragonFly share what comes among them; elsewhere one of them may
	 * get it all. -ENOPROTOOPT where there is none. */
	NP_LISTEN_REUSE_PORT = 1,
	/* IPv6 alone, whatever the network says: ":80" of "tcp" as that of "tcp6". An error where
	 * the kernel cannot keep IPv4 out. */
	NP_LISTEN_V6_ONLY = 2,
	/* The path of a Unix listener stays when it is closed. Go: SetUnlinkOnClose(false) */
	NP_LISTEN_KEEP_PATH = 4,
};

/** What np_listen_with() may be told; zero means the default for each. Go: net.ListenConfig */
struct np_listen_options {
	/* How many connections may wait to be accepted; 0: 65535. Every system cuts it down to the
	 * limit of its administrator (net.core.somaxconn, kern.ipc.somaxconn), so that limit need
	 * not be asked for; more than 16 bits, which became 0 in old kernels, has to be wished. */
	int backlog;
	unsigned flags; /* of enum np_listen_flags */

	/* For what is accepted. Set once on the listener, whose sockets inherit it. */
	struct np_keep_alive keep_alive;

	/* Permission bits of a Unix path, exactly; 0: what umask(2) leaves. Nobody can connect
	 * before they are set. Who may rename files in the path's directory can have them set on
	 * another one: it should be nobody else. */
	unsigned path_mode;

	np_socket_control_fn *control; /* before bind(2) */
	void *control_arg;
};

/**
 * np_listen() - a listener. Go: net.Listen
 * @network: "tcp" (both families on one socket for ":port" and "[::]:port" where the system can,
 *           IPv4 alone for "0.0.0.0:port"), "tcp4", "tcp6", "unix", "unixpacket"
 * @address: port 0 takes a free one, see np_local_addr(). Of a host that is a name it is the first
 *           IPv4 address, or else the first; that is looked up (np_resolve()), without a deadline.
 *           Of a Unix network "" takes a free abstract name where there are such (Linux).
 *
 * The backlog is the system's maximum. TCP listeners set SO_REUSEADDR, and TCP_NODELAY and
 * keep-alive for what they accept. A Unix listener removes its path when it is closed. An address
 * can be listened on again as soon as np_close() has returned.
 *
 * Return: 0; NP_ENETWORK; NP_EADDRESS, also for networks of datagrams, where nothing connects;
 * -EADDRINUSE, -EACCES, -EMFILE or another -errno.
 */
NP_API int np_listen(const char *network, const char *address, struct np_fd **ret_listener);

/** np_listen_with() - the same with options, NULL for none. -EINVAL for unknown ones; the error of
 * the control function. Go: ListenConfig.Listen */
NP_API int np_listen_with(const char *network, const char *address,
			  const struct np_listen_options *options, struct np_fd **ret_listener);

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

/* ---- dialing ------------------------------------------------------------------------------ */

/**
 * np_dial() - connect. Go: net.Dialer.Dial
 * @network:     any that netpark/addr.h names
 * @address:     "host:port", the host a literal or a name, which is looked up (netpark/resolve.h);
 *               without a host this one; of the Unix networks a path
 * @deadline_ns: of np_time(), 0 for none, for the lookup and all that follows together; the
 *               connection does not keep it
 *
 * Of a network of datagrams ("udp", "unixgram") it is a socket that sends to @address and receives
 * from there alone, whether anybody is there or not; UDP may broadcast (SO_BROADCAST). "unixpacket"
 * and datagrams keep the borders of messages: a read takes one, and loses what has no room.
 *
 * Several addresses of one name are tried as RFC 8305 ("Happy Eyeballs") has it: in the order they
 * came in, but the families in turn, and beginning with the first one's. Each attempt is begun when
 * the one before has failed, or has not succeeded within the fallback delay, and goes on beside
 * those before. The first that connects wins, all others are closed before the dial returns. Go
 * only races the first address of each family: there two dead addresses of IPv6 in front cost the
 * time-out of both, here two delays. Each attempt lasts for its share of what is left of the
 * deadline at most, as Go has it: that divided by the number of addresses left, but at least 2 s.
 * "::" is followed by 0.0.0.0, for those who listen in IPv4 alone.
 *
 * TCP connections have TCP_NODELAY and keep-alive set. A TCP socket that by chance connected to
 * itself is tried again, at most twice, as is EADDRNOTAVAIL.
 *
 * Return: 0; NP_ENETWORK, NP_EADDRESS, -EINVAL; NP_EDEADLINE; NP_ECANCELED; the errors of
 * np_resolve() for a name; -ECONNREFUSED, -ENETUNREACH, -ENOENT, -EAGAIN (a Unix listener whose
 * queue is full) or another -errno of socket(2) or connect(2); -ENOMEM. When all addresses have
 * failed it is the error of the first, and that is NP_EDEADLINE if its time was over.
 */
NP_API int np_dial(const char *network, const char *address, int64_t deadline_ns,
		   struct np_fd **ret_conn);

struct np_resolver;

/**
 * struct np_dial_cancel - a way to end dials from elsewhere; zero is ready for use
 *
 * For threads, or for several dials at once; of a fiber np_cancel() ends every wait, dials too. Any
 * number of dials may have the same, and need it to stay until they have returned. The contents are
 * netpark's.
 */
struct np_dial_cancel {
	uint32_t lock;
	uint32_t is_canceled;
	void *dials;
};

/**
 * np_dial_cancel() - end all dials that have it, and those that are yet to come
 *
 * They return NP_ECANCELED. A dial that has connected at the same time is either of both: when it
 * has returned a connection, nothing that happens here touches that. A resolver of the program's
 * own is waited for, that is for it to bound. Any thread, any number of times. Go: the context's
 * cancel function
 */
NP_API void np_dial_cancel(struct np_dial_cancel *cancel);

/** What np_dial_with() may be told; zero means the default for each. Go: net.Dialer */
struct np_dial_options {
	int64_t deadline_ns; /* as that of np_dial() */

	/* Until the attempt with the next address begins; 0: 300 ms; below 0: only when the one
	 * before has failed. */
	int64_t fallback_delay_ns;

	/* Where from, "host:port" with a literal and most often port 0, or a Unix name, which
	 * stays when the connection is closed. Of the remote addresses only those of its family
	 * are tried. */
	const char *local_address;

	struct np_keep_alive keep_alive;

	np_socket_control_fn *control; /* before bind(2) and connect(2), once for each attempt */
	void *control_arg;

	const struct np_resolver *resolver; /* NULL: the system's, see np_resolve_with() */
	struct np_dial_cancel *cancel;      /* or NULL */
};

/**
 * np_dial_with() - the same with options, NULL for none. Go: net.Dialer
 *
 * Return: as np_dial(); the error of the control function, of which the first counts; NP_EADDRESS,
 * too, for a local address of another kind ("mismatched local address type") or that no remote one
 * fits ("no suitable address found").
 */
NP_API int np_dial_with(const char *network, const char *address,
			const struct np_dial_options *options, struct np_fd **ret_conn);

/* ---- streams ------------------------------------------------------------------------------ */

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
