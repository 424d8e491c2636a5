/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/http_parse.h - the head of an HTTP/1 request, line by line.
 *
 * Strict where two parsers could see two different messages in the same bytes (request smuggling):
 * lines end in CRLF, no line is folded, no field has a blank before its colon, the length of the
 * body is said once and in one way. Who breaks that is answered and not heard again.
 *
 *	struct http_request request = { 0 };
 *
 *	http_parse_request_line(first line, &request)
 *	http_parse_field(each next line, &request)        until an empty one
 *	http_end_head(&request)
 *
 * Lines are given with their end. Each returns 0, or the status to answer.
 */
#ifndef NETPARK_TESTS_EXAMPLES_HTTP_PARSE_H
#define NETPARK_TESTS_EXAMPLES_HTTP_PARSE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum http_method { HTTP_GET, HTTP_HEAD, HTTP_POST };

enum { HTTP_PATH_MAX = 1024 };

struct http_request {
	enum http_method method;
	int minor;                /* of HTTP/1.x: 0 or 1 */
	char path[HTTP_PATH_MAX]; /* decoded, without query; begins with '/', holds no NUL */

	bool keep_alive; /* the connection is to be used again */
	bool expects_continue;
	bool is_chunked;     /* the body is, or else has */
	uint64_t body_size;  /* so many bytes */
	unsigned host_count; /* from here on: what is only known for http_end_head() */
	unsigned length_count;
	bool says_close, says_keep_alive;
};

/* Is it a line's end and nothing else? */
bool http_is_empty_line(const char *line, size_t size);

int http_parse_request_line(const char *line, size_t size, struct http_request *request);
int http_parse_field(const char *line, size_t size, struct http_request *request);
int http_end_head(struct http_request *request);

/* The line before each chunk of a body. */
int http_parse_chunk_size(const char *line, size_t size, uint64_t *ret_size);

#endif /* NETPARK_TESTS_EXAMPLES_HTTP_PARSE_H */
