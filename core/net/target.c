/* SPDX-License-Identifier: MIT */
/* core/net/target.c - see target.h. */
#include "core/net/target.h"

#include <netpark/net.h>
#include <netpark/resolve.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/sys.h"

#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

enum { FIND_MAX = 16 }; /* addresses of a name to choose from */

int np__target_fail(const char *op, const struct target *target, int error, const char *call)
{
	struct np_failure *failure = np__fail(error, op, target->network);

	failure->call = error > -10000 ? call : NULL;
	failure->address = target->given;
	return error;
}

int np__target_fail_input(const char *op, const char *network, int error)
{
	struct np_failure *failure = np_task_self()->failure;

	if (failure) {
		failure->op = op;
		failure->network = network;
	}
	return error;
}

static void set_ip(struct target *target, bool v6, const unsigned char *ip)
{
	target->family = v6 ? AF_INET6 : AF_INET;
	target->addr.family = v6 ? NP_ADDR_IPV6 : NP_ADDR_IPV4;
	target->addr.zone = 0;
	memcpy(target->addr.ip, ip, v6 ? 16 : 4);
}

void np__target_set_any(struct target *target, bool v6)
{
	static const unsigned char any[16];

	set_ip(target, v6, any);
}

bool np__target_is_any(const struct target *target)
{
	return target->addr.family != NP_ADDR_WILDCARD && np_ip_is_unspecified(&target->addr);
}

void np__target_set_loopback(struct target *target, bool v6)
{
	static const unsigned char loopback4[4] = { 127, 0, 0, 1 };
	static const unsigned char loopback6[16] = { [15] = 1 };

	set_ip(target, v6, v6 ? loopback6 : loopback4);
}

int np__socket_type(const char *network)
{
	if (strncmp(network, "udp", 3) == 0 || strcmp(network, "unixgram") == 0)
		return SOCK_DGRAM;
	return strcmp(network, "unixpacket") == 0 ? SOCK_SEQPACKET : SOCK_STREAM;
}

void np__target_set(struct target *target, const struct np_addr *addr)
{
	target->given = *addr;
	target->addr = *addr;
	/* It means IPv4, and a socket for IPv6 alone would not take it. */
	np_ip_unmap(&target->addr);
	target->family = target->addr.family == NP_ADDR_UNIX   ? AF_UNIX
			 : target->addr.family == NP_ADDR_IPV4 ? AF_INET
							       : AF_INET6;
}

/* Linux finds an abstract name that is free for who binds to none: '@' and five digits. */
#ifdef __linux__
enum { HAS_AUTOBIND = 1 };
#else
enum { HAS_AUTOBIND = 0 };
#endif

/* The length of such a name: the kernel tells it when it is bound. */
enum { AUTOBOUND_LENGTH = offsetof(struct sockaddr_un, sun_path) + 6 };

/* Datagrams are bound to no name everywhere, whatever comes of that. */
static bool wants_any_name(const char *network, const char *address)
{
	if (!network || !address || *address != '\0')
		return false;
	return strcmp(network, "unixgram") == 0 ||
	       (HAS_AUTOBIND &&
		(strcmp(network, "unix") == 0 || strcmp(network, "unixpacket") == 0));
}

static void set_any_name(struct target *target, const char *network)
{
	const struct np_addr unnamed = { .family = NP_ADDR_UNIX };

	target->network = np__network_name(network);
	target->type = np__socket_type(network);
	np__target_set(target, &unnamed);
}

int np__target_parse(const char *op, const char *network, const char *address,
		     struct target *target)
{
	struct np_addr addr;
	int error;

	if (!network || !address)
		return np__invalid("dial, listen: no network or no address");
	target->network = np__network_name(network);
	target->given.family = NP_ADDR_NONE;
	error = np_addr_parse(network, address, &addr);
	if (target->network)
		target->type = np__socket_type(target->network);
	if (error)
		return np__target_fail_input(op, target->network, error);
	np__target_set(target, &addr);
	return 0;
}

bool np__target_may_be_name(int error, const char *network, const char *address)
{
	return error == NP_EADDRESS && strncmp(network, "unix", 4) != 0 && strchr(address, ':');
}

/* A family that everybody can reach is worth more than the resolver's order. Go. */
static const struct np_addr *choose(const struct np_addr *addrs, int count)
{
	for (int i = 0; i < count; i++)
		if (addrs[i].family == NP_ADDR_IPV4)
			return &addrs[i];
	return &addrs[0];
}

