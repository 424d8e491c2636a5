/* SPDX-License-Identifier: MIT */
/*
 * core/net/reader.c - lines out of a stream.
 *
 *	buf        start                  end        size
 *	|  taken   |  buffered            |   room   |
 *	           |  searched  |
 *
 * What is buffered is moved to the front only if that is no more than what was taken, or there is
 * no room behind it; so a byte is moved once for each that was taken, or once for its line.
 */
#include <netpark/reader.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/task.h"

#include <errno.h>
#include <limits.h>
#include <string.h>

int np_reader_init(struct np_reader *reader, struct np_fd *fd, void *buf, size_t size)
{
	if (!reader || !fd || !buf || size == 0 || size > SSIZE_MAX)
		return np__invalid("np_reader_init: no reader, no handle, or no buffer");
	*reader = (struct np_reader){ .fd = fd, .buf = buf, .size = size };
	return 0;
}

static size_t count(const struct np_reader *reader)
{
	return reader->end - reader->start;
}

static char *front(const struct np_reader *reader)
{
	return reader->buf + reader->start;
}

size_t np_reader_buffered(const struct np_reader *reader, char **ret_data)
{
	if (!reader)
		return 0;
	if (ret_data)
		*ret_data = front(reader);
	return count(reader);
}

/* ---- the buffer --------------------------------------------------------------------------- */

/* The first @size buffered bytes are the caller's. */
static void take(struct np_reader *reader, size_t size)
{
	reader->start += size;
	reader->searched -= size < reader->searched ? size : reader->searched;
}

static void move_to_front(struct np_reader *reader)
{
	memmove(reader->buf, front(reader), count(reader));
	reader->end = count(reader);
	reader->start = 0;
}

/* Of the reader's own, by a task that has waited for nothing. */
static int fail(struct np_reader *reader, int error)
{
	np__fd_fail_outside(reader->fd, error, "read", NULL);
	return np__spend(error);
}

/* The stream has ended, and @has_some of what was asked for came before. */
static int fail_at_end(struct np_reader *reader, bool has_some)
{
	return has_some ? fail(reader, NP_EEOF) : 0;
}

/* Read once, where there is room. Bytes, 0 at the end of the stream, or an error. */
static ssize_t fill(struct np_reader *reader)
{
	ssize_t n;

	if (reader->start >= count(reader) || reader->end == reader->size)
		move_to_front(reader);
	if (reader->end == reader->size)
		return fail(reader, NP_ELIMIT);
	n = np_read(reader->fd, reader->buf + reader->end, reader->size - reader->end);
	if (n > 0)
		reader->end += (size_t)n;
	return n;
}

/* At least @size bytes, which are not more than the buffer's. As np_reader_peek(). */
static ssize_t fill_up_to(struct np_reader *reader, size_t size)
{
	while (count(reader) < size) {
		ssize_t n = fill(reader);

		if (n < 0)
			return n;
		if (n == 0)
			return fail_at_end(reader, count(reader) > 0);
	}
	return (ssize_t)size;
}

/* ---- pieces ------------------------------------------------------------------------------- */

static bool is_sought(const struct np_reader *reader, const char *text, size_t size)
{
	return reader->sought_size == size && memcmp(reader->sought, text, size) == 0;
}

/* What was searched for something else was not searched for this. */
static void seek(struct np_reader *reader, const char *text, size_t size)
{
	if (is_sought(reader, text, size))
		return;
	memcpy(reader->sought, text, size);
	reader->sought_size = size;
	reader->searched = 0;
}

/*
 * Look for it in what was not searched yet. Whatever it is, its last byte is there, with the others
 * before, which may have been searched. The size of what it ends, or 0.
 */
static size_t find(struct np_reader *reader)
{
	size_t others = reader->sought_size - 1;

	while (reader->searched < count(reader)) {
		const char *from = front(reader) + reader->searched;
		const char *last =
			memchr(from, reader->sought[others], count(reader) - reader->searched);

		if (!last) {
			reader->searched = count(reader);
			break;
		}
		reader->searched = (size_t)(last - front(reader)) + 1;
		if (reader->searched > others && memcmp(last - others, reader->sought, others) == 0)
			return reader->searched;
	}
	return 0;
}

static ssize_t read_until(struct np_reader *reader, const char *text, size_t size, char **ret_data)
{
	size_t found;

	seek(reader, text, size);
	while ((found = find(reader)) == 0) {
		ssize_t n = fill(reader);

		if (n < 0)
			return n;
		if (n == 0)
			return fail_at_end(reader, count(reader) > 0);
	}
	*ret_data = front(reader);
	take(reader, found);
	np__task_spend(np__task_self());
	return (ssize_t)found;
}

