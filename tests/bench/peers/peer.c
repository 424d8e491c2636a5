/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/peer.c - the command line and the listening socket. */
#include "peer.h"

#include "../address.h"

#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

static void raise_descriptor_limit(void)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

struct peer_options peer_parse(int argc, char **argv)
{
	struct peer_options options = { .buffer_size = 512 };
	int option;

	while ((option = getopt(argc, argv, "drs:")) != -1) {
		if (option == 's')
			options.buffer_size = strtoul(optarg, NULL, 10);
		else if (option == 'r')
			options.uses_recv = true;
		else if (option == 'd')
			options.sets_deadlines = true;
		else
			exit(2);
	}
	if (optind != argc - 1 || options.buffer_size == 0)
		die("usage: NAME [-d] [-r] [-s BUFFER_SIZE] HOST:PORT");
	options.address = argv[optind];
	raise_descriptor_limit();
	return options;
}

int peer_listen(const char *address)
{
	struct sockaddr_in parsed = address_parse(address);
	const int on = 1;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0)
		die_errno("socket");
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (bind(fd, (const struct sockaddr *)&parsed, sizeof(parsed)) != 0)
		die_errno("bind");
	if (listen(fd, PEER_BACKLOG) != 0)
		die_errno("listen");
	address_announce(fd);
	return fd;
}

int peer_accept(int listener)
{
	int fd;

	do
		fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	while (fd < 0 && (errno == EINTR || errno == ECONNABORTED));
	if (fd < 0 && errno != EAGAIN)
		die_errno("accept4");
	return fd;
}
