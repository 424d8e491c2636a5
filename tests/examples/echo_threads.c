/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/echo_threads.c - the echo server with a thread for each connection.
 *
 * To stop, the listener and every connection are closed from outside; their threads see NP_ECLOSED
 * and end.
 *
 * The acceptor waits on a poller of its own. It sleeps most of the time; on the connections' poller
 * it would mostly be the one who leads, and hand every report on to another thread.
 */
#include "echo.h"

#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>

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
	struct np_fd *conn;

	np_task_use_poller(server->accept_poller);
	while (echo_accept(server->listener, &conn) == 0)
		if (start_session(server, conn))
			np_close(conn);
	return NULL;
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

static int serve_until_stopped(struct server *server, const struct echo_options *options)
{
	pthread_t acceptor;
	int error = pthread_create(&acceptor, NULL, accept_all, server);

	if (error)
		return echo_fail("pthread_create", -error);
	np_task_use_poller(server->accept_poller);
	echo_wait_for_stop(options);
	np_cancel_io(server->listener);
	pthread_join(acceptor, NULL);
	np_close(server->listener);
	stop(server);
	return 0;
}

int echo_run_threads(const struct echo_options *options)
{
	const struct np_poller_options poller = { .backend = options->backend };
	struct server server = {
		.lock = PTHREAD_MUTEX_INITIALIZER,
		.empty = PTHREAD_COND_INITIALIZER,
	};
	int error = np_poller_create(&poller, &server.poller);

	if (!error)
		error = np_poller_create(&poller, &server.accept_poller);
	if (error)
		return echo_fail("poller", error);
	error = echo_listen(options->address, &server.listener);
	if (!error)
		error = serve_until_stopped(&server, options);
	np_poller_destroy(server.accept_poller);
	np_poller_destroy(server.poller);
	return error;
}
