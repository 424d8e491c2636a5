/* SPDX-License-Identifier: MIT */
/*
 * tests/net/test_reader.c - struct np_reader: pieces of any stream that comes in any pieces, and
 * what is left after each kind of failure.
 */
#include "tests/support/call.h"
#include "tests/support/fixture.h"

#include <netpark/reader.h>

#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

TestSuite(reader, .init = fixture_begin, .fini = fixture_end, .timeout = FIXTURE_TIMEOUT);

/*
 * A handle that says -EAGAIN where others would wait: a non-blocking descriptor that was given as a
 * blocking one. So an error can come between any two bytes, with nobody waiting for anything.
 */
struct stream {
	struct np_fd *fd;
	int peer; /* to write to; -1: at its end */
	struct np_reader reader;
	char buf[64];
};

static void stream_open(struct stream *stream, size_t size)
{
	int fds[2];

	fixture_socketpair(fds);
	stream->peer = fds[1];
	cr_assert_eq(np_fd_open(fds[0], NP_FD_BLOCKING, &stream->fd), 0);
	cr_assert_eq(np_reader_init(&stream->reader, stream->fd, stream->buf, size), 0);
}

static void stream_send(struct stream *stream, const char *data, size_t size)
{
	cr_assert_eq(write(stream->peer, data, size), (ssize_t)size);
}

static void stream_say(struct stream *stream, const char *text)
{
	stream_send(stream, text, strlen(text));
}

static void stream_end(struct stream *stream)
{
	if (stream->peer >= 0)
		close(stream->peer);
	stream->peer = -1;
}

static void stream_close(struct stream *stream)
{
	stream_end(stream);
	cr_assert_eq(np_close(stream->fd), 0);
}

static void assert_buffered(struct stream *stream, const char *text)
{
	char *data;
	size_t size = np_reader_buffered(&stream->reader, &data);

	cr_assert_eq(size, strlen(text), "%zu", size);
	cr_assert_eq(memcmp(data, text, size), 0);
}

/* ---- lines -------------------------------------------------------------------------------- */

static void assert_line(struct stream *stream, const char *line, ssize_t taken)
{
	char *got;
	size_t size;

	cr_assert_eq(np_reader_read_line(&stream->reader, &got, &size), taken);
	cr_assert_str_eq(got, line);
	cr_assert_eq(size, strlen(line));
}

Test(reader, lines_end_in_either_way_and_are_strings)
{
	struct stream stream;
	char *line;

	stream_open(&stream, sizeof(stream.buf));
	stream_say(&stream, "one\ntwo\r\n\n\r\na\rb\n\r\r\nx\r\nlast");
	stream_end(&stream);
	assert_line(&stream, "one", 4);
	assert_line(&stream, "two", 5);
	assert_line(&stream, "", 1);
	assert_line(&stream, "", 2);
	assert_line(&stream, "a\rb", 4);
	assert_line(&stream, "\r", 3);
	/* An empty one, whatever was before. */
	cr_assert_eq(np_reader_discard(&stream.reader, 2, NULL), 2);
	assert_line(&stream, "", 1);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_reader_read_line(&stream.reader, &line, NULL), NP_EEOF);
		assert_buffered(&stream, "last");
	}
	cr_assert_eq(np_reader_discard(&stream.reader, 4, NULL), 4);
	cr_assert_eq(np_reader_read_line(&stream.reader, &line, NULL), 0);
	stream_close(&stream);
}

Test(reader, a_line_may_be_as_long_as_the_buffer_and_no_longer)
{
	struct stream stream;
	size_t discarded;
	char *line;

	stream_open(&stream, 8);
	stream_say(&stream, "1234567\n12345678\nnext\n");
	assert_line(&stream, "1234567", 8);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_reader_read_line(&stream.reader, &line, NULL), NP_ELIMIT);
		assert_buffered(&stream, "12345678");
	}
	/* Enough room after all. */
	cr_assert_eq(np_reader_discard(&stream.reader, 3, &discarded), 3);
	cr_assert_eq(discarded, 3);
	assert_line(&stream, "45678", 6);
	assert_line(&stream, "next", 5);
	stream_close(&stream);
}

