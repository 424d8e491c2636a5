/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/dns.c - a DNS server: answers for a zone of its own, and asks another server about
 * everything else.
 *
 *	dns [-b BACKEND] [-z ZONE] [-r "NAME A|AAAA|TXT VALUE"]... [-u UPSTREAM]
 *	    [-t MILLISECONDS] HOST:PORT
 *
 * Over UDP and TCP, on one port. Without -u what is not in the zone is refused; with it upstream
 * gets MILLISECONDS (2000) to answer, and three tries. Prints the address it listens on as its
 * first line; port 0 takes a free one. SIGINT and SIGTERM stop it, with exit status 0.
 *
 * It is an example: no cache, no SOA record in negative answers, and answers come from the address
 * that the system chooses.
 */
#include "dns.h"
#include "stop.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FORWARDS_MAX = 1000, CONNS_MAX = 200 };

int dns_fail(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "dns: %s%s%s\n", what, *what ? ": " : "", text);
	return 1;
}

/* ---- answers ------------------------------------------------------------------------------ */

size_t dns_answer_error(const uint8_t *message, const struct dns_query *query, enum dns_rcode rcode,
			uint8_t *bytes, size_t room)
{
	struct dns_answer answer;

	dns_answer_begin(&answer, message, query->question_end, bytes, room);
	return dns_answer_end(&answer, rcode, false, query->has_edns);
}

ssize_t dns_answer_at_once(const struct dns_server *server, const uint8_t *message, size_t size,
			   bool over_tcp, struct dns_query *query, uint8_t *bytes, size_t room)
{
	enum dns_rcode rcode = dns_query_parse(message, size, query);
	struct dns_answer answer;

	if (rcode == DNS_DROP)
		return 0;
	if (!over_tcp && room > query->room)
		room = query->room;
	if (rcode != DNS_OK)
		return (ssize_t)dns_answer_error(message, query, rcode, bytes, room);
	if (!server->zone.exists || !dns_name_is_within(&query->name, &server->zone.origin)) {
		if (server->upstream.address)
			return -1;
		return (ssize_t)dns_answer_error(message, query, DNS_REFUSED, bytes, room);
	}
	dns_answer_begin(&answer, message, query->question_end, bytes, room);
	rcode = dns_zone_answer(&server->zone, query, &answer);
	return (ssize_t)dns_answer_end(&answer, rcode, true, query->has_edns);
}

/* ---- the process -------------------------------------------------------------------------- */

static int stop_fd;

/* A free port of TCP may be taken for UDP. */
static int listen_on_both(struct dns_server *server, const char *address, char *text)
{
	struct np_addr addr;
	int error = -EADDRINUSE;

	for (int tries = 0; tries < 10 && error == -EADDRINUSE; tries++) {
		error = np_listen("tcp", address, &server->tcp);
		if (error)
			break;
		error = np_local_addr(server->tcp, &addr);
		np_addr_format(&addr, text, NP_ADDR_TEXT_MAX);
		if (!error)
			error = np_listen_packet("udp", text, &server->udp);
		if (error) {
			np_close(server->tcp);
			server->tcp = NULL; /* or main() would close it again */
		}
	}
	return error;
}

struct process {
	struct dns_server server;
	const char *address;
};

static int wait_for_stop(void)
{
	int error = stop_wait(stop_fd);

	return error ? dns_fail("", error) : 0;
}

/* The first fiber. When it returns the others are cancelled, which ends whatever they wait for. */
static int serve(void *arg)
{
	struct process *process = arg;
	struct dns_server *server = &process->server;
	char text[NP_ADDR_TEXT_MAX];
	int error = listen_on_both(server, process->address, text);

	if (error)
		return dns_fail("", error);
	printf("%s\n", text);
	fflush(stdout);
	np_semaphore_release(&server->forwards, FORWARDS_MAX);
	np_semaphore_release(&server->conns, CONNS_MAX);
	error = np_go(dns_serve_udp, server);
	if (!error)
		error = np_go(dns_serve_tcp, server);
	return error ? dns_fail("", error) : wait_for_stop();
}

static bool parse_milliseconds(const char *text, int64_t *ret_ns)
{
	char *end;
	long ms = strtol(text, &end, 10);

	*ret_ns = (int64_t)ms * 1000000;
	return *text && !*end && ms > 0 && ms <= 60000;
}

static bool take_option(struct process *process, int option, struct np_run_options *options)
{
	struct dns_server *server = &process->server;

	switch (option) {
	case 'b':
		options->backend = runtime_poll_find(optarg);
		return options->backend;
	case 'z':
		server->zone.exists = true;
		return dns_name_parse(optarg, &server->zone.origin);
	case 'r':
		return dns_zone_add(&server->zone, optarg);
	case 'u':
		server->upstream.address = optarg;
		return true;
	case 't':
		return parse_milliseconds(optarg, &server->upstream.timeout_ns);
	default:
		return false;
	}
}

int main(int argc, char **argv)
{
	static struct process process = { .server.upstream.timeout_ns = INT64_C(2000000000) };
	struct np_run_options options = { .backend = NULL };
	int option, status;

	while ((option = getopt(argc, argv, "b:z:r:u:t:")) != -1) {
		if (!take_option(&process, option, &options)) {
			fprintf(stderr, "dns: what is wrong with -%c?\n", option);
			return 2;
		}
	}
	if (optind != argc - 1) {
		fprintf(stderr, "usage: dns [-b BACKEND] [-z ZONE] [-r \"NAME TYPE VALUE\"]... "
				"[-u UPSTREAM] [-t MILLISECONDS] HOST:PORT\n");
		return 2;
	}
	process.address = argv[optind];
	status = stop_catch(&stop_fd);
	if (status)
		return dns_fail("pipe", status);
	status = np_run(serve, &process, &options);
	if (status < 0)
		dns_fail("", status);
	np_close(process.server.udp);
	np_close(process.server.tcp);
	free(process.server.zone.records);
	return status != 0;
}
