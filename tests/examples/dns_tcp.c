/* SPDX-License-Identifier: MIT */
/* tests/examples/dns_tcp.c - DNS over TCP: a fiber for each connection, one query after the other.
 */
#include "dns.h"

#include <stdlib.h>

static const int64_t IDLE_NS = INT64_C(5000000000);

struct conn {
	struct dns_server *server;
	struct np_fd *fd;
	uint8_t query[2 + DNS_TCP_ROOM], answer[2 + DNS_TCP_ROOM];
};

/* Returns the size of the answer, 0 for none, NP_ECANCELED. */
static ssize_t answer(struct conn *conn, size_t size)
{
	const struct dns_server *server = conn->server;
	uint8_t *message = conn->query + 2, *bytes = conn->answer + 2;
	struct dns_query query;
	ssize_t n = dns_answer_at_once(server, message, size, true, &query, bytes, DNS_TCP_ROOM);

	if (n >= 0)
		return n;
	n = dns_forward(&server->upstream, true, message, size, query.question_end, bytes,
			DNS_TCP_ROOM);
	return n != 0 ? n
		      : (ssize_t)dns_answer_error(message, &query, DNS_SERVER_FAILURE, bytes,
						  DNS_TCP_ROOM);
}

static void serve(void *arg)
{
	struct conn *conn = arg;
	ssize_t n;

	do {
		np_set_deadline(conn->fd, np_deadline(IDLE_NS));
		n = dns_read_tcp(conn->fd, conn->query);
		if (n > 0)
			n = answer(conn, (size_t)n);
		np_set_deadline(conn->fd, np_deadline(IDLE_NS));
		if (n > 0 && dns_write_tcp(conn->fd, conn->answer, (size_t)n) < 0)
			n = 0;
	} while (n > 0);
	np_close(conn->fd);
	np_semaphore_release(&conn->server->conns, 1);
	free(conn);
}

/* The connection is somebody's now, or gone. */
static void start(struct dns_server *server, struct np_fd *fd)
{
	struct conn *conn = malloc(sizeof(*conn));

	if (conn) {
		conn->server = server;
		conn->fd = fd;
		if (np_go(serve, conn) == 0)
			return;
		free(conn);
	}
	np_close(fd);
	np_semaphore_release(&server->conns, 1);
}

/* Who comes when there are too many waits in the kernel's queue. */
void dns_serve_tcp(void *arg)
{
	struct dns_server *server = arg;
	struct np_fd *fd;
	int error = 0;

	while (error != NP_ECLOSED && error != NP_ECANCELED) {
		error = np_semaphore_acquire(&server->conns, 1);
		if (error)
			break;
		error = np_accept(server->tcp, &fd);
		if (!error)
			start(server, fd);
		else
			np_semaphore_release(&server->conns, 1);
		/* Out of descriptors, most likely. */
		if (error && error != NP_ECLOSED && error != NP_ECANCELED) {
			dns_fail("", error);
			np_sleep(10 * 1000 * 1000);
		}
	}
}