/* Of which network a name's addresses have to be: "tcp6" for "tcp", where only IPv6 is of use. */
static const char *network_to_find(const struct target *target,
				   const struct np_listen_options *options)
{
	if (!(options->flags & NP_LISTEN_V6_ONLY) || target->network[3] != '\0')
		return target->network;
	return target->type == SOCK_DGRAM ? "udp6" : "tcp6";
}

int np__target_find(const char *op, const char *network, const char *address,
		    const struct np_listen_options *options, struct target *target)
{
	struct np_addr addrs[FIND_MAX];
	int error, count;

	if (wants_any_name(network, address)) {
		set_any_name(target, network);
		return 0;
	}
	error = np__target_parse(op, network, address, target);
	if (!np__target_may_be_name(error, network, address))
		return error;
	count = np_resolve(network_to_find(target, options), address, 0, addrs, FIND_MAX);
	if (count < 0)
		return np__target_fail_input(op, target->network, count);
	np__target_set(target, choose(addrs, count < FIND_MAX ? count : FIND_MAX));
	return 0;
}

int np__target_finish(const char *op, struct target *target)
{
	int error = np__addr_to_sockaddr(&target->addr, &target->name, &target->length);

	return error ? np__target_fail(op, target, error, NULL) : 0;
}

int np__target_open(const struct target *target, bool serves, struct np_fd **ret_fd,
		    const char **call)
{
	bool is_unnamed = target_is_unix(target) && target->addr.path_size == 0;
	const struct fd_kind kind = {
		.network = target->network,
		.is_tcp = target_is_tcp(target),
		.is_stream = target->type == SOCK_STREAM,
		.is_listener = serves && target->type != SOCK_DGRAM,
		.is_packet = serves && target->type == SOCK_DGRAM,
		.name = (const struct sockaddr *)&target->name,
		.name_length = is_unnamed ? AUTOBOUND_LENGTH : target->length,
	};
	int sysfd = np__sys_socket(target->family, target->type, 0);

	*call = sysfd < 0 ? "socket" : NULL;
	if (sysfd < 0)
		return sysfd;
	return np__fd_new_socket(sysfd, &kind, ret_fd);
}

int np__target_store_bound(struct np_fd *fd)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);

	if (getsockname(fd->sysfd, (struct sockaddr *)&bound, &length) < 0)
		return -errno;
	if (length == fd->name_length)
		memcpy(fd->name, &bound, length);
	return 0;
}

int np__target_refuse(const char *op, const struct target *target, const char *reason,
		      const char *address)
{
	struct np_failure *failure = np__fail(NP_EADDRESS, op, target->network);

	failure->reason = reason;
	failure->address = target->given;
	snprintf(failure->input, sizeof(failure->input), "%s", address);
	return NP_EADDRESS;
}

/* Is this the wildcard that "tcp" and "udp" want served in both families? */
static bool wants_both(const struct target *target)
{
	return (strcmp(target->network, "tcp") == 0 || strcmp(target->network, "udp") == 0) &&
	       (target->addr.family == NP_ADDR_WILDCARD ||
		(target->addr.family == NP_ADDR_IPV6 && np__target_is_any(target)));
}

bool np__target_is_excluded(const struct target *target, const struct np_listen_options *options)
{
	return options->flags & NP_LISTEN_V6_ONLY &&
	       (target->family == AF_INET || target->network[3] == '4');
}

int np__target_bind(struct target *target, const struct np_listen_options *options,
		    target_bind_fn *make, struct np_fd **ret_fd)
{
	bool v6_only = options->flags & NP_LISTEN_V6_ONLY;
	bool both = wants_both(target) && !v6_only;
	bool any = target->addr.family == NP_ADDR_WILDCARD;
	int error;

	if (any)
		np__target_set_any(target, v6_only || target->network[3] != '4');
	error = np__target_finish("listen", target);
	if (!error)
		error = make(target, options, !both, ret_fd);
	if (!both || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
		return error;
	/* Not both families: what was asked for by its address alone, or all of IPv4. */
	if (any)
		np__target_set_any(target, false);
	error = np__target_finish("listen", target);
	return error ? error : make(target, options, true, ret_fd);
}
