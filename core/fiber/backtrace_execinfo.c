/* SPDX-License-Identifier: MIT */
/*
 * core/fiber/backtrace_execinfo.c - with the unwinder and the symbols that the C library has.
 *
 * Names are those the dynamic linker knows: of a program its exported functions, which is all of
 * them with -rdynamic. For the others there is the offset in the file, which addr2line(1) takes.
 */
#include "core/fiber/backtrace.h"

#include <dlfcn.h>
#include <execinfo.h>
#include <string.h>

enum { FRAMES_MOST = 64 };

struct frames {
	void *addresses[FRAMES_MOST];
	int count;
};

static void collect(void *arg)
{
	struct frames *frames = arg;

	/* Which numbers it takes and returns differs. */
	frames->count = (int)backtrace(frames->addresses, FRAMES_MOST);
}

static const char *file_name(const char *path)
{
	const char *slash = path ? strrchr(path, '/') : NULL;

	return slash ? slash + 1 : path ? path : "?";
}

static size_t distance(const void *from, const void *to)
{
	return (size_t)((const char *)to - (const char *)from);
}

/* "echo(serve+0x41)", "echo(+0x1341)"; @inside is an address of the same function. */
static void put_place(const void *address, const void *inside, struct text *text)
{
	Dl_info info;

	if (!dladdr(inside, &info))
		np__text_print(text, "%p", address);
	else if (info.dli_sname)
		np__text_print(text, "%s(%s+%#zx)", file_name(info.dli_fname), info.dli_sname,
			       distance(info.dli_saddr, address));
	else
		np__text_print(text, "%s(+%#zx)", file_name(info.dli_fname),
			       distance(info.dli_fbase, address));
}

/* Without the first @hidden, which are this file's own. */
static void put_frames(const struct frames *frames, int hidden, struct text *text)
{
	for (int i = hidden; i < frames->count; i++) {
		const char *address = frames->addresses[i];

		np__text_put(text, "\t");
		/* Where it returns to is another function if the call was the last thing in it. */
		put_place(address, address - 1, text);
		np__text_put(text, "\n");
	}
}

/* collect() and np__context_visit() are not the context's. */
void np__backtrace_context(const struct context *context, struct text *text)
{
	struct frames frames = { .count = 0 };

	if (np__context_visit(context, collect, &frames))
		put_frames(&frames, 2, text);
}

void np__backtrace_here(struct text *text)
{
	struct frames frames;

	collect(&frames);
	put_frames(&frames, 2, text);
}

void np__backtrace_name(const void *address, struct text *text)
{
	put_place(address, address, text);
}
