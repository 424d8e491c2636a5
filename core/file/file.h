/* SPDX-License-Identifier: MIT */
/* core/file/file.h - open files that are nobody else's. */
#ifndef NETPARK_CORE_FILE_FILE_H
#define NETPARK_CORE_FILE_FILE_H

#include <stdbool.h>

struct np_fd;

/* Record the failure to open @path (NULL: something without). Returns @error. */
int np__file_fail(int error, const char *path);

/*
 * A handle for @sysfd, an open file that nobody else has: its mode is as the handle wants it.
 * @flags and @path as np__fd_open(). Closed on failure. 0 or an error.
 */
int np__file_take(int sysfd, unsigned flags, const char *path, struct np_fd **ret_file);

/*
 * Open what the pipe, FIFO or terminal @sysfd is once more, for as much as that is: non-blocking,
 * close-on-exec. A descriptor, or -errno where that is not to be had.
 *
 * open_again_linux.c goes by /proc; open_again_name.c by a terminal's name.
 */
int np__file_open_again(int sysfd, bool is_tty);

#endif /* NETPARK_CORE_FILE_FILE_H */
