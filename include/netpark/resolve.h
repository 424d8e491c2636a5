/* SPDX-License-Identifier: MIT */
/*
 * netpark/resolve.h - from names to addresses: hosts and services looked up, and which of several
 * addresses to try first.
 *
 * Names are looked up by the system, getaddrinfo(3), which blocks the thread that calls it: so
 * /etc/hosts, nsswitch.conf and whatever else the system has count as they do for every program.
 * A fiber parks meanwhile, on time for its deadline and its cancellation: an answer that comes
 * later is dropped. Literals cost no thread, no allocation and no system call.
 *
 * Late lookups. The system cannot be told to give up. A lookup that nobody waits for any more goes
 * on, for as long as resolv.conf(5) has it, on its own thread; np_run() ends without it, and so may
 * the program. Do not unload the library meanwhile.
 */
#ifndef NETPARK_RESOLVE_H
#define NETPARK_RESOLVE_H

#include <netpark/addr.h>
#include <netpark/base.h>

#ifdef __cplusplus
extern "C" {
#endif

/**
 * struct np_resolver - looks up hosts instead of the system; embedded in one's own
 *
 * Constant while it is in use. Its function may be called by several tasks at once.
 */
struct np_resolver {
	/**
	 * lookup() - the addresses of a host, those to try first in front
	 * @network:     "ip", or "ip4" or "ip6" where only these are of use; others are left out
	 *               afterwards
	 * @host:        a name: not empty, not a literal, of at most 253 bytes and a last dot
	 * @deadline_ns: of np_time(), 0 for none; to be kept by the function
	 * @ret_addrs:   room for @max addresses; their ports are not looked at
	 *
	 * Runs in the task that wants to know, and may wait with any call of netpark, as its
	 * cancellation and np_blocking() work there, too. np_addrs_sort() gives the usual order.
	 *
	 * Return: how many addresses there are, of which the first @max were written: called again
	 * with more room if that was too little; 0 if there is no such host; or an error, which is
	 * np_resolve()'s: NP_EHOST, NP_ETRYAGAIN, NP_ERESOLVE, NP_EDEADLINE, NP_ECANCELED, -errno.
	 */
	int (*lookup)(const struct np_resolver *self, const char *network, const char *host,
		      int64_t deadline_ns, struct np_addr *ret_addrs, size_t max);
};

/**
 * np_resolve() - the addresses that a text stands for, those to try first in front. Go:
 * Resolver.LookupIPAddr, LookupPort
 * @network:     one that np_addr_parse() knows
 * @address:     "host:port". The host is a name, a literal, or empty for any address of this host;
 *               the port a number, none (0), or the name of a service. Of the Unix networks: a
 *               path, as np_addr_parse() reads it.
 * @deadline_ns: of np_time(), 0 for none. Of no matter for literals.
 * @ret_addrs:   receives them, without duplicates; may be NULL if @max is 0
 *
 * The order is the system's: that of RFC 6724 as gai.conf(5) or the like has it. "tcp4" and "udp4"
 * leave out addresses of IPv6, "tcp6" and "udp6" those of IPv4. "localhost" has the addresses that
 * the system knows, whether or not the host has that family.
 *
 * Service names are those of services(5), else a few well-known ones; case is ignored.
 *
 * Return: how many addresses there are, at least 1, of which the first @max were written; or
 * NP_ENETWORK;
 * NP_EADDRESS, malformed, or no host name, or "unknown port", or "no suitable address found";
 * NP_EHOST, there is no such host, or none of that family;
 * NP_ETRYAGAIN, no server has answered, or the answer was that it cannot tell now;
 * NP_ERESOLVE, the lookup failed for good;
 * NP_EDEADLINE; NP_ECANCELED; NP_EFORKED;
 * -EAGAIN, there is no thread for it: none could be started, or hundreds of threads' lookups are
 * under way already;
 * -EDEADLK, it would have to wait and the calling task cannot;
 * -ENOMEM, -EINVAL, or another -errno of the lookup.
 */
NP_API int np_resolve(const char *network, const char *address, int64_t deadline_ns,
		      struct np_addr *ret_addrs, size_t max);

/**
 * np_resolve_with() - the same, with hosts looked up by @resolver; NULL for the system
 *
 * The order is @resolver's. It is not asked for literals, for what cannot be a host's name, after
 * the deadline, nor by a task that was cancelled.
 */
NP_API int np_resolve_with(const char *network, const char *address,
			   const struct np_resolver *resolver, int64_t deadline_ns,
			   struct np_addr *ret_addrs, size_t max);

/**
 * np_addrs_sort() - put addresses of hosts into the order of RFC 6724, section 6
 *
 * From which of this host's addresses each would be reached is asked of the kernel, which sends
 * nothing. Rules that need to know more than that (deprecated and home addresses, native transport)
 * are left out; the longest prefix counts for IPv6 alone, up to 64 bits, so that the rotation of
 * IPv4 addresses by name servers is kept. Equals keep their order.
 *
 * Return: 0; -ENOMEM; -EINVAL for NULL, and for addresses that are not of IP.
 */
NP_API int np_addrs_sort(struct np_addr *addrs, size_t count);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_RESOLVE_H */
