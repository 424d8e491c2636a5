/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/proxy.c - a proxy for streams: what comes in on one address goes to another.
 *
 *	proxy [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] [-d MS] [-i MS] LISTEN TARGET
 *
 * LISTEN and TARGET are HOST:PORT or unix:PATH. -d is how long a connection to the target may take
 * to come about (10 s), -i how long one that is there may be idle (10 minutes); -c how many there
 * may be at once (1,000), of which each takes two descriptors, and up to four more while much
 * flows.
 */
#include "relay.h"
#include "server.h"

#include <getopt.h>
#include <limits.h>
#include <stdio.h>

struct proxy {
	struct server server;
	const char *target;
	int64_t dial_ns, idle_ns;
};

static void serve(struct np_fd *conn, void *arg)
{
	struct proxy *proxy = arg;
	const char *address = proxy->target;
	const char *network = server_network(&address);
	struct np_fd *target;
	int error = np_dial(network, address, np_deadline(proxy->dial_ns), &target);

	if (error) {
		if (error != NP_ECANCELED)
			server_fail(&proxy->server, error);
		return;
	}
	relay(conn, target, proxy->idle_ns);
	np_close(target);
}

static int usage(void)
{
	fprintf(stderr, "usage: proxy [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] "
			"[-d DIAL_MS] [-i IDLE_MS] LISTEN TARGET\n");
	return 2;
}

int main(int argc, char **argv)
{
	const int64_t ms = 1000000;
	struct proxy proxy = {
		.server = { .name = "proxy", .serve = serve },
		.dial_ns = 10 * 1000 * ms,
		.idle_ns = 600 * 1000 * ms,
	};
	int option;

	proxy.server.arg = &proxy;
	while ((option = getopt(argc, argv, SERVER_OPTIONS "d:i:")) != -1) {
		if (option == 'd')
			proxy.dial_ns = server_number(&proxy.server, optarg, INT_MAX) * ms;
		else if (option == 'i')
			proxy.idle_ns = server_number(&proxy.server, optarg, INT_MAX) * ms;
		else if (option == '?' || !server_option(&proxy.server, option, optarg))
			return usage();
	}
	if (optind != argc - 2)
		return usage();
	proxy.server.address = argv[optind];
	proxy.target = argv[optind + 1];
	return server_run(&proxy.server);
}
