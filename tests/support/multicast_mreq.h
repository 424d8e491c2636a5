/* SPDX-License-Identifier: MIT */
/*
 * tests/support/multicast_mreq.h - core/net/multicast_mreq.c, which systems have that know nothing
 * of RFC 3678, under another name.
 */
#ifndef NETPARK_TESTS_SUPPORT_MULTICAST_MREQ_H
#define NETPARK_TESTS_SUPPORT_MULTICAST_MREQ_H

struct membership;

int mreq_join(int sysfd, const struct membership *membership);
int mreq_leave(int sysfd, const struct membership *membership);

#endif /* NETPARK_TESTS_SUPPORT_MULTICAST_MREQ_H */
