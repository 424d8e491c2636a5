/* SPDX-License-Identifier: MIT */
/* tests/fuzz/sockaddr.c - np_addr_from_sockaddr(). The input: what a kernel may say. */
#include "tests/fuzz/fuzz.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

/* Texts say '@' for NUL, so some names read like others; and some have no terminator. */
static bool has_own_text(const struct np_addr *addr)
{
	size_t rest = addr->path_size - 1u;

	if (addr->family != NP_ADDR_UNIX)
		return true;
	return addr->path_size > 0 && addr->path[0] != '@' && !memchr(addr->path + 1, '\0', rest) &&
	       (addr->path[0] == '\0' ||
		addr->path_size < sizeof(((struct sockaddr_un *)NULL)->sun_path));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct sockaddr *name = malloc(size > 0 ? size : 1);
	struct np_addr addr;
	char text[NP_ADDR_TEXT_MAX];
	int error;

	FUZZ_CHECK(name);
	if (size > 0)
		memcpy(name, data, size);
	error = np_addr_from_sockaddr(name, size, &addr);
	FUZZ_CHECK(error == 0 || error == NP_EADDRESS);
	if (error) {
		fuzz_check_refusal(error);
	} else {
		FUZZ_CHECK(addr.family == NP_ADDR_UNIX || addr.family == NP_ADDR_IPV4 ||
			   addr.family == NP_ADDR_IPV6);
		FUZZ_CHECK(np_addr_format(&addr, text, sizeof(text)) < NP_ADDR_TEXT_MAX);
		if (has_own_text(&addr))
			fuzz_check_addr(addr.family == NP_ADDR_UNIX ? "unix" : "tcp", &addr);
	}
	free(name);
	return 0;
}
