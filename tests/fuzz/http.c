/* SPDX-License-Identifier: MIT */
/*
 * tests/fuzz/http.c - the heads of requests that the HTTP example takes. The input: a head, and
 * what comes with it.
 *
 * Beside it a parser that takes anything, as there are some: what both take must mean the same to
 * both, above all where the body ends.
 */
#include "tests/examples/http_parse.h"
#include "tests/fuzz/fuzz.h"

#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

struct loose {
	unsigned hosts, lengths, encodings;
	uint64_t length;
};

static bool is_named(const char *line, size_t size, const char *name)
{
	while (size > 0 && isspace((unsigned char)*line)) {
		line++;
		size--;
	}
	while (size > 0 && isspace((unsigned char)line[size - 1]))
		size--;
	return size == strlen(name) && strncasecmp(line, name, size) == 0;
}

static void take_field(const char *line, struct loose *loose)
{
	size_t size = strcspn(line, ":\n");

	loose->hosts += is_named(line, size, "Host");
	loose->encodings += is_named(line, size, "Transfer-Encoding");
	if (is_named(line, size, "Content-Length")) {
		loose->lengths++;
		loose->length = strtoull(line + size + 1, NULL, 10);
	}
}

static void check_head(const struct http_request *request, const struct loose *loose)
{
	FUZZ_CHECK(request->path[0] == '/');
	FUZZ_CHECK(memchr(request->path, '\0', sizeof(request->path)) != NULL);
	FUZZ_CHECK(request->minor == 0 || loose->hosts == 1);
	FUZZ_CHECK(loose->lengths + loose->encodings <= 1);
	FUZZ_CHECK(request->is_chunked == (loose->encodings == 1));
	FUZZ_CHECK(request->is_chunked || request->body_size == loose->length);
}

/* The size of the line that begins at @text, with its end; 0 if it has none. */
static size_t line_size(const char *text)
{
	const char *end = strchr(text, '\n');

	return end ? (size_t)(end - text) + 1 : 0;
}

static void check_chunk_size(const char *line, size_t size)
{
	uint64_t chunk;

	if (http_parse_chunk_size(line, size, &chunk) == 0)
		FUZZ_CHECK(isxdigit((unsigned char)*line) && strtoull(line, NULL, 16) == chunk);
}

static void parse(const char *text)
{
	struct http_request request = { .minor = 0 };
	struct loose loose = { .hosts = 0 };
	size_t size = line_size(text);
	int status = size > 0 ? http_parse_request_line(text, size, &request) : 400;

	while (status == 0) {
		text += size;
		size = line_size(text);
		if (size == 0)
			return;
		/* Who takes LF alone for the end of a line must not see more of them. */
		FUZZ_CHECK(text[-2] == '\r');
		if (http_is_empty_line(text, size))
			break;
		take_field(text, &loose);
		status = http_parse_field(text, size, &request);
	}
	if (status == 0)
		status = http_end_head(&request);
	if (status == 0)
		check_head(&request, &loose);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = fuzz_text(data, size);
	size_t first = line_size(text);

	if (first > 0)
		check_chunk_size(text, first);
	parse(text);
	free(text);
	return 0;
}
