/* SPDX-License-Identifier: MIT */
/* core/text.c - appending to a buffer that may be too small. */
#include "core/text.h"

#include <netpark/base.h>

#include <stdarg.h>
#include <stdio.h>

void np__text_init(struct text *text, char *buf, size_t size)
{
	*text = (struct text){ .buf = buf, .size = buf ? size : 0 };
	if (buf && size > 0)
		buf[0] = '\0';
}

size_t np__text_held(const struct text *text)
{
	if (text->size == 0)
		return 0;
	return text->length < text->size ? text->length : text->size - 1;
}

void np__text_put(struct text *text, const char *string)
{
	for (; *string; string++, text->length++) {
		if (text->length + 1 >= text->size)
			continue;
		text->buf[text->length] = *string;
		text->buf[text->length + 1] = '\0';
	}
}

void np__text_put_number(struct text *text, uint64_t number)
{
	char digits[24];
	char *first = digits + sizeof(digits) - 1;

	*first = '\0';
	do
		*--first = (char)('0' + number % 10);
	while ((number /= 10));
	np__text_put(text, first);
}

void np__text_print(struct text *text, const char *format, ...)
{
	size_t held = np__text_held(text);
	va_list args;
	int n;

	va_start(args, format);
	n = vsnprintf(text->size > 0 ? text->buf + held : NULL, text->size - held, format, args);
	va_end(args);
	if (n > 0)
		text->length += (size_t)n;
}

/* Without %f, whose point is what the locale says. */
void np__text_print_duration(struct text *text, int64_t duration_ns)
{
	const int64_t ms = 1000 * 1000;
	const int64_t minute = 60 * 1000 * ms;

	if (duration_ns < 1000 * ms)
		np__text_print(text, "%lld ms", (long long)(duration_ns / ms));
	else if (duration_ns < 2 * minute)
		np__text_print(text, "%lld.%lld s", (long long)(duration_ns / (1000 * ms)),
			       (long long)(duration_ns / (100 * ms) % 10));
	else
		np__text_print(text, "%lld minutes", (long long)(duration_ns / minute));
}

void np__text_print_deadline(struct text *text, int64_t deadline_ns)
{
	int64_t left = deadline_ns > 0 ? deadline_ns - np_time() : 0;

	if (deadline_ns == INT64_MAX)
		return; /* np_deadline() of what is too far away to be told */
	if (left > 0) {
		np__text_put(text, ", deadline in ");
		np__text_print_duration(text, left);
	} else if (deadline_ns != 0) {
		np__text_put(text, ", deadline passed");
	}
}

void np__text_print_age(struct text *text, int64_t since_ns)
{
	if (since_ns == 0)
		return;
	np__text_put(text, ", ");
	np__text_print_duration(text, np_time() - since_ns);
}
