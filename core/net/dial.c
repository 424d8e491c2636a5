/* SPDX-License-Identifier: MIT */
/* core/net/dial.c - connections to somewhere. */
#include <netpark/net.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/net/keep_alive.h"
#include "core/net/target.h"
#include "core/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

/*
 * Connecting to a free port of this host may, when the kernel happens to give that very port to our
 * own side, connect the socket to itself.
 */
static bool is_connected_to_itself(const struct np_fd *conn)
{
	struct sockaddr_storage ours;
	socklen_t length = sizeof(ours);
	struct np_addr local, remote;

	if (getsockname(conn->sysfd, (struct sockaddr *)&ours, &length) < 0)
		return false;
	np__addr_from_sockaddr(&local, (struct sockaddr *)&ours, length);
	np__addr_from_sockaddr(&remote, (const struct sockaddr *)conn->name, conn->name_length);
	return np_addr_equal(&local, &remote);
}

/* Dialing no address in particular reaches this host; which of its addresses, only the kernel
 * knows. */
static void store_peer_name(struct np_fd *conn)
{
	struct sockaddr_storage peer;
	socklen_t length = sizeof(peer);

	if (getpeername(conn->sysfd, (struct sockaddr *)&peer, &length) == 0 &&
	    length == conn->name_length)
		memcpy(conn->name, &peer, length);
}

static int dial_handle(const struct target *target, const struct np_dial_options *options,
		       struct np_fd *conn)
{
	int error = np__fd_connect(conn, (const struct sockaddr *)&target->name, target->length,
				   options->deadline_ns);

	if (error || target_is_unix(target))
		return error;
	if (np__target_is_any(target))
		store_peer_name(conn);
	if (!target_is_tcp(target))
		return 0;
	if (is_connected_to_itself(conn))
		return -EADDRNOTAVAIL;
	np__set_option(conn->sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	np__keep_alive_set(conn->sysfd, &options->keep_alive);
	return 0;
}

static int dial_once(const struct target *target, const struct np_dial_options *options,
		     struct np_fd **ret_conn)
{
	struct np_fd *conn;
	const char *call;
	int error = np__target_open(target, false, &conn, &call);

	if (error)
		return np__target_fail("dial", target, error, call);
	if (target->family == AF_INET6)
		np__set_option(conn->sysfd, IPPROTO_IPV6, IPV6_V6ONLY, target_is_v6_only(target));
	if (target_is_udp(target))
		np__set_option(conn->sysfd, SOL_SOCKET, SO_BROADCAST, 1);
	error = dial_handle(target, options, conn);
	if (error) {
		np_close(conn);
		return np__target_fail("dial", target, error, "connect");
	}
	*ret_conn = conn;
	return 0;
}

static int dial_target(struct target *target, const struct np_dial_options *options,
		       struct np_fd **ret_conn)
{
	int error = np__target_finish("dial", target);

	for (int tries = 0; !error && tries < 3; tries++) {
		error = dial_once(target, options, ret_conn);
		if (error != -EADDRNOTAVAIL || !target_is_tcp(target))
			return error;
		error = tries < 2 ? 0 : error;
	}
	return error;
}

static int dial(const char *network, const char *address, const struct np_dial_options *options,
		struct np_fd **ret_conn)
{
	struct target target;
	int error = np__target_parse("dial", network, address, &target);

	if (error)
		return error;
	if (options->deadline_ns < 0 ||
	    (options->deadline_ns > 0 && options->deadline_ns <= np_time()))
		return np__target_fail("dial", &target, NP_EDEADLINE, NULL);
	if (target.addr.family == NP_ADDR_WILDCARD)
		np__target_set_loopback(&target, target_is_v6_only(&target));
	error = dial_target(&target, options, ret_conn);
	/* Whoever listens in IPv4 alone is on "this host" as well. The first error is the one to
	 * tell. */
	if (error < 0 && error != NP_EDEADLINE && strcmp(target.network, "tcp") == 0 &&
	    target.family == AF_INET6 && np__target_is_any(&target)) {
		np__target_set_any(&target, false);
		if (dial_target(&target, options, ret_conn) == 0)
			return 0;
		np__target_fail("dial", &target, error, "connect");
	}
	return error;
}

/* Where it is refused at once, or accepted, nobody has parked. */
int np_dial_with(const char *network, const char *address, const struct np_dial_options *options,
		 struct np_fd **ret_conn)
{
	static const struct np_dial_options defaults = { .deadline_ns = 0 };
	int error;

	if (!ret_conn)
		return np__invalid("np_dial: no place for the connection");
	error = dial(network, address, options ? options : &defaults, ret_conn);
	if (error)
		np__fail_spend(np_task_self());
	else
		np__task_spend(np_task_self());
	return error;
}

int np_dial(const char *network, const char *address, int64_t deadline_ns, struct np_fd **ret_conn)
{
	const struct np_dial_options options = { .deadline_ns = deadline_ns };

	return np_dial_with(network, address, &options, ret_conn);
}
