/* SPDX-License-Identifier: MIT */
/* tests/fuzz/fuzz.c - see fuzz.h. */
#include "tests/fuzz/fuzz.h"

#include <arpa/inet.h>
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

void fuzz_fail(const char *file, int line, const char *condition)
{
	fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
	abort();
}

char *fuzz_text(const uint8_t *data, size_t size)
{
	size_t length = size > 0 ? strnlen((const char *)data, size) : 0;
	char *text = malloc(length + 1);

	FUZZ_CHECK(text);
	if (length > 0)
		memcpy(text, data, length);
	text[length] = '\0';
	return text;
}

void fuzz_check_refusal(int error)
{
	char text[512];

	FUZZ_CHECK(np_error_text(error, text, sizeof(text)) > 0);
	FUZZ_CHECK(strlen(text) > 0);
}

static void check_text(const char *network, const struct np_addr *addr)
{
	char *text = malloc(NP_ADDR_TEXT_MAX);
	struct np_addr back;

	FUZZ_CHECK(text);
	FUZZ_CHECK(np_addr_format(addr, text, NP_ADDR_TEXT_MAX) < NP_ADDR_TEXT_MAX);
	FUZZ_CHECK(np_addr_parse(network, text, &back) == 0);
	FUZZ_CHECK(np_addr_equal(addr, &back));
	FUZZ_CHECK(np_addr_compare(addr, &back) == 0);
	free(text);
}

static void check_kernels_form(const struct np_addr *addr)
{
	struct sockaddr_storage *name = malloc(sizeof(*name));
	struct np_addr back;
	int length;

	FUZZ_CHECK(name);
	length = np_addr_to_sockaddr(addr, (struct sockaddr *)name, sizeof(*name));
	FUZZ_CHECK(length == -EINVAL ? addr->family == NP_ADDR_WILDCARD : length > 0);
	if (length > 0) {
		FUZZ_CHECK(np_addr_from_sockaddr((struct sockaddr *)name, (size_t)length, &back) ==
			   0);
		FUZZ_CHECK(np_addr_equal(addr, &back));
	}
	free(name);
}

void fuzz_check_addr(const char *network, const struct np_addr *addr)
{
	check_text(network, addr);
	check_kernels_form(addr);
}

/* The number of an interface that there may be one day, or 0. */
static uint32_t read_number(const char *digits)
{
	unsigned long long number;

	if (*digits == '\0' || digits[strspn(digits, "0123456789")] != '\0')
		return 0;
	errno = 0;
	number = strtoull(digits, NULL, 10);
	return errno == ERANGE || number > UINT32_MAX ? 0 : (uint32_t)number;
}

bool fuzz_read_ip(const char *text, struct np_addr *ret)
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	const char *percent = strrchr(text, '%');
	char *host = strndup(text, percent ? (size_t)(percent - text) : strlen(text));
	bool good;

	*ret = (struct np_addr){ .family = NP_ADDR_IPV4 };
	good = !percent && inet_pton(AF_INET, host, ret->ip) == 1;
	if (!good) {
		ret->family = NP_ADDR_IPV6;
		good = inet_pton(AF_INET6, host, ret->ip) == 1;
	}
	if (good && percent) {
		ret->zone = if_nametoindex(percent + 1);
		if (ret->zone == 0)
			ret->zone = read_number(percent + 1);
		good = ret->zone != 0 && memcmp(ret->ip, mapped, sizeof(mapped)) != 0;
	}
	free(host);
	return good;
}

bool fuzz_split(char *text, char **ret_host, char **ret_port)
{
	bool has_brackets = text[0] == '[';
	char *host = text + has_brackets;
	char *end = host + strcspn(host, has_brackets ? "[]" : ":[]");
	char *colon = has_brackets ? end + 1 : end;

	if ((has_brackets && *end != ']') || *colon != ':')
		return false;
	if (colon[1 + strcspn(colon + 1, ":[]")] != '\0')
		return false;
	*end = *colon = '\0';
	*ret_host = host;
	*ret_port = colon + 1;
	return true;
}
