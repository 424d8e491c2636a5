/* SPDX-License-Identifier: MIT */
/* tests/support/datagram.h - what tests of datagrams begin with, and their calls in other tasks. */
#ifndef NETPARK_TESTS_SUPPORT_DATAGRAM_H
#define NETPARK_TESTS_SUPPORT_DATAGRAM_H

#include "tests/support/call.h"

#include <stdbool.h>

/* Has this host addresses of IPv6, as ::1? */
bool datagram_has_ipv6(void);

/* Two sockets of UDP on free ports of this host, and their end. */
void datagram_pair(struct np_fd *fds[2]);
void datagram_close(struct np_fd *fds[2]);

/* Until a message is there; fails the test after a while. Leaves no read deadline. */
void datagram_await(struct np_fd *fd);

/*
 * Messages of no bytes until the receiver, of Unix, has no room for one more: @to, or with NULL the
 * peer. Returns how many. Receiving so many again makes room for all of them.
 */
int datagram_fill(struct np_fd *sender, const struct np_addr *to);

/* Has the receiver with that path no room? */
bool datagram_is_full(const char *path);

/* A call with an address: whom to send to, or who has sent. */
struct from_call {
	struct call call;
	struct np_addr addr;
};

/* For call_start() of the call in a struct from_call. */
ssize_t call_recv_from(struct call *call);
ssize_t call_send_to(struct call *call);

/* np_send_message() to the peer, of what np_write() would take. */
ssize_t call_send_message(struct call *call);

#endif /* NETPARK_TESTS_SUPPORT_DATAGRAM_H */
