/* SPDX-License-Identifier: MIT */
/*
 * tests/host/locale.c - texts are the same whatever the locale: where "I" has another small letter,
 * where the point of a number is a comma, where a byte of a character looks like a letter.
 *
 *	locale LOCALE...
 *
 * Each as setlocale(3) takes it. run_locale.sh makes those that this is for.
 */
#include "tests/host/host.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const addresses[] = {
	"127.0.0.1:80", "[::1]:443",       "[FE80::ABCD%1]:80",  "[::FFFF:1.2.3.4]:65535",
	"I.INVALID:80", "1,5:80",          "127.0.0.1:8,0",      "\xfd:80",
	"\xa4\x40:80",  "[::\xb2\x61]:80", "127.0.0.1:\xb2\x61",
};

enum { ADDRESSES = sizeof(addresses) / sizeof(addresses[0]) };
enum { TEXTS = ADDRESSES + 8 };

/* What is told in one locale. */
struct texts {
	int count;
	char text[TEXTS][256];
};

static char *next_text(struct texts *texts)
{
	HOST_CHECK(texts->count < TEXTS, "too many texts");
	return texts->text[texts->count++];
}

static void note_error(struct texts *texts, int error)
{
	np_error_text(error, next_text(texts), sizeof(texts->text[0]));
}

static void note_address(struct texts *texts, const char *address)
{
	struct np_addr addr;
	char *text = next_text(texts);
	int error = np_addr_parse("tcp", address, &addr);

	if (error)
		np_error_text(error, text, sizeof(texts->text[0]));
	else
		np_addr_format(&addr, text, sizeof(texts->text[0]));
}

static void note_path(struct texts *texts)
{
	struct np_fd *listener;
	struct np_addr addr;
	char path[64];

	snprintf(path, sizeof(path), "/tmp/netpark-\xa4\x40-\xfd-%d", (int)getpid());
	unlink(path);
	HOST_EXPECT(np_listen("unix", path, &listener), 0);
	HOST_EXPECT(np_local_addr(listener, &addr), 0);
	np_addr_format(&addr, next_text(texts), sizeof(texts->text[0]));
	HOST_EXPECT(np_close(listener), 0);
}

/* "Is a directory", "Invalid argument": what the system says begins with the letter in question. */
static void note_all(struct texts *texts)
{
	struct np_fd *ends[2], *fd;

	texts->count = 0;
	for (int i = 0; i < ADDRESSES; i++)
		note_address(texts, addresses[i]);
	note_error(texts, np_file_open("/", O_RDWR, 0, &fd));
	note_error(texts, np_dial("tcp", "127.0.0.1:1", 0, &fd));
	note_error(texts, np_listen("TCP", "127.0.0.1:0", &fd));
	HOST_EXPECT(np_socketpair("unix", ends), 0);
	note_error(texts, np_set_option(ends[0], -1, -1, 0));
	HOST_EXPECT(np_close(ends[0]), 0);
	HOST_EXPECT(np_close(ends[1]), 0);
	note_path(texts);
}

/* "..., deadline in 59.9 s]" */
static void check_dump(void)
{
	char report[4096];
	const char *at;
	ssize_t n;
	int ends[2];

	HOST_EXPECT(pipe(ends), 0);
	HOST_EXPECT(np_dump(ends[1]), 0);
	n = read(ends[0], report, sizeof(report) - 1);
	report[n > 0 ? n : 0] = '\0';
	at = strstr(report, "deadline in ");
	HOST_CHECK(at, "nobody has a deadline: %s", report);
	at += strlen("deadline in ");
	while (isdigit((unsigned char)*at))
		at++;
	HOST_CHECK(*at == '.', "a number with another point: %s", report);
	close(ends[0]);
	close(ends[1]);
}

static void *read_until_closed(void *arg)
{
	char byte;

	host_use_backend();
	HOST_EXPECT(np_read(arg, &byte, 1), NP_ECLOSED);
	return NULL;
}

static const char *name;

static void in_locale(void)
{
	static struct texts before, after;
	struct np_poller *poller = host_use_backend();
	struct np_fd *ends[2];
	pthread_t reader;

	note_all(&before);
	if (!setlocale(LC_ALL, name))
		host_skip("there is no locale %s", name);
	note_all(&after);
	HOST_EXPECT(after.count, before.count);
	for (int i = 0; i < before.count; i++)
		HOST_CHECK(!strcmp(before.text[i], after.text[i]), "in %s, \"%s\" is \"%s\"", name,
			   before.text[i], after.text[i]);
	host_pair("unix", ends);
	HOST_EXPECT(np_set_read_deadline(ends[0], np_deadline(INT64_C(60000000000))), 0);
	reader = host_start(read_until_closed, ends[0]);
	HOST_UNTIL(host_parked(poller) == 1);
	check_dump();
	HOST_EXPECT(np_close(ends[0]), 0);
	pthread_join(reader, NULL);
	host_echo();
}

int main(int argc, char **argv)
{
	static char program[] = "locale", backend[16];
	char *fixed[] = { program, backend, NULL };
	int status = 0;

	snprintf(backend, sizeof(backend), "%s", runtime_poll_default()->name);
	for (int i = 1; i < argc; i++) {
		const struct host_case one = { argv[i], in_locale };
		int result;

		name = argv[i];
		result = host_main(2, fixed, &one, 1);
		if (status != HOST_FAILED && result != 0)
			status = result;
	}
	return argc > 1 ? status : 2;
}