Test(reader, texts_are_found_across_pieces_and_never_across_what_was_taken)
{
	struct stream stream;
	char *data;

	stream_open(&stream, sizeof(stream.buf));
	stream_say(&stream, "a: b\r\n\r");
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "\r\n\r\n", 4, &data), -EAGAIN);
	stream_say(&stream, "\r\n\r\n\r\nx");
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "\r\n\r\n", 4, &data), 11);
	cr_assert_eq(memcmp(data, "a: b\r\n\r\r\n\r\n", 11), 0);
	/* The "\r\n" that follows ends nothing with what was before it. */
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "\n\r\n", 3, &data), -EAGAIN);
	assert_buffered(&stream, "\r\nx");
	/* Overlaps of its own. */
	stream_say(&stream, "aabaab");
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "aab", 3, &data), 6);
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "0123456789abcdef", 16, &data),
		     -EAGAIN);
	assert_buffered(&stream, "aab");
	stream_close(&stream);
}

/* What was searched is not looked at again: an end that is put there later is not seen. */
Test(reader, no_byte_is_searched_twice)
{
	struct stream stream;
	char *data;

	stream_open(&stream, sizeof(stream.buf));
	stream_say(&stream, "abcd");
	cr_assert_eq(np_reader_read_until(&stream.reader, ';', &data), -EAGAIN);
	np_reader_buffered(&stream.reader, &data);
	data[1] = ';';
	cr_assert_eq(np_reader_discard(&stream.reader, 1, NULL), 1);
	stream_say(&stream, "ef;g");
	cr_assert_eq(np_reader_read_until(&stream.reader, ';', &data), 6);
	cr_assert_eq(memcmp(data, ";cdef;", 6), 0);
	/* But that was for this end only. */
	stream_say(&stream, ",");
	cr_assert_eq(np_reader_read_until(&stream.reader, ';', &data), -EAGAIN);
	cr_assert_eq(np_reader_read_until(&stream.reader, 'g', &data), 1);
	cr_assert_eq(np_reader_read_until(&stream.reader, ',', &data), 1);
	stream_close(&stream);
}

/* ---- bytes -------------------------------------------------------------------------------- */

Test(reader, a_peek_takes_nothing)
{
	struct stream stream;
	char *data;

	stream_open(&stream, 8);
	stream_say(&stream, "12345");
	cr_assert_eq(np_reader_peek(&stream.reader, 6, &data), -EAGAIN);
	cr_assert_eq(np_reader_peek(&stream.reader, 0, &data), 0);
	for (int i = 0; i < 2; i++) {
		cr_assert_eq(np_reader_peek(&stream.reader, 3, &data), 3);
		cr_assert_eq(memcmp(data, "12345", 5), 0);
	}
	cr_assert_eq(np_reader_read_byte(&stream.reader), '1');
	stream_say(&stream, "6789");
	cr_assert_eq(np_reader_peek(&stream.reader, 8, &data), 8);
	cr_assert_eq(memcmp(data, "23456789", 8), 0);
	cr_assert_eq(np_reader_peek(&stream.reader, 9, &data), NP_ELIMIT);
	cr_assert_eq(np_reader_discard(&stream.reader, 2, NULL), 2);
	stream_end(&stream);
	cr_assert_eq(np_reader_peek(&stream.reader, 7, &data), NP_EEOF);
	assert_buffered(&stream, "456789");
	cr_assert_eq(np_reader_discard(&stream.reader, 6, NULL), 6);
	cr_assert_eq(np_reader_peek(&stream.reader, 1, &data), 0);
	stream_close(&stream);
}

