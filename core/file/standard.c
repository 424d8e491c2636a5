/* SPDX-License-Identifier: MIT */
/* core/file/standard.c - handles of descriptors that are shared with other processes. */
#include "core/file/file.h"

#include <netpark/file.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *name_of(int number)
{
	static const char *const names[] = { "/dev/stdin", "/dev/stdout", "/dev/stderr" };

	return number < 3 ? names[number] : NULL;
}

/* Disks too are opened anew, but then with a position of their own, which is worse. */
static bool may_open_again(int number, bool *is_tty)
{
	struct stat status;

	*is_tty = false;
	if (fstat(number, &status) < 0)
		return false;
	*is_tty = S_ISCHR(status.st_mode) && isatty(number);
	return *is_tty || S_ISFIFO(status.st_mode);
}

/* The kernel may yet refuse to poll it. */
static int open_own(int number, struct np_fd **ret_file)
{
	bool is_tty;
	int sysfd = may_open_again(number, &is_tty) ? np__file_open_again(number, is_tty) : -ENOTTY;

	return sysfd < 0 ? sysfd : np__file_take(sysfd, 0, name_of(number), ret_file);
}

/* Polled only if nothing has to be changed for that. */
static int open_duplicate(int number, struct np_fd **ret_file)
{
	int sysfd = fcntl(number, F_DUPFD_CLOEXEC, 3);
	int flags = sysfd < 0 ? -1 : fcntl(sysfd, F_GETFL);
	int error;

	if (flags < 0) {
		error = np__file_fail(-errno, name_of(number));
		if (sysfd >= 0)
			np__sys_close(sysfd);
		return error;
	}
	error = np__fd_open(sysfd, flags & O_NONBLOCK ? 0 : NP_FD_BLOCKING, name_of(number),
			    ret_file);
	if (error)
		np__sys_close(sysfd);
	return error;
}

int np_file_standard(int number, struct np_fd **ret_file)
{
	if (!ret_file || number < 0)
		return np__invalid("np_file_standard: no descriptor, or no place for the handle");
	return open_own(number, ret_file) == 0 ? 0 : open_duplicate(number, ret_file);
}
