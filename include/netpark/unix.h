/* SPDX-License-Identifier: MIT */
/*
 * netpark/unix.h - what only Unix sockets can: pairs, descriptors as a message, who the peer is.
 *
 * Listening, dialing and data are those of netpark/net.h and netpark/fd.h; netpark/inherit.h hands
 * whole sets of handles to other programs.
 */
#ifndef NETPARK_UNIX_H
#define NETPARK_UNIX_H

#include <netpark/base.h>
#include <netpark/fd.h>

#include <stdbool.h>
#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * np_socketpair() - two sockets connected to each other. socketpair(2)
 * @network:  "unix" (a stream), "unixgram" (datagrams), "unixpacket" (messages in order, with an
 *            end: SOCK_SEQPACKET, which not every system has)
 * @ret_ends: whatever is written to one is read from the other
 *
 * When one end of "unix" or "unixpacket" is closed, reads of the other return 0 once they have read
 * what was sent before, and writes fail. An empty message of "unixpacket" reads as 0 too, so who
 * sends such cannot tell the end. Datagrams have no end: reads go on waiting where the system does
 * not say that the peer is gone.
 *
 * Return: 0; NP_ENETWORK; -EPROTONOSUPPORT, -EMFILE, -ENFILE or another -errno; -ENOMEM.
 */
NP_API int np_socketpair(const char *network, struct np_fd *ret_ends[2]);

/**
 * np_set_unlink_on_close() - does closing this Unix listener remove its path? Go: SetUnlinkOnClose
 *
 * True for those of np_listen(); false for those that were handed to the program. The last process
 * that closes should be the one that removes it, so switch it off before others go on with the
 * listener. What is no socket when it closes stays. Abstract names need no removal. Return: 0;
 * NP_ECLOSED; -EINVAL if not a Unix listener.
 */
NP_API int np_set_unlink_on_close(struct np_fd *listener, bool unlinks);

/* ---- descriptors -------------------------------------------------------------------------- */

/** The most descriptors of one np_send_fds(): Linux's SCM_MAX_FD, of the systems the least.
 * musl takes one less (-ENOMEM). */
enum { NP_FDS_MAX = 253 };

/**
 * np_send_fds() - write all of @buf, and pass descriptors along. Go: WriteMsgUnix
 * @conn:  a connected Unix socket
 * @fds:   bare descriptors; they stay the caller's, who may close them afterwards
 * @count: of them, 0 to NP_FDS_MAX
 *
 * The peer gets duplicates. They go with the first byte of @buf, so they have gone if any of it
 * has; on a stream the rest follows before another write. With nothing in @buf a stream and a
 * "unixpacket" socket carry one byte, a zero, since no bytes would look like the end, and 0 is
 * returned as Go does. To pass a handle: np_fd_duplicate(), or np_hand_over().
 *
 * Return: @size; errors as np_write(), after which the peer may have got a part; -EBADF for what is
 * not open; -EINVAL for NULL, a @count above NP_FDS_MAX, a @conn that is no Unix socket;
 * -ETOOMANYREFS where too many are on their way; -E2BIG for more than 127 on OpenBSD; -EMSGSIZE for
 * a long message.
 */
NP_API ssize_t np_send_fds(struct np_fd *conn, const void *buf, size_t size, const int *fds,
			   size_t count);

/**
 * np_recv_fds() - read what there is, and take the descriptors that come with it. Go: ReadMsgUnix
 * @ret_fds:   what arrived, close-on-exec and the caller's; np_fd_open() makes handles of them
 * @max:       of them, 0 to NP_FDS_MAX
 * @ret_count: how many arrived; written in every case, 0 after an error
 *
 * The bytes are as from np_read(), which takes them the same way and lets descriptors go. On a
 * stream, bytes that were sent before, without any, may come in the same call: a protocol says with
 * which of its messages descriptors come. Of a message, what has no room in @buf is lost. With a
 * @size of 0 a byte is asked for all the same, and lost: what np_send_fds() sent without bytes is
 * taken like this, returns 1 and is not taken for the end.
 *
 * All or none: when more arrive than @max, or the system could not deliver them all, those that did
 * are closed, so no peer can fill the process with descriptors that it never sees. The bytes that
 * came with them are gone too: a stream is out of step then, and best closed.
 *
 * Return: bytes; 0 at the end (of messages: also an empty one); NP_ELIMIT for more than @max;
 * -EMFILE if the system kept some back, as it does for want of free numbers or as a security module
 * says; -EINVAL for NULL, a @max above NP_FDS_MAX, a @conn that is no Unix socket; errors as
 * np_read().
 */
NP_API ssize_t np_recv_fds(struct np_fd *conn, void *buf, size_t size, int *ret_fds, size_t max,
			   size_t *ret_count);

/**
 * np_fd_duplicate() - a bare duplicate of a handle's descriptor. Go: File
 * @ret_sysfd: close-on-exec, and the caller's to close; closing either leaves the other open
 *
 * For passing it on, or for libraries that want one of their own. Both mean the same open file:
 * where it reads, its options and O_NONBLOCK are shared, which the handle needs set. Of data, each
 * byte goes to whoever reads it first; the shortcut of np_read() is off from then on. Any handle
 * that has a descriptor. Return: 0; NP_ECLOSED; -EMFILE.
 */
NP_API int np_fd_duplicate(struct np_fd *fd, int *ret_sysfd);

/* ---- the peer ----------------------------------------------------------------------------- */

/** struct np_credentials - a process, as the kernel saw it; -1 for what it does not tell. */
struct np_credentials {
	int64_t pid;
	int64_t uid; /* effective */
	int64_t gid; /* effective */
};

/**
 * np_peer_credentials() - who is at the other end of a Unix connection
 *
 * Whoever had called connect(2), listen(2) (NetBSD: bind(2)) or socketpair(2) for that end, at that
 * time; nobody can pretend. The descriptor may since have gone to another process, and the pid to a
 * process that began later: trust the ids, and take the pid for a hint. Systems tell the pid but
 * for DragonFly and FreeBSD before 13; macOS tells that of who used the end last; Linux leaves it
 * out where it means nothing in the caller's pid namespace.
 *
 * Return: 0; NP_ECLOSED; -ENOTCONN (datagrams: also where the system tells only of connections);
 * -EINVAL for NULL, a listener, or no Unix socket; another -errno.
 */
NP_API int np_peer_credentials(struct np_fd *conn, struct np_credentials *ret_credentials);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_UNIX_H */
