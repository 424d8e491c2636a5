/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/restart_client.c - a load that notices everything.
 *
 *	restart_client [-n REQUESTS] [-p MILLISECONDS] ADDRESS NEW KEPT
 *
 * NEW fibers open a connection for each request, KEPT ones keep theirs until the server says that
 * it ends. Each makes REQUESTS of them; without -n, as many as it can until standard input ends, or
 * a minute. Prints how many were answered, by how many processes, and how many failed; fails if one
 * did.
 */
#include <netpark.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { PROCESSES_MAX = 256 };

static const int64_t PATIENCE_NS = INT64_C(20000000000), LONGEST_NS = INT64_C(60000000000);

static struct {
	const char *address;
	long requests; /* 0: until the end of input */
	int64_t pause_ns;
	bool is_over;
	struct np_mutex lock; /* of what follows */
	unsigned long answered, failed;
	long processes[PROCESSES_MAX];
	int process_count;
} load;

static void fail(const char *what, ssize_t error)
{
	char text[256];

	np_error_text((int)error, text, sizeof(text));
	fprintf(stderr, "restart_client: %s: %s\n", what, error ? text : "end of stream");
	np_mutex_lock(&load.lock);
	load.failed++;
	np_mutex_unlock(&load.lock);
}

static void count_answer(long process)
{
	int i = 0;

	np_mutex_lock(&load.lock);
	load.answered++;
	while (i < load.process_count && load.processes[i] != process)
		i++;
	if (i == load.process_count && i < PROCESSES_MAX)
		load.processes[load.process_count++] = process;
	np_mutex_unlock(&load.lock);
}

/* A whole answer: head, and 11 bytes of body. Its size, or why not. */
static ssize_t read_answer(struct np_fd *conn, char *buf, size_t size)
{
	size_t used = 0;

	for (;;) {
		ssize_t n = np_read(conn, buf + used, size - 1 - used);
		char *body;

		if (n <= 0)
			return n;
		used += (size_t)n;
		buf[used] = '\0';
		body = strstr(buf, "\r\n\r\n");
		if (body && strlen(body) == 4 + 11)
			return (ssize_t)used;
		if (used == size - 1)
			return NP_ELIMIT;
	}
}

/* One request. True if the connection stays. */
static bool ask(struct np_fd *conn, bool is_kept)
{
	const char *request =
		is_kept ? "GET / HTTP/1.1\r\nHost: x\r\n\r\n" : "GET / HTTP/1.0\r\n\r\n";
	char buf[512];
	ssize_t n;

	np_set_deadline(conn, np_deadline(PATIENCE_NS));
	n = np_write(conn, request, strlen(request));
	if (n > 0)
		n = read_answer(conn, buf, sizeof(buf));
	if (n <= 0) {
		fail(is_kept ? "kept" : "new", n);
		return false;
	}
	count_answer(atol(strstr(buf, "\r\n\r\n") + 4));
	return strstr(buf, "Connection: keep-alive");
}

static bool is_over(long done)
{
	return load.requests > 0 ? done == load.requests
				 : __atomic_load_n(&load.is_over, __ATOMIC_RELAXED);
}

static int drive(bool is_kept)
{
	struct np_fd *conn = NULL;

	for (long done = 0; !is_over(done); done++) {
		int error = conn ? 0
				 : np_dial(load.address[0] == '/' ? "unix" : "tcp", load.address,
					   np_deadline(PATIENCE_NS), &conn);

		if (error) {
			fail("dial", error);
			return 0;
		}
		if (!ask(conn, is_kept) || !is_kept) {
			np_close(conn);
			conn = NULL;
		}
		np_sleep(load.pause_ns);
	}
	np_close(conn);
	return 0;
}

static int drive_new(void *arg)
{
	(void)arg;
	return drive(false);
}

static int drive_kept(void *arg)
{
	(void)arg;
	return drive(true);
}

/* Or a minute. */
static void wait_for_end_of_input(void)
{
	struct np_fd *input;
	char byte;

	if (np_fd_open(STDIN_FILENO, 0, &input) == 0) {
		np_set_read_deadline(input, np_deadline(LONGEST_NS));
		np_read(input, &byte, 1);
		np_close(input);
	}
	__atomic_store_n(&load.is_over, true, __ATOMIC_RELAXED);
}

static int run(void *arg)
{
	const int *counts = arg;
	struct np_group group = { .first = NULL };
	int error = 0;

	for (int i = 0; i < counts[0] + counts[1] && !error; i++)
		error = np_group_go(&group, i < counts[0] ? drive_new : drive_kept, NULL);
	if (load.requests == 0)
		wait_for_end_of_input();
	np_group_join(&group);
	return error;
}

int main(int argc, char **argv)
{
	const struct np_run_options options = { .workers = 1 };
	int counts[2];
	int option, error;
	bool is_right = true;

	load.pause_ns = 1000000;
	while ((option = getopt(argc, argv, "n:p:")) != -1) {
		if (option == 'n')
			load.requests = atol(optarg);
		else if (option == 'p')
			load.pause_ns = atol(optarg) * INT64_C(1000000);
		else
			is_right = false;
	}
	if (!is_right || argc - optind != 3) {
		fprintf(stderr, "usage: restart_client [-n REQUESTS] [-p MILLISECONDS] ADDRESS NEW "
				"KEPT\n");
		return 2;
	}
	load.address = argv[optind];
	counts[0] = atoi(argv[optind + 1]);
	counts[1] = atoi(argv[optind + 2]);
	error = np_run(run, counts, &options);
	printf("%lu requests answered by %d processes, %lu failed\n", load.answered,
	       load.process_count, load.failed);
	return error || load.failed > 0 || load.answered == 0;
}
