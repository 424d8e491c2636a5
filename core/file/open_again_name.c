/* SPDX-License-Identifier: MIT */
/*
 * core/file/open_again_name.c - see file.h: terminals have names. /dev/fd is no help: on most
 * systems what it opens is a duplicate.
 */
#include "core/file/file.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* A name may lead elsewhere by now, and that of a master may be its other side's. */
static bool is_same(int a, int b)
{
	struct stat first, second;

	return fstat(a, &first) == 0 && fstat(b, &second) == 0 && first.st_rdev == second.st_rdev;
}

int np__file_open_again(int sysfd, bool is_tty)
{
	int flags = fcntl(sysfd, F_GETFL);
	char path[256];
	int again;

	if (flags < 0)
		return -errno;
	if (!is_tty || ttyname_r(sysfd, path, sizeof(path)) != 0)
		return -ENOTTY;
	again = open(path, (flags & (O_ACCMODE | O_APPEND)) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	if (again < 0)
		return -errno;
	if (is_same(sysfd, again))
		return again;
	close(again);
	return -ENOTTY;
}
