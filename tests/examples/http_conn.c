/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/http_conn.c - one connection of the HTTP server: request after request.
 *
 * Answers gather in a buffer and are sent when the next request has to be waited for, so those to
 * requests that came together leave together.
 */
#include "http.h"
#include "http_parse.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

enum {
	LINE_MAX_SIZE = 8192,
	HEAD_MAX = 16384,
	OUT_SIZE = 8192,
	FILE_PIECE = 1 << 20,
	LINGER_MAX = 1 << 20,
};

static const int64_t LINGER_NS = INT64_C(500000000);

/* Only who waits for a request may be told to go. */
enum { BUSY, IDLE, STOPPED };

struct http_conn {
	struct http_server *server;
	struct np_fd *fd;
	struct http_conn *next, **link; /* under the server's lock */
	atomic_int state;

	struct np_reader reader;
	bool is_timed; /* the deadline of this part of the request is set */
	bool is_last;  /* the connection ends with this answer, which says so */
	bool is_lost;  /* or has ended already */
	size_t head_size;

	time_t date_at;
	char date[32];
	size_t out_size;
	char out[OUT_SIZE];
	char in[LINE_MAX_SIZE];
};

/* ---- out ---------------------------------------------------------------------------------- */

static void send_all(struct http_conn *conn, const char *data, size_t size)
{
	if (size == 0 || conn->is_lost)
		return;
	np_set_write_deadline(conn->fd, np_deadline(conn->server->timeout_ns));
	if (np_write(conn->fd, data, size) < 0)
		conn->is_lost = true;
}

static void flush(struct http_conn *conn)
{
	send_all(conn, conn->out, conn->out_size);
	conn->out_size = 0;
}

static void put(struct http_conn *conn, const char *data, size_t size)
{
	if (size > sizeof(conn->out) - conn->out_size)
		flush(conn);
	if (size > sizeof(conn->out)) {
		send_all(conn, data, size);
		return;
	}
	if (size == 0)
		return; /* there may be no body at all */
	memcpy(conn->out + conn->out_size, data, size);
	conn->out_size += size;
}

static void put_text(struct http_conn *conn, const char *text)
{
	put(conn, text, strlen(text));
}

static void put_number(struct http_conn *conn, uint64_t number)
{
	char digits[20];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + number % 10);
		number /= 10;
	} while (number > 0);
	put(conn, digits + at, sizeof(digits) - at);
}

