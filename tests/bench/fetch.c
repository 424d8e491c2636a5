/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/fetch.c - a load for servers of files: one request after the other, on one
 * connection.
 *
 *	fetch [-t SECONDS] [-p SERVER_PID] HOST:PORT
 *
 * What comes is counted, and dropped by the kernel. Prints KEY=VALUE: GiB each second, and with -p
 * the server's processor time for each GiB, in nanoseconds.
 */
#include "address.h"
#include "cpu_clock.h"
#include "die.h"

#include <stdbool.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

static int64_t now_ns(void)
{
	struct timespec time;

	clock_gettime(CLOCK_MONOTONIC, &time);
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static int dial(const struct sockaddr_in *address)
{
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	if (fd < 0 || connect(fd, (const struct sockaddr *)address, sizeof(*address)) < 0)
		die_errno("connect");
	return fd;
}

/* The head of an answer, without a byte of what follows; how long that will be. */
static long long receive_head(int fd)
{
	char head[2048], *end, *length;
	ssize_t n;
	size_t size = 0;

	do {
		n = recv(fd, head, sizeof(head) - 1, MSG_PEEK);
		if (n <= 0 || (size_t)n == size)
			die("no answer");
		size = (size_t)n;
		head[size] = '\0';
		end = strstr(head, "\r\n\r\n");
	} while (!end && size < sizeof(head) - 1);
	length = strstr(head, "Content-Length: ");
	if (!end || !length || strncmp(head, "HTTP/1.1 200 ", 13) != 0)
		die("not the answer that was expected");
	size = (size_t)(end + 4 - head);
	if (recv(fd, head, size, MSG_WAITALL) != (ssize_t)size)
		die_errno("recv");
	return strtoll(length + 16, NULL, 10);
}

static void drop(int fd, long long size)
{
	while (size > 0) {
		ssize_t n = recv(fd, NULL, size < 1 << 20 ? (size_t)size : 1 << 20, MSG_TRUNC);

		if (n <= 0)
			die("the answer is shorter than it said");
		size -= n;
	}
}

static long long fetch(int fd)
{
	static const char request[] = "GET /file HTTP/1.1\r\nHost: bench\r\n\r\n";
	long long size;

	if (send(fd, request, sizeof(request) - 1, 0) < 0)
		die_errno("send");
	size = receive_head(fd);
	drop(fd, size);
	return size;
}

int main(int argc, char **argv)
{
	struct sockaddr_in address;
	double seconds = 1, gib = 0;
	struct cpu_time before, after;
	pid_t server = 0;
	int64_t began;
	int option, fd;

	while ((option = getopt(argc, argv, "p:t:")) != -1) {
		if (option == 'p')
			server = (pid_t)strtol(optarg, NULL, 10);
		else if (option == 't')
			seconds = strtod(optarg, NULL);
		else
			die("usage: fetch [-t SECONDS] [-p SERVER_PID] HOST:PORT");
	}
	if (optind != argc - 1)
		die("usage: fetch [-t SECONDS] [-p SERVER_PID] HOST:PORT");
	address = address_parse(argv[optind]);
	fd = dial(&address);
	fetch(fd); /* the file into memory */
	before = cpu_clock_read(server);
	began = now_ns();
	do {
		gib += (double)fetch(fd) / (1 << 30);
	} while ((double)(now_ns() - began) < seconds * 1e9);
	after = cpu_clock_read(server);
	printf("rate=%.3f", gib / ((double)(now_ns() - began) / 1e9));
	if (server)
		printf(" cpu=%.0f", (double)(after.total_ns - before.total_ns) / gib);
	printf("\n");
	return 0;
}
