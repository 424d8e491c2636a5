/* SPDX-License-Identifier: MIT */
/* core/net/destination.h - whom a message goes to and comes from, as a socket's kernel has it. */
#ifndef NETPARK_CORE_NET_DESTINATION_H
#define NETPARK_CORE_NET_DESTINATION_H

#include <netpark/addr.h>

#include <sys/socket.h>

struct np_fd;

/*
 * The name to send to, so that @fd's messages reach @to. 0, or why it cannot be: -EISCONN,
 * NP_EADDRESS or -EINVAL, of which nothing is recorded; *reason is its text, or NULL.
 */
int np__destination(const struct np_fd *fd, const struct np_addr *to, struct sockaddr_storage *name,
		    socklen_t *length, const char **reason);

/* Who that is: IPv4 as such, and NP_ADDR_NONE for who has no name. */
void np__origin(const struct sockaddr_storage *name, socklen_t length, struct np_addr *ret);

#endif /* NETPARK_CORE_NET_DESTINATION_H */
