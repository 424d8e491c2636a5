/* SPDX-License-Identifier: MIT */
/* core/net/pipe.h - what is behind the two handles of a pair in memory. */
#ifndef NETPARK_CORE_NET_PIPE_H
#define NETPARK_CORE_NET_PIPE_H

#include "core/fd.h"

#include <netpark/sync.h>

/* From one end to the other. */
struct pipe_way {
	bool is_ended;
	struct np_wait_queue waiting[SIDES]; /* reads, and the write whose turn it is */
	struct np_mutex turn;                /* of writes; not under the lock */
};

struct pipe {
	uint32_t lock;
	atomic_uint ends;
	struct pipe_way ways[2]; /* by the number of who writes */
};

/* Behind its handle. */
struct pipe_end {
	const struct fd_memory *memory; /* first */
	struct pipe *pipe;
	int number;
	atomic_bool is_closed;    /* changed under the lock */
	int64_t deadlines[SIDES]; /* under the lock */
};

static inline struct pipe_end *np__pipe_end(struct np_fd *fd)
{
	return np__fd_behind(fd);
}

#endif /* NETPARK_CORE_NET_PIPE_H */
