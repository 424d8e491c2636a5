/* SPDX-License-Identifier: MIT */
/* core/net/gai_error.h - what getaddrinfo(3) says, as one of our errors. */
#ifndef NETPARK_CORE_NET_GAI_ERROR_H
#define NETPARK_CORE_NET_GAI_ERROR_H

/* Of @error, which is not 0, and the errno that it left, 0 if none. */
int np__gai_error(int error, int number);

#endif /* NETPARK_CORE_NET_GAI_ERROR_H */
