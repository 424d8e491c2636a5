/* SPDX-License-Identifier: MIT */
/* tests/examples/dns.h - what the DNS server's files share: messages, a zone of its own,
 * forwarding. */
#ifndef NETPARK_TESTS_EXAMPLES_DNS_H
#define NETPARK_TESTS_EXAMPLES_DNS_H

#include <netpark.h>

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	DNS_HEADER = 12,
	DNS_NAME_MAX = 255,     /* with the length of each label, and the root's */
	DNS_CLASSIC_ROOM = 512, /* of UDP, for who says nothing else */
	DNS_UDP_ROOM = 1232,    /* that we take and give: fits any path without fragments */
	DNS_TCP_ROOM = 65535,
};

enum dns_type { DNS_A = 1, DNS_TXT = 16, DNS_AAAA = 28, DNS_OPT = 41, DNS_ANY = 255 };

enum dns_rcode {
	DNS_OK,
	DNS_FORMAT_ERROR,
	DNS_SERVER_FAILURE,
	DNS_NO_SUCH_NAME,
	DNS_NOT_IMPLEMENTED,
	DNS_REFUSED,
	DNS_DROP = -1, /* what deserves no answer */
};

/* ---- messages: dns_message.c -------------------------------------------------------------- */

/* A name as in messages, in lower case. */
struct dns_name {
	uint8_t size;
	uint8_t bytes[DNS_NAME_MAX];
};

/* What somebody asks. */
struct dns_query {
	struct dns_name name;
	uint16_t type;
	size_t question_end; /* the message's header and question end here */
	size_t room;         /* for the answer over UDP */
	bool has_edns;
};

/* Read a name from text, "www.example.org". False if it is none. */
bool dns_name_parse(const char *text, struct dns_name *ret_name);

/* Is @name @zone, or below it? */
bool dns_name_is_within(const struct dns_name *name, const struct dns_name *zone);

bool dns_name_equal(const struct dns_name *a, const struct dns_name *b);

/* Understand a query that anybody may have made up. DNS_OK, or what to answer. */
enum dns_rcode dns_query_parse(const uint8_t *message, size_t size, struct dns_query *ret_query);

/* An answer in the making. What does not fit is left out, and the answer says so. */
struct dns_answer {
	uint8_t *bytes;
	size_t room;
	size_t size;
	bool is_cut;
};

/* Begin with the query's header and @question_end bytes in all. @room is DNS_HEADER at least. */
void dns_answer_begin(struct dns_answer *answer, const uint8_t *query, size_t question_end,
		      uint8_t *bytes, size_t room);

/* A record of the name that was asked for. */
void dns_answer_add(struct dns_answer *answer, uint16_t type, const uint8_t *data, size_t size);

/* Returns its size. */
size_t dns_answer_end(struct dns_answer *answer, enum dns_rcode rcode, bool is_ours, bool has_edns);

/* May @size bytes from upstream be the answer to that query, which has the number @id? */
bool dns_answer_fits(const uint8_t *message, size_t size, const uint8_t *query, size_t question_end,
		     uint16_t id);

uint16_t dns_get16(const uint8_t *bytes);
void dns_put16(uint8_t *bytes, uint16_t value);

/* ---- names of our own: dns_zone.c --------------------------------------------------------- */

struct dns_record {
	struct dns_name name;
	uint16_t type;
	uint8_t size;
	uint8_t data[256];
};

struct dns_zone {
	bool exists;
	struct dns_name origin;
	int count;
	struct dns_record *records;
};

/* "NAME A|AAAA|TXT VALUE". False if it is no such thing, or there is no memory. */
bool dns_zone_add(struct dns_zone *zone, const char *text);

/* Put what the zone knows into the answer. */
enum dns_rcode dns_zone_answer(const struct dns_zone *zone, const struct dns_query *query,
			       struct dns_answer *answer);

/* ---- others' names: dns_forward.c --------------------------------------------------------- */

struct dns_upstream {
	const char *address; /* NULL: there is none */
	int64_t timeout_ns;  /* for all tries together */
};

/*
 * Ask upstream. Returns the size of the answer in @answer, which has the query's number; 0 if none
 * came in time; or NP_ECANCELED.
 */
ssize_t dns_forward(const struct dns_upstream *upstream, bool over_tcp, const uint8_t *query,
		    size_t size, size_t question_end, uint8_t *answer, size_t room);

/* A message over TCP, with its length in front, which @buf has room for, too. As np_read(). */
ssize_t dns_read_tcp(struct np_fd *conn, uint8_t *buf);

/* @size bytes at @buf + 2. */
int dns_write_tcp(struct np_fd *conn, uint8_t *buf, size_t size);

/* ---- the server: dns.c, dns_udp.c, dns_tcp.c ---------------------------------------------- */

struct dns_server {
	struct dns_zone zone;
	struct dns_upstream upstream;
	struct np_fd *udp, *tcp;
	struct np_semaphore forwards; /* a permit for each query that may wait for upstream */
	struct np_semaphore conns;    /* and for each connection */
};

/*
 * What can be answered at once: the answer's size, 0 for none. Or -1 if upstream has to be asked;
 * then *ret_query is what about.
 */
ssize_t dns_answer_at_once(const struct dns_server *server, const uint8_t *message, size_t size,
			   bool over_tcp, struct dns_query *ret_query, uint8_t *answer,
			   size_t room);

/* An answer that is an error and nothing else. Returns its size. */
size_t dns_answer_error(const uint8_t *message, const struct dns_query *query, enum dns_rcode rcode,
			uint8_t *answer, size_t room);

/* Serve until cancelled. @arg is the struct dns_server. */
void dns_serve_udp(void *arg);
void dns_serve_tcp(void *arg);

/* Say on standard error what went wrong. Returns 1. */
int dns_fail(const char *what, int error);

#endif /* NETPARK_TESTS_EXAMPLES_DNS_H */
