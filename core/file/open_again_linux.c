/* SPDX-License-Identifier: MIT */
/* core/file/open_again_linux.c - see file.h: the links of /proc lead to the file itself. */
#include "core/file/file.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/ioctl.h>

/* Its link leads to /dev/ptmx, where each open makes another pair. */
static bool is_master(int sysfd)
{
#ifdef __GLIBC__
	const unsigned long request = TIOCGPTN;
#else
	const int request = (int)TIOCGPTN; /* POSIX's type, which it is too large for */
#endif
	unsigned number;

	return ioctl(sysfd, request, &number) == 0;
}

int np__file_open_again(int sysfd, bool is_tty)
{
	NP_UNCANCELLED;
	/* O_DIRECT: a pipe of packets. */
	const int kept = O_ACCMODE | O_APPEND | O_DIRECT;
	int flags = fcntl(sysfd, F_GETFL);
	char path[64];
	int again;

	if (flags < 0)
		return -errno;
	if (is_tty && is_master(sysfd))
		return -ENOTTY;
	snprintf(path, sizeof(path), "/proc/self/fd/%d", sysfd);
	again = open(path, (flags & kept) | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
	return again < 0 ? -errno : again;
}
