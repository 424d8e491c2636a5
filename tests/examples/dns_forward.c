/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/dns_forward.c - queries passed on to another server.
 *
 * Each try has a socket of its own, so that its port, and the query's number, are what who would
 * send false answers has to guess. A connected socket hears at once when nobody is there.
 */
#include "dns.h"

#include <string.h>
#include <sys/uio.h>
#include <unistd.h>
#if defined(__linux__)
#include <sys/syscall.h>
#elif defined(__APPLE__)
#include <sys/random.h> /* has getentropy(3) there */
#endif

enum { TRIES = 3 };

/* C libraries have getentropy(3) for less long than Linux has had what it does. */
static bool fill_with_random(uint8_t *buf, size_t size)
{
#ifdef __linux__
	return syscall(SYS_getrandom, buf, size, 0) == (long)size;
#else
	return getentropy(buf, size) == 0;
#endif
}

/* From there until the deadline: what is not the answer is not looked at any further. */
static ssize_t await_answer(struct np_fd *conn, const uint8_t *query, size_t question_end,
			    uint16_t id, uint8_t *answer, size_t room)
{
	for (;;) {
		ssize_t n = np_read(conn, answer, room);

		if (n < 0 || dns_answer_fits(answer, (size_t)n, query, question_end, id))
			return n;
	}
}

static ssize_t ask_udp(struct np_fd *conn, uint8_t *query, size_t size, size_t question_end,
		       uint8_t *answer, size_t room)
{
	ssize_t n = np_write(conn, query, size);

	return n < 0 ? n : await_answer(conn, query, question_end, dns_get16(query), answer, room);
}

static ssize_t ask_tcp(struct np_fd *conn, uint8_t *query, size_t size, size_t question_end,
		       uint8_t *answer)
{
	uint8_t length[2];
	struct iovec iov[2] = { { length, 2 }, { query, size } };
	ssize_t n;

	dns_put16(length, (uint16_t)size);
	n = np_writev(conn, iov, 2);
	if (n > 0)
		n = np_read_full(conn, length, 2);
	if (n > 0)
		n = np_read_full(conn, answer, dns_get16(length));
	if (n > 0 && !dns_answer_fits(answer, (size_t)n, query, question_end, dns_get16(query)))
		n = NP_EEOF;
	return n;
}

/* One try. The query is changed: its number. */
static ssize_t ask(const struct dns_upstream *upstream, bool over_tcp, int64_t deadline_ns,
		   uint8_t *query, size_t size, size_t question_end, uint8_t *answer, size_t room)
{
	struct np_fd *conn;
	ssize_t n;

	if (!fill_with_random(query, 2))
		return -1;
	n = np_dial(over_tcp ? "tcp" : "udp", upstream->address, deadline_ns, &conn);
	if (n < 0)
		return n;
	n = np_set_deadline(conn, deadline_ns);
	if (n == 0)
		n = over_tcp ? ask_tcp(conn, query, size, question_end, answer)
			     : ask_udp(conn, query, size, question_end, answer, room);
	np_close(conn);
	return n;
}

ssize_t dns_forward(const struct dns_upstream *upstream, bool over_tcp, const uint8_t *query,
		    size_t size, size_t question_end, uint8_t *answer, size_t room)
{
	int64_t start = np_time();
	uint8_t copy[DNS_UDP_ROOM];

	if (size > sizeof(copy))
		return 0;
	memcpy(copy, query, size);
	/* Later tries have what earlier ones, refused at once, left of the time. */
	for (int i = 1; i <= TRIES; i++) {
		int64_t deadline = start + upstream->timeout_ns * i / TRIES;
		ssize_t n =
			ask(upstream, over_tcp, deadline, copy, size, question_end, answer, room);

		if (n > 0)
			memcpy(answer, query, 2);
		if (n > 0 || n == NP_ECANCELED)
			return n;
	}
	return 0;
}

ssize_t dns_read_tcp(struct np_fd *conn, uint8_t *buf)
{
	ssize_t n = np_read_full(conn, buf, 2);

	return n <= 0 ? n : np_read_full(conn, buf + 2, dns_get16(buf));
}

int dns_write_tcp(struct np_fd *conn, uint8_t *buf, size_t size)
{
	ssize_t n;

	dns_put16(buf, (uint16_t)size);
	n = np_write(conn, buf, 2 + size);
	return n < 0 ? (int)n : 0;
}
