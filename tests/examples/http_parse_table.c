/* SPDX-License-Identifier: MIT */
/* tests/examples/http_parse_table.c - heads of requests, and what becomes of them. */
#include "http_parse.h"

#include <stdio.h>
#include <string.h>

#define HOST "Host: x\r\n"
#define GET  "GET / HTTP/1.1\r\n" HOST

static const struct {
	const char *head;
	int status;
	const char *path; /* of 0 */
	uint64_t size;    /* of the body; CHUNKED */
	bool closes;
} rows[] = {
#define CHUNKED UINT64_MAX
	/* request lines */
	{ GET, 0, "/", 0, false },
	{ "HEAD /a/b?c%zz HTTP/1.1\r\n" HOST, 0, "/a/b", 0, false },
	{ "POST /%41%2fb%20 HTTP/1.1\r\n" HOST, 0, "/A/b ", 0, false },
	{ "GET http://x:80/a?b HTTP/1.1\r\n" HOST, 0, "/a", 0, false },
	{ "GET http://x HTTP/1.1\r\n" HOST, 0, "/", 0, false },
	{ "GET http://x?a=/b HTTP/1.1\r\n" HOST, 0, "/", 0, false },
	{ "GET http:///a HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET / HTTP/1.0\r\n", 0, "/", 0, true },
	{ "GET / HTTP/1.1\n" HOST, 400, "", 0, false },
	{ "GET / HTTP/1.1\r\r\n" HOST, 400, "", 0, false },
	{ "GET /\r\n" HOST, 400, "", 0, false },
	{ "GET  / HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET / HTTP/1.1 \r\n" HOST, 400, "", 0, false },
	{ " GET / HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /a b HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET a HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET * HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET https://x/ HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /\tb HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /\x80 HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /%00 HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /%4 HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET /%4g HTTP/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET / HTTP/2.0\r\n" HOST, 505, "", 0, false },
	{ "GET / HTTP/1.2\r\n" HOST, 505, "", 0, false },
	{ "GET / http/1.1\r\n" HOST, 400, "", 0, false },
	{ "GET / HTTP/1.10\r\n" HOST, 400, "", 0, false },
	{ "get / HTTP/1.1\r\n" HOST, 501, "", 0, false },
	{ "DELETE / HTTP/1.1\r\n" HOST, 501, "", 0, false },
	{ "G(T / HTTP/1.1\r\n" HOST, 400, "", 0, false },
	/* fields */
	{ GET "A:\r\nB:b\r\nC: \t c \t\r\nd!#$%&'*+-.^_`|~9: \x80\r\n", 0, "/", 0, false },
	{ GET "A\r\n", 400, "", 0, false },
	{ GET ": a\r\n", 400, "", 0, false },
	{ GET "A : a\r\n", 400, "", 0, false },
	{ GET " A: a\r\n", 400, "", 0, false },
	{ GET "A: a\r\n b\r\n", 400, "", 0, false },
	{ GET "A: a\r\n\tb: c\r\n", 400, "", 0, false },
	{ GET "A: a\rB: b\r\n", 400, "", 0, false },
	{ GET "A: a\n", 400, "", 0, false },
	{ GET "A: \x01\r\n", 400, "", 0, false },
	{ GET "A: \x7f\r\n", 400, "", 0, false },
	{ GET "A(: a\r\n", 400, "", 0, false },
	/* host */
	{ "GET / HTTP/1.1\r\n", 400, "", 0, false },
	{ GET HOST, 400, "", 0, false },
	{ "GET / HTTP/1.1\r\nhOsT:x\r\n", 0, "/", 0, false },
	{ "GET / HTTP/1.1\r\nHost: a b\r\n", 400, "", 0, false },
	{ "GET / HTTP/1.0\r\n" HOST HOST, 400, "", 0, true },
	/* length of the body */
	{ GET "Content-Length: 0\r\n", 0, "/", 0, false },
	{ GET "content-length:\t0012 \r\n", 0, "/", 12, false },
	{ GET "Content-Length: 999999999999999999\r\n", 0, "/", 999999999999999999, false },
	{ GET "Content-Length: 9999999999999999999\r\n", 400, "", 0, false },
	{ GET "Content-Length:\r\n", 400, "", 0, false },
	{ GET "Content-Length: -1\r\n", 400, "", 0, false },
	{ GET "Content-Length: +1\r\n", 400, "", 0, false },
	{ GET "Content-Length: 0x1\r\n", 400, "", 0, false },
	{ GET "Content-Length: 1 1\r\n", 400, "", 0, false },
	{ GET "Content-Length: 1, 1\r\n", 400, "", 0, false },
	{ GET "Content-Length: 1\r\nContent-Length: 1\r\n", 400, "", 0, false },
	{ GET "Transfer-Encoding: Chunked\r\n", 0, "/", CHUNKED, false },
	{ GET "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n", 400, "", 0, false },
	{ GET "Transfer-Encoding: chunked, chunked\r\n", 501, "", 0, false },
	{ GET "Transfer-Encoding: gzip, chunked\r\n", 501, "", 0, false },
	{ GET "Transfer-Encoding: identity\r\n", 501, "", 0, false },
	{ GET "Transfer-Encoding: xchunked\r\n", 501, "", 0, false },
	{ GET "Transfer-Encoding : chunked\r\n", 400, "", 0, false },
	{ GET "Transfer-Encoding: chunked\r\nContent-Length: 1\r\n", 400, "", 0, false },
	{ GET "Content-Length: 1\r\nTransfer-Encoding: chunked\r\n", 400, "", 0, false },
	{ "GET / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n", 400, "", 0, false },
	/* connection */
	{ GET "Connection: close\r\n", 0, "/", 0, true },
	{ GET "Connection: a,  CLOSE ,b\r\n", 0, "/", 0, true },
	{ GET "Connection: closed\r\n", 0, "/", 0, false },
	{ GET "Connection: keep-alive, close\r\n", 0, "/", 0, true },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n", 0, "/", 0, false },
	{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\nConnection: close\r\n", 0, "/", 0, true },
	{ GET "Expect: 100-Continue\r\n", 0, "/", 0, false },
	{ GET "Expect: something\r\n", 417, "", 0, false },
};

static const struct {
	const char *line;
	int status;
	uint64_t size;
} chunks[] = {
	{ "0\r\n", 0, 0 },
	{ "1fF\r\n", 0, 0x1ff },
	{ "000a;name=\"x\"\r\n", 0, 10 },
	{ "123456789abcdef\r\n", 0, 0x123456789abcdef },
	{ "123456789abcdef0\r\n", 400, 0 },
	{ "\r\n", 400, 0 },
	{ ";x\r\n", 400, 0 },
	{ "1\n", 400, 0 },
	{ "1 \r\n", 400, 0 },
	{ " 1\r\n", 400, 0 },
	{ "0x1\r\n", 400, 0 },
	{ "-1\r\n", 400, 0 },
	{ "1;\r\r\n", 400, 0 },
};

/* Line by line, as a reader gives them. */
static int parse(const char *head, struct http_request *request)
{
	const char *line = head;
	int status = 0;

	memset(request, 0, sizeof(*request));
	while (status == 0 && *line) {
		size_t size = (size_t)(strchr(line, '\n') - line) + 1;

		status = line == head ? http_parse_request_line(line, size, request)
				      : http_parse_field(line, size, request);
		line += size;
	}
	return status ? status : http_end_head(request);
}

static bool is_as_expected(size_t i, const struct http_request *request, int status)
{
	if (status != rows[i].status || status != 0)
		return status == rows[i].status;
	return strcmp(request->path, rows[i].path) == 0 &&
	       request->is_chunked == (rows[i].size == CHUNKED) &&
	       (request->is_chunked || request->body_size == rows[i].size) &&
	       request->keep_alive == !rows[i].closes;
}

static int try_long_path(size_t size)
{
	char line[HTTP_PATH_MAX + 64];
	struct http_request request;
	int length = snprintf(line, sizeof(line), "GET /%0*d HTTP/1.1\r\n", (int)size - 1, 0);

	return http_parse_request_line(line, (size_t)length, &request);
}

int main(void)
{
	struct http_request request;
	int failed = 0;

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
		int status = parse(rows[i].head, &request);

		if (is_as_expected(i, &request, status))
			continue;
		printf("status %d, path \"%s\", size %llu, of:\n%s\n", status, request.path,
		       (unsigned long long)request.body_size, rows[i].head);
		failed++;
	}
	for (size_t i = 0; i < sizeof(chunks) / sizeof(chunks[0]); i++) {
		uint64_t size = 0;
		int status = http_parse_chunk_size(chunks[i].line, strlen(chunks[i].line), &size);

		if (status == chunks[i].status && size == chunks[i].size)
			continue;
		printf("status %d, size %llu, of: %s\n", status, (unsigned long long)size,
		       chunks[i].line);
		failed++;
	}
	if (try_long_path(HTTP_PATH_MAX - 1) != 0 || try_long_path(HTTP_PATH_MAX) != 414) {
		printf("the longest path is another\n");
		failed++;
	}
	return failed != 0;
}
