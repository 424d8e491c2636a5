/* SPDX-License-Identifier: MIT */
/*
 * tests/support/batch_variants.h - the batches of netpark/datagram.h as the library has them here,
 * and as it has them on systems without system calls for batches (core/net/batch_loop.c).
 */
#ifndef NETPARK_TESTS_SUPPORT_BATCH_VARIANTS_H
#define NETPARK_TESTS_SUPPORT_BATCH_VARIANTS_H

#include <netpark/datagram.h>

struct batch_variant {
	const char *name;
	int (*recv)(struct np_fd *socket, struct np_message *messages, int count);
	int (*send)(struct np_fd *socket, const struct np_message *messages, int count,
		    int *ret_sent);
	ssize_t (*recv_from)(struct np_fd *socket, void *buf, size_t size,
			     struct np_addr *ret_from);
	ssize_t (*recv_message)(struct np_fd *socket, struct np_message *message);
};

extern const struct batch_variant batch_loop;

/* In the order of the fields. */
#define BATCH_OF_LIBRARY                                                                           \
	{                                                                                          \
		"library", np_recv_messages, np_send_messages, np_recv_from, np_recv_message       \
	}

#endif /* NETPARK_TESTS_SUPPORT_BATCH_VARIANTS_H */
