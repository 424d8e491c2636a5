/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo.c - a TCP echo server, with a thread or a fiber for each connection.
 *
 *	echo [-b epoll|poll|kqueue] [-m threads|fibers] [-w WORKERS] HOST:PORT
 *
 * Prints the address it listens on as its first line; port 0 takes a free one. SIGINT and SIGTERM
 * stop it: every connection is closed, and the exit status is 0. SIGQUIT has it tell, on standard
 * error, who waits for what.
 */
#include "echo.h"
#include "stop.h"

#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

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

static struct np_semaphore stopping; /* a permit once it was read */

int echo_wait_for_stop(const struct echo_options *options)
{
	int error = stop_wait(options->stop_fd);

	np_semaphore_release(&stopping, 1);
	return error ? echo_fail("", error) : 0;
}

/* Sleep as Go's net/http does, longer each time; less long if the server shall stop. */
static int pause_for(int64_t *duration_ns)
{
	const int64_t shortest = 5 * INT64_C(1000000), longest = INT64_C(1000000000);
	int error;

	*duration_ns = *duration_ns == 0 ? shortest : 2 * *duration_ns;
	if (*duration_ns > longest)
		*duration_ns = longest;
	error = np_semaphore_acquire_until(&stopping, 1, np_deadline(*duration_ns));
	return error == 0 ? NP_ECLOSED : error;
}

int echo_accept(struct np_fd *listener, struct np_fd **ret_conn)
{
	int64_t duration_ns = 0;
	int error;

	while ((error = np_accept(listener, ret_conn)) != 0) {
		if (error == NP_ECLOSED || error == NP_ECANCELED)
			return error;
		if (duration_ns == 0)
			echo_fail("", error);
		error = pause_for(&duration_ns);
		if (error == NP_ECLOSED || error == NP_ECANCELED)
			return error;
	}
	return 0;
}

/* A number and nothing else. */
static bool parse_workers(const char *text, unsigned *ret_workers)
{
	unsigned long number;
	char *end;

	if (*text < '0' || *text > '9')
		return false;
	errno = 0;
	number = strtoul(text, &end, 10);
	*ret_workers = (unsigned)number;
	return *end == '\0' && errno == 0 && number <= UINT_MAX;
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
	int error;

	while ((option = getopt(argc, argv, "b:m:w:")) != -1) {
		if (option == 'b') {
			options.backend = runtime_poll_find(optarg);
			if (!options.backend) {
				fprintf(stderr, "echo: this build has no backend \"%s\"\n", optarg);
				return 2;
			}
		} else if (option == 'w') {
			if (!parse_workers(optarg, &options.workers))
				return usage();
		} else if (option == 'm' && strcmp(optarg, "threads") == 0) {
			run = echo_run_threads;
		} else if (option != 'm' || strcmp(optarg, "fibers") != 0) {
			return usage();
		}
	}
	if (optind != argc - 1)
		return usage();
	options.address = argv[optind];

	error = stop_catch(&options.stop_fd);
	if (error)
		return echo_fail("pipe", error);
	error = np_dump_on_signal(SIGQUIT, STDERR_FILENO);
	return error ? echo_fail("np_dump_on_signal", error) : run(&options);
}
