/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/load.c - a load for echo servers.
 *
 *	load [-m echo|churn|idle|flood] [-c CONNECTIONS] [-f FLOODS] [-s MESSAGE_SIZE]
 *	     [-r REQUESTS | -t SECONDS] [-p SERVER_PID] HOST:PORT
 *
 *	echo	request and response on every connection
 *	churn	connect, one request and its response, close, in CONNECTIONS slots at once
 *	idle	one request on each connection, which then stays open until standard input is
 *		closed or SIGTERM comes; prints "ready" when all are
 *	flood	echo on CONNECTIONS quiet connections beside FLOODS that send without waiting
 *
 * Every byte of an answer is compared. Prints one line of KEY=VALUE, see window_report. With -p the
 * server's processor time is taken at both ends of the time that counts.
 */
#include "load.h"

#include "address.h"
#include "die.h"

#include <sys/resource.h>
#include <unistd.h>

static const struct mode {
	const char *name;
	void (*run)(const struct load_options *options);
} modes[] = {
	{ "echo", load_echo },
	{ "churn", load_churn },
	{ "idle", load_idle },
	{ "flood", load_flood },
};

static const struct mode *find_mode(const char *name)
{
	for (size_t i = 0; i < sizeof(modes) / sizeof(modes[0]); i++)
		if (strcmp(modes[i].name, name) == 0)
			return &modes[i];
	die("no such mode");
}

static void raise_descriptor_limit(const struct load_options *options)
{
	struct rlimit limit;

	getrlimit(RLIMIT_NOFILE, &limit);
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
	if (limit.rlim_cur < options->connections + options->floods + 16)
		die("the limit of open files is too low for so many connections");
}

static _Noreturn void usage(void)
{
	fprintf(stderr, "usage: load [-m echo|churn|idle|flood] [-c CONNECTIONS] [-f FLOODS]\n"
			"            [-s MESSAGE_SIZE] [-r REQUESTS | -t SECONDS] [-p SERVER_PID]\n"
			"            HOST:PORT\n");
	exit(2);
}

int main(int argc, char **argv)
{
	struct load_options options = {
		.connections = 50, .floods = 2, .size = 64, .duration_ns = 1000000000
	};
	const struct mode *mode = &modes[0];
	int option;

	while ((option = getopt(argc, argv, "c:f:m:p:r:s:t:")) != -1) {
		switch (option) {
		case 'c':
			options.connections = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'f':
			options.floods = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'm':
			mode = find_mode(optarg);
			break;
		case 'p':
			options.server = (pid_t)strtol(optarg, NULL, 10);
			break;
		case 'r':
			options.requests = strtoull(optarg, NULL, 10);
			break;
		case 's':
			options.size = strtoul(optarg, NULL, 10);
			break;
		case 't':
			options.duration_ns = (int64_t)(strtod(optarg, NULL) * 1e9);
			break;
		default:
			usage();
		}
	}
	if (optind != argc - 1 || options.connections == 0 || options.size == 0)
		usage();
	options.address = address_parse(argv[optind]);
	raise_descriptor_limit(&options);
	mode->run(&options);
	return 0;
}
