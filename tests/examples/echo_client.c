/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo_client.c - a client that checks an echo server, byte by byte.
 *
 *	echo_client [-i] HOST:PORT [CONNECTIONS [ROUND_TRIPS]]
 *
 * Opens all connections at once and keeps a message under way on each. Uses plain sockets and
 * poll(2) and nothing of netpark, so that what it finds right was right on the wire. Progress goes
 * to standard error, one line of result to standard output: connections, round trips, seconds,
 * errors.
 *
 * With -i the connections stay open, idle, until the server ends each, which it has to do by an end
 * of file. "idle" goes to standard output when all have made their round trips; what comes on
 * standard input has them make as many again.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { MESSAGE_MAX = 512, STALLED_MS = 30000 };

struct client {
	unsigned id;
	int round;   /* that many are made; idle after the last */
	size_t size; /* of this round's message */
	size_t sent;
	size_t received;
};

struct load {
	struct sockaddr_in server;
	int connections;
	int rounds;
	bool is_idler;
	struct client *clients;
	struct pollfd *set; /* behind the connections: standard input */
	int open;
	int busy;   /* of those: with round trips left */
	long total; /* round trips to make */
	long done;
	long errors;
};

static double now_s(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* The byte at @at of a message: different for every connection, round and place. */
static unsigned char expected_byte(const struct client *client, size_t at)
{
	return (unsigned char)((client->id * 31u + (unsigned)client->round * 17u + at * 7u) & 0xff);
}

static void begin_round(struct client *client)
{
	client->size = 1 + (client->id * 13u + (unsigned)client->round * 101u) % MESSAGE_MAX;
	client->sent = 0;
	client->received = 0;
}

static int parse_server(const char *text, struct sockaddr_in *server)
{
	const char *colon = strrchr(text, ':');
	char host[64];

	if (!colon || (size_t)(colon - text) >= sizeof(host))
		return -1;
	memcpy(host, text, (size_t)(colon - text));
	host[colon - text] = '\0';
	*server = (struct sockaddr_in){ .sin_family = AF_INET };
	server->sin_port = htons((uint16_t)atoi(colon + 1));
	return inet_pton(AF_INET, host, &server->sin_addr) == 1 ? 0 : -1;
}

static int open_connection(const struct sockaddr_in *server)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);
	int on = 1;

	if (fd < 0)
		return -1;
	if (connect(fd, (const struct sockaddr *)server, sizeof(*server)) < 0) {
		close(fd);
		return -1;
	}
	setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	fcntl(fd, F_SETFL, O_NONBLOCK);
	return fd;
}

static void end_connection(struct load *load, int i, const char *problem)
{
	if (load->clients[i].round < load->rounds)
		load->busy--;
	if (problem) {
		fprintf(stderr, "connection %d, round trip %d: %s\n", i, load->clients[i].round,
			problem);
		load->errors++;
	}
	close(load->set[i].fd);
	load->set[i].fd = -1;
	load->open--;
}

