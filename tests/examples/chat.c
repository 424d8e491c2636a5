/* SPDX-License-Identifier: MIT */
/*
 * tests/examples/chat.c - a room where everybody reads what the others write, line by line.
 *
 *	chat [-b BACKEND] [-w WORKERS] [-c CONNECTIONS] [-l LINES] [-t MILLISECONDS]
 *	     HOST:PORT | unix:PATH
 *
 * For nc(1), socat(1) and the like. Whoever comes says a name first, within MILLISECONDS (30 s).
 * "/who" tells who is there, "/quit" leaves.
 *
 * Nobody waits for who does not read: each member has a queue of LINES (256) and a fiber that
 * writes them. Who lets it overflow, or takes no bytes for MILLISECONDS, is thrown out.
 */
#include "server.h"

#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/uio.h>
#include <unistd.h>

enum { LINE_SIZE = 512, NAME_SIZE = 21, WRITE_MAX = 16, KERNEL_BUFFER = 65536 };

/* Shared by all queues that it is in. */
struct line {
	atomic_uint refs;
	size_t size;
	char text[];
};

struct member {
	struct room *room;
	struct np_fd *conn;
	struct np_channel *queue; /* of lines for it */
	struct np_group writer;
	struct np_reader reader;
	struct member *next, **link; /* under the room's lock */
	char name[NAME_SIZE];
	char buf[LINE_SIZE];
};

struct room {
	size_t queue_size;
	int64_t timeout_ns;
	struct np_mutex lock;
	struct member *members; /* under lock: those with names */
};

/* ---- lines -------------------------------------------------------------------------------- */

__attribute__((format(printf, 1, 2))) static struct line *new_line(const char *format, ...)
{
	char text[LINE_SIZE + 64];
	struct line *line;
	va_list args;
	int size;

	va_start(args, format);
	size = vsnprintf(text, sizeof(text), format, args);
	va_end(args);
	if (size < 0 || (size_t)size >= sizeof(text))
		return NULL;
	line = malloc(sizeof(*line) + (size_t)size);
	if (!line)
		return NULL;
	atomic_init(&line->refs, 1);
	line->size = (size_t)size;
	memcpy(line->text, text, line->size);
	return line;
}

static void unref_line(struct line *line)
{
	if (line && atomic_fetch_sub(&line->refs, 1) == 1)
		free(line);
}

/* Queue it, and never wait. Who does not keep up has all its calls fail from now on. */
static void send_line(struct member *member, struct line *line)
{
	if (!line)
		return;
	atomic_fetch_add(&line->refs, 1);
	if (np_channel_try_send(member->queue, &line) == 0)
		return;
	unref_line(line);
	np_set_deadline(member->conn, -1);
}

/* The same for what only one shall hear; takes @line. */
static void tell(struct member *member, struct line *line)
{
	send_line(member, line);
	unref_line(line);
}

/* To all but @author; takes @line. */
static void tell_others(struct member *author, struct line *line)
{
	struct room *room = author->room;

	np_mutex_lock(&room->lock);
	for (struct member *member = room->members; member; member = member->next)
		if (member != author)
			send_line(member, line);
	np_mutex_unlock(&room->lock);
	unref_line(line);
}

/* ---- writing ------------------------------------------------------------------------------ */

/* Wait for a line, and take those that came with it. How many; 0: there will be none. */
static int take_lines(struct member *member, struct line *lines[WRITE_MAX])
{
	int count = np_channel_receive(member->queue, &lines[0]) == 0;

	while (count > 0 && count < WRITE_MAX &&
	       np_channel_try_receive(member->queue, &lines[count]) == 0)
		count++;
	return count;
}

/* After a failure it goes on, and throws away what comes until nothing can. */
static int write_lines(void *arg)
{
	struct member *member = arg;
	struct line *lines[WRITE_MAX];
	bool is_lost = false;
	int count;

	while ((count = take_lines(member, lines)) > 0) {
		struct iovec iov[WRITE_MAX];

		for (int i = 0; i < count; i++)
			iov[i] = (struct iovec){ lines[i]->text, lines[i]->size };
		if (!is_lost) {
			np_set_write_deadline(member->conn, np_deadline(member->room->timeout_ns));
			is_lost = np_writev(member->conn, iov, count) < 0;
		}
		if (is_lost)
			np_set_deadline(member->conn, -1);
		for (int i = 0; i < count; i++)
			unref_line(lines[i]);
	}
	return 0;
}

/* ---- reading ------------------------------------------------------------------------------ */

/* Lines may hold anything; what moves cursors and rings bells is left out. */
static void clean(char *text, size_t size)
{
	for (size_t i = 0; i < size; i++)
		if ((unsigned char)text[i] < ' ' || text[i] == 0x7f)
			text[i] = '?';
}

/* Throw away the rest of a line that is too long. As np_reader_read_until(). */
static ssize_t skip_line(struct member *member)
{
	char *rest;
	ssize_t n;

	do {
		np_reader_discard(&member->reader, np_reader_buffered(&member->reader, NULL), NULL);
		n = np_reader_read_until(&member->reader, '\n', &rest);
	} while (n == NP_ELIMIT);
	return n;
}