Test(reader, a_big_read_goes_past_the_buffer_and_what_is_buffered_comes_first)
{
	struct stream stream;
	char buf[32];
	char *data;

	stream_open(&stream, 8);
	stream_say(&stream, "ab");
	cr_assert_eq(np_reader_peek(&stream.reader, 1, &data), 1);
	stream_say(&stream, "cdefghijklmnopq");
	cr_assert_eq(np_reader_read(&stream.reader, buf, sizeof(buf)), 2);
	cr_assert_eq(np_reader_read(&stream.reader, buf, 9), 9);
	cr_assert_eq(memcmp(buf, "cdefghijk", 9), 0);
	assert_buffered(&stream, "");
	/* A small one fills it. */
	cr_assert_eq(np_reader_read(&stream.reader, buf, 1), 1);
	cr_assert_eq(buf[0], 'l');
	assert_buffered(&stream, "mnopq");
	cr_assert_eq(np_reader_read(&stream.reader, NULL, 0), 0);
	stream_close(&stream);
}

Test(reader, what_was_read_of_all_is_counted)
{
	struct stream stream;
	char buf[32];
	size_t n;

	stream_open(&stream, 8);
	stream_say(&stream, "0123456789");
	cr_assert_eq(np_reader_read_byte(&stream.reader), '0');
	cr_assert_eq(np_reader_read_full(&stream.reader, buf, 20, &n), -EAGAIN);
	cr_assert_eq(n, 9);
	stream_say(&stream, "abcdefghijk0123456789");
	cr_assert_eq(np_reader_read_full(&stream.reader, buf + n, 20 - n, NULL), 11);
	cr_assert_eq(memcmp(buf, "123456789abcdefghijk", 20), 0);
	cr_assert_eq(np_reader_discard(&stream.reader, 20, &n), -EAGAIN);
	cr_assert_eq(n, 10);
	stream_say(&stream, "xyz");
	stream_end(&stream);
	cr_assert_eq(np_reader_read_full(&stream.reader, buf, 4, &n), NP_EEOF);
	cr_assert_eq(n, 3);
	cr_assert_eq(np_reader_read_full(&stream.reader, buf, 4, &n), 0);
	cr_assert_eq(n, 0);
	cr_assert_eq(np_reader_discard(&stream.reader, 1, &n), 0);
	cr_assert_eq(np_reader_read(&stream.reader, buf, 4), 0);
	cr_assert_eq(np_reader_read_byte(&stream.reader), NP_EEOF);
	stream_close(&stream);
}

/* ---- against a model ---------------------------------------------------------------------- */

enum { MODEL_SIZE = 4000, ALPHABET = 5 };

struct model {
	struct stream stream;
	uint64_t random;
	char data[MODEL_SIZE];
	size_t sent, taken;
	size_t limit; /* the size of the buffer */
};

static size_t pick(struct model *model, size_t count)
{
	return (size_t)(fixture_random(&model->random) % count);
}

/* Something more has come, or at last the end. */
static void more(struct model *model)
{
	size_t rest = MODEL_SIZE - model->sent;
	size_t size = 1 + pick(model, pick(model, 4) ? 3 : model->limit * 2);

	if (rest == 0) {
		stream_end(&model->stream);
		return;
	}
	size = size < rest ? size : rest;
	stream_send(&model->stream, model->data + model->sent, size);
	model->sent += size;
}

static const char *next(const struct model *model)
{
	return model->data + model->taken;
}

/* What is buffered is what comes next, whatever has happened. */
static size_t check_buffered(struct model *model)
{
	char *data;
	size_t size = np_reader_buffered(&model->stream.reader, &data);

	cr_assert_leq(size, model->sent - model->taken);
	cr_assert_eq(memcmp(data, next(model), size), 0);
	return size;
}

/* Where @text ends, as a slow search finds it; 0 if nowhere. */
static size_t end_of(const struct model *model, const char *text, size_t size)
{
	for (size_t end = size; end <= MODEL_SIZE - model->taken; end++)
		if (memcmp(next(model) + end - size, text, size) == 0)
			return end;
	return 0;
}

