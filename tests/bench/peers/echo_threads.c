/* SPDX-License-Identifier: MIT */
/* tests/bench/peers/echo_threads.c - a control: a thread for each connection, and calls that block.
 */
#include "peer.h"

#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

enum { STACK_ROOM = 64 * 1024 };

static size_t buffer_size;
static int listener;

static bool write_all(int fd, const char *buf, size_t size)
{
	while (size) {
		ssize_t n = send(fd, buf, size, MSG_NOSIGNAL);

		if (n < 0)
			return false;
		buf += n;
		size -= (size_t)n;
	}
	return true;
}

static void *serve(void *arg)
{
	int fd = (int)(intptr_t)arg;
	char *buf = malloc(buffer_size);
	ssize_t n;

	if (!buf)
		die("out of memory");
	while ((n = recv(fd, buf, buffer_size, 0)) > 0)
		if (!write_all(fd, buf, (size_t)n))
			break;
	close(fd);
	free(buf);
	return NULL;
}

static void *accept_all(void *arg)
{
	pthread_attr_t attr;
	pthread_t thread;
	int fd;

	(void)arg;
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, STACK_ROOM);
	while ((fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC)) >= 0)
		if (pthread_create(&thread, &attr, serve, (void *)(intptr_t)fd) != 0)
			die("pthread_create");
	die_errno("accept4");
}

int main(int argc, char **argv)
{
	struct peer_options options = peer_parse(argc, argv);
	pthread_t acceptor;
	sigset_t stop;
	int received;

	buffer_size = options.buffer_size;
	sigemptyset(&stop);
	sigaddset(&stop, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop, NULL);
	listener = peer_listen(options.address);
	if (fcntl(listener, F_SETFL, 0) != 0)
		die_errno("fcntl");
	if (pthread_create(&acceptor, NULL, accept_all, NULL) != 0)
		die("pthread_create");
	sigwait(&stop, &received);
	return 0;
}
