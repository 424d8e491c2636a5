/* SPDX-License-Identifier: MIT */
/* core/net/stream.c - listen, accept and dial over TCP and Unix sockets, and what streams can do.
 */
#include <netpark/net.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <unistd.h>

/*
 * Every kernel cuts this down to what its administrator allows; more than 16 bits became 0 in some.
 */
enum { BACKLOG_MAX = 65535 };

/* One address of one network, ready for the kernel. */
struct target {
	const char *network;
	struct np_addr given; /* by the caller, for texts */
	struct np_addr addr;  /* what it stands for */
	int family;
	struct sockaddr_storage name;
	socklen_t length;
};

static bool is_unix(const struct target *target)
{
	return target->family == AF_UNIX;
}

static int fail(const char *op, const struct target *target, int error, const char *call)
{
	struct np_failure *failure = np__fail(error, op, target->network);

	failure->call = error > -10000 ? call : NULL;
	failure->address = target->given;
	return error;
}

/* Prefix the record of a parse error with the operation that needed the address. */
static int fail_input(const char *op, const char *network, int error)
{
	struct np_failure *failure = np_task_self()->failure;

	if (failure) {
		failure->op = op;
		failure->network = network;
	}
	return error;
}

static int set_option(int sysfd, int level, int option, int value)
{
	return setsockopt(sysfd, level, option, &value, sizeof(value)) < 0 ? -errno : 0;
}

static void set_ip(struct target *target, bool v6, const unsigned char *ip)
{
	target->family = v6 ? AF_INET6 : AF_INET;
	target->addr.family = v6 ? NP_ADDR_IPV6 : NP_ADDR_IPV4;
	target->addr.zone = 0;
	memcpy(target->addr.ip, ip, v6 ? 16 : 4);
}

/* ":port" to listen on: every address of a family. */
static void set_any_address(struct target *target, bool v6)
{
	static const unsigned char any[16];

	set_ip(target, v6, any);
}

static bool is_any_address(const struct target *target)
{
	static const unsigned char any[16];
	size_t size = target->addr.family == NP_ADDR_IPV4 ? 4 : 16;

	return !is_unix(target) && memcmp(target->addr.ip, any, size) == 0;
}

/* ":port" to dial: this host. */
static void set_loopback(struct target *target, bool v6)
{
	static const unsigned char loopback4[4] = { 127, 0, 0, 1 };
	static const unsigned char loopback6[16] = { [15] = 1 };

	set_ip(target, v6, v6 ? loopback6 : loopback4);
}

/* An IPv4-mapped address means IPv4, and a socket for IPv6 alone would not take it. */
static void unmap(struct target *target)
{
	static const unsigned char prefix[12] = { [10] = 0xff, [11] = 0xff };
	unsigned char ip[4];

	if (target->addr.family != NP_ADDR_IPV6 || memcmp(target->addr.ip, prefix, 12) != 0)
		return;
	memcpy(ip, target->addr.ip + 12, 4);
	set_ip(target, false, ip);
}

static int parse(const char *op, const char *network, const char *address, struct target *target)
{
	int error;

	if (!network || !address)
		return np__invalid("dial, listen: no network or no address");
	target->network = np__network_name(network);
	error = np_addr_parse(network, address, &target->addr);
	if (error)
		return fail_input(op, target->network, error);
	target->given = target->addr;
	target->family = target->addr.family == NP_ADDR_UNIX   ? AF_UNIX
			 : target->addr.family == NP_ADDR_IPV4 ? AF_INET
							       : AF_INET6;
	unmap(target);
	return 0;
}

static int finish_target(const char *op, struct target *target)
{
	int error = np__addr_to_sockaddr(&target->addr, &target->name, &target->length);

	return error ? fail(op, target, error, NULL) : 0;
}

/* A handle on a new socket, for the address in @target. Owns @sysfd, also when it fails. */
static int wrap(const struct target *target, int sysfd, bool is_listener, struct np_fd **ret_fd)
{
	const struct fd_kind kind = {
		.network = target->network,
		.is_tcp = !is_unix(target),
		.is_listener = is_listener,
		.name = (const struct sockaddr *)&target->name,
		.name_length = target->length,
	};
	int error = np__fd_new_stream(sysfd, &kind, ret_fd);

	if (error)
		np__sys_close(sysfd);
	return error;
}

/* ---- listen ------------------------------------------------------------------------------- */