static void check_until(struct model *model)
{
	char text[3];
	size_t size = 1 + pick(model, sizeof(text));
	size_t end;
	char *data;
	ssize_t n;

	for (size_t i = 0; i < size; i++)
		text[i] = (char)('a' + pick(model, ALPHABET));
	end = end_of(model, text, size);
	do {
		n = np_reader_read_until_text(&model->stream.reader, text, size, &data);
		if (n == -EAGAIN) {
			check_buffered(model);
			more(model);
		}
	} while (n == -EAGAIN);
	if (n > 0) {
		cr_assert_eq((size_t)n, end, "%zd, not %zu", n, end);
		cr_assert_eq(memcmp(data, next(model), end), 0);
		model->taken += end;
		check_buffered(model);
	} else if (n == NP_ELIMIT) {
		cr_assert(end == 0 || end > model->limit);
		cr_assert_eq(check_buffered(model), model->limit);
	} else {
		cr_assert_eq(n, model->taken < MODEL_SIZE ? NP_EEOF : 0);
		cr_assert_eq(end, 0);
		cr_assert_eq(check_buffered(model), MODEL_SIZE - model->taken);
	}
}

static void check_peek(struct model *model)
{
	size_t size = 1 + pick(model, model->limit);
	char *data;
	ssize_t n;

	while ((n = np_reader_peek(&model->stream.reader, size, &data)) == -EAGAIN)
		more(model);
	check_buffered(model);
	if (model->taken + size <= MODEL_SIZE) {
		cr_assert_eq(n, (ssize_t)size);
		cr_assert_eq(memcmp(data, next(model), size), 0);
	} else {
		cr_assert_eq(n, model->taken < MODEL_SIZE ? NP_EEOF : 0);
	}
}

static void check_bytes(struct model *model)
{
	char buf[200] = "";
	size_t size = 1 + pick(model, model->limit * 2);
	bool is_discard = pick(model, 2);
	size_t n;
	ssize_t result;

	do {
		result = is_discard ? np_reader_discard(&model->stream.reader, size, &n)
				    : np_reader_read_full(&model->stream.reader, buf, size, &n);
		cr_assert_leq(n, size);
		cr_assert(is_discard || memcmp(buf, next(model), n) == 0);
		model->taken += n;
		size -= n;
		check_buffered(model);
		if (result == -EAGAIN)
			more(model);
	} while (result == -EAGAIN);
	if (size > 0) {
		cr_assert_eq(result, n > 0 ? NP_EEOF : 0);
		cr_assert_eq(model->taken, MODEL_SIZE);
	}
}

static void check_some(struct model *model)
{
	char buf[200];
	size_t size = 1 + pick(model, model->limit * 2);
	ssize_t n;

	while ((n = np_reader_read(&model->stream.reader, buf, size)) == -EAGAIN)
		more(model);
	cr_assert_geq(n, 0);
	cr_assert_eq(n == 0, model->taken == MODEL_SIZE);
	cr_assert_eq(memcmp(buf, next(model), (size_t)n), 0);
	model->taken += (size_t)n;
	check_buffered(model);
}

Test(reader, any_calls_give_what_was_sent_in_any_pieces)
{
	static void (*const checks[])(struct model * model) = {
		check_until, check_until, check_until, check_peek, check_bytes, check_some,
	};
	uint64_t seed = fixture_seed();

	for (size_t limit = 1; limit <= 64; limit = limit * 2 + limit % 3) {
		static struct model model;

		model = (struct model){ .random = seed, .limit = limit };
		stream_open(&model.stream, limit);
		for (size_t i = 0; i < MODEL_SIZE; i++)
			model.data[i] = (char)('a' + pick(&model, ALPHABET));
		while (model.taken < MODEL_SIZE)
			checks[pick(&model, 6)](&model);
		for (int i = 0; i < 6; i++)
			checks[i](&model);
		stream_close(&model.stream);
	}
}

/* ---- waiting ------------------------------------------------------------------------------ */

struct line_call {
	struct call call; /* first */
	struct np_reader *reader;
	char *line;
};

static ssize_t call_line(struct call *call)
{
	struct line_call *line_call = (struct line_call *)call;

	return np_reader_read_line(line_call->reader, &line_call->line, NULL);
}

/* What the kernel still has. */
static int count_unread(int sysfd, void *arg)
{
	int count = 0;

	(void)arg;
	return ioctl(sysfd, FIONREAD, &count) < 0 ? -errno : count;
}

