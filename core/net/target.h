/* SPDX-License-Identifier: MIT */
/*
 * core/net/target.h - an address of a network as listen and dial want it: understood, with the
 * socket's family and type, and ready for the kernel.
 */
#ifndef NETPARK_CORE_NET_TARGET_H
#define NETPARK_CORE_NET_TARGET_H

#include <netpark/addr.h>

#include <stdbool.h>
#include <sys/socket.h>

struct np_fd;
struct np_listen_options;

struct target {
	const char *network;  /* a constant */
	struct np_addr given; /* by the caller, for texts */
	struct np_addr addr;  /* what it stands for */
	int family;
	int type; /* SOCK_STREAM, ... */
	struct sockaddr_storage name;
	socklen_t length;
};

static inline bool target_is_unix(const struct target *target)
{
	return target->family == AF_UNIX;
}

static inline bool target_is_tcp(const struct target *target)
{
	return target->type == SOCK_STREAM && target->family != AF_UNIX;
}

static inline bool target_is_udp(const struct target *target)
{
	return target->type == SOCK_DGRAM && target->family != AF_UNIX;
}

/* Is it of a network that is IPv6 alone? */
static inline bool target_is_v6_only(const struct target *target)
{
	return target->network[3] == '6'; /* "tcp6", "udp6" */
}

/*
 * Understand @address for @op. 0, or an error that is recorded. After NP_EADDRESS network and type
 * are there all the same.
 */
int np__target_parse(const char *op, const char *network, const char *address,
		     struct target *target);

/* SOCK_... of a network that exists. */
int np__socket_type(const char *network);

/* Has np__target_parse() failed with @error because there is a name of a host, or of a service? */
bool np__target_may_be_name(int error, const char *network, const char *address);

/*
 * The same for what is listened on: of a host that is a name its first IPv4 address, else its
 * first, of IPv6 alone, if that is what @options say; no Unix name is the system's choice of one.
 */
int np__target_find(const char *op, const char *network, const char *address,
		    const struct np_listen_options *options, struct target *target);

/* The same for an address that is known. target->network and its type stay. */
void np__target_set(struct target *target, const struct np_addr *addr);

/* Another address instead: every address of a family, or this host. */
void np__target_set_any(struct target *target, bool v6);
void np__target_set_loopback(struct target *target, bool v6);

/* Is it no address in particular? */
bool np__target_is_any(const struct target *target);

/* Make the kernel's form of the address. 0, or an error that is recorded for @op. */
int np__target_finish(const char *op, struct target *target);

/* Record the failure of @op, where @call failed (NULL: none). Returns @error. */
int np__target_fail(const char *op, const struct target *target, int error, const char *call);

/* The failure that is recorded, of understanding an address, was one of @op. Returns @error. */
int np__target_fail_input(const char *op, const char *network, int error);

/*
 * A handle on a new socket of the target's kind, with nothing done to it yet; if it @serves, the
 * name is its own, not its peer's. 0, or an error and in *call which system call said so.
 */
int np__target_open(const struct target *target, bool serves, struct np_fd **ret_fd,
		    const char **call);

/* The port that was asked for as 0 is known now. A Unix name is what it was. 0 or -errno. */
int np__target_store_bound(struct np_fd *fd);

/*
 * Record that @op has no use for this address, or kind of network, for @reason. Returns
 * NP_EADDRESS. Go: AddrError.
 */
int np__target_refuse(const char *op, const struct target *target, const char *reason,
		      const char *address);

/* IPv6 alone is wanted, and this is not. */
bool np__target_is_excluded(const struct target *target, const struct np_listen_options *options);

/* A handle bound to the target's name, np__bind(). 0, or an error that is recorded. */
typedef int target_bind_fn(const struct target *target, const struct np_listen_options *options,
			   bool v6_only, struct np_fd **ret_fd);

/*
 * Have @make serve the target: both families on one socket where the network and the address mean
 * both, else one of them. 0, or an error that is recorded.
 */
int np__target_bind(struct target *target, const struct np_listen_options *options,
		    target_bind_fn *make, struct np_fd **ret_fd);

#endif /* NETPARK_CORE_NET_TARGET_H */
