/* SPDX-License-Identifier: MIT */
/*
 * core/net/copy.h - a copy under way, and the part of it that the kernel can make alone:
 * splice_linux.c, or splice_none.c.
 */
#ifndef NETPARK_CORE_NET_COPY_H
#define NETPARK_CORE_NET_COPY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct np_fd;

struct copy {
	struct np_fd *to;
	struct np_fd *from;
	int64_t left;
	int64_t done; /* that reached @to */
	char *buf;
	size_t size;
	bool may_splice; /* false once it was refused */
};

/* The buffer to begin with where there is splice(2), or without. */
enum { COPY_SMALL = 16 << 10, COPY_BUFFER = 64 << 10 };

/* Could it be tried at all? */
bool np__copy_can_splice(const struct np_fd *to, const struct np_fd *from);

/*
 * Go on within the kernel while that is worth it. 0: go on with the buffer; 1: that was the end, of
 * @from or of what was wanted; or an error that is recorded.
 */
int np__copy_splice(struct copy *copy);

#endif /* NETPARK_CORE_NET_COPY_H */
