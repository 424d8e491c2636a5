/* SPDX-License-Identifier: MIT */
/*
 * core/text.h - a text that is put together in a buffer which may be too small.
 *
 * It always ends in NUL; what does not fit is left out. length counts all of it, as snprintf(3)
 * does.
 */
#ifndef NETPARK_CORE_TEXT_H
#define NETPARK_CORE_TEXT_H

#include <stddef.h>
#include <stdint.h>

struct text {
	char *buf;
	size_t size;
	size_t length;
};

/* @buf may be NULL, of size 0. */
void np__text_init(struct text *text, char *buf, size_t size);

/* How much of it is in the buffer. */
size_t np__text_held(const struct text *text);

/* Append; also in signal handlers. */
void np__text_put(struct text *text, const char *string);
void np__text_put_number(struct text *text, uint64_t number);

/* Append as printf(3) would, not in signal handlers. */
__attribute__((format(printf, 2, 3))) void np__text_print(struct text *text, const char *format,
							  ...);

/* "350 ms", "2.5 s", "3 minutes": as much as a person wants to know. */
void np__text_print_duration(struct text *text, int64_t duration_ns);

/* ", deadline in 29.5 s"; nothing if @deadline_ns is 0, that is, none. */
void np__text_print_deadline(struct text *text, int64_t deadline_ns);

/* ", 3 minutes": how long @since_ns is past; nothing if that is 0, that is, not known. */
void np__text_print_age(struct text *text, int64_t since_ns);

#endif /* NETPARK_CORE_TEXT_H */
