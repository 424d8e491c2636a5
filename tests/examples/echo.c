/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo.c - a TCP echo server, with a thread or a fiber for each connection.
 *
 *	echo [-b epoll|poll|kqueue] [-m threads|fibers] [-w WORKERS] HOST:PORT
 *
 * Prints the address it listens on as its first line; port 0 takes a free one. SIGINT and SIGTERM
 * stop it: every connection is closed, and the exit status is 0.
 */
#include "echo.h"

#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int echo_fail(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "echo: %s%s%s\n", what, *what ? ": " : "", text);
	return 1;
}

int echo_listen(const char *address, struct np_fd **ret_listener)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	int error = np_listen("tcp", address, ret_listener);

	if (!error)
		error = np_local_addr(*ret_listener, &addr);
	if (error)
		return echo_fail("", error);
	np_addr_format(&addr, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
	return 0;
}

void echo_wait_for_stop(const sigset_t *stop_signals)
{
	int received;

	sigwait(stop_signals, &received);
}

static int usage(void)
{
	fprintf(stderr, "usage: echo [-b epoll|poll|kqueue] [-m threads|fibers] [-w WORKERS] "
			"HOST:PORT\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct echo_options options = { .backend = NULL };
	int (*run)(const struct echo_options *options) = echo_run_fibers;
	int option;

	while ((option = getopt(argc, argv, "b:m:w:")) != -1) {
		if (option == 'b') {
			options.backend = runtime_poll_find(optarg);
			if (!options.backend) {
				fprintf(stderr, "echo: this build has no backend \"%s\"\n", optarg);
				return 2;
			}
		} else if (option == 'w') {
			options.workers = (unsigned)strtoul(optarg, NULL, 10);
		} else if (option == 'm' && strcmp(optarg, "threads") == 0) {
			run = echo_run_threads;
		} else if (option != 'm' || strcmp(optarg, "fibers") != 0) {
			return usage();
		}
	}
	if (optind != argc - 1)
		return usage();
	options.address = argv[optind];

	/* Every thread inherits the mask; one waits for the signals. */
	sigemptyset(&options.stop_signals);
	sigaddset(&options.stop_signals, SIGINT);
	sigaddset(&options.stop_signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &options.stop_signals, NULL);
	return run(&options);
}
