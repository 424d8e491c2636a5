/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo.c - a TCP echo server, one thread for each connection.
 *
 *	echo [-b epoll|poll|kqueue] [-m threads] HOST:PORT
 *
 * Prints the address it listens on as its first line; port 0 takes a free one. SIGINT and SIGTERM
 * stop it: the listener and every connection are closed, their threads see NP_ECLOSED and end, and
 * the exit status is 0.
 *
 * The acceptor waits on a poller of its own. It sleeps most of the time; on the connections' poller
 * it would mostly be the one who leads, and hand every report on to another thread.
 */
#include <netpark.h>

#include <getopt.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A connection being served, in a list so that all can be closed from outside. */
struct session {
	struct server *server;
	struct np_fd *conn;
	struct session *next;
	struct session **previous;
};

struct server {
	struct np_poller *accept_poller;
	struct np_poller *poller; /* of all connections */
	struct np_fd *listener;

	pthread_mutex_t lock;
	pthread_cond_t empty;
	struct session *sessions; /* under lock */
	bool stopping;            /* under lock */
};

static int fail(const char *what, int error)
{
	char text[256];

	np_error_text(error, text, sizeof(text));
	fprintf(stderr, "echo: %s%s%s\n", what, *what ? ": " : "", text);
	return 1;
}

/* False if the server is stopping: then the session must not start. */
static bool enroll(struct session *session)
{
	struct server *server = session->server;
	bool welcome;

	pthread_mutex_lock(&server->lock);
	welcome = !server->stopping;
	if (welcome) {
		session->next = server->sessions;
		session->previous = &server->sessions;
		if (session->next)
			session->next->previous = &session->next;
		server->sessions = session;
	}
	pthread_mutex_unlock(&server->lock);
	return welcome;
}

static void leave(struct session *session)
{
	struct server *server = session->server;

	pthread_mutex_lock(&server->lock);
	*session->previous = session->next;
	if (session->next)
		session->next->previous = session->previous;
	if (!server->sessions)
		pthread_cond_signal(&server->empty);
	pthread_mutex_unlock(&server->lock);
}

static void *serve(void *arg)
{
	struct session *session = arg;
	char buf[16384];
	ssize_t n;

	np_task_use_poller(session->server->poller);
	while ((n = np_read(session->conn, buf, sizeof(buf))) > 0)
		if (np_write(session->conn, buf, (size_t)n) < 0)
			break;
	/* Close, then leave the list, then let go of the memory that the list's readers use. */
	np_cancel_io(session->conn);
	leave(session);
	np_unref(session->conn);
	free(session);
	return NULL;
}

/* Start a thread for a connection; the connection is the thread's from then on. */
static int start_session(struct server *server, struct np_fd *conn)
{
	struct session *session = malloc(sizeof(*session));
	pthread_attr_t attr;
	pthread_t thread;
	int error;

	if (!session)
		return 1;
	*session = (struct session){ .server = server, .conn = conn };
	if (!enroll(session)) {
		free(session);
		return 1;
	}
	pthread_attr_init(&attr);
	pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
	pthread_attr_setstacksize(&attr, 256 * 1024);
	error = pthread_create(&thread, &attr, serve, session);
	pthread_attr_destroy(&attr);
	if (error) {
		leave(session);
		free(session);
	}
	return error;
}

static void *accept_all(void *arg)
{
	struct server *server = arg;
	int error;

	np_task_use_poller(server->accept_poller);
	for (;;) {
		struct np_fd *conn;

		error = np_accept(server->listener, &conn);
		if (error == NP_ECLOSED)
			return NULL;
		if (error)
			fail("", error); /* out of descriptors, say: who is served goes on */
		else if (start_session(server, conn))
			np_close(conn);
	}
}

/* Close everything that is open and wait until everybody has noticed. */
static void stop(struct server *server)
{
	pthread_mutex_lock(&server->lock);
	server->stopping = true;
	/* Under the lock a session cannot end, so its connection is there. */
	for (struct session *session = server->sessions; session; session = session->next)
		np_cancel_io(session->conn);
	while (server->sessions)
		pthread_cond_wait(&server->empty, &server->lock);
	pthread_mutex_unlock(&server->lock);
}

static int run(struct server *server, const sigset_t *stop_signals)
{
	char text[NP_ADDR_TEXT_MAX];
	struct np_addr addr;
	pthread_t acceptor;
	int received;
	int error;

	error = np_local_addr(server->listener, &addr);
	if (error)
		return fail("", error);
	np_addr_format(&addr, text, sizeof(text));
	printf("%s\n", text);
	fflush(stdout);
	error = pthread_create(&acceptor, NULL, accept_all, server);
	if (error)
		return fail("pthread_create", -error);
	sigwait(stop_signals, &received);
	np_cancel_io(server->listener);
	pthread_join(acceptor, NULL);
	np_close(server->listener);
	stop(server);
	return 0;
}

static int usage(void)
{
	fprintf(stderr, "usage: echo [-b epoll|poll|kqueue] [-m threads] HOST:PORT\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct np_poller_options options = { .backend = NULL };
	struct server server = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.empty = PTHREAD_COND_INITIALIZER,
	};
	sigset_t stop_signals;
	int option;
	int error;

	while ((option = getopt(argc, argv, "b:m:")) != -1) {
		if (option == 'b') {
			options.backend = runtime_poll_find(optarg);
			if (!options.backend) {
				fprintf(stderr, "echo: this build has no backend \"%s\"\n", optarg);
				return 2;
			}
		} else if (option != 'm' || strcmp(optarg, "threads") != 0) {
			return usage();
		}
	}
	if (optind != argc - 1)
		return usage();

	/* Every thread inherits the mask; one waits for the signals. */
	sigemptyset(&stop_signals);
	sigaddset(&stop_signals, SIGINT);
	sigaddset(&stop_signals, SIGTERM);
	pthread_sigmask(SIG_BLOCK, &stop_signals, NULL);

	error = np_poller_create(&options, &server.poller);
	if (!error)
		error = np_poller_create(&options, &server.accept_poller);
	if (error)
		return fail("poller", error);
	error = np_listen("tcp", argv[optind], &server.listener);
	if (error)
		return fail("", error);
	error = run(&server, &stop_signals);
	np_poller_destroy(server.accept_poller);
	np_poller_destroy(server.poller);
	return error;
}
