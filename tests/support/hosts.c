/* SPDX-License-Identifier: MIT */
/* tests/support/hosts.c - see hosts.h. */
#include "tests/support/hosts.h"

#include "tests/support/fixture.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

enum { CLIENTS = sizeof(((struct silent *)0)->clients) / sizeof(int) };

static int look_up(const struct np_resolver *resolver, const char *network, const char *host,
		   int64_t deadline_ns, struct np_addr *ret_addrs, size_t max)
{
	struct hosts *hosts = (struct hosts *)(uintptr_t)resolver;

	(void)network, (void)host, (void)deadline_ns;
	hosts->asked++;
	if (hosts->error)
		return hosts->error;
	for (size_t i = 0; i < hosts->count && i < max; i++)
		ret_addrs[i] = hosts->addrs[i];
	return (int)hosts->count;
}

void hosts_init(struct hosts *hosts, const char *const *ips)
{
	*hosts = (struct hosts){ .resolver.lookup = look_up };
	for (; ips[hosts->count]; hosts->count++) {
		cr_assert_lt(hosts->count, HOSTS_MAX);
		cr_assert_eq(np_ip_parse(ips[hosts->count], &hosts->addrs[hosts->count]), 0);
	}
}

static int make_socket(int family)
{
	int sysfd = socket(family, SOCK_STREAM, 0);

	cr_assert_geq(sysfd, 0);
	cr_assert_eq(fcntl(sysfd, F_SETFL, O_NONBLOCK), 0);
	return sysfd;
}

static int count_connected(const struct silent *silent)
{
	struct sockaddr_storage peer;
	int count = 0;

	for (int i = 0; i < CLIENTS; i++) {
		socklen_t length = sizeof(peer);

		count += getpeername(silent->clients[i], (struct sockaddr *)&peer, &length) == 0;
	}
	return count;
}

bool silent_begin(struct silent *silent, const char *ip, unsigned port)
{
	struct sockaddr_storage name = { .ss_family = AF_UNSPEC };
	const struct sockaddr *sa = (const struct sockaddr *)&name;
	struct np_addr addr;
	int on = 1, size;
	socklen_t length;

	cr_assert_eq(np_ip_parse(ip, &addr), 0);
	addr.port = (uint16_t)port;
	size = np_addr_to_sockaddr(&addr, (struct sockaddr *)&name, sizeof(name));
	cr_assert_gt(size, 0);
	length = (socklen_t)size;
	silent->listener = make_socket(sa->sa_family);
	setsockopt(silent->listener, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	cr_assert_eq(bind(silent->listener, sa, length), 0);
	cr_assert_eq(listen(silent->listener, 0), 0);
	for (int i = 0; i < CLIENTS; i++) {
		silent->clients[i] = make_socket(sa->sa_family);
		connect(silent->clients[i], sa, length);
	}
	FIXTURE_UNTIL(count_connected(silent) > 0);
	return count_connected(silent) < CLIENTS;
}

int silent_listen(struct silent *silent)
{
	int accepted, count = 0;

	while ((accepted = accept(silent->listener, NULL, NULL)) >= 0) {
		close(accepted);
		count++;
	}
	cr_assert_eq(errno, EAGAIN);
	return count;
}

void silent_end(struct silent *silent)
{
	close(silent->listener);
	for (int i = 0; i < CLIENTS; i++)
		close(silent->clients[i]);
}

struct np_fd *hosts_listen(unsigned *ret_port, char text[static 32])
{
	struct np_fd *listener;
	struct np_addr addr;

	cr_assert_eq(np_listen("tcp", "127.0.0.1:0", &listener), 0);
	cr_assert_eq(np_local_addr(listener, &addr), 0);
	*ret_port = addr.port;
	snprintf(text, 32, "any.name:%u", addr.port);
	return listener;
}
