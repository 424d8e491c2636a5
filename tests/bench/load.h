/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/load.h - the parts of the load generator.
 *
 * One thread and a plain epoll loop, without netpark: what drives the servers must not change with
 * what is measured.
 */
#ifndef NETPARK_TESTS_BENCH_LOAD_H
#define NETPARK_TESTS_BENCH_LOAD_H

#include "cpu_clock.h"
#include "histogram.h"

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct load_options {
	struct sockaddr_in address;
	unsigned connections; /* those that wait for their answers */
	unsigned floods;      /* those that do not */
	size_t size;          /* of a message */
	uint64_t requests;    /* as many, or 0: */
	int64_t duration_ns;  /* as long */
	pid_t server;         /* whose processor time is taken; 0 for none */
};

/* From the first request that counts to the last: what is reported at the end. */
struct window {
	const struct load_options *options;
	int64_t start_ns; /* not before: warming up */
	int64_t end_ns;
	bool is_open;
	struct cpu_time cpu;
	struct histogram latency;
	uint64_t begun; /* requests sent, in the window or before it */
};

int64_t load_time_ns(void);

/* A warm-up, then the duration; with a number of requests there is no warm-up and no end but that.
 */
void window_init(struct window *window, const struct load_options *options);

/* May another request be sent? Counts it. */
bool window_begin_request(struct window *window);

/* A request that took @latency_ns ended @now_ns. False if it was the last one. */
bool window_end_request(struct window *window, int64_t now_ns, int64_t latency_ns);

/* For loops that go on without any request: false if the time is over. */
bool window_pass_time(struct window *window, int64_t now_ns);

/* One line, KEY=VALUE each: times in microseconds, processor time in nanoseconds for each request.
 */
void window_report(const struct window *window);

/* One connection and the message that goes round on it. Any failure ends the program. */
struct conn {
	int fd;
	size_t size;
	size_t sent;
	size_t received;
	uint64_t sequence;
	int64_t began_ns;
	unsigned char *message;
};

/*
 * All connections, connected, blocking, each with one echo behind it: each has been accepted. A few
 * at a time, so that the server's backlog is never full.
 */
struct conn *conns_open(const struct load_options *options, unsigned count);

/* With a reset: no port must wait for stragglers, and the next round would find none left. */
void conns_reset(struct conn *conns, unsigned count);

void conn_init(struct conn *conn, size_t size);
void conn_set_nonblocking(struct conn *conn);

/* A message unlike the last one; then as much of it as can be sent now. */
void conn_begin(struct conn *conn, int64_t now_ns);
void conn_send(struct conn *conn);

/* Take what is there and compare. Has the whole message come back? */
bool conn_receive(struct conn *conn);

/* The loop, in each of its uses: run, then report. */
void load_echo(const struct load_options *options);
void load_churn(const struct load_options *options);
void load_idle(const struct load_options *options);
void load_flood(const struct load_options *options);

/* An epoll instance; @data with @fd for @events. */
int loop_open(void);
void loop_add(int loop, int fd, uint32_t events, void *data);

#endif /* NETPARK_TESTS_BENCH_LOAD_H */
