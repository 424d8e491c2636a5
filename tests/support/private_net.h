/* SPDX-License-Identifier: MIT */
/* tests/support/private_net.h - a network of the test's own, with an interface that leads nowhere.
 */
#ifndef NETPARK_TESTS_SUPPORT_PRIVATE_NET_H
#define NETPARK_TESTS_SUPPORT_PRIVATE_NET_H

/*
 * The sockets that the calling thread makes from now on are of another network: loopback, and an
 * Ethernet of which nobody else is a part, with addresses of both families: 10.77.0.1 and one of
 * the link. NULL, and *ret_interface is that one's number; or why there is none: for
 * cr_skip_test().
 */
const char *private_net_enter(unsigned *ret_interface);

/* Back again. */
void private_net_leave(void);

#endif /* NETPARK_TESTS_SUPPORT_PRIVATE_NET_H */
