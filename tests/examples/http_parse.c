/* SPDX-License-Identifier: MIT */
/* tests/examples/http_parse.c - see http_parse.h. RFC 9110 and 9112 say what is allowed. */
#include "http_parse.h"

#include <string.h>
#include <strings.h>

/* A part of a line. */
struct span {
	const char *data;
	size_t size;
};

static bool is_alphanumeric(unsigned char c)
{
	return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

/* Of names and methods. */
static bool is_token(struct span span)
{
	for (size_t i = 0; i < span.size; i++) {
		unsigned char c = (unsigned char)span.data[i];

		if (!is_alphanumeric(c) && (c == '\0' || !strchr("!#$%&'*+-.^_`|~", c)))
			return false;
	}
	return span.size > 0;
}

/* Of values: no control characters. A bare CR or NUL ends a line for some. */
static bool is_text(struct span span)
{
	for (size_t i = 0; i < span.size; i++) {
		unsigned char c = (unsigned char)span.data[i];

		if ((c < ' ' && c != '\t') || c == 0x7f)
			return false;
	}
	return true;
}

static bool equals(struct span span, const char *name)
{
	return span.size == strlen(name) && strncasecmp(span.data, name, span.size) == 0;
}

/* Take the part before the next @end off the front. False if there is none. */
static bool split(struct span *span, char end, struct span *ret)
{
	const char *at = memchr(span->data, end, span->size);

	if (!at)
		return false;
	*ret = (struct span){ span->data, (size_t)(at - span->data) };
	span->data = at + 1;
	span->size -= ret->size + 1;
	return true;
}

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct span trim(struct span span)
{
	while (span.size > 0 && is_blank(span.data[0])) {
		span.data++;
		span.size--;
	}
	while (span.size > 0 && is_blank(span.data[span.size - 1]))
		span.size--;
	return span;
}

/* Without its CRLF. False if that is not there. */
static bool get_line(const char *line, size_t size, struct span *ret)
{
	if (size < 2 || line[size - 2] != '\r' || line[size - 1] != '\n')
		return false;
	*ret = (struct span){ line, size - 2 };
	return true;
}

bool http_is_empty_line(const char *line, size_t size)
{
	return size == 2 && line[0] == '\r' && line[1] == '\n';
}

/* ---- request line ------------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static int parse_method(struct span method, struct http_request *request)
{
	static const char *const names[] = { "GET", "HEAD", "POST" };

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		if (method.size == strlen(names[i]) &&
		    memcmp(method.data, names[i], method.size) == 0) {
			request->method = (enum http_method)i;
			return 0;
		}
	}
	return is_token(method) ? 501 : 400;
}

/* "http://host/path" means the path, "/" if there is none; the host is of no interest here. */
static bool skip_authority(struct span *target)
{
	const struct span scheme = { target->data, target->size < 7 ? 0 : 7 };
	size_t path = 7;

	if (!equals(scheme, "http://"))
		return false;
	while (path < target->size && target->data[path] != '/' && target->data[path] != '?')
		path++;
	if (path < target->size && target->data[path] == '/')
		*target = (struct span){ target->data + path, target->size - path };
	else
		*target = (struct span){ "/", 1 };
	return path > 7;
}

/* One byte of the path, *at moving past it; or -1. */
static int decode(struct span target, size_t *at)
{
	char c = target.data[(*at)++];
	int high, low;

	if (c != '%')
		return (unsigned char)c;
	if (target.size - *at < 2)
		return -1;
	high = hex_digit(target.data[*at]);
	low = hex_digit(target.data[*at + 1]);
	*at += 2;
	return high < 0 || low < 0 || high + low == 0 ? -1 : high * 16 + low;
}

static int parse_target(struct span target, struct http_request *request)
{
	size_t length = 0;

	for (size_t i = 0; i < target.size; i++)
		if (target.data[i] <= ' ' || target.data[i] > '~')
			return 400;
	if (target.size == 0 || (target.data[0] != '/' && !skip_authority(&target)))
		return 400;
	for (size_t at = 0; at < target.size && target.data[at] != '?';) {
		int c = decode(target, &at);

		if (c < 0)
			return 400;
		if (length == sizeof(request->path) - 1)
			return 414;
		request->path[length++] = (char)c;
	}
	request->path[length] = '\0';
	return 0;
}

static int parse_version(struct span version, struct http_request *request)
{
	if (version.size != 8 || memcmp(version.data, "HTTP/", 5) != 0 || version.data[6] != '.')
		return 400;
	if (version.data[5] != '1' || (version.data[7] != '0' && version.data[7] != '1'))
		return 505;
	request->minor = version.data[7] - '0';
	return 0;
}

int http_parse_request_line(const char *line, size_t size, struct http_request *request)
{
	struct span rest, method, target;
	int status;

	if (!get_line(line, size, &rest) || !split(&rest, ' ', &method) ||
	    !split(&rest, ' ', &target))
		return 400;
	status = parse_version(rest, request);
	if (status == 0)
		status = parse_method(method, request);
	return status ? status : parse_target(target, request);
}

/* ---- fields ------------------------------------------------------------------------------- */

/* A number and nothing else, which a second one of the same value is. */
static int parse_length(struct span value, struct http_request *request)
{
	uint64_t length = 0;

	if (request->length_count++ > 0 || value.size == 0 || value.size > 18)
		return 400;
	for (size_t i = 0; i < value.size; i++) {
		if (value.data[i] < '0' || value.data[i] > '9')
			return 400;
		length = length * 10 + (unsigned)(value.data[i] - '0');
	}
	request->body_size = length;
	return 0;
}

static int parse_encoding(struct span value, struct http_request *request)
{
	if (request->is_chunked)
		return 400;
	if (!equals(value, "chunked"))
		return 501;
	request->is_chunked = true;
	return 0;
}

static int parse_connection(struct span value, struct http_request *request)
{
	bool is_last = false;

	while (!is_last) {
		struct span option;

		is_last = !split(&value, ',', &option);
		option = trim(is_last ? value : option);
		if (equals(option, "close"))
			request->says_close = true;
		else if (equals(option, "keep-alive"))
			request->says_keep_alive = true;
	}
	return 0;
}

static int parse_host(struct span value, struct http_request *request)
{
	return request->host_count++ > 0 || memchr(value.data, ' ', value.size) ? 400 : 0;
}

static int parse_expect(struct span value, struct http_request *request)
{
	request->expects_continue = true;
	return equals(value, "100-continue") ? 0 : 417;
}

static const struct {
	const char *name;
	int (*parse)(struct span value, struct http_request *request);
} fields[] = {
	{ "Host", parse_host },
	{ "Connection", parse_connection },
	{ "Content-Length", parse_length },
	{ "Transfer-Encoding", parse_encoding },
	{ "Expect", parse_expect },
};

int http_parse_field(const char *line, size_t size, struct http_request *request)
{
	struct span value, name;

	if (!get_line(line, size, &value) || !split(&value, ':', &name) || !is_token(name) ||
	    !is_text(value))
		return 400;
	for (size_t i = 0; i < sizeof(fields) / sizeof(fields[0]); i++)
		if (equals(name, fields[i].name))
			return fields[i].parse(trim(value), request);
	return 0;
}

int http_end_head(struct http_request *request)
{
	if (request->minor == 1 && request->host_count != 1)
		return 400;
	if (request->is_chunked && (request->length_count > 0 || request->minor == 0))
		return 400;
	if (request->minor == 0)
		request->expects_continue = false; /* such clients know no answer but the last */
	request->keep_alive = request->minor == 1 || request->says_keep_alive;
	if (request->says_close)
		request->keep_alive = false;
	return 0;
}

/* ---- chunks ------------------------------------------------------------------------------- */

/* What follows the size, after a semicolon, means nothing to us. */
int http_parse_chunk_size(const char *line, size_t size, uint64_t *ret_size)
{
	struct span rest, number;
	uint64_t sum = 0;

	if (!get_line(line, size, &rest) || !is_text(rest))
		return 400;
	number = rest;
	if (split(&rest, ';', &number) ? number.size == 0 : rest.size == 0)
		return 400;
	if (number.size > 15)
		return 400;
	for (size_t i = 0; i < number.size; i++) {
		int digit = hex_digit(number.data[i]);

		if (digit < 0)
			return 400;
		sum = sum * 16 + (unsigned)digit;
	}
	*ret_size = sum;
	return 0;
}
