/* SPDX-License-Identifier: MIT */
/* core/net/keep_alive.c - see keep_alive.h. */
#include "core/net/keep_alive.h"

#include <netpark/net.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/keep_alive_options.h"
#include "core/net/options.h"

#include <errno.h>
#include <limits.h>

static const int DEFAULT_SECONDS = 15;
static const int DEFAULT_COUNT = 9;

/* Rounded up, in what the system counts in. */
static int units(int64_t ns)
{
	int64_t count;

	if (ns == 0)
		ns = DEFAULT_SECONDS * INT64_C(1000000000);
	count = ns / NS_PER_UNIT + (ns % NS_PER_UNIT != 0);
	return count > INT_MAX ? INT_MAX : (int)count;
}

/* @wanted below 0: as it is; 0: @value is ours, not the program's, who must not fail for it. */
static int set(int sysfd, int option, int64_t wanted, int value)
{
	int error = -ENOPROTOOPT;

	if (wanted < 0)
		return 0;
	if (option != NO_OPTION)
		error = np__set_option(sysfd, IPPROTO_TCP, option, value);
	return wanted == 0 ? 0 : error;
}

static int set_count(int sysfd, int wanted)
{
	if (wanted == 0 && SYSTEM_COUNT == DEFAULT_COUNT)
		return 0;
	return set(sysfd, OPTION_COUNT, wanted, wanted == 0 ? DEFAULT_COUNT : wanted);
}

/* The switch comes last: each time that is set after it has the kernel begin to wait anew. */
int np__keep_alive_set(int sysfd, const struct np_keep_alive *keep_alive)
{
	int error;

	if (keep_alive->is_off)
		return 0;
	error = set(sysfd, OPTION_IDLE, keep_alive->idle_ns, units(keep_alive->idle_ns));
	if (!error)
		error = set(sysfd, OPTION_INTERVAL, keep_alive->interval_ns,
			    units(keep_alive->interval_ns));
	if (!error)
		error = set_count(sysfd, keep_alive->count);
	return error ? error : np__set_option(sysfd, SOL_SOCKET, SO_KEEPALIVE, 1);
}

/* For a socket that may have been told something else before. */
static int change(int sysfd, struct np_keep_alive keep_alive)
{
	if (keep_alive.is_off)
		return np__set_option(sysfd, SOL_SOCKET, SO_KEEPALIVE, 0);
	if (keep_alive.count == 0)
		keep_alive.count = OPTION_COUNT < 0 ? -1 : DEFAULT_COUNT;
	return np__keep_alive_set(sysfd, &keep_alive);
}

int np_set_keep_alive(struct np_fd *fd, const struct np_keep_alive *keep_alive)
{
	static const struct np_keep_alive defaults = { .is_off = false };
	int error;

	if (!fd)
		return np__invalid("np_set_keep_alive: no handle");
	error = np__fd_incref(fd, "set");
	if (error)
		return error;
	return np__option_end(fd, change(fd->sysfd, keep_alive ? *keep_alive : defaults));
}
