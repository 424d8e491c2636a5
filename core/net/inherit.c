/* SPDX-License-Identifier: MIT */
/* core/net/inherit.c - the descriptors that a program was started with: LISTEN_FDS. */
#include <netpark/inherit.h>
#include <netpark/net.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/inherit.h"
#include "core/net/keep_alive.h"
#include "core/net/options.h"
#include "core/net/target.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Digits and nothing else, at most @max; or -1. */
static long parse_number(const char *text, long max)
{
	long value = 0;

	if (*text == '\0')
		return -1;
	for (; *text; text++) {
		if (*text < '0' || *text > '9')
			return -1;
		if (value > (max - (*text - '0')) / 10) /* long may hold no more than @max */
			return -1;
		value = value * 10 + (*text - '0');
	}
	return value;
}

/* How many were given to this process, from its environment. */
static int count_given(void)
{
	const char *fds = getenv("LISTEN_FDS"), *pid = getenv("LISTEN_PID");
	long number;

	if (!fds || !pid)
		return 0;
	number = parse_number(pid, INT32_MAX);
	if (number < 1)
		return np__invalid("np_inherit: LISTEN_PID is no process");
	if (number != getpid())
		return 0;
	number = parse_number(fds, NP_INHERITED_MAX);
	return number < 0 ? np__invalid("np_inherit: LISTEN_FDS is no number of descriptors")
			  : (int)number;
}

/* The next of the names between colons, into @name. False if there is none, or it is too long. */
static bool take_name(const char **text, char name[NP_INHERITED_NAME_MAX + 1])
{
	size_t length;

	if (!*text)
		return false;
	length = strcspn(*text, ":");
	if (length > NP_INHERITED_NAME_MAX)
		return false;
	memcpy(name, *text, length);
	name[length] = '\0';
	*text = (*text)[length] == ':' ? *text + length + 1 : NULL;
	return true;
}

static int take_names(struct np_inherited *list, int count)
{
	const char *names = getenv("LISTEN_FDNAMES");
	bool is_given = names;

	for (int i = 0; i < count; i++) {
		if (!is_given)
			memcpy(list[i].name, "unknown", sizeof("unknown"));
		else if (!take_name(&names, list[i].name))
			return np__invalid("np_inherit: LISTEN_FDNAMES has too few names, or one "
					   "that is too long");
	}
	return names && is_given ? np__invalid("np_inherit: LISTEN_FDNAMES has too many names") : 0;
}

static int check_open(int count)
{
	for (int i = 0; i < count; i++)
		if (fcntl(NP__INHERITED_START + i, F_GETFD) < 0) {
			np__fail(-errno, "inherit", NULL)->call = "fcntl";
			return -EBADF;
		}
	return 0;
}

/* What np_listen() sets, as far as it is handed down to what is accepted. */
static void set_options(const struct np_fd *fd)
{
	const struct np_keep_alive keep_alive = { .is_off = false };

	if (!fd->is_listener || strcmp(fd->network, "tcp") != 0)
		return;
	np__set_option(fd->sysfd, IPPROTO_TCP, TCP_NODELAY, 1);
	np__keep_alive_set(fd->sysfd, &keep_alive);
}

/* All, or none, with every one of them closed. */
static int make_handles(struct np_inherited *list, int count)
{
	int made = 0, error = 0;

	for (int i = 0; i < count; i++)
		fcntl(NP__INHERITED_START + i, F_SETFD, FD_CLOEXEC);
	while (made < count && !error) {
		error = np_fd_open(NP__INHERITED_START + made, 0, &list[made].fd);
		if (!error)
			set_options(list[made++].fd);
	}
	for (int i = made; i < count; i++)
		np__sys_close(NP__INHERITED_START + i);
	for (int i = 0; i < made && error; i++)
		np_close(list[i].fd);
	return error;
}

int np_inherit(struct np_inherited *ret_list, size_t max)
{
	int count = count_given();
	int error;

	if (!ret_list && max > 0)
		return np__invalid("np_inherit: no place for the handles");
	if (count < 0)
		return count;
	if ((size_t)count > max)
		return np__fail(NP_ELIMIT, "inherit", NULL)->error;
	for (int i = 0; i < count; i++)
		ret_list[i] = (struct np_inherited){ .fd = NULL };
	error = count > 0 ? take_names(ret_list, count) : 0;
	if (!error)
		error = check_open(count);
	if (error)
		return error;
	error = make_handles(ret_list, count);
	if (count > 0)
		for (int i = 0; i < NP__INHERITED_VARIABLES; i++)
			unsetenv(np__inherited_variables[i]);
	return error ? error : count;
}

/* The last is how systemd makes sure of the process: a child would not be it. */
const char *const np__inherited_variables[NP__INHERITED_VARIABLES] = {
	"LISTEN_FDS",
	"LISTEN_FDNAMES",
	"LISTEN_PID",
	"LISTEN_PIDFDID",
};
