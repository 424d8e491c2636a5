/* SPDX-License-Identifier: MIT */
/* tests/fuzz/host_port.c - np_split_host_port() and np_join_host_port(). The input: a text. */
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

static void check_join(const char *host, const char *port, size_t length)
{
	size_t size = length + 3; /* brackets may be new */
	char *text = malloc(size), *again_host = malloc(size), *again_port = malloc(size);

	FUZZ_CHECK(text && again_host && again_port);
	FUZZ_CHECK(np_join_host_port(host, port, text, size) == (int)strlen(text));
	FUZZ_CHECK(np_split_host_port(text, again_host, again_port) == 0);
	FUZZ_CHECK(strcmp(host, again_host) == 0 && strcmp(port, again_port) == 0);
	free(text);
	free(again_host);
	free(again_port);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	size_t length = strlen(text);
	char *host = malloc(length + 1), *port = malloc(length + 1);
	char *expected_host, *expected_port;
	int error;

	FUZZ_CHECK(host && port);
	error = np_split_host_port(text, host, port);
	if (error)
		fuzz_check_refusal(error);
	if (fuzz_split(text, &expected_host, &expected_port)) {
		FUZZ_CHECK(error == 0);
		FUZZ_CHECK(strcmp(host, expected_host) == 0);
		FUZZ_CHECK(strcmp(port, expected_port) == 0);
		check_join(host, port, length);
	} else {
		FUZZ_CHECK(error == NP_EADDRESS);
	}
	free(text);
	free(host);
	free(port);
	return 0;
}
