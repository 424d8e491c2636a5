/* SPDX-License-Identifier: MIT */
/* core/net/stream.c - what streams can do beside reading and writing, and who is at their ends. */
#include <netpark/net.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/net/options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>

static int shut_down_in_memory(struct np_fd *conn, int how)
{
	int error;

	np__fd_keep(conn);
	error = np__fd_memory(conn)->shut_down(conn, how == SHUT_WR ? NP_WRITE : NP_READ);
	if (error)
		np__fd_fail_outside(conn, error, "close", NULL);
	np__fd_drop(conn);
	return error;
}

static int shut_down(struct np_fd *conn, int how)
{
	int error;

	if (!conn)
		return np__invalid("np_close_read, np_close_write: no connection");
	if (conn->is_memory)
		return shut_down_in_memory(conn, how);
	error = np__fd_incref(conn, "close");
	if (error)
		return error;
	if (shutdown(conn->sysfd, how) < 0)
		error = np__fd_fail(conn, -errno, "close", "shutdown");
	np__fd_decref(conn);
	return error;
}

int np_close_write(struct np_fd *conn)
{
	return shut_down(conn, SHUT_WR);
}

int np_close_read(struct np_fd *conn)
{
	return shut_down(conn, SHUT_RD);
}

int np_set_no_delay(struct np_fd *conn, bool no_delay)
{
	int value = no_delay;

	return np__option_set(conn, IPPROTO_TCP, TCP_NODELAY, &value, sizeof(value));
}

/* There is none. */
static int address_in_memory(struct np_fd *fd, struct np_addr *ret_addr)
{
	int error = np__fd_memory(fd)->check(fd);

	if (error)
		return np__fd_fail_outside(fd, error, "address", NULL);
	*ret_addr = (struct np_addr){ .family = NP_ADDR_NONE };
	return 0;
}

int np_local_addr(struct np_fd *fd, struct np_addr *ret_addr)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);
	int error;

	if (!fd || !ret_addr)
		return np__invalid("np_local_addr, np_remote_addr: no handle, or no place for it");
	if (fd->is_memory)
		return address_in_memory(fd, ret_addr);
	error = np__fd_incref(fd, "address");
	if (error)
		return error;
	if (getsockname(fd->sysfd, (struct sockaddr *)&name, &length) < 0)
		error = np__fd_fail(fd, -errno, "address", "getsockname");
	else
		np__addr_from_sockaddr(ret_addr, (struct sockaddr *)&name, length);
	np__fd_decref(fd);
	return error;
}

/* The kernel forgets the peer of a connection that was reset: it is asked only if we do not know.
 */
static int find_peer(const struct np_fd *fd, struct np_addr *ret_addr)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);

	if (np__fd_knows_peer(fd)) {
		np__addr_from_sockaddr(ret_addr, (const struct sockaddr *)fd->name,
				       fd->name_length);
		return 0;
	}
	if (getpeername(fd->sysfd, (struct sockaddr *)&name, &length) < 0)
		return -errno;
	np__addr_from_sockaddr(ret_addr, (struct sockaddr *)&name, length);
	return 0;
}

int np_remote_addr(struct np_fd *fd, struct np_addr *ret_addr)
{
	int error;

	if (!fd || !ret_addr)
		return np__invalid("np_local_addr, np_remote_addr: no handle, or no place for it");
	if (fd->is_memory)
		return address_in_memory(fd, ret_addr);
	error = np__fd_incref(fd, "address");
	if (error)
		return error;
	error = find_peer(fd, ret_addr);
	if (error)
		np__fd_fail(fd, error, "address", "getpeername");
	np__fd_decref(fd);
	return error;
}
