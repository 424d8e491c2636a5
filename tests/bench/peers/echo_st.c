/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/echo_st.c - State Threads, a thread of theirs for each connection, the buffer
 * on its stack.
 *
 * Epoll must be asked for, and a build without it (Debian's) answers with select and a silent yes.
 * Then poll is the better choice: it has no limit of 1,024 descriptors. A signal handler may not
 * call the library, so it writes to a pipe that one of the threads reads.
 */
#include "peer.h"

#include <signal.h>
#include <st.h>
#include <unistd.h>

enum { STACK_ROOM = 64 * 1024 };

static struct peer_options options;
static int stop_pipe[2];

static void *serve(void *arg)
{
	st_netfd_t conn = arg;
	char small[512];
	char *buf = options.buffer_size > sizeof(small) ? malloc(options.buffer_size) : small;
	ssize_t n;

	if (!buf)
		die("out of memory");
	while ((n = st_read(conn, buf, options.buffer_size, ST_UTIME_NO_TIMEOUT)) > 0)
		if (st_write(conn, buf, (size_t)n, ST_UTIME_NO_TIMEOUT) != n)
			break;
	st_netfd_close(conn);
	if (buf != small)
		free(buf);
	return NULL;
}

static void *accept_all(void *arg)
{
	st_netfd_t conn;

	while ((conn = st_accept(arg, NULL, NULL, ST_UTIME_NO_TIMEOUT)) != NULL)
		if (!st_thread_create(serve, conn, 0, STACK_ROOM))
			die("st_thread_create");
	die_errno("st_accept");
}

static void choose_event_system(void)
{
	if (st_set_eventsys(ST_EVENTSYS_ALT) != 0 || strcmp(st_get_eventsys_name(), "epoll") != 0) {
		fprintf(stderr, "this build of State Threads has no epoll: it uses poll\n");
		if (st_set_eventsys(ST_EVENTSYS_POLL) != 0)
			die_errno("st_set_eventsys");
	}
}

static void on_signal(int number)
{
	(void)number;
	if (write(stop_pipe[1], "", 1) != 1)
		_exit(1);
}

int main(int argc, char **argv)
{
	st_netfd_t stop, listener;
	char byte;

	options = peer_parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	choose_event_system();
	if (st_init() != 0 || pipe(stop_pipe) != 0)
		die_errno("st_init");
	signal(SIGTERM, on_signal);
	stop = st_netfd_open(stop_pipe[0]);
	listener = st_netfd_open_socket(peer_listen(options.address));
	if (!stop || !listener || !st_thread_create(accept_all, listener, 0, 0))
		die_errno("State Threads");
	st_read(stop, &byte, 1, ST_UTIME_NO_TIMEOUT);
	return 0;
}
