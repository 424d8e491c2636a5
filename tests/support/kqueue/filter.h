/* SPDX-License-Identifier: MIT */
/*
 * filter.h - what EVFILT_READ and EVFILT_WRITE say about a descriptor at this moment.
 *
 * No memory and no queues: kqueue.c decides when to ask and what to do with the answer.
 */
#ifndef NETPARK_TESTS_KQUEUE_FILTER_H
#define NETPARK_TESTS_KQUEUE_FILTER_H

#include <stdbool.h>
#include <stdint.h>

/* Which file a number stood for, to notice that it stands for another one now. */
struct filter_file {
	uint64_t device;
	uint64_t inode;
	unsigned type; /* S_IFMT of the mode */
};

struct filter_state {
	int64_t data;
	bool eof;
};

/* Return 0, or EBADF when @fd is not open. */
int kq_filter_identify(int fd, struct filter_file *ret_file);

bool kq_filter_is_same(const struct filter_file *one, const struct filter_file *other);

/* Is @fd open, and open on @file? */
bool kq_filter_still_is(int fd, const struct filter_file *file);

/*
 * Does the condition of EVFILT_READ (of EVFILT_WRITE) hold? EVFILT_READ only from @low_water bytes
 * on, except for what is not counted in bytes: connections, errors, end of file.
 */
bool kq_filter_readable(int fd, const struct filter_file *file, int64_t low_water,
			struct filter_state *ret_state);
bool kq_filter_writable(int fd, const struct filter_file *file, struct filter_state *ret_state);

#endif /* NETPARK_TESTS_KQUEUE_FILTER_H */
