/* SPDX-License-Identifier: MIT */
/*
 * netpark/reader.h - lines and other pieces out of a stream: Go's bufio.Reader, without memory of
 * its own.
 *
 *	char buf[4096];
 *	struct np_reader reader;
 *	char *line;
 *	size_t size;
 *	ssize_t n;
 *
 *	np_reader_init(&reader, conn, buf, sizeof(buf));
 *	while ((n = np_reader_read_line(&reader, &line, &size)) > 0)
 *		answer(conn, line);
 *
 * A reader fills the caller's buffer by np_read() and hands out pieces of it. The buffer is the
 * limit, too: a line that does not fit into it is NP_ELIMIT.
 *
 * Errors lose nothing. A call that fails has taken nothing out of the buffer, unless it says
 * otherwise, and what has come until then is there: np_reader_buffered() shows it, and the next
 * call goes on from there. So after NP_EDEADLINE set another deadline and call again, after
 * NP_ELIMIT discard or give up, after NP_EEOF look at what is left of the stream. Errors are not
 * remembered: the next call that needs more than is buffered asks np_read() again.
 *
 * What is buffered is handed out without a look at deadline, cancellation or close; they bound
 * waiting for more.
 *
 * No byte is searched twice, however small the pieces it comes in and however often a call had to
 * be repeated.
 *
 * One task at a time may use a reader; it borrows the handle, and owns nothing: there is nothing to
 * take down. Others may write to the handle, set its deadlines and close it meanwhile; who else
 * reads from it takes what the reader does not get. For streams: an empty message looks like the
 * end.
 *
 * Unless said otherwise: pointers into the buffer are good until the next call for that reader, and
 * the caller may change what they point at; bad arguments are -EINVAL; each call that may have to
 * wait also returns the errors of np_read(), and a failure is told in full by np_error_text().
 */
#ifndef NETPARK_READER_H
#define NETPARK_READER_H

#include <netpark/base.h>

#include <sys/types.h>

#ifdef __cplusplus
extern "C" {
#endif

struct np_fd;

enum { NP_READER_TEXT_MAX = 16 }; /* longest text to read until */

/** struct np_reader - where it reads from and what it has. All netpark's. */
struct np_reader {
	struct np_fd *fd;
	char *buf;
	size_t size;
	size_t start, end; /* what is buffered */
	size_t searched;   /* so much of that has no end of @sought in it */
	char sought[NP_READER_TEXT_MAX];
	size_t sought_size;
};

/**
 * np_reader_init() - read from @fd, through @buf. Go: bufio.NewReaderSize
 * @buf: the reader's until the last call; its @size, at least 1, is the longest line
 *
 * Return: 0, -EINVAL.
 */
NP_API int np_reader_init(struct np_reader *reader, struct np_fd *fd, void *buf, size_t size);

/**
 * np_reader_buffered() - what is there, without reading. Go: Reader.Buffered
 * @ret_data: may be NULL
 *
 * Return: the bytes at *ret_data, 0 also for NULL.
 */
NP_API size_t np_reader_buffered(const struct np_reader *reader, char **ret_data);

/* ---- pieces ------------------------------------------------------------------------------- */

/**
 * np_reader_read_until() - everything up to and with the next byte @delimiter. Go: ReadSlice
 *
 * Return: the bytes at *ret_data, of which the last is @delimiter; 0 at the end of the stream, with
 * nothing before it; NP_EEOF: the stream ended without @delimiter, the rest is buffered; NP_ELIMIT:
 * the buffer is full, and has none.
 */
NP_API ssize_t np_reader_read_until(struct np_reader *reader, char delimiter, char **ret_data);

/**
 * np_reader_read_until_text() - the same for several bytes, "\r\n\r\n" for example
 * @size: of @text, from 1 to NP_READER_TEXT_MAX
 */
NP_API ssize_t np_reader_read_until_text(struct np_reader *reader, const char *text, size_t size,
					 char **ret_data);

/**
 * np_reader_read_line() - the next line, as a C string. Go: ReadLine
 * @ret_line: ends in NUL, which is where "\n" or "\r\n" was
 * @ret_size: its length without that; NULs within it are the sender's. May be NULL.
 *
 * Return: the bytes taken, which are more than *ret_size; 0, NP_EEOF or NP_ELIMIT as
 * np_reader_read_until().
 */
NP_API ssize_t np_reader_read_line(struct np_reader *reader, char **ret_line, size_t *ret_size);

/**
 * np_reader_peek() - the next @size bytes, which stay where they are. Go: Peek
 *
 * Waits until there are as many; more may be buffered. Return: @size; 0 at the end of the stream,
 * with nothing before it, and for @size 0; NP_EEOF: it ended before, the rest is buffered;
 * NP_ELIMIT: @size is more than the buffer's.
 */
NP_API ssize_t np_reader_peek(struct np_reader *reader, size_t size, char **ret_data);

/* ---- bytes -------------------------------------------------------------------------------- */

/**
 * np_reader_read() - as np_read(): what is buffered, or else what there is. Go: Reader.Read
 *
 * Reads at most once. Into a @buf that is no smaller than the reader's it reads without a detour.
 * Return: bytes; 0 at the end of the stream, and for @size 0.
 */
NP_API ssize_t np_reader_read(struct np_reader *reader, void *buf, size_t size);

/**
 * np_reader_read_full() - all of @size bytes. Go: io.ReadFull
 * @ret_read: how many are in @buf, in every case but -EINVAL: they are taken. May be NULL.
 *
 * Return: @size; 0 at the end of the stream, with nothing before it; NP_EEOF: it ended before.
 */
NP_API ssize_t np_reader_read_full(struct np_reader *reader, void *buf, size_t size,
				   size_t *ret_read);

/** np_reader_read_byte() - the next one. Go: ReadByte. Return: 0 to 255; NP_EEOF: there is none. */
NP_API int np_reader_read_byte(struct np_reader *reader);

/**
 * np_reader_discard() - throw away the next @size bytes, of any number. Go: Discard
 * @ret_discarded: how many it were, in every case but -EINVAL. May be NULL.
 *
 * What is buffered goes without waiting. Return: as np_reader_read_full().
 */
NP_API ssize_t np_reader_discard(struct np_reader *reader, size_t size, size_t *ret_discarded);

#ifdef __cplusplus
}
#endif

#endif /* NETPARK_READER_H */