/* What is wrong, or NULL. */
static const char *send_some(struct client *client, int fd)
{
	unsigned char message[MESSAGE_MAX];
	ssize_t n;

	for (size_t at = client->sent; at < client->size; at++)
		message[at] = expected_byte(client, at);
	n = send(fd, message + client->sent, client->size - client->sent, MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	client->sent += (size_t)n;
	return NULL;
}

static const char *receive_some(struct client *client, int fd)
{
	unsigned char message[MESSAGE_MAX + 1];
	ssize_t n = recv(fd, message, sizeof(message), 0);

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? NULL : strerror(errno);
	if (n == 0)
		return "the server closed";
	if ((size_t)n > client->sent - client->received)
		return "more came back than was sent";
	for (ssize_t i = 0; i < n; i++)
		if (message[i] != expected_byte(client, client->received + (size_t)i))
			return "a wrong byte came back";
	client->received += (size_t)n;
	return NULL;
}

/* All round trips are made: that is the end, or it is idle from now on. */
static void rest(struct load *load, int i)
{
	load->busy--;
	load->set[i].events = POLLIN;
	if (!load->is_idler) {
		end_connection(load, i, NULL);
	} else if (load->busy == 0) {
		printf("idle\n");
		fflush(stdout);
	}
}

/* Something came for an idle one, which can only be the end. */
static void step_idle(struct load *load, int i)
{
	char byte;
	ssize_t n = recv(load->set[i].fd, &byte, 1, 0);

	end_connection(load, i, n == 0 ? NULL : n > 0 ? "something came" : strerror(errno));
}

static void step(struct load *load, int i)
{
	struct client *client = &load->clients[i];
	struct pollfd *entry = &load->set[i];
	const char *problem = NULL;

	if (client->round == load->rounds) {
		step_idle(load, i);
		return;
	}
	if (entry->revents & (POLLIN | POLLHUP | POLLERR))
		problem = receive_some(client, entry->fd);
	if (!problem && client->received == client->size) {
		load->done++;
		if (++client->round == load->rounds) {
			rest(load, i);
			return;
		}
		begin_round(client);
	}
	if (!problem && client->sent < client->size)
		problem = send_some(client, entry->fd);
	if (problem) {
		end_connection(load, i, problem);
		return;
	}
	entry->events = (short)(client->sent < client->size ? POLLIN | POLLOUT : POLLIN);
}

static void connect_all(struct load *load)
{
	for (int i = 0; i < load->connections; i++) {
		load->clients[i] = (struct client){ .id = (unsigned)i };
		begin_round(&load->clients[i]);
		load->set[i] = (struct pollfd){ open_connection(&load->server), POLLOUT, 0 };
		if (load->set[i].fd < 0) {
			fprintf(stderr, "connection %d: %s\n", i, strerror(errno));
			load->errors++;
		} else {
			load->open++;
			load->busy++;
		}
	}
}

/* Once more, with those that are idle. */
static void step_again(struct load *load)
{
	struct pollfd *input = &load->set[load->connections];
	char buf[16];

	if (read(STDIN_FILENO, buf, sizeof(buf)) <= 0) {
		input->fd = -1;
		return;
	}
	for (int i = 0; i < load->connections; i++) {
		struct client *client = &load->clients[i];

		if (load->set[i].fd < 0 || client->round < load->rounds)
			continue;
		client->round = 0;
		begin_round(client);
		load->set[i].events = POLLIN | POLLOUT;
		load->busy++;
		load->total += load->rounds;
	}
}

/* On a terminal one line that changes, in a log a few that stay. */
static void show_progress(long before, long percent)
{
	if (isatty(STDERR_FILENO))
		fprintf(stderr, "\r  %3ld %%%s", percent, percent >= 100 ? "\n" : "");
	else if (percent / 25 > before / 25)
		fprintf(stderr, "  %3ld %%\n", percent);
}

static void run(struct load *load)
{
	long shown = 0;

	connect_all(load);
	load->set[load->connections] =
		(struct pollfd){ load->is_idler ? STDIN_FILENO : -1, POLLIN, 0 };
	while (load->open > 0) {
		int n = poll(load->set, (nfds_t)load->connections + 1, STALLED_MS);

		if (n == 0) {
			fprintf(stderr, "\nnothing came for %d s\n", STALLED_MS / 1000);
			load->errors += load->open;
			return;
		}
		for (int i = 0; i < load->connections; i++)
			if (load->set[i].fd >= 0 && load->set[i].revents)
				step(load, i);
		if (load->set[load->connections].revents)
			step_again(load);
		if (!load->is_idler && load->done - shown >= load->total / 20) {
			show_progress(100 * shown / load->total, 100 * load->done / load->total);
			shown = load->done;
		}
	}
}

int main(int argc, char **argv)
{
	struct load load = { .connections = 1000, .rounds = 100 };
	struct rlimit limit;
	double start;

	if (argc > 1 && strcmp(argv[1], "-i") == 0) {
		load.is_idler = true;
		argc--, argv++;
	}
	if (argc > 2)
		load.connections = atoi(argv[2]);
	if (argc > 3)
		load.rounds = atoi(argv[3]);
	if (argc < 2 || parse_server(argv[1], &load.server) < 0 || load.connections < 1 ||
	    load.rounds < 1) {
		fprintf(stderr, "usage: echo_client [-i] IPV4:PORT [CONNECTIONS [ROUND_TRIPS]]\n");
		return 2;
	}
	if (getrlimit(RLIMIT_NOFILE, &limit) == 0) {
		limit.rlim_cur = limit.rlim_max;
		setrlimit(RLIMIT_NOFILE, &limit);
	}
	load.clients = calloc((size_t)load.connections, sizeof(*load.clients));
	load.set = calloc((size_t)load.connections + 1, sizeof(*load.set));
	load.total = (long)load.connections * load.rounds;
	if (!load.clients || !load.set) {
		fprintf(stderr, "echo_client: out of memory\n");
		return 1;
	}
	start = now_s();
	run(&load);
	printf("%d %ld %.2f %ld\n", load.connections, load.done, now_s() - start, load.errors);
	free(load.clients);
	free(load.set);
	return load.errors > 0 || load.done != load.total;
}
