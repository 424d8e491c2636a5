/* SPDX-License-Identifier: MIT */
/* core/net/packet.c - datagram sockets that serve anybody. */
#include <netpark/datagram.h>
#include <netpark/net.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/bind.h"
#include "core/net/multicast.h"
#include "core/net/options.h"
#include "core/net/target.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* Everybody who wants it may have a group's port, each with messages of its own. */
static int share_port(const struct target *target, int sysfd)
{
	int error = np__set_option(sysfd, SOL_SOCKET, SO_REUSEADDR, 1);

#if defined(SO_REUSEPORT) && !defined(__linux__)
	/* There the other one is not enough. On Linux each would get a part of the messages. */
	if (!error)
		error = np__set_option(sysfd, SOL_SOCKET, SO_REUSEPORT, 1);
#endif
	np__multicast_only_joined(sysfd, target->family);
	return error;
}

static int set_packet_options(const struct target *target, int sysfd)
{
	int error = 0;

	if (target_is_udp(target))
		error = np__set_option(sysfd, SOL_SOCKET, SO_BROADCAST, 1);
	if (!error && np_ip_is_multicast(&target->given))
		error = share_port(target, sysfd);
	return error;
}

/* Options and bind. Returns 0 or an error, and in *call which system call said so. */
static int start(const struct target *target, const struct np_listen_options *options, bool v6_only,
		 struct np_fd *fd, const char **call)
{
	int error = set_packet_options(target, fd->sysfd);

	*call = "setsockopt";
	if (!error)
		error = np__bind(target, options, v6_only, fd, call);
	if (error)
		return error;
	*call = "getsockname";
	return np__target_store_bound(fd);
}

static int open_packet(const struct target *target, const struct np_listen_options *options,
		       bool v6_only, struct np_fd **ret_fd)
{
	struct np_fd *fd;
	const char *call;
	int error = np__target_open(target, true, &fd, &call);

	if (error)
		return np__target_fail("listen", target, error, call);
	error = start(target, options, v6_only, fd, &call);
	if (error) {
		np_close(fd);
		return np__target_fail("listen", target, error, call);
	}
	*ret_fd = fd;
	return 0;
}

static int open_on(const char *network, const char *address,
		   const struct np_listen_options *options, struct np_fd **ret_socket)
{
	struct target target;
	int error = np__target_find("listen", network, address, options, &target);

	if (error)
		return error;
	if (target.type != SOCK_DGRAM)
		return np__target_refuse("listen", &target, "unexpected address type", address);
	if (np__target_is_excluded(&target, options))
		return np__target_refuse("listen", &target, "no suitable address found", address);
	/* A group is joined, not bound to: bound to it, the socket would have only that one, and
	 * nothing that is sent to this host. */
	if (np_ip_is_multicast(&target.addr))
		np__target_set_any(&target, target.family == AF_INET6);
	return np__target_bind(&target, options, open_packet, ret_socket);
}

int np_listen_packet_with(const char *network, const char *address,
			  const struct np_listen_options *options, struct np_fd **ret_socket)
{
	static const struct np_listen_options defaults = { .backlog = 0 };

	if (!ret_socket)
		return np__invalid("np_listen_packet: no place for the socket");
	if (!options)
		options = &defaults;
	if (!np__listen_options_are_valid(options))
		return np__invalid("np_listen_packet: unknown flags, or no permission bits");
	return np__spend(open_on(network, address, options, ret_socket));
}

int np_listen_packet(const char *network, const char *address, struct np_fd **ret_socket)
{
	return np_listen_packet_with(network, address, NULL, ret_socket);
}