Test(reader, a_line_that_was_too_late_goes_on_where_it_was)
{
	struct np_fd *fds[2];
	struct np_reader reader;
	struct line_call call = { .reader = &reader };
	char buf[16];

	fixture_fd_pair(fds);
	cr_assert_eq(np_reader_init(&reader, fds[0], buf, sizeof(buf)), 0);
	call_start(&call.call, call_line);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "hel", 3), 3);
	FIXTURE_UNTIL(np_fd_control(fds[0], count_unread, NULL) == 0 && fixture_parked() == 1);
	cr_assert_eq(np_set_read_deadline(fds[0], -1), 0);
	cr_assert_eq(call_finish(&call.call), NP_EDEADLINE);
	cr_assert_str_eq(call.call.text, "read unix @->@: i/o timeout");
	cr_assert_eq(np_reader_buffered(&reader, NULL), 3);

	cr_assert_eq(np_set_read_deadline(fds[0], 0), 0);
	call_start(&call.call, call_line);
	FIXTURE_UNTIL(fixture_parked() == 1);
	cr_assert_eq(np_write(fds[1], "lo\nrest", 7), 7);
	cr_assert_eq(call_finish(&call.call), 6);
	cr_assert_str_eq(call.line, "hello");

	cr_assert_eq(np_cancel_io(fds[0]), 0);
	cr_assert_eq(call_line(&call.call), NP_ECLOSED);
	cr_assert_eq(np_reader_read_byte(&reader), 'r');
	np_unref(fds[0]);
	np_close(fds[1]);
}

/* ---- errors ------------------------------------------------------------------------------- */

Test(reader, failures_of_its_own_are_told_as_those_of_a_read)
{
	struct stream stream;
	char text[128];
	char *data;

	stream_open(&stream, 4);
	stream_say(&stream, "long line");
	cr_assert_eq(np_reader_read_line(&stream.reader, &data, NULL), NP_ELIMIT);
	np_error_text(NP_ELIMIT, text, sizeof(text));
	cr_assert_str_eq(text, "read unix @: longer than the limit");
	stream_end(&stream);
	cr_assert_eq(np_reader_discard(&stream.reader, 10, NULL), NP_EEOF);
	np_error_text(NP_EEOF, text, sizeof(text));
	cr_assert_str_eq(text, "read unix @: unexpected end of stream");
	stream_close(&stream);
}

Test(reader, bad_arguments_are_refused)
{
	struct stream stream;
	struct np_reader unused;
	char buf[8];
	char *data;

	stream_open(&stream, 8);
	cr_assert_eq(np_reader_init(NULL, stream.fd, buf, 8), -EINVAL);
	cr_assert_eq(np_reader_init(&unused, NULL, buf, 8), -EINVAL);
	cr_assert_eq(np_reader_init(&unused, stream.fd, NULL, 8), -EINVAL);
	cr_assert_eq(np_reader_init(&unused, stream.fd, buf, 0), -EINVAL);
	cr_assert_eq(np_reader_buffered(NULL, &data), 0);
	cr_assert_eq(np_reader_read_until(NULL, 'x', &data), -EINVAL);
	cr_assert_eq(np_reader_read_until(&stream.reader, 'x', NULL), -EINVAL);
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "", 0, &data), -EINVAL);
	cr_assert_eq(np_reader_read_until_text(&stream.reader, "0123456789abcdef", 17, &data),
		     -EINVAL);
	cr_assert_eq(np_reader_read_line(&stream.reader, NULL, NULL), -EINVAL);
	cr_assert_eq(np_reader_peek(NULL, 1, &data), -EINVAL);
	cr_assert_eq(np_reader_read(&stream.reader, NULL, 1), -EINVAL);
	cr_assert_eq(np_reader_read(&stream.reader, buf, SIZE_MAX), -EINVAL);
	cr_assert_eq(np_reader_read_full(&stream.reader, NULL, 1, NULL), -EINVAL);
	cr_assert_eq(np_reader_discard(&stream.reader, SIZE_MAX, NULL), -EINVAL);
	cr_assert_eq(np_reader_read_byte(NULL), -EINVAL);
	stream_close(&stream);
}
