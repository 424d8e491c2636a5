/* SPDX-License-Identifier: MIT */
/* core/net/listen.c - listeners, and what they accept. */
#include <netpark/net.h>
#include <netpark/unix.h>

#include "core/addr.h"
#include "core/failure.h"
#include "core/fd.h"
#include "core/net/bind.h"
#include "core/net/keep_alive.h"
#include "core/net/options.h"
#include "core/net/target.h"
#include "core/sys.h"

#include <errno.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * Every kernel cuts this down to what its administrator allows; more than 16 bits became 0 in some.
 */
enum { BACKLOG_MAX = 65535 };

static int set_listen_options(const struct target *target, const struct np_listen_options *options,
			      int sysfd)
{
	int error;

	if (!target_is_tcp(target))
		return 0;
	error = np__set_option(sysfd, SOL_SOCKET, SO_REUSEADDR, 1);
	/* What is accepted gets these from the kernel, or by np__sys_accepted(). */
	if (!error)
		error = np__set_option(sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	if (!error)
		error = np__keep_alive_set(sysfd, &options->keep_alive);
	return error;
}

/*
 * A path that we bound goes when the listener goes; before close(2), while it is surely ours. Of
 * one that came from another process it may mean something else here: no socket is not it.
 */
static void unlink_path(struct np_fd *listener)
{
	struct np_addr addr;
	char path[NP_ADDR_PATH_MAX + 1];
	struct stat status;

	np__addr_from_sockaddr(&addr, (const struct sockaddr *)listener->name,
			       listener->name_length);
	if (np__addr_path(&addr, path) && lstat(path, &status) == 0 && S_ISSOCK(status.st_mode))
		unlink(path);
}

int np_set_unlink_on_close(struct np_fd *listener, bool unlinks)
{
	int error;

	if (!listener || !listener->is_listener || strncmp(listener->network, "unix", 4) != 0)
		return np__invalid("np_set_unlink_on_close: no listener of a Unix network");
	error = np__fd_incref(listener, "set");
	if (error)
		return error;
	/* Whoever closes looks after the last reference, so after this. */
	__atomic_store_n(&listener->before_close, unlinks ? unlink_path : NULL, __ATOMIC_RELAXED);
	np__fd_decref(listener);
	return 0;
}

/* Options, bind, listen. Returns 0 or an error, and in *call which system call said so. */
static int start_listening(const struct target *target, const struct np_listen_options *options,
			   bool v6_only, struct np_fd *listener, const char **call)
{
	int error;

	*call = "setsockopt";
	error = set_listen_options(target, options, listener->sysfd);
	if (!error)
		error = np__bind(target, options, v6_only, listener, call);
	if (error)
		return error;
	if (target_is_unix(target))
		listener->before_close = unlink_path;
	*call = "listen";
	if (listen(listener->sysfd, options->backlog > 0 ? options->backlog : BACKLOG_MAX) < 0)
		return -errno;
	*call = "getsockname";
	error = np__target_store_bound(listener);
	if (!error && options->flags & NP_LISTEN_KEEP_PATH)
		listener->before_close = NULL;
	return error;
}

static int listen_target(const struct target *target, const struct np_listen_options *options,
			 bool v6_only, struct np_fd **ret_listener)
{
	struct np_fd *listener;
	const char *call;
	int error = np__target_open(target, true, &listener, &call);

	if (error)
		return np__target_fail("listen", target, error, call);
	error = start_listening(target, options, v6_only, listener, &call);
	if (error) {
		np_close(listener);
		return np__target_fail("listen", target, error, call);
	}
	*ret_listener = listener;
	return 0;
}

static int listen_on(const char *network, const char *address,
		     const struct np_listen_options *options, struct np_fd **ret_listener)
{
	struct target target;
	int error = np__target_find("listen", network, address, options, &target);

	if (error)
		return error;
	if (target.type == SOCK_DGRAM)
		return np__target_refuse("listen", &target, "unexpected address type", address);
	if (np__target_is_excluded(&target, options))
		return np__target_refuse("listen", &target, "no suitable address found", address);
	return np__target_bind(&target, options, listen_target, ret_listener);
}

int np_listen_with(const char *network, const char *address,
		   const struct np_listen_options *options, struct np_fd **ret_listener)
{
	static const struct np_listen_options defaults = { .backlog = 0 };

	if (!ret_listener)
		return np__invalid("np_listen: no place for the listener");
	if (!options)
		options = &defaults;
	if (!np__listen_options_are_valid(options))
		return np__invalid("np_listen: unknown flags, or no permission bits, or a backlog "
				   "below 0");
	return np__spend(listen_on(network, address, options, ret_listener));
}

int np_listen(const char *network, const char *address, struct np_fd **ret_listener)
{
	return np_listen_with(network, address, NULL, ret_listener);
}

int np_accept(struct np_fd *listener, struct np_fd **ret_conn)
{
	struct sockaddr_storage peer = { .ss_family = AF_UNSPEC };
	socklen_t length = sizeof(peer);
	struct fd_kind kind = { .name = (struct sockaddr *)&peer };
	int sysfd;
	int error;

	if (!listener || !ret_conn || !listener->is_listener)
		return np__invalid("np_accept: no listener, or no place for the connection");
	sysfd = np__fd_accept(listener, (struct sockaddr *)&peer, &length, &kind);
	if (sysfd < 0)
		return sysfd;
	kind.name_length = length;
	error = np__fd_new_socket(sysfd, &kind, ret_conn);
	return error ? np__fail(error, "accept", kind.network)->error : 0;
}