/* Once a second is enough. */
static void put_date(struct http_conn *conn)
{
	time_t now = time(NULL);
	struct tm tm;

	if (now != conn->date_at && gmtime_r(&now, &tm)) {
		strftime(conn->date, sizeof(conn->date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
		conn->date_at = now;
	}
	put_text(conn, "\r\nDate: ");
	put_text(conn, conn->date);
}

static const char *reason(int status)
{
	static const struct {
		int status;
		const char *text;
	} rows[] = {
		{ 200, "OK" },
		{ 400, "Bad Request" },
		{ 404, "Not Found" },
		{ 405, "Method Not Allowed" },
		{ 408, "Request Timeout" },
		{ 413, "Content Too Large" },
		{ 414, "URI Too Long" },
		{ 417, "Expectation Failed" },
		{ 431, "Request Header Fields Too Large" },
		{ 501, "Not Implemented" },
		{ 503, "Service Unavailable" },
		{ 505, "HTTP Version Not Supported" },
	};

	for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++)
		if (rows[i].status == status)
			return rows[i].text;
	return "Error";
}

static void put_head(struct http_conn *conn, const struct http_request *request, int status,
		     const char *type, uint64_t size)
{
	if (!request->keep_alive || atomic_load(&conn->server->is_stopping))
		conn->is_last = true;
	put_text(conn, "HTTP/1.1 ");
	put_number(conn, (unsigned)status);
	put_text(conn, " ");
	put_text(conn, reason(status));
	put_date(conn);
	put_text(conn, "\r\nContent-Type: ");
	put_text(conn, type);
	put_text(conn, "\r\nContent-Length: ");
	put_number(conn, size);
	if (status == 405)
		put_text(conn,
			 request->method == HTTP_POST ? "\r\nAllow: GET, HEAD" : "\r\nAllow: POST");
	if (conn->is_last)
		put_text(conn, "\r\nConnection: close");
	else if (request->minor == 0)
		put_text(conn, "\r\nConnection: keep-alive");
	put_text(conn, "\r\n\r\n");
}

static void answer(struct http_conn *conn, const struct http_request *request, int status,
		   const char *type, const char *body, size_t size)
{
	put_head(conn, request, status, type, size);
	if (request->method != HTTP_HEAD)
		put(conn, body, size);
}

/* The request was understood, so the connection goes on. */
static void refuse(struct http_conn *conn, const struct http_request *request, int status)
{
	char body[64];
	int size = snprintf(body, sizeof(body), "%d %s\n", status, reason(status));

	answer(conn, request, status, "text/plain", body, (size_t)size);
}

/* ---- in ----------------------------------------------------------------------------------- */

/* What has to come in time begins here. */
static void begin_part(struct http_conn *conn)
{
	conn->is_timed = false;
}

/* The peer may be waiting for answers, too. */
static void prepare_to_wait(struct http_conn *conn)
{
	flush(conn);
	if (!conn->is_timed)
		np_set_read_deadline(conn->fd, np_deadline(conn->server->timeout_ns));
	conn->is_timed = true;
}

static ssize_t read_line(struct http_conn *conn, char **ret_line)
{
	char *data;
	size_t size = np_reader_buffered(&conn->reader, &data);

	if (!memchr(data, '\n', size))
		prepare_to_wait(conn);
	return np_reader_read_until(&conn->reader, '\n', ret_line);
}

/* What to answer after a read that returned @n; below 0: nothing, there is nobody. */
static int read_status(ssize_t n, int too_long)
{
	if (n == NP_ELIMIT)
		return too_long;
	return n == NP_EDEADLINE ? 408 : -1;
}

/* The next line of a head. Its size, or 0 and in *status what to answer. */
static size_t read_head_line(struct http_conn *conn, int too_long, char **ret_line, int *status)
{
	ssize_t n = read_line(conn, ret_line);

	if (n <= 0) {
		*status = read_status(n, too_long);
		return 0;
	}
	conn->head_size += (size_t)n;
	*status = conn->head_size > HEAD_MAX ? 431 : 0;
	return *status ? 0 : (size_t)n;
}

/* Until one is empty. 0, or what to answer. */
static int read_fields(struct http_conn *conn, struct http_request *request)
{
	for (;;) {
		char *line;
		int status;
		size_t size = read_head_line(conn, 431, &line, &status);

		if (size == 0)
			return status;
		if (http_is_empty_line(line, size))
			return http_end_head(request);
		status = http_parse_field(line, size, request);
		if (status)
			return status;
	}
}

/* Wait for the first line of a request, unless the server stops. As read_head_line(). */
static size_t await_request(struct http_conn *conn, char **ret_line, int *status)
{
	int state = IDLE;
	size_t size = 0;

	begin_part(conn);
	conn->head_size = 0;
	if (np_reader_buffered(&conn->reader, NULL) == 0)
		prepare_to_wait(conn);
	atomic_store(&conn->state, IDLE);
	*status = -1;
	if (!atomic_load(&conn->server->is_stopping))
		size = read_head_line(conn, 414, ret_line, status);
	if (!atomic_compare_exchange_strong(&conn->state, &state, BUSY)) {
		*status = -1;
		return 0;
	}
	/* Nobody has asked for anything. */
	if (*status == 408 && np_reader_buffered(&conn->reader, NULL) == 0)
		*status = -1;
	return size;
}

/* 0, or what to answer. One empty line before a request is forgiven. */
static int read_head(struct http_conn *conn, struct http_request *request)
{
	char *line;
	int status;
	size_t size = await_request(conn, &line, &status);

	if (size > 0 && http_is_empty_line(line, size))
		size = read_head_line(conn, 414, &line, &status);
	if (size == 0)
		return status;
	status = http_parse_request_line(line, size, request);
	return status ? status : read_fields(conn, request);
}

/* ---- bodies ------------------------------------------------------------------------------- */

struct body {
	bool is_kept;
	char *data;
	size_t size;
};

/* The next @size bytes. 0, or what to answer. */
static int read_piece(struct http_conn *conn, struct body *body, size_t size)
{
	ssize_t n;

	if (size == 0)
		return 0;
	if (np_reader_buffered(&conn->reader, NULL) < size)
		prepare_to_wait(conn);
	if (body->is_kept) {
		char *data = realloc(body->data, body->size + size);

		if (!data)
			return 503;
		body->data = data;
		n = np_reader_read_full(&conn->reader, data + body->size, size, NULL);
	} else {
		n = np_reader_discard(&conn->reader, size, NULL);
	}
	body->size += size;
	return n == (ssize_t)size ? 0 : read_status(n, 400);
}

static int read_end_of_chunk(struct http_conn *conn)
{
	char *line;
	ssize_t n = read_line(conn, &line);

	if (n <= 0)
		return read_status(n, 400);
	return http_is_empty_line(line, (size_t)n) ? 0 : 400;
}

/* What they say is of no interest, but they are fields. */
static int read_trailers(struct http_conn *conn)
{
	struct http_request ignored = { .host_count = 0 };

	for (;;) {
		char *line;
		int status;
		size_t size = read_head_line(conn, 431, &line, &status);

		if (size == 0 || http_is_empty_line(line, size))
			return status;
		status = http_parse_field(line, size, &ignored);
		if (status)
			return status;
	}
}

static int read_chunks(struct http_conn *conn, struct body *body)
{
	for (;;) {
		char *line;
		uint64_t size;
		ssize_t n = read_line(conn, &line);
		int status =
			n > 0 ? http_parse_chunk_size(line, (size_t)n, &size) : read_status(n, 400);

		if (status)
			return status;
		if (size == 0)
			return read_trailers(conn);
		if (size > conn->server->max_body - body->size)
			return 413;
		status = read_piece(conn, body, (size_t)size);
		if (status == 0)
			status = read_end_of_chunk(conn);
		if (status)
			return status;
	}
}

static int read_body(struct http_conn *conn, const struct http_request *request, struct body *body)
{
	if (request->body_size > conn->server->max_body)
		return 413;
	if (!request->is_chunked && request->body_size == 0)
		return 0;
	begin_part(conn);
	if (request->expects_continue && np_reader_buffered(&conn->reader, NULL) == 0)
		put_text(conn, "HTTP/1.1 100 Continue\r\n\r\n");
	return request->is_chunked ? read_chunks(conn, body)
				   : read_piece(conn, body, (size_t)request->body_size);
}

/* ---- files -------------------------------------------------------------------------------- */

/* Nothing above the root, and nothing hidden. */
static bool is_harmless(const char *path)
{
	return !strstr(path, "/.") && !strstr(path, "//");
}

static const char *type_of(const char *path)
{
	static const char *const types[][2] = {
		{ ".html", "text/html" },        { ".txt", "text/plain" },
		{ ".css", "text/css" },          { ".js", "text/javascript" },
		{ ".json", "application/json" }, { ".png", "image/png" },
		{ ".jpg", "image/jpeg" },        { ".svg", "image/svg+xml" },
	};
	size_t length = strlen(path);

	for (size_t i = 0; i < sizeof(types) / sizeof(types[0]); i++) {
		size_t size = strlen(types[i][0]);

		if (length > size && strcmp(path + length - size, types[i][0]) == 0)
			return types[i][1];
	}
	return "application/octet-stream";
}

/* Its size, or why it cannot be sent. */
static int ask_size(int sysfd, void *arg)
{
	struct stat status;

	if (fstat(sysfd, &status) < 0)
		return -errno;
	*(int64_t *)arg = status.st_size;
	return S_ISREG(status.st_mode) ? 0 : -ENOENT;
}

/* Each piece in time: how long the whole takes is the network's business. */
static void send_file(struct http_conn *conn, struct np_fd *file, int64_t size)
{
	int64_t offset = 0;

	flush(conn);
	while (offset < size && !conn->is_lost) {
		int64_t piece = size - offset < FILE_PIECE ? size - offset : FILE_PIECE;
		int64_t n;

		np_set_write_deadline(conn->fd, np_deadline(conn->server->timeout_ns));
		n = np_sendfile(conn->fd, file, offset, piece);
		if (n <= 0)
			conn->is_lost = true; /* also a file that has become shorter */
		offset += n;
	}
}

static int open_file(const struct http_server *server, const char *path, struct np_fd **ret_file,
		     int64_t *ret_size)
{
	char name[4096];
	const char *index = path[strlen(path) - 1] == '/' ? "index.html" : "";
	int length;
	int error;

	if (!server->root || !is_harmless(path))
		return -ENOENT;
	length = snprintf(name, sizeof(name), "%s%s%s", server->root, path, index);
	if (length < 0 || (size_t)length >= sizeof(name))
		return -ENOENT;
	error = np_file_open(name, O_RDONLY | O_NONBLOCK, 0, ret_file);
	if (error)
		return error;
	error = np_fd_control(*ret_file, ask_size, ret_size);
	if (error)
		np_close(*ret_file);
	return error;
}

static void answer_file(struct http_conn *conn, const struct http_request *request)
{
	struct np_fd *file;
	int64_t size;
	int error = open_file(conn->server, request->path, &file, &size);

	if (error) {
		refuse(conn, request, error == -EMFILE || error == -ENFILE ? 503 : 404);
		return;
	}
	put_head(conn, request, 200, type_of(request->path), (uint64_t)size);
	if (request->method == HTTP_GET)
		send_file(conn, file, size);
	np_close(file);
}

/* ---- requests ----------------------------------------------------------------------------- */

static void answer_request(struct http_conn *conn, const struct http_request *request,
			   const struct body *body)
{
	static const char hello[] = "Hello, world!\n";
	bool is_echo = strcmp(request->path, "/echo") == 0;

	if (is_echo != (request->method == HTTP_POST))
		refuse(conn, request, 405);
	else if (is_echo)
		answer(conn, request, 200, "application/octet-stream", body->data, body->size);
	else if (strcmp(request->path, "/hello") == 0)
		answer(conn, request, 200, "text/plain", hello, sizeof(hello) - 1);
	else
		answer_file(conn, request);
}

/* Who has sent what we do not understand may go on sending: where it ends nobody knows. */
static void reject(struct http_conn *conn, enum http_method method, int status)
{
	const struct http_request unknown = { .method = method, .keep_alive = false };

	refuse(conn, &unknown, status);
}

/* True if there may be another. */
static bool serve_request(struct http_conn *conn)
{
	struct http_request request;
	struct body body = { .size = 0 };
	int status;

	memset(&request, 0, sizeof(request));
	status = read_head(conn, &request);
	if (status == 0) {
		body.is_kept = request.method == HTTP_POST && strcmp(request.path, "/echo") == 0;
		status = read_body(conn, &request, &body);
	}
	if (status == 0)
		answer_request(conn, &request, &body);
	else if (status > 0)
		reject(conn, request.method, status);
	free(body.data);
	return status >= 0 && !conn->is_last && !conn->is_lost;
}

/* ---- life --------------------------------------------------------------------------------- */

static void enter(struct http_conn *conn)
{
	struct http_server *server = conn->server;

	np_mutex_lock(&server->lock);
	conn->next = server->conns;
	if (conn->next)
		conn->next->link = &conn->next;
	conn->link = &server->conns;
	server->conns = conn;
	np_mutex_unlock(&server->lock);
}

static void leave(struct http_conn *conn)
{
	np_mutex_lock(&conn->server->lock);
	*conn->link = conn->next;
	if (conn->next)
		conn->next->link = conn->link;
	np_mutex_unlock(&conn->server->lock);
}

void http_stop_idle(struct http_server *http)
{
	np_mutex_lock(&http->lock);
	for (struct http_conn *conn = http->conns; conn; conn = conn->next) {
		int state = IDLE;

		if (atomic_compare_exchange_strong(&conn->state, &state, STOPPED))
			np_set_read_deadline(conn->fd, -1);
	}
	np_mutex_unlock(&http->lock);
}

/* What is unread when we close resets the connection, and the last answer may be lost. */
static void linger(struct http_conn *conn)
{
	if (conn->is_lost || np_close_write(conn->fd) < 0)
		return;
	np_set_read_deadline(conn->fd, np_deadline(LINGER_NS));
	np_reader_discard(&conn->reader, LINGER_MAX, NULL);
}

void http_serve(struct http_server *http, struct np_fd *fd)
{
	struct http_conn conn;

	/* Not the buffers: memory that is not touched costs nothing. */
	memset(&conn, 0, offsetof(struct http_conn, out));
	conn.server = http;
	conn.fd = fd;
	np_reader_init(&conn.reader, fd, conn.in, sizeof(conn.in));
	np_wait_group_add(&http->open, 1);
	enter(&conn);
	while (serve_request(&conn))
		;
	flush(&conn);
	if (conn.is_last)
		linger(&conn);
	leave(&conn);
	np_wait_group_done(&http->open);
}
