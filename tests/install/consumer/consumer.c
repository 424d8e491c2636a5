/* SPDX-License-Identifier: MIT */
/* A user's program: a byte through netpark on the default poller. */
#include <netpark.h>

#include <string.h>

int main(void)
{
	struct np_fd *listener, *client, *server;
	struct np_addr addr;
	char address[NP_ADDR_TEXT_MAX];
	char byte = 0;

	if (strcmp(np_version(), NP_VERSION) != 0 ||
	    np_listen("tcp", "127.0.0.1:0", &listener) != 0)
		return 1;
	if (np_local_addr(listener, &addr) != 0)
		return 2;
	np_addr_format(&addr, address, sizeof(address));
	if (np_dial("tcp", address, 0, &client) != 0 || np_accept(listener, &server) != 0)
		return 3;
	if (np_write(client, "x", 1) != 1 || np_read(server, &byte, 1) != 1 || byte != 'x')
		return 4;
	return np_close(client) || np_close(server) || np_close(listener);
}
