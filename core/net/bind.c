/* SPDX-License-Identifier: MIT */
/* core/net/bind.c - see bind.h. */
#include "core/net/bind.h"

#include <netpark/net.h>

#include "core/addr.h"
#include "core/fd.h"
#include "core/net/options.h"
#include "core/net/target.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	KNOWN_FLAGS = NP_LISTEN_REUSE_PORT | NP_LISTEN_V6_ONLY | NP_LISTEN_KEEP_PATH,
	MODE_BITS = 0777,
};

/* FreeBSD's plain one is for multicast: the last socket gets everything. */
#if defined(SO_REUSEPORT_LB)
enum { OPTION_REUSE_PORT = SO_REUSEPORT_LB };
#elif defined(SO_REUSEPORT)
enum { OPTION_REUSE_PORT = SO_REUSEPORT };
#else
enum { OPTION_REUSE_PORT = -1 };
#endif

bool np__listen_options_are_valid(const struct np_listen_options *options)
{
	return !(options->flags & ~(unsigned)KNOWN_FLAGS) && options->backlog >= 0 &&
	       !(options->path_mode & ~(unsigned)MODE_BITS);
}

/* The network with its family: "tcp4" */
static const char *full_network(const struct target *target)
{
	if (target_is_unix(target))
		return target->network;
	if (target->type == SOCK_STREAM)
		return target->family == AF_INET ? "tcp4" : "tcp6";
	return target->family == AF_INET ? "udp4" : "udp6";
}

int np__control(const struct target *target,
		int (*control)(int sysfd, const char *network, const char *address, void *arg),
		void *arg, struct np_fd *fd)
{
	char address[NP_ADDR_TEXT_MAX];

	np_addr_format(&target->addr, address, sizeof(address));
	np__fd_expose(fd);
	return control(fd->sysfd, full_network(target), address, arg);
}

/*
 * Explicitly: the default is the administrator's. OpenBSD cannot serve both families. For who only
 * says "tcp6" it is no great matter.
 */
static int set_v6_only(bool v6_only, unsigned flags, int sysfd)
{
	int error = np__set_option(sysfd, IPPROTO_IPV6, IPV6_V6ONLY, v6_only);

	if (error && !v6_only)
		return -EAFNOSUPPORT;
	return flags & NP_LISTEN_V6_ONLY ? error : 0;
}

static int share_port(int sysfd)
{
	return OPTION_REUSE_PORT < 0 ? -ENOPROTOOPT
				     : np__set_option(sysfd, SOL_SOCKET, OPTION_REUSE_PORT, 1);
}

/* Texts name those that not every system has. */
static int set_options(const struct target *target, const struct np_listen_options *options,
		       bool v6_only, int sysfd, const char **call)
{
	int error = 0;

	*call = "setsockopt IPV6_V6ONLY";
	if (target->family == AF_INET6)
		error = set_v6_only(v6_only, options->flags, sysfd);
	if (error || !(options->flags & NP_LISTEN_REUSE_PORT))
		return error;
	*call = "setsockopt SO_REUSEPORT";
	return share_port(sysfd);
}

/* Whatever umask(2) says. A name without a path has no permissions. */
static int set_path_mode(const struct target *target, unsigned mode)
{
	char path[NP_ADDR_PATH_MAX + 1];

	if (!np__addr_path(&target->addr, path))
		return 0;
	if (chmod(path, (mode_t)mode) < 0) {
		int error = -errno;

		unlink(path); /* it is ours, and nobody else will */
		return error;
	}
	return 0;
}

int np__bind(const struct target *target, const struct np_listen_options *options, bool v6_only,
	     struct np_fd *fd, const char **call)
{
	int error = set_options(target, options, v6_only, fd->sysfd, call);

	if (error)
		return error;
	*call = NULL;
	if (options->control)
		error = np__control(target, options->control, options->control_arg, fd);
	if (error)
		return error;
	/* Linux takes the path's mode from the socket, so that it never has more than it shall. */
	if (options->path_mode && target_is_unix(target))
		(void)!fchmod(fd->sysfd, (mode_t)options->path_mode);
	*call = "bind";
	if (bind(fd->sysfd, (const struct sockaddr *)&target->name, target->length) < 0)
		return -errno;
	*call = "chmod";
	return options->path_mode ? set_path_mode(target, options->path_mode) : 0;
}
