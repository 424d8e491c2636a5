/* SPDX-License-Identifier: MIT */
/*
 * tests/support/hosts.h - hosts with several addresses, some of which answer, without a name
 * server: all of them are this host.
 *
 *	struct hosts hosts;
 *	const struct np_dial_options options = { .resolver = &hosts.resolver };
 *
 *	hosts_init(&hosts, (const char *[]){ "127.0.0.2", "127.0.0.1", NULL });
 *	np_dial_with("tcp", "any.name:80", &options, &conn);
 */
#ifndef NETPARK_TESTS_SUPPORT_HOSTS_H
#define NETPARK_TESTS_SUPPORT_HOSTS_H

#include <netpark.h>

#include <stdatomic.h>
#include <stdbool.h>

enum { HOSTS_MAX = 40 };

/* A resolver that knows the same addresses for every name. */
struct hosts {
	struct np_resolver resolver; /* first */
	struct np_addr addrs[HOSTS_MAX];
	size_t count;
	atomic_int asked;
	int error; /* not 0: what it says instead */
};

void hosts_init(struct hosts *hosts, const char *const *ips);

/*
 * An address at which nobody answers: the queue of its listener is full, so that Linux drops what
 * asks to connect, which asks again after a second. Nothing leaves the host.
 */
struct silent {
	int listener;
	int clients[4];
};

/* Returns false where queues do not fill up like this; to be ended all the same. */
bool silent_begin(struct silent *silent, const char *ip, unsigned port);

/* Let those in that ask again. Returns how many were taken out of the queue, and closed. */
int silent_listen(struct silent *silent);
void silent_end(struct silent *silent);

/* A listener of 127.0.0.1, its port, and that with a name: "any.name:80" */
struct np_fd *hosts_listen(unsigned *ret_port, char text[static 32]);

#endif /* NETPARK_TESTS_SUPPORT_HOSTS_H */
