/* SPDX-License-Identifier: MIT */
/* core/net/attempt.c - see attempt.h. */
#include "core/net/attempt.h"

#include <netpark/net.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/net/bind.h"
#include "core/net/keep_alive.h"
#include "core/net/options.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>

enum { RETRIES_MAX = 2 };

/* Dialed, no host in particular is this one, in the family that it is dialed from. */
static void be_definite(struct target *target, const struct np_addr *local)
{
	bool has_family = local && local->family != NP_ADDR_UNIX && !np_ip_is_unspecified(local);
	bool from_v6 = has_family && local->family == NP_ADDR_IPV6;

	if (target->addr.family == NP_ADDR_WILDCARD)
		np__target_set_loopback(target, target_is_v6_only(target) || from_v6);
	else if (has_family && np__target_is_any(target))
		np__target_set_any(target, from_v6);
}

void np__attempt_init(struct attempt *attempt, const struct np_dial_options *options,
		      const struct np_addr *local, const struct target *like,
		      const struct np_addr *addr)
{
	attempt->options = options;
	attempt->local = local;
	attempt->target.network = like->network;
	attempt->target.type = like->type;
	np__target_set(&attempt->target, addr);
	be_definite(&attempt->target, local);
	attempt->conn = NULL;
	attempt->retries = 0;
	attempt->error = 0;
	attempt->call = NULL;
}

/* ---- the socket --------------------------------------------------------------------------- */

static void set_options(const struct target *target, int sysfd)
{
	if (target->family == AF_INET6)
		np__set_option(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, target_is_v6_only(target));
	if (target_is_udp(target))
		np__set_option(sysfd, SOL_SOCKET, SO_BROADCAST, 1);
}

/* Any address of ours is one of the family that we are going to. */
static int bind_local(const struct attempt *attempt)
{
	struct target local = { .addr = *attempt->local, .family = attempt->target.family };
	int error;

	if (np_ip_is_unspecified(&local.addr))
		np__target_set_any(&local, attempt->target.family == AF_INET6);
	error = np__addr_to_sockaddr(&local.addr, &local.name, &local.length);
	if (error)
		return error;
	return bind(attempt->conn->sysfd, (const struct sockaddr *)&local.name, local.length) < 0
		       ? -errno
		       : 0;
}

static int prepare(struct attempt *attempt)
{
	const struct np_dial_options *options = attempt->options;
	int error = 0;

	set_options(&attempt->target, attempt->conn->sysfd);
	attempt->call = NULL;
	if (options->control)
		error = np__control(&attempt->target, options->control, options->control_arg,
				    attempt->conn);
	if (error || !attempt->local)
		return error;
	attempt->call = "bind";
	return bind_local(attempt);
}

static int start(struct attempt *attempt)
{
	struct target *target = &attempt->target;
	struct np_fd *conn = NULL; /* seen to be set by analyzers, unlike a member */
	int error = np__target_open(target, false, &conn, &attempt->call);

	attempt->conn = conn;
	if (!error)
		error = prepare(attempt);
	if (error)
		return error;
	attempt->call = "connect";
	return np__fd_connect_begin(attempt->conn, (const struct sockaddr *)&target->name,
				    target->length);
}

/* ---- the connection ----------------------------------------------------------------------- */

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

/* Who asked for the port that is dialed has asked for that, and there is no other to try again
 * with. */
static bool has_port(const struct attempt *attempt)
{
	return attempt->local && attempt->local->port != 0;
}

static int finish(const struct attempt *attempt)
{
	struct np_fd *conn = attempt->conn;

	if (target_is_unix(&attempt->target))
		return 0;
	if (np__target_is_any(&attempt->target))
		store_peer_name(conn);
	if (!target_is_tcp(&attempt->target))
		return 0;
	if (!has_port(attempt) && is_connected_to_itself(conn))
		return -EADDRNOTAVAIL;
	np__set_option(conn->sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	np__keep_alive_set(conn->sysfd, &attempt->options->keep_alive);
	return 0;
}

/* ---- the attempt -------------------------------------------------------------------------- */

static bool may_retry(struct attempt *attempt, int error)
{
	return error == -EADDRNOTAVAIL && target_is_tcp(&attempt->target) && !has_port(attempt) &&
	       attempt->retries++ < RETRIES_MAX;
}

int np__attempt_end(struct attempt *attempt, int error)
{
	while (error != -EINPROGRESS) {
		if (!error)
			error = finish(attempt);
		if (!error)
			break;
		np_close(attempt->conn);
		attempt->conn = NULL;
		if (!may_retry(attempt, error))
			break;
		error = start(attempt);
	}
	attempt->error = error;
	return error;
}

int np__attempt_begin(struct attempt *attempt)
{
	struct target *target = &attempt->target;
	int error = np__addr_to_sockaddr(&target->addr, &target->name, &target->length);

	return np__attempt_end(attempt, error ? error : start(attempt));
}

int np__attempt_fail(const struct attempt *attempt)
{
	np__target_fail("dial", &attempt->target, attempt->error, attempt->call);
	if (attempt->local && np_task_self()->failure)
		np_task_self()->failure->source = *attempt->local;
	return attempt->error;
}
