/* SPDX-License-Identifier: MIT */
/*
 * tests/bench/peers/echo_libuv.c - libuv, with one buffer for each connection, in its record.
 *
 * The answer is tried at once, which needs neither a request nor a turn of the loop. What does not
 * fit goes into the connection's one write request, and reading pauses: the buffer is in use.
 *
 * With -d a timer that repeats, and uv_timer_again, which the manual describes for that.
 */
#include "peer.h"

#include <signal.h>
#include <stdint.h>
#include <uv.h>

struct conn {
	uv_tcp_t tcp;
	uv_write_t write;
	char buf[];
};

static struct peer_options options;

/* With -d, or NULL. Kept where there is room already: without -d it must not weigh in memory. */
static uv_timer_t *timeout_of(struct conn *conn)
{
	return conn->write.data;
}

static void on_timeout_closed(uv_handle_t *handle)
{
	free(handle);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct conn *conn)
{
	if (uv_is_closing((uv_handle_t *)&conn->tcp))
		return;
	uv_close((uv_handle_t *)&conn->tcp, on_closed);
	if (timeout_of(conn))
		uv_close((uv_handle_t *)timeout_of(conn), on_timeout_closed);
}

static void on_timeout(uv_timer_t *timer)
{
	end(timer->data);
}

static void set_timeout(struct conn *conn)
{
	if (timeout_of(conn))
		uv_timer_again(timeout_of(conn));
}

static void on_allocate(uv_handle_t *handle, size_t suggested, uv_buf_t *ret_buf)
{
	struct conn *conn = handle->data;

	(void)suggested;
	*ret_buf = uv_buf_init(conn->buf, (unsigned)options.buffer_size);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf);

static void on_written(uv_write_t *write, int status)
{
	struct conn *conn = write->handle->data;

	if (status < 0) {
		end(conn);
		return;
	}
	set_timeout(conn);
	uv_read_start((uv_stream_t *)&conn->tcp, on_allocate, on_read);
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct conn *conn = stream->data;
	uv_buf_t rest;
	int written;

	if (n == 0)
		return;
	if (n < 0) {
		end(conn);
		return;
	}
	rest = uv_buf_init(buf->base, (unsigned)n);
	written = uv_try_write(stream, &rest, 1);
	if (written == n) {
		set_timeout(conn);
		return;
	}
	if (written < 0 && written != UV_EAGAIN) {
		end(conn);
		return;
	}
	if (written > 0)
		rest = uv_buf_init(buf->base + written, (unsigned)(n - written));
	uv_read_stop(stream);
	if (uv_write(&conn->write, stream, &rest, 1, on_written) != 0)
		end(conn);
}

static uv_timer_t *start_timeout(struct conn *conn)
{
	const uint64_t duration_ms = PEER_TIMEOUT_SECONDS * 1000;
	uv_timer_t *timeout = malloc(sizeof(*timeout));

	if (!timeout)
		die("out of memory");
	uv_timer_init(conn->tcp.loop, timeout);
	timeout->data = conn;
	uv_timer_start(timeout, on_timeout, duration_ms, duration_ms);
	return timeout;
}

static void on_connection(uv_stream_t *listener, int status)
{
	struct conn *conn = malloc(sizeof(*conn) + options.buffer_size);

	if (status < 0 || !conn)
		die("a connection that cannot be accepted");
	uv_tcp_init(listener->loop, &conn->tcp);
	conn->tcp.data = conn;
	conn->write.data = options.sets_deadlines ? start_timeout(conn) : NULL;
	if (uv_accept(listener, (uv_stream_t *)&conn->tcp) == 0)
		uv_read_start((uv_stream_t *)&conn->tcp, on_allocate, on_read);
	else
		end(conn);
}

static void on_signal(uv_signal_t *handle, int number)
{
	(void)number;
	uv_stop(handle->loop);
}

int main(int argc, char **argv)
{
	uv_loop_t *loop = uv_default_loop();
	uv_tcp_t listener;
	uv_signal_t stop;

	options = peer_parse(argc, argv);
	signal(SIGPIPE, SIG_IGN);
	uv_tcp_init(loop, &listener);
	uv_signal_init(loop, &stop);
	if (uv_tcp_open(&listener, peer_listen(options.address)) != 0 ||
	    uv_listen((uv_stream_t *)&listener, PEER_BACKLOG, on_connection) != 0 ||
	    uv_signal_start(&stop, on_signal, SIGTERM) != 0)
		die("libuv refuses the listener");
	uv_run(loop, UV_RUN_DEFAULT);
	return 0;
}
