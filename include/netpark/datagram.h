/* SPDX-License-Identifier: MIT */
/*
 * netpark/datagram.h - messages with addresses: UDP and Unix datagrams, alone and in batches, and
 * multicast. Go: net.PacketConn, UDPConn, UnixConn.
 *
 * There are two kinds of datagram socket. np_listen_packet() makes one that is bound, and exchanges
 * messages with anybody: np_recv_from() and np_send_to(). np_dial() makes one that is connected: it
 * has one peer, np_read() and np_write() are for it, and to name an address is -EISCONN. Which kind
 * a handle is of is found out when it is made; of a socket that came by np_fd_open() without a peer
 * the kernel judges each time.
 *
 * A message is sent whole or not at all, and received by one call: what its buffer has no room for
 * is lost. A message of no bytes is a message: 0 is not the end of anything, and np_write() of 0
 * bytes sends one. np_read() into a buffer of 0 bytes takes none; the calls here do.
 *
 * Addresses. IPv4 is NP_ADDR_IPV4 on every socket, also on one that serves both families, whose
 * kernel says ::ffff:1.2.3.4; there both forms can be sent to. ":53" as a destination is this host.
 * An unnamed Unix socket is NP_ADDR_NONE: it cannot be answered.
 *
 * Errors of the network. A connected socket hears of what could not be delivered: the next call
 * fails, once, with -ECONNREFUSED or its like, and the handle works on. Other sockets hear nothing.
 * -ENOBUFS, a full queue of the device (and on BSDs of a Unix receiver), is returned and not waited
 * out: no report would tell when there is room. Elsewhere a Unix receiver without room is waited
 * for, under the write deadline; by a socket that is not connected to it by asking again, up to
 * every 8 ms, which is also how late it may notice that it was closed.
 *
 * What netpark/fd.h says of tasks, closing, deadlines and errors holds here, too. Receiving takes
 * the lock of reads, sending that of writes.
 */
#ifndef NETPARK_DATAGRAM_H
#define NETPARK_DATAGRAM_H

#include <netpark/addr.h>
#include <netpark/base.h>
#include <netpark/fd.h>

#include <stdbool.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct iovec;
struct np_listen_options;

/* ---- one at a time ------------------------------------------------------------------------ */

/**
 * np_listen_packet() - a bound datagram socket, for any number of peers. Go: net.ListenPacket
 * @network: "udp" (both families for ":port" and "[::]:port" where the system can, IPv4 alone for
 *           "0.0.0.0:port"), "udp4", "udp6", "unixgram"
 * @address: port 0 takes a free one, see np_local_addr(). "" is a free abstract name for
 *           "unixgram" on Linux
 *
 * UDP may send to broadcast addresses. Two sockets cannot have one address: SO_REUSEADDR would let
 * the second steal the first one's messages.
 *
 * That is different for a multicast address, of which any number of programs may listen on one
 * port. Such a socket is bound to every address of this host with that port, so that it can be
 * answered and can join more than one group. It has joined none: see np_multicast_join(). It gets
 * messages for groups that it joined itself, and not, as Linux would have it, for all that anybody
 * on this host has joined.
 *
 * A path of "unixgram" stays when the handle is closed, as in Go: unlike a listener's it is also
 * what peers know a client by, who may make it before and remove it after by rules of their own.
 *
 * Return: 0; NP_ENETWORK; NP_EADDRESS, also for the network of a stream ("unexpected address
 * type"); -EADDRINUSE, -EADDRNOTAVAIL, -EACCES, -EMFILE, -ENOMEM or another -errno.
 */
NP_API int np_listen_packet(const char *network, const char *address, struct np_fd **ret_socket);

/**
 * np_listen_packet_with() - the same with the options of netpark/net.h, NULL for none
 *
 * Those that are about connections and about what becomes of a path mean nothing here. Return: also
 * -EINVAL for unknown ones; the error of the control function. Go: ListenConfig.ListenPacket
 */
NP_API int np_listen_packet_with(const char *network, const char *address,
				 const struct np_listen_options *options,
				 struct np_fd **ret_socket);

/**
 * np_recv_from() - the next message, and who sent it. Go: ReadFrom
 * @ret_from: may be NULL; NP_ADDR_NONE where nobody is to be named, as on a stream
 *
 * A message longer than @size is cut without a word: np_recv_message() tells.
 *
 * Return: the bytes stored, 0 for an empty message; errors as np_read().
 */
NP_API ssize_t np_recv_from(struct np_fd *socket, void *buf, size_t size, struct np_addr *ret_from);

/**
 * np_send_to() - a message to @to. Go: WriteTo
 *
 * Return: @size; -EISCONN for a connected socket; NP_EADDRESS for no address ("missing address"),
 * IPv6 on a socket of IPv4 ("non-IPv4 address"), and IP where there are Unix sockets or the
 * reverse; -EINVAL for a stream; -EMSGSIZE for too long a message; -ECONNREFUSED, -ENOENT for a
 * Unix address where nobody is; otherwise as np_write().
 */
NP_API ssize_t np_send_to(struct np_fd *socket, const void *buf, size_t size,
			  const struct np_addr *to);

/* ---- with everything that belongs to a message -------------------------------------------- */

/** What np_recv_message() has to say of a message, as a set. */
enum np_message_flags {
	NP_MESSAGE_CUT = 1,         /* it was longer than the room for it */
	NP_MESSAGE_CONTROL_CUT = 2, /* there was more control data, which is gone */
};

