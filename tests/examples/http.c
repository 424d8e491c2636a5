/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/http.c - an HTTP/1.1 server.
 *
 *	http [-b BACKEND] [-w WORKERS] [-c CONNECTIONS] [-d DIRECTORY] [-t MILLISECONDS] [-m BYTES]
 *	     [-g MILLISECONDS] HOST:PORT
 *
 * GET /hello is a few bytes, POST /echo returns its body, everything else is a file of DIRECTORY.
 * Each head, each body, each MiB of an answer and each pause between requests has -t (10 s); a body
 * has BYTES at most (1 MiB).
 *
 * To stop, it closes at once who waits for a request, answers the requests that are under way, and
 * cuts off those that take longer than -g (5 s). See server.h for the rest.
 */
#include "http.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const int64_t MILLISECOND = 1000000;

static void serve(struct np_fd *fd, void *arg)
{
	http_serve(arg, fd);
}

static void stop(void *arg)
{
	struct http_server *http = arg;

	atomic_store(&http->is_stopping, true);
	http_stop_idle(http);
	np_wait_group_wait_until(&http->open, np_deadline(http->grace_ns));
}

static int usage(void)
{
	fprintf(stderr,
		"usage: http [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] "
		"[-d DIRECTORY] [-t MILLISECONDS] [-m BYTES] [-g MILLISECONDS] HOST:PORT\n");
	return 2;
}

static bool parse_option(struct server *server, struct http_server *http, int option,
			 const char *value)
{
	switch (option) {
	case 'd':
		http->root = value;
		return true;
	case 't':
		http->timeout_ns = server_number(server, value, 1000000) * MILLISECOND;
		return true;
	case 'g':
		http->grace_ns = server_number(server, value, 1000000) * MILLISECOND;
		return true;
	case 'm':
		http->max_body = (size_t)server_number(server, value, 1 << 30);
		return true;
	default:
		return server_option(server, option, value);
	}
}

int main(int argc, char **argv)
{
	struct http_server http = {
		.max_body = 1 << 20,
		.timeout_ns = 10000 * MILLISECOND,
		.grace_ns = 5000 * MILLISECOND,
	};
	struct server server = {
		.name = "http",
		.most = 10000,
		.serve = serve,
		.stop = stop,
		.arg = &http,
	};
	int option;

	while ((option = getopt(argc, argv, SERVER_OPTIONS "d:t:m:g:")) != -1)
		if (!parse_option(&server, &http, option, optarg))
			return usage();
	if (optind != argc - 1)
		return usage();
	server.address = argv[optind];
	return server_run(&server);
}
