/* SPDX-License-Identifier: MIT */
/*
 * netpark/inherit.h - listeners and connections that go from one program to another, with names:
 * to a program that is started (socket activation, sd_listen_fds(3)), or to one that runs.
 *
 * Restarts without a lost connection. A descriptor in two processes is one socket, and lives until
 * both have closed it:
 *
 * - A listener has one queue. A connection in it goes to whichever process calls np_accept()
 *   first; none is lost as long as one of them has the listener open. So a successor begins to
 *   accept, then the predecessor closes its listener. What that has accepted before is its own, to
 *   be served to the end or handed over.
 * - Of a connection, each byte goes to who reads it first, and writes of two mix. So it is handed
 *   over at a border of the protocol, with no call under way in the predecessor (an expired read
 *   deadline gets its readers out), which then closes its own without another call. Bytes that the
 *   kernel has, in both directions, stay with the socket. Bytes that the predecessor has read and
 *   not used, and what else it knows, are in its memory: np_inherited.data takes them along.
 *   Closing, unlike np_close_write(), tells the peer nothing while the other process has it open.
 *
 * Deadlines are a handle's and stay behind; options are the socket's and go along, O_NONBLOCK too.
 * Calls are for fibers and threads alike.
 */
#ifndef NETPARK_INHERIT_H
#define NETPARK_INHERIT_H

#include <netpark/base.h>
#include <netpark/fd.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

enum {
	NP_INHERITED_NAME_MAX = 255,     /* bytes of a name */
	NP_INHERITED_DATA_MAX = 1 << 20, /* bytes of data with one handle */
	NP_INHERITED_MAX = 65536,        /* handles at a time */
};

/** struct np_inherited - one handle of those that are passed on or received */
struct np_inherited {
	struct np_fd *fd;
	char name[NP_INHERITED_NAME_MAX + 1]; /* printable ASCII without ':'; "" is "unknown" */
	void *data;                           /* np_hand_over(): of the program's own; else NULL.
						 Received: from malloc(3), to be freed */
	size_t size;                          /* of data */
};

/* ---- programs that are started ------------------------------------------------------------ */

/**
 * np_inherit() - the sockets that whoever started this program has given it. Go: net.FileListener
 * @ret_list: the handles, in their order, with their names; "unknown" where none was given
 * @max:      of them
 *
 * What systemd, systemd-socket-activate(1), other supervisors and np_spawn() pass: LISTEN_FDS
 * descriptors from number 3 on, if LISTEN_PID is this process, with names from LISTEN_FDNAMES. They
 * become handles of whatever kind they are (np_fd_open()), close-on-exec; what TCP listeners accept
 * has no-delay and keep-alive on, as with those of np_listen(). The paths of Unix listeners belong
 * to whoever made them, see np_set_unlink_on_close().
 *
 * The variables are removed, LISTEN_PIDFDID too, so that no child takes them for its own, and a
 * second call finds none. Changing the environment is not safe beside threads that read it: call it
 * first in main().
 *
 * Return: how many; 0 if none were given, or to another process. With everything left as it was:
 * NP_ELIMIT for more than @max; -EINVAL for variables that make no sense, np_error_text() says
 * which; -EBADF for a descriptor that is not open. With all of the descriptors closed and the
 * variables removed: -ENOMEM or another error of np_fd_open().
 */
NP_API int np_inherit(struct np_inherited *ret_list, size_t max);

/**
 * np_spawn() - start a program, and give it these handles
 * @path:    the program's file; PATH is not searched
 * @argv:    its arguments, the first its name, ended by NULL
 * @envp:    its environment, ended by NULL; NULL: this process's
 * @list:    what np_inherit() will find there, names and all; data must be NULL
 * @count:   of them; none: no variables
 * @ret_pid: of the child, which the caller waits for (waitpid(2)); may be NULL, for who has SIGCHLD
 *           ignored
 *
 * The handles stay the caller's; calls on them go on. The child begins as a new program should, not
 * as the thread it was forked from: with no signal blocked (threads of np_run() block them), no
 * handler of this program's called between fork and exec, and signals that are ignored still
 * ignored. Standard streams and descriptors that are not close-on-exec go along. Numbers from 3 on
 * are replaced. Fibers wait without holding up their worker until the child has become the new
 * program.
 *
 * It forks, so what holds for fork(2) holds here: handlers of pthread_atfork(3) run.
 *
 * Return: 0, with the new program running; -ENOENT, -EACCES or another -errno of execve(2), after
 * which there is no child; -EAGAIN, -ENOMEM of fork(2); -EMFILE, since each handle needs a second
 * number here meanwhile; NP_ECLOSED for a closed handle; -EINVAL for NULL or a bad name.
 */
NP_API int np_spawn(const char *path, char *const argv[], char *const envp[],
		    const struct np_inherited *list, size_t count, pid_t *ret_pid);

/* ---- programs that run -------------------------------------------------------------------- */

/**
 * np_hand_over() - give these handles to the process at the other end
 * @conn:  a connection of "unix", which nothing else uses meanwhile
 * @list:  of any kind that has a descriptor; names may be any text, data what the program likes
 * @count: 1 to NP_INHERITED_MAX
 *
 * The other end calls np_take_over(). Either both succeed, and from then on the handles are the
 * taker's to use, or both fail, the giver has everything as before, and the taker has closed what
 * it had got. What decides is one byte from the taker, so the giver goes on (it may well accept
 * meanwhile), and stops when this returns 0: then it closes its handles. Of Unix listeners the duty
 * to remove the path has gone along.
 *
 * Only if the giver does not live to see that byte can the taker have to give up what nobody else
 * has. Where shutdown(2) drops what was not read yet (the BSDs, macOS), a giver that gives up in
 * the very moment in which the taker agrees may fail alone.
 *
 * Waits under @conn's deadlines. After a failure @conn is of no more use, close it. Ask
 * np_peer_credentials() first whom it goes to.
 *
 * Return: 0; NP_EDEADLINE, NP_ECANCELED, NP_ECLOSED (@conn, or one of @list), always of the calling
 * task; NP_EEOF, -EPIPE, -ECONNRESET: the taker is gone, or has given up; NP_ELIMIT: it has no room
 * for so many; -ENOMEM, -EMFILE, ...: the taker's, or here; -ETOOMANYREFS where too many
 * descriptors are on their way; -EPROTO for a peer that speaks something else; -EINVAL for NULL and
 * too many.
 */
NP_API int np_hand_over(struct np_fd *conn, const struct np_inherited *list, size_t count);

/**
 * np_take_over() - take what the process at the other end hands over
 * @conn:     a connection of "unix", which nothing else uses meanwhile
 * @ret_list: the handles, close-on-exec, in the order of the giver's, with their names and data
 * @max:      of them, at least 1
 *
 * See np_hand_over(). After a failure what is in @ret_list means nothing. Ask np_peer_credentials()
 * first whom it comes from: that one chose what is listened on, read and, later, removed.
 *
 * Return: how many; NP_ELIMIT for more than @max; NP_EEOF: the giver is gone, or has given up;
 * -EPIPE: the same, at the last moment; -EMFILE, -ENOMEM and what else np_fd_open() says; -EPROTO
 * for a peer that speaks something else; NP_EDEADLINE, NP_ECANCELED, NP_ECLOSED; -EINVAL for NULL.
 */
NP_API int np_take_over(struct np_fd *conn, struct np_inherited *ret_list, size_t max);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_INHERIT_H */
