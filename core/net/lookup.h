/* SPDX-License-Identifier: MIT */
/*
 * core/net/lookup.h - getaddrinfo(3) for tasks: it blocks its thread and cannot be told to stop, so
 * it runs elsewhere unless the thread is the task's to block for as long as it takes.
 */
#ifndef NETPARK_CORE_NET_LOOKUP_H
#define NETPARK_CORE_NET_LOOKUP_H

#include <netpark/addr.h>

struct np_dial_cancel;
struct np_resolver;

enum { LOOKUP_HOST_MAX = 254 }; /* 253 and a last dot */
enum { LOOKUP_SERVICE_MAX = 63 };

/* One of host and service is NULL. */
struct lookup_query {
	const char *host;
	const char *service;
	int family;                    /* AF_... */
	int type;                      /* SOCK_... */
	struct np_dial_cancel *cancel; /* ends it, too; or NULL */
};

/*
 * The addresses, without duplicates, to be freed. How many, at least 1; or an error, which is not
 * recorded: see np_resolve(). NP_EHOST for services, too.
 */
int np__lookup(const struct lookup_query *query, int64_t deadline_ns, struct np_addr **ret_addrs);

/* np_resolve_with() for a dial, whose @cancel ends the system's lookups. */
int np__resolve(const char *network, const char *address, const struct np_resolver *resolver,
		struct np_dial_cancel *cancel, int64_t deadline_ns, struct np_addr *ret_addrs,
		size_t max);

/* Leave out what equals one that comes before it. How many remain. */
size_t np__addrs_unique(struct np_addr *addrs, size_t count);

/*
 * The port of a service of @network, as np_resolve() says; @cancel ends that, too, or is NULL. 0,
 * or an error that is recorded.
 */
int np__service_port(const char *network, const char *service, struct np_dial_cancel *cancel,
		     int64_t deadline_ns, uint16_t *ret_port);

#endif /* NETPARK_CORE_NET_LOOKUP_H */
