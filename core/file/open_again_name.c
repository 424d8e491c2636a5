/* SPDX-License-Identifier: MIT */
/*
 * core/file/open_again_name.c - see file.h: terminals have names. /dev/fd is no help: on most
 * systems what it opens is a duplicate.
 */
#include "core/file/file.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

/* FreeBSD gives a master the name and the number of its other side. */
static bool is_master(int sysfd)
{
#ifdef TIOCPTMASTER
	return ioctl(sysfd, TIOCPTMASTER) == 0;
#else
	(void)sysfd;
	return false;
#endif
}

/* A name may lead elsewhere by now, and that of a master may be its other side's. */
static bool is_same(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_rdev == second.st_rdev;
}

int np__file_open_again(int sysfd, bool is_tty)
{
	NP_UNCANCELLED;
	int flags = fcntl(sysfd, F_GETFL);
	char path[256];
	int again;

	if (flags < 0)
		return -errno;
	if (!is_tty || is_master(sysfd) || ttyname_r(sysfd, path, sizeof(path)) != 0)
		return -ENOTTY;
	again = open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again < 0)
		return -errno;
	if (is_same(sysfd, again))
		return again;
	close(again);
	return -ENOTTY;
}
