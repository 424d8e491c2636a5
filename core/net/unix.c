/* SPDX-License-Identifier: MIT */
/* core/net/unix.c - pairs of Unix sockets, and who is at their other end. */
#include <netpark/unix.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/net/credentials.h"
#include "core/net/target.h"
#include "core/net/unix.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stddef.h>
#include <string.h>
#include <sys/un.h>

/* Handles on both, which are closed if that fails. */
static int wrap_pair(const int fds[2], const struct fd_kind *kind, struct np_fd *ret_ends[2])
{
	struct np_fd *first, *second;
	int error = np__fd_new_socket(fds[0], kind, &first);

	if (error) {
		np__sys_close(fds[1]);
		return error;
	}
	error = np__fd_new_socket(fds[1], kind, &second);
	if (error) {
		np_close(first);
		return error;
	}
	ret_ends[0] = first;
	ret_ends[1] = second;
	return 0;
}

static int make_pair(const char *network, struct np_fd *ret_ends[2])
{
	const int type = np__socket_type(network);
	const struct sockaddr_un unnamed = { .sun_family = AF_UNIX };
	const struct fd_kind kind = {
		.network = network,
		.is_stream = type == SOCK_STREAM,
		.name = (const struct sockaddr *)&unnamed,
		.name_length = offsetof(struct sockaddr_un, sun_path),
	};
	int fds[2];
	int error = np__sys_socketpair(type, fds);

	if (error) {
		np__fail(error, "socketpair", network)->call = "socketpair";
		return error;
	}
	error = wrap_pair(fds, &kind, ret_ends);
	return error ? np__fail(error, "socketpair", network)->error : 0;
}

int np_socketpair(const char *network, struct np_fd *ret_ends[2])
{
	if (!network || !ret_ends)
		return np__invalid("np_socketpair: no network, or no place for the ends");
	if (!np__network_name(network) || strncmp(network, "unix", 4) != 0)
		return np__fail_input(NP_ENETWORK, "unknown network", network);
	return np__spend(make_pair(np__network_name(network), ret_ends));
}

bool np__fd_is_unix(const struct np_fd *fd)
{
	return fd->is_socket && strncmp(fd->network, "unix", 4) == 0;
}

void np__fd_share(struct np_fd *fd)
{
	if (fd->is_listener)
		atomic_store(&fd->is_exposed, true);
	else
		np__fd_expose(fd);
}

bool np__fd_unlinks(const struct np_fd *fd)
{
	return np__fd_is_unix(fd) && fd->is_listener &&
	       __atomic_load_n(&fd->before_close, __ATOMIC_RELAXED);
}

int np_fd_duplicate(struct np_fd *fd, int *ret_sysfd)
{
	int duplicate;
	int error;

	if (!fd || !ret_sysfd)
		return np__invalid("np_fd_duplicate: no handle, or no place for the descriptor");
	error = np__fd_incref(fd, "file");
	if (error)
		return error;
	np__fd_share(fd);
	duplicate = fcntl(fd->sysfd, F_DUPFD_CLOEXEC, 0);
	if (duplicate < 0)
		error = np__fd_fail(fd, -errno, "file", "fcntl");
	else
		*ret_sysfd = duplicate;
	np__fd_decref(fd);
	return error;
}

int np_peer_credentials(struct np_fd *conn, struct np_credentials *ret_credentials)
{
	struct np_credentials credentials = { -1, -1, -1 };
	int error;

	if (!conn || !ret_credentials || !np__fd_is_unix(conn) || conn->is_listener)
		return np__invalid("np_peer_credentials: no connection of a Unix socket");
	error = np__fd_incref(conn, "credentials");
	if (error)
		return error;
	error = np__sys_credentials(conn->sysfd, &credentials);
	if (error == -EINVAL) /* as the BSDs and macOS say it, of datagrams at least */
		error = -ENOTCONN;
	if (error)
		np__fd_fail(conn, error, "credentials", NULL);
	else
		*ret_credentials = credentials;
	np__fd_decref(conn);
	return error;
}