/**
 * struct np_message - a message with its address and control data, to send or to receive into
 *
 * The rooms and what points to them are the caller's, and stay as they are. So a message that was
 * received can be sent as it is: to whom it came from. Fields that are not used are 0.
 */
struct np_message {
	/* Whom to send it to, NP_ADDR_NONE for a connected socket's peer; or who sent it. */
	struct np_addr addr;

	/* Where the bytes are: here, */
	void *data;
	size_t room; /* for so many; not of interest to send */
	size_t size; /* to send; or received, wherever they are */

	/* or, if iov_count is above 0, in these buffers, filled in this order and sent as a whole.
	 */
	const struct iovec *iov;
	int iov_count;

	int flags; /* received: of enum np_message_flags */

	/* Control data, a list of struct cmsghdr; aligned as these. */
	void *control;
	size_t control_room;
	size_t control_size; /* to send; or received */
};

/**
 * np_recv_message() - the next message. Go: ReadMsgUDP, ReadMsgUnix
 *
 * Sets addr, size, flags and control_size. Descriptors that arrive are the caller's, and
 * close-on-exec where the kernel can do that at once. Streams give what there is.
 *
 * Return: the bytes stored; -EINVAL for a bad @message; errors as np_read(). After an error
 * @message is not to be relied on.
 */
NP_API ssize_t np_recv_message(struct np_fd *socket, struct np_message *message);

/**
 * np_send_message() - send one. Go: WriteMsgUDP, WriteMsgUnix
 *
 * Return: the bytes sent, of a stream perhaps fewer than there are; errors as np_send_to(), but
 * a connected socket takes NP_ADDR_NONE, as does one of np_fd_open(), of which the kernel judges.
 */
NP_API ssize_t np_send_message(struct np_fd *socket, const struct np_message *message);

/* ---- batches ------------------------------------------------------------------------------ */

/* So many at most are received by one call, and sent by one system call. */
enum { NP_MESSAGES_MAX = 32 };

/**
 * np_recv_messages() - the messages that are there, up to @count. Go: x/net's ReadBatch
 *
 * Waits for the first and for no more, and takes NP_MESSAGES_MAX at most. Each is as by
 * np_recv_message(). What goes wrong after the first is the next call's error. One system call
 * where there is recvmmsg(2) (Linux, FreeBSD, NetBSD); elsewhere one for each message.
 *
 * Batches allocate nothing, and need up to 7 KiB of stack.
 *
 * Return: how many, at least 1 (0 if @count is 0); -EINVAL for a bad message or @count below 0;
 * errors as np_recv_message(). Messages after those are not to be relied on.
 */
NP_API int np_recv_messages(struct np_fd *socket, struct np_message *messages, int count);

/**
 * np_send_messages() - send all of @count. Go: x/net's WriteBatch
 * @ret_sent: so many went out, in every case; may be NULL
 *
 * Waits as long as that takes. Nobody else's writes come between messages of one batch.
 *
 * Return: @count; or the error, as of np_send_message(), of the first that could not be sent,
 * messages[*ret_sent]: those behind it were not tried. A bad message is found before any is sent.
 */
NP_API int np_send_messages(struct np_fd *socket, const struct np_message *messages, int count,
			    int *ret_sent);

/* ---- options of UDP ----------------------------------------------------------------------- */

/*
 * For sockets of IP; of one for both families they set both sides where the system can. Interfaces
 * are numbers as if_nametoindex(3) gives them; 0: the one the system takes. Each returns 0;
 * NP_ECLOSED; -EINVAL; or what setsockopt(2) said.
 */

/**
 * np_multicast_join() - receive what is sent to @group on an interface. Go: x/net's JoinGroup
 * @group:  an IPv4 or IPv6 multicast address; the port does not matter. An IPv6 group's zone is its
 *          interface if that is 0
 * @source: only from this address, of the same family (RFC 3678); NULL: from anybody
 *
 * A socket may join many groups, one of them on many interfaces, and with many sources. From then
 * on it gets no messages for groups that others joined, see np_listen_packet().
 *
 * Return: also NP_EADDRESS, with what is wrong with which address; -EADDRINUSE if it has joined;
 * -ENODEV or -EADDRNOTAVAIL for no such interface; -ENOBUFS, -ENOMEM for too many groups;
 * -EOPNOTSUPP for a source where the system has no such thing (OpenBSD, NetBSD), -EADDRNOTAVAIL for
 * one of IPv6 without an interface (FreeBSD, macOS).
 */
NP_API int np_multicast_join(struct np_fd *socket, const struct np_addr *group, unsigned interface,
			     const struct np_addr *source);

/** np_multicast_leave() - end what a join with the same arguments began. -EADDRNOTAVAIL: none. */
NP_API int np_multicast_leave(struct np_fd *socket, const struct np_addr *group, unsigned interface,
			      const struct np_addr *source);

/** np_set_multicast_interface() - where messages to groups go out. Go: SetMulticastInterface */
NP_API int np_set_multicast_interface(struct np_fd *socket, unsigned interface);

/** np_set_multicast_ttl() - over how many routers they go, 0 to 255; at first 1: none. */
NP_API int np_set_multicast_ttl(struct np_fd *socket, int hops);

/** np_set_multicast_loop() - does this host get its own? At first it does. */
NP_API int np_set_multicast_loop(struct np_fd *socket, bool loop);

/** np_set_ttl() - the hops of other messages, 1 to 255. Also for TCP. */
NP_API int np_set_ttl(struct np_fd *socket, int hops);

/** np_set_broadcast() - may it send to broadcast addresses? At first it may. */
NP_API int np_set_broadcast(struct np_fd *socket, bool broadcast);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_DATAGRAM_H */