/* The next line that is one, or NULL. */
static char *read_line(struct member *member)
{
	char *text;
	size_t size;
	ssize_t n;

	while ((n = np_reader_read_line(&member->reader, &text, &size)) == NP_ELIMIT) {
		tell(member, new_line("* a line has no more than %d bytes\n", LINE_SIZE - 1));
		if (skip_line(member) <= 0)
			return NULL;
	}
	if (n <= 0)
		return NULL;
	clean(text, size);
	return text;
}

/* Under the lock. */
static bool is_taken(const struct room *room, const char *name)
{
	for (const struct member *member = room->members; member; member = member->next)
		if (strcmp(member->name, name) == 0)
			return true;
	return false;
}

/* From now on it hears the others. False: another name, please. */
static bool enter(struct member *member, const char *name)
{
	struct room *room = member->room;
	bool is_good = *name && strlen(name) < NAME_SIZE && !strpbrk(name, " /*:?");

	np_mutex_lock(&room->lock);
	is_good = is_good && !is_taken(room, name);
	if (is_good) {
		np_set_read_deadline(member->conn, 0); /* until one of the others sets it */
		snprintf(member->name, sizeof(member->name), "%s", name);
		member->next = room->members;
		if (member->next)
			member->next->link = &member->next;
		member->link = &room->members;
		room->members = member;
	}
	np_mutex_unlock(&room->lock);
	return is_good;
}

static void leave(struct member *member)
{
	np_mutex_lock(&member->room->lock);
	*member->link = member->next;
	if (member->next)
		member->next->link = member->link;
	np_mutex_unlock(&member->room->lock);
	tell_others(member, new_line("* %s has left\n", member->name));
}

/* Under the lock. All in one, however many: each in a line of its own could overflow the queue. */
static struct line *list_members(const struct room *room)
{
	static const char around[] = "*  is here\n";
	size_t room_for = 1; /* the NUL */
	struct line *line;

	for (const struct member *member = room->members; member; member = member->next)
		room_for += strlen(member->name) + sizeof(around) - 1;
	line = malloc(sizeof(*line) + room_for);
	if (!line)
		return NULL;
	atomic_init(&line->refs, 1);
	line->size = 0;
	for (const struct member *member = room->members; member; member = member->next)
		line->size += (size_t)snprintf(line->text + line->size, room_for - line->size,
					       "* %s is here\n", member->name);
	return line;
}

static void tell_who(struct member *member)
{
	struct line *line;

	np_mutex_lock(&member->room->lock);
	line = list_members(member->room);
	np_mutex_unlock(&member->room->lock);
	tell(member, line);
}

static bool introduce(struct member *member)
{
	char *name;

	np_set_read_deadline(member->conn, np_deadline(member->room->timeout_ns));
	do {
		tell(member, new_line("* your name?\n"));
		name = read_line(member);
		if (!name)
			return false;
	} while (!enter(member, name));
	tell(member, new_line("* welcome, %s\n", member->name));
	tell_others(member, new_line("* %s has come\n", member->name));
	return true;
}

static void talk(struct member *member)
{
	char *text;

	while ((text = read_line(member)) && strcmp(text, "/quit") != 0) {
		if (strcmp(text, "/who") == 0)
			tell_who(member);
		else
			tell_others(member, new_line("%s: %s\n", member->name, text));
	}
}

/* ---- life --------------------------------------------------------------------------------- */

static void serve(struct np_fd *conn, void *arg)
{
	struct member member = { .room = arg, .conn = conn };
	struct line *line;

	/* What a member has not read is in its queue, not in the kernel. */
	np_set_write_buffer(conn, KERNEL_BUFFER);
	np_reader_init(&member.reader, conn, member.buf, sizeof(member.buf));
	if (np_channel_create(sizeof(struct line *), member.room->queue_size, &member.queue) != 0)
		return;
	if (np_group_go(&member.writer, write_lines, &member) == 0) {
		if (introduce(&member)) {
			talk(&member);
			leave(&member);
		}
		np_channel_close(member.queue);
		np_group_join(&member.writer);
	}
	while (np_channel_try_receive(member.queue, &line) == 0)
		unref_line(line);
	np_channel_destroy(member.queue);
}

static int usage(void)
{
	fprintf(stderr, "usage: chat [-b epoll|poll|kqueue] [-w WORKERS] [-c CONNECTIONS] "
			"[-l LINES] [-t MILLISECONDS] HOST:PORT | unix:PATH\n");
	return 2;
}

int main(int argc, char **argv)
{
	struct room room = { .queue_size = 256, .timeout_ns = INT64_C(30) * 1000000000 };
	struct server server = { .name = "chat", .serve = serve, .arg = &room };
	int option;

	while ((option = getopt(argc, argv, SERVER_OPTIONS "l:t:")) != -1) {
		if (option == 'l')
			room.queue_size = (size_t)server_number(&server, optarg, 1000000);
		else if (option == 't')
			room.timeout_ns = server_number(&server, optarg, 1000000) * 1000000;
		else if (!server_option(&server, option, optarg))
			return usage();
	}
	if (optind != argc - 1)
		return usage();
	server.address = argv[optind];
	return server_run(&server);
}
