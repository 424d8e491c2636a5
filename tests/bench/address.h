/* SPDX-License-Identifier: MIT */
/* tests/bench/address.h - HOST:PORT, for the load and the servers. IPv4 without names will do. */
#ifndef NETPARK_TESTS_BENCH_ADDRESS_H
#define NETPARK_TESTS_BENCH_ADDRESS_H

#include <netinet/in.h>

/* Ends the program if @text is no address. */
struct sockaddr_in address_parse(const char *text);

/* Print the address that @fd is bound to, as a line; whoever started the server waits for it. */
void address_announce(int fd);

#endif /* NETPARK_TESTS_BENCH_ADDRESS_H */
