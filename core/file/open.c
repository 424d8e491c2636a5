/* SPDX-License-Identifier: MIT */
/* core/file/open.c - handles of files by their paths, and of pipes. */
#include <netpark/file.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/file/file.h"
#include "core/sys.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>

struct open_call {
	const char *path;
	int flags;
	mode_t mode;
	int sysfd; /* or -errno */
};

/* EINTR: of a FIFO that nobody opens, or a file system in user space. */
static int make_open_call(void *arg)
{
	struct open_call *call = arg;

	do
		call->sysfd = open(call->path, call->flags, call->mode);
	while (call->sysfd < 0 && errno == EINTR);
	if (call->sysfd < 0)
		call->sysfd = -errno;
	return 0;
}

int np__file_fail(int error, const char *path)
{
	struct np_failure *failure = np__fail(error, "open", NULL);

	snprintf(failure->input, sizeof(failure->input), "%s", path ? path : "file");
	return error;
}

/* macOS never tells the reader of a FIFO that the last writer has gone. */
static unsigned handle_flags(int sysfd)
{
#ifdef __APPLE__
	struct stat status;

	if (fstat(sysfd, &status) == 0 && S_ISFIFO(status.st_mode))
		return NP_FD_BLOCKING;
#else
	(void)sysfd;
#endif
	return 0;
}

/* What turns out not to be polled is not to say EAGAIN, which nobody would wait after. */
int np__file_take(int sysfd, unsigned flags, const char *path, struct np_fd **ret_file)
{
	int error = np__fd_open(sysfd, flags, path, ret_file);

	if (error)
		np__sys_close(sysfd);
	else if (!np_is_pollable(*ret_file))
		np__sys_set_nonblock(sysfd, false);
	return error;
}

static int open_file(struct open_call *call, struct np_task *self, struct np_fd **ret_file)
{
	int error = np__task_is_canceled(self) ? NP_ECANCELED
					       : np__task_blocking(self, make_open_call, call);

	if (!error && call->sysfd < 0)
		error = call->sysfd;
	if (!error)
		error = np__file_take(call->sysfd, handle_flags(call->sysfd), call->path, ret_file);
	return error ? np__file_fail(error, call->path) : 0;
}

int np_file_open(const char *path, int flags, mode_t mode, struct np_fd **ret_file)
{
	struct open_call call = { path, flags | O_CLOEXEC | O_NOCTTY, mode, -1 };

	if (!path || !ret_file)
		return np__invalid("np_file_open: no path, or no place for the handle");
	return np__spend(open_file(&call, np__task_self(), ret_file));
}

int np_pipe(struct np_fd *ret_ends[2])
{
	struct np_fd *ends[2];
	int sysfds[2];
	int error;

	if (!ret_ends)
		return np__invalid("np_pipe: no place for the handles");
	error = np__sys_pipe(sysfds);
	if (error)
		return np__fail(error, "pipe", NULL)->error;
	error = np__file_take(sysfds[0], 0, "|0", &ends[0]);
	if (error) {
		np__sys_close(sysfds[1]);
		return np__fail(error, "pipe", NULL)->error;
	}
	error = np__file_take(sysfds[1], 0, "|1", &ends[1]);
	if (error) {
		np_close(ends[0]);
		return np__fail(error, "pipe", NULL)->error;
	}
	ret_ends[0] = ends[0];
	ret_ends[1] = ends[1];
	return 0;
}