ssize_t np_reader_read_until(struct np_reader *reader, char delimiter, char **ret_data)
{
	if (!reader || !ret_data)
		return np__invalid("np_reader_read_until: no reader, or no place for the data");
	return read_until(reader, &delimiter, 1, ret_data);
}

ssize_t np_reader_read_until_text(struct np_reader *reader, const char *text, size_t size,
				  char **ret_data)
{
	if (!reader || !text || size == 0 || size > NP_READER_TEXT_MAX || !ret_data)
		return np__invalid("np_reader_read_until_text: no reader, no place for the data, "
				   "or a text that is not of 1 to 16 bytes");
	return read_until(reader, text, size, ret_data);
}

ssize_t np_reader_read_line(struct np_reader *reader, char **ret_line, size_t *ret_size)
{
	ssize_t n;
	size_t size;

	if (!reader || !ret_line)
		return np__invalid("np_reader_read_line: no reader, or no place for the line");
	n = read_until(reader, "\n", 1, ret_line);
	if (n <= 0)
		return n;
	size = (size_t)n - 1;
	if (size > 0 && (*ret_line)[size - 1] == '\r')
		size--;
	(*ret_line)[size] = '\0';
	if (ret_size)
		*ret_size = size;
	return n;
}

ssize_t np_reader_peek(struct np_reader *reader, size_t size, char **ret_data)
{
	ssize_t n;

	if (!reader || !ret_data)
		return np__invalid("np_reader_peek: no reader, or no place for the data");
	if (size > reader->size)
		return fail(reader, NP_ELIMIT);
	n = fill_up_to(reader, size);
	if (n < 0 || (n == 0 && size > 0))
		return n;
	*ret_data = front(reader);
	np__task_spend(np__task_self());
	return n;
}

/* ---- bytes -------------------------------------------------------------------------------- */

/* At most @size of what is buffered, into @buf unless that is NULL. */
static size_t take_some(struct np_reader *reader, char *buf, size_t size)
{
	if (size > count(reader))
		size = count(reader);
	if (buf && size > 0)
		memcpy(buf, front(reader), size);
	take(reader, size);
	return size;
}

/* As np_reader_read(), with nothing buffered. */
static ssize_t read_more(struct np_reader *reader, char *buf, size_t size)
{
	ssize_t n;

	if (buf && size >= reader->size)
		return np_read(reader->fd, buf, size);
	n = fill(reader);
	return n > 0 ? (ssize_t)take_some(reader, buf, size) : n;
}

ssize_t np_reader_read(struct np_reader *reader, void *buf, size_t size)
{
	if (!reader || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_reader_read: no reader, no buffer, or a size above "
				   "SSIZE_MAX");
	if (size > 0 && count(reader) == 0)
		return read_more(reader, buf, size);
	np__task_spend(np__task_self());
	return (ssize_t)take_some(reader, buf, size);
}

/* @size bytes into @buf, or nowhere if that is NULL. */
static ssize_t take_all(struct np_reader *reader, char *buf, size_t size, size_t *ret_taken)
{
	size_t taken = take_some(reader, buf, size);
	ssize_t n = 1;

	while (taken < size) {
		n = read_more(reader, buf ? buf + taken : NULL, size - taken);
		if (n <= 0)
			break;
		taken += (size_t)n;
	}
	if (ret_taken)
		*ret_taken = taken;
	if (n < 0)
		return n;
	if (n == 0)
		return fail_at_end(reader, taken > 0);
	np__task_spend(np__task_self());
	return (ssize_t)size;
}

ssize_t np_reader_read_full(struct np_reader *reader, void *buf, size_t size, size_t *ret_read)
{
	if (!reader || (!buf && size > 0) || size > SSIZE_MAX)
		return np__invalid("np_reader_read_full: no reader, no buffer, or a size above "
				   "SSIZE_MAX");
	return take_all(reader, buf, size, ret_read);
}

/* No call of the system's for each of them: who reads all that is buffered takes no share. */
int np_reader_read_byte(struct np_reader *reader)
{
	ssize_t n;
	int byte;

	if (!reader)
		return np__invalid("np_reader_read_byte: no reader");
	n = count(reader) > 0 ? 1 : fill(reader);
	if (n <= 0)
		return n < 0 ? (int)n : fail(reader, NP_EEOF);
	byte = (unsigned char)*front(reader);
	take(reader, 1);
	return byte;
}

ssize_t np_reader_discard(struct np_reader *reader, size_t size, size_t *ret_discarded)
{
	if (!reader || size > SSIZE_MAX)
		return np__invalid("np_reader_discard: no reader, or a size above SSIZE_MAX");
	return take_all(reader, NULL, size, ret_discarded);
}
