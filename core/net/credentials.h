/* SPDX-License-Identifier: MIT */
/* core/net/credentials.h - who is at the other end: a file for each way to ask. */
#ifndef NETPARK_CORE_NET_CREDENTIALS_H
#define NETPARK_CORE_NET_CREDENTIALS_H

#include <netpark/unix.h>

/* For a Unix socket that is no listener. 0 or -errno; what is not told stays as it was. */
int np__sys_credentials(int sysfd, struct np_credentials *credentials);

#endif /* NETPARK_CORE_NET_CREDENTIALS_H */
