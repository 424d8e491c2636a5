/* SPDX-License-Identifier: MIT */
/* tests/examples/stop.c - see stop.h. */
#include "stop.h"

#include <netpark.h>

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

/* A signal becomes a byte in a pipe, which a task waits for as for any other. */
static int stop_pipe[2];

static void write_stop(int signo)
{
	int error = errno;

	(void)signo;
	if (write(stop_pipe[1], "", 1) < 0)
		errno = error; /* full: told already */
}

int stop_catch(int *ret_fd)
{
	struct sigaction action = { .sa_handler = write_stop, .sa_flags = SA_RESTART };

	if (pipe(stop_pipe) < 0)
		return -errno;
	fcntl(stop_pipe[1], F_SETFL, O_NONBLOCK);
	sigaction(SIGINT, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	*ret_fd = stop_pipe[0];
	return 0;
}

int stop_wait(int fd)
{
	struct np_fd *stop;
	int error = np_fd_open(fd, 0, &stop);

	if (error)
		return error;
	error = np_wait(stop, NP_READ);
	np_close(stop);
	return error;
}