static int set_listen_options(const struct target *target, int sysfd, bool v6_only)
{
	int error;

	if (is_unix(target))
		return 0;
	error = set_option(sysfd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* Every system that we know hands this down to what is accepted. */
	if (!error)
		error = set_option(sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	/* Explicitly: the default is the administrator's. OpenBSD cannot serve both families. */
	if (!error && target->family == AF_INET6 &&
	    set_option(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only) < 0 && !v6_only)
		error = -EAFNOSUPPORT;
	return error;
}

/* A path that we bound goes when the listener goes; before close(2), while it is surely ours. */
static void unlink_path(struct np_fd *listener)
{
	struct np_addr addr;
	char path[NP_ADDR_PATH_MAX + 1];

	np__addr_from_sockaddr(&addr, (const struct sockaddr *)listener->name,
			       listener->name_length);
	if (addr.path_size == 0 || addr.path[0] == '\0')
		return;
	memcpy(path, addr.path, addr.path_size);
	path[addr.path_size] = '\0';
	unlink(path);
}

/* The port that was asked for as 0 is known now. A Unix name is what it was. */
static int store_bound_name(struct np_fd *listener)
{
	struct sockaddr_storage bound;
	socklen_t length = sizeof(bound);

	if (getsockname(listener->sysfd, (struct sockaddr *)&bound, &length) < 0)
		return -errno;
	if (length == listener->name_length)
		memcpy(listener->name, &bound, length);
	return 0;
}

/* Options, bind, listen. Returns 0 or an error, and in *call which system call said so. */
static int start_listening(const struct target *target, bool v6_only, struct np_fd *listener,
			   const char **call)
{
	int error;

	*call = "setsockopt";
	error = set_listen_options(target, listener->sysfd, v6_only);
	if (error)
		return error;
	*call = "bind";
	if (bind(listener->sysfd, (const struct sockaddr *)&target->name, target->length) < 0)
		return -errno;
	if (is_unix(target))
		listener->before_close = unlink_path;
	*call = "listen";
	if (listen(listener->sysfd, BACKLOG_MAX) < 0)
		return -errno;
	*call = "getsockname";
	return store_bound_name(listener);
}

static int listen_target(const struct target *target, bool v6_only, struct np_fd **ret_listener)
{
	struct np_fd *listener;
	const char *call;
	int sysfd = np__sys_socket(target->family, SOCK_STREAM, 0);
	int error;

	if (sysfd < 0)
		return fail("listen", target, sysfd, "socket");
	error = wrap(target, sysfd, true, &listener);
	if (error)
		return fail("listen", target, error, NULL);
	error = start_listening(target, v6_only, listener, &call);
	if (error) {
		np_close(listener);
		return fail("listen", target, error, call);
	}
	*ret_listener = listener;
	return 0;
}

/* Is this the wildcard that "tcp" wants served in both families? */
static bool wants_both(const struct target *target)
{
	return strcmp(target->network, "tcp") == 0 &&
	       (target->addr.family == NP_ADDR_WILDCARD ||
		(target->addr.family == NP_ADDR_IPV6 && is_any_address(target)));
}

int np_listen(const char *network, const char *address, struct np_fd **ret_listener)
{
	struct target target;
	bool both, any;
	int error;

	if (!ret_listener)
		return np__invalid("np_listen: no place for the listener");
	error = parse("listen", network, address, &target);
	if (error)
		return error;
	both = wants_both(&target);
	any = target.addr.family == NP_ADDR_WILDCARD;
	if (any)
		set_any_address(&target, strcmp(network, "tcp4") != 0);
	error = finish_target("listen", &target);
	if (!error)
		error = listen_target(&target, !both, ret_listener);
	if (!both || (error != -EAFNOSUPPORT && error != -EADDRNOTAVAIL))
		return error;
	/* Not both families: what was asked for by its address alone, or all of IPv4. */
	if (any)
		set_any_address(&target, false);
	error = finish_target("listen", &target);
	return error ? error : listen_target(&target, true, ret_listener);
}

int np_accept(struct np_fd *listener, struct np_fd **ret_conn)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(peer);
	struct fd_kind kind;
	int sysfd;
	int error;

	if (!listener || !ret_conn || !listener->is_listener)
		return np__invalid("np_accept: no listener, or no place for the connection");
	sysfd = np__fd_accept(listener, (struct sockaddr *)&peer, &length);
	if (sysfd < 0)
		return sysfd;
	kind = (struct fd_kind){
		.network = listener->network,
		.is_tcp = atomic_load(&listener->may_be_drained),
		.name = (struct sockaddr *)&peer,
		.name_length = length,
	};
	error = np__fd_new_stream(sysfd, &kind, ret_conn);
	if (error) {
		np__sys_close(sysfd);
		np__fail(error, "accept", kind.network);
	}
	return error;
}

/* ---- dial --------------------------------------------------------------------------------- */

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

static int dial_handle(const struct target *target, int64_t deadline_ns, struct np_fd *conn)
{
	int error = np__fd_connect(conn, (const struct sockaddr *)&target->name, target->length,
				   deadline_ns);

	if (error || is_unix(target))
		return error;
	if (is_any_address(target))
		store_peer_name(conn);
	if (is_connected_to_itself(conn))
		return -EADDRNOTAVAIL;
	set_option(conn->sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	return 0;
}

static int dial_once(const struct target *target, int64_t deadline_ns, struct np_fd **ret_conn)
{
	struct np_fd *conn;
	int sysfd = np__sys_socket(target->family, SOCK_STREAM, 0);
	int error;

	if (sysfd < 0)
		return fail("dial", target, sysfd, "socket");
	if (target->family == AF_INET6)
		set_option(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, strcmp(target->network, "tcp6") == 0);
	error = wrap(target, sysfd, false, &conn);
	if (error)
		return fail("dial", target, error, NULL);
	error = dial_handle(target, deadline_ns, conn);
	if (error) {
		np_close(conn);
		return fail("dial", target, error, "connect");
	}
	*ret_conn = conn;
	return 0;
}

static int dial_target(struct target *target, int64_t deadline_ns, struct np_fd **ret_conn)
{
	int error = finish_target("dial", target);

	for (int tries = 0; !error && tries < 3; tries++) {
		error = dial_once(target, deadline_ns, ret_conn);
		if (error != -EADDRNOTAVAIL || is_unix(target))
			return error;
		error = tries < 2 ? 0 : error;
	}
	return error;
}

static int dial(const char *network, const char *address, int64_t deadline_ns,
		struct np_fd **ret_conn)
{
	struct target target;
	int error = parse("dial", network, address, &target);

	if (error)
		return error;
	if (deadline_ns < 0 || (deadline_ns > 0 && deadline_ns <= np_time()))
		return fail("dial", &target, NP_EDEADLINE, NULL);
	if (target.addr.family == NP_ADDR_WILDCARD)
		set_loopback(&target, strcmp(network, "tcp6") == 0);
	error = dial_target(&target, deadline_ns, ret_conn);
	/* Whoever listens in IPv4 alone is on "this host" as well. The first error is the one to
	 * tell. */
	if (error < 0 && error != NP_EDEADLINE && strcmp(target.network, "tcp") == 0 &&
	    target.family == AF_INET6 && is_any_address(&target)) {
		set_any_address(&target, false);
		if (dial_target(&target, deadline_ns, ret_conn) == 0)
			return 0;
		fail("dial", &target, error, "connect");
	}
	return error;
}

/* Where it is refused at once, or accepted, nobody has parked. */
int np_dial(const char *network, const char *address, int64_t deadline_ns, struct np_fd **ret_conn)
{
	int error;

	if (!ret_conn)
		return np__invalid("np_dial: no place for the connection");
	error = dial(network, address, deadline_ns, ret_conn);
	if (error)
		np__fail_spend(np_task_self());
	else
		np__task_spend(np_task_self());
	return error;
}

/* ---- what streams can do ------------------------------------------------------------------ */

static int shut_down(struct np_fd *conn, int how)
{
	int error;

	if (!conn)
		return np__invalid("np_close_read, np_close_write: no connection");
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
	int error;

	if (!conn)
		return np__invalid("np_set_no_delay: no connection");
	error = np__fd_incref(conn, "set");
	if (error)
		return error;
	error = set_option(conn->sysfd, IPPROTO_TCP, TCP_NODELAY, no_delay);
	if (error)
		np__fd_fail(conn, error, "set", "setsockopt");
	np__fd_decref(conn);
	return error;
}

int np_local_addr(struct np_fd *fd, struct np_addr *ret_addr)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(name);
	int error;

	if (!fd || !ret_addr)
		return np__invalid("np_local_addr, np_remote_addr: no handle, or no place for it");
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

	if (fd->name_length > 0 && !fd->is_listener) {
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
	error = np__fd_incref(fd, "address");
	if (error)
		return error;
	error = find_peer(fd, ret_addr);
	if (error)
		np__fd_fail(fd, error, "address", "getpeername");
	np__fd_decref(fd);
	return error;
}
