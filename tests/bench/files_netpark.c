/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/files_netpark.c - one file to whoever asks, in as much of HTTP/1.1 as that takes.
 *
 *	files_netpark [-r] FILE HOST:PORT
 *
 * By np_sendfile(); with -r it is read and written. Whatever is asked for, it is the file, which is
 * opened for each request. A fiber for each connection, one worker.
 */
#include <netpark.h>

#include "die.h"

#include <fcntl.h>
#include <signal.h>
#include <stdbool.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REQUEST_MAX = 1024, BUFFER = 64 << 10 };

struct server {
	const char *path;
	const char *address;
	bool reads;
};

struct session {
	const struct server *server;
	struct np_fd *conn;
};

static _Noreturn void die_np(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "bench: %s: %s\n", what, text);
	exit(1);
}

/* Up to the empty line that ends it; nobody sends the next one before the answer. */
static bool receive_request(struct np_fd *conn)
{
	char request[REQUEST_MAX + 1];
	size_t size = 0;

	while (size < REQUEST_MAX) {
		ssize_t n = np_read(conn, request + size, REQUEST_MAX - size);

		if (n <= 0)
			return false;
		size += (size_t)n;
		request[size] = '\0';
		if (strstr(request, "\r\n\r\n"))
			return true;
	}
	return false;
}

static bool read_and_write(struct np_fd *conn, int number)
{
	char *buf = malloc(BUFFER);
	ssize_t n;

	while ((n = read(number, buf, BUFFER)) > 0 && np_write(conn, buf, (size_t)n) == n)
		;
	free(buf);
	return n == 0;
}

static bool send_body(const struct server *server, struct np_fd *conn, int number, off_t size)
{
	struct np_fd *file;
	bool is_sent;

	if (server->reads)
		return read_and_write(conn, number);
	if (np_fd_open(dup(number), 0, &file) != 0)
		return false;
	is_sent = np_sendfile(conn, file, 0, -1) == size;
	np_close(file);
	return is_sent;
}

static bool answer(const struct server *server, struct np_fd *conn)
{
	int number = open(server->path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char head[128];
	bool is_sent;
	int length;

	if (number < 0 || fstat(number, &status) < 0)
		die_errno(server->path);
	length = snprintf(head, sizeof(head), "HTTP/1.1 200 OK\r\nContent-Length: %lld\r\n\r\n",
			  (long long)status.st_size);
	is_sent = np_write(conn, head, (size_t)length) == length &&
		  send_body(server, conn, number, status.st_size);
	close(number);
	return is_sent;
}

static void serve(void *arg)
{
	struct session session = *(struct session *)arg;

	free(arg);
	while (receive_request(session.conn) && answer(session.server, session.conn))
		;
	np_close(session.conn);
}

static void announce(struct np_fd *listener)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;

	np_local_addr(listener, &addr);
	np_addr_format(&addr, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
}

/* Until a signal ends it. */
static int run(void *arg)
{
	struct server *server = arg;
	struct np_fd *listener;
	int error = np_listen("tcp", server->address, &listener);

	if (error)
		die_np("listen", error);
	announce(listener);
	for (;;) {
		struct session *session = malloc(sizeof(*session));

		session->server = server;
		error = np_accept(listener, &session->conn);
		if (!error)
			error = np_go(serve, session);
		if (error)
			die_np("accept", error);
	}
}

int main(int argc, char **argv)
{
	const struct np_run_options options = { .workers = 1 };
	struct server server = { .reads = false };
	int option;

	while ((option = getopt(argc, argv, "r")) == 'r')
		server.reads = true;
	if (option != -1 || optind != argc - 2) {
		fprintf(stderr, "usage: files_netpark [-r] FILE HOST:PORT\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	server.path = argv[optind];
	server.address = argv[optind + 1];
	return np_run(run, &server, &options);
}
