/* SPDX-License-Identifier: MIT */
/*
 * core/net/sendfile.h - a regular file into a stream. The system call has a form of its own on each
 * system: sendfile_linux.c, sendfile_bsd.c, sendfile_darwin.c, or sendfile_none.c.
 */
#ifndef NETPARK_CORE_NET_SENDFILE_H
#define NETPARK_CORE_NET_SENDFILE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

struct np_fd;

/*
 * One system call. Bytes, which may be few; 0 at the end of the file; or -errno, with nothing sent.
 */
ssize_t np__call_sendfile(int to, int file, int64_t offset, size_t size);

/* Might that wait for a disk? Yes, if it is not known. */
bool np__sendfile_may_block(int file, int64_t offset, size_t size);

/*
 * np_sendfile() with checked arguments. 0, or an error that is recorded; *sent in every case. False
 * in *is_regular, and nothing else done, if @file is not.
 */
int np__sendfile(struct np_fd *to, struct np_fd *file, int64_t offset, int64_t size, int64_t *sent,
		 bool *is_regular);

#endif /* NETPARK_CORE_NET_SENDFILE_H */
