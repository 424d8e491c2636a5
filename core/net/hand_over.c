/* SPDX-License-Identifier: MIT */
/*
 * core/net/hand_over.c - handles to a process that runs.
 *
 * The giver sends a greeting with the number of handles, and for each an entry: a header, with
 * which the descriptor comes, the name, the data. The taker answers once: 0 when it has everything,
 * or why it has not, at any time. Both are on one host, so numbers are as they lie in memory.
 *
 * The answer decides for both. A giver that does not wait for it any longer shuts its reading side:
 * from then on the taker's answer cannot be sent, and one that was sent before is there to be read.
 */
#include <netpark/inherit.h>
#include <netpark/stream.h>
#include <netpark/unix.h>

#include "core/failure.h"
#include "core/fd.h"
#include "core/net/unix.h"
#include "core/sys.h"
#include "core/uncancelled.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { MAGIC = 0x4e504831 }; /* another one for another form */

struct greeting {
	uint32_t magic;
	uint32_t count;
};

enum { ENTRY_BLOCKS = 1, ENTRY_UNLINKS = 2 };

struct entry {
	uint32_t flags;
	uint32_t name_length;
	uint32_t size; /* of the data */
};

static bool is_stream_of_unix(const struct np_fd *fd)
{
	return fd && np__fd_is_unix(fd) && fd->is_stream && !fd->is_listener;
}

/* ---- giving ------------------------------------------------------------------------------- */

static int send_entry(struct np_fd *conn, const struct np_inherited *one)
{
	struct np_fd *fd = one->fd;
	char buf[sizeof(struct entry) + NP_INHERITED_NAME_MAX];
	struct entry entry = { .size = (uint32_t)one->size };
	ssize_t n = np__fd_incref(fd, "hand-over");

	if (n < 0)
		return (int)n;
	np__fd_share(fd);
	entry.flags =
		(fd->is_blocking ? ENTRY_BLOCKS : 0) | (np__fd_unlinks(fd) ? ENTRY_UNLINKS : 0);
	entry.name_length = (uint32_t)strlen(one->name);
	memcpy(buf, &entry, sizeof(entry));
	memcpy(buf + sizeof(entry), one->name, entry.name_length);
	n = np_send_fds(conn, buf, sizeof(entry) + entry.name_length, &fd->sysfd, 1);
	np__fd_decref(fd);
	if (n >= 0 && one->size > 0)
		n = np_write(conn, one->data, one->size);
	return n < 0 ? (int)n : 0;
}

static int send_all(struct np_fd *conn, const struct np_inherited *list, size_t count)
{
	const struct greeting greeting = { MAGIC, (uint32_t)count };
	ssize_t n = np_write(conn, &greeting, sizeof(greeting));

	for (size_t i = 0; i < count && n >= 0; i++)
		n = send_entry(conn, &list[i]);
	return n < 0 ? (int)n : 0;
}

/*
 * 0, the taker's error, or that this is no taker. That it was cancelled, closed or late must not
 * look like news of us: it has given up.
 */
static int judge_answer(int32_t answer)
{
	if (answer > 0)
		return -EPROTO;
	return answer > -10000 || answer == NP_ELIMIT ? answer : NP_EEOF;
}

/* Whoever says no, says so early: then sending fails, and the answer tells why. */
static int read_answer(struct np_fd *conn, int error)
{
	int32_t answer = -EPROTO;
	ssize_t n;

	if (error && error != -EPIPE && error != -ECONNRESET)
		return error;
	n = np_read_full(conn, &answer, sizeof(answer));
	if (n == 0)
		return np__fd_fail(conn, error ? error : NP_EEOF, "hand-over", NULL);
	if (n < 0)
		return (int)n;
	answer = judge_answer(answer);
	return answer ? np__fd_fail(conn, answer, "hand-over", NULL) : error;
}

/* What has come in spite of all, with no more to come; of one who has got everything. */
static int settle(struct np_fd *conn, int error, bool all_sent)
{
	NP_UNCANCELLED;
	int32_t answer = -EPROTO;
	ssize_t n = recv(conn->sysfd, &answer, sizeof(answer), MSG_DONTWAIT);

	/* Some systems drop what is there: hence the look before. */
	shutdown(conn->sysfd, SHUT_RDWR);
	if (n < 0)
		n = recv(conn->sysfd, &answer, sizeof(answer), MSG_DONTWAIT);
	return all_sent && n == (ssize_t)sizeof(answer) && answer == 0 ? 0 : error;
}

/* Paths of listeners that are somebody else's now. */
static void give_up_paths(const struct np_inherited *list, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (np__fd_unlinks(list[i].fd))
			np_set_unlink_on_close(list[i].fd, false);
}

static bool can_be_given(const struct np_inherited *list, size_t count)
{
	if (!list || count < 1 || count > NP_INHERITED_MAX)
		return false;
	for (size_t i = 0; i < count; i++)
		if (!list[i].fd || list[i].size > NP_INHERITED_DATA_MAX ||
		    (!list[i].data && list[i].size > 0) ||
		    strnlen(list[i].name, sizeof(list[i].name)) == sizeof(list[i].name))
			return false;
	return true;
}

int np_hand_over(struct np_fd *conn, const struct np_inherited *list, size_t count)
{
	int error, not_sent;

	if (!is_stream_of_unix(conn))
		return np__invalid("np_hand_over: no connection of a Unix stream");
	if (!can_be_given(list, count))
		return np__invalid("np_hand_over: no handles, too many, none in a place, too much "
				   "data, or a name without an end");
	/* Open until the end, whoever closes: only so it can be settled. */
	error = np__fd_incref(conn, "hand-over");
	if (error)
		return error;
	not_sent = send_all(conn, list, count);
	error = read_answer(conn, not_sent);
	if (error)
		error = settle(conn, error, !not_sent);
	if (!error)
		give_up_paths(list, count);
	np__fd_decref(conn);
	return error;
}

/* ---- taking ------------------------------------------------------------------------------- */

/* All of it. 0, or an error: the end is one. */
static int read_all(struct np_fd *conn, void *buf, size_t size)
{
	ssize_t n = size > 0 ? np_read_full(conn, buf, size) : 1;

	if (n == 0)
		return np__fd_fail(conn, NP_EEOF, "take-over", NULL);
	return n < 0 ? (int)n : 0;
}

/* With which a descriptor comes, the caller's. */
static int read_entry(struct np_fd *conn, struct entry *entry, int *ret_sysfd)
{
	size_t count;
	ssize_t n = np_recv_fds(conn, entry, sizeof(*entry), ret_sysfd, 1, &count);
	int error = 0;

	if (n < 0)
		return (int)n;
	if (n == 0)
		return np__fd_fail(conn, NP_EEOF, "take-over", NULL);
	if (count == 0)
		return np__fd_fail(conn, -EPROTO, "take-over", NULL);
	error = read_all(conn, (char *)entry + n, sizeof(*entry) - (size_t)n);
	if (!error &&
	    (entry->name_length > NP_INHERITED_NAME_MAX || entry->size > NP_INHERITED_DATA_MAX))
		error = np__fd_fail(conn, -EPROTO, "take-over", NULL);
	if (error)
		np__sys_close(*ret_sysfd);
	return error;
}

static int read_data(struct np_fd *conn, struct np_inherited *one, size_t size)
{
	int error;

	if (size == 0)
		return 0;
	one->data = malloc(size);
	if (!one->data)
		return np__fd_fail(conn, -ENOMEM, "take-over", NULL);
	one->size = size;
	error = read_all(conn, one->data, size);
	if (error)
		free(one->data);
	return error;
}

static int take_one(struct np_fd *conn, struct np_inherited *one)
{
	struct entry entry;
	int sysfd;
	int error = read_entry(conn, &entry, &sysfd);

	if (error)
		return error;
	*one = (struct np_inherited){ .fd = NULL };
	error = read_all(conn, one->name, entry.name_length);
	if (!error)
		error = read_data(conn, one, entry.size);
	if (error) {
		np__sys_close(sysfd);
		return error;
	}
	error = np_fd_open(sysfd, entry.flags & ENTRY_BLOCKS ? NP_FD_BLOCKING : 0, &one->fd);
	if (error) {
		np__sys_close(sysfd);
		free(one->data);
		return error;
	}
	if (entry.flags & ENTRY_UNLINKS)
		np_set_unlink_on_close(one->fd, true);
	return 0;
}

static int read_count(struct np_fd *conn, size_t max, size_t *ret_count)
{
	struct greeting greeting;
	int error = read_all(conn, &greeting, sizeof(greeting));

	if (error)
		return error;
	if (greeting.magic != MAGIC || greeting.count < 1 || greeting.count > NP_INHERITED_MAX)
		return np__fd_fail(conn, -EPROTO, "take-over", NULL);
	if (greeting.count > max)
		return np__fd_fail(conn, NP_ELIMIT, "take-over", NULL);
	*ret_count = greeting.count;
	return 0;
}

/* They are still the giver's, and so are their paths. */
static void put_back(struct np_inherited *list, size_t count)
{
	for (size_t i = 0; i < count; i++) {
		if (np__fd_unlinks(list[i].fd))
			np_set_unlink_on_close(list[i].fd, false);
		np_close(list[i].fd);
		free(list[i].data);
	}
}

/* Without waiting, and without a record of its own. */
static void refuse(struct np_fd *conn, int error)
{
	NP_UNCANCELLED;
	const int32_t answer = error;

	if (np__fd_mutex_is_closed(&conn->mutex))
		return;
	send(conn->sysfd, &answer, sizeof(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	/* Both sides: of its reading side alone a giver that waits for room would not hear. */
	shutdown(conn->sysfd, SHUT_RDWR);
}

/* By who has a reference. How many, or an error. */
static int take_all(struct np_fd *conn, struct np_inherited *ret_list, size_t max)
{
	const int32_t answer = 0;
	size_t count = 0, taken = 0;
	ssize_t n = 0;
	int error = read_count(conn, max, &count);

	while (!error && taken < count) {
		error = take_one(conn, &ret_list[taken]);
		taken += !error;
	}
	if (!error)
		n = np_write(conn, &answer, sizeof(answer));
	if (!error && n >= 0)
		return (int)count;
	if (!error)
		error = (int)n;
	put_back(ret_list, taken);
	refuse(conn, error);
	return error;
}

int np_take_over(struct np_fd *conn, struct np_inherited *ret_list, size_t max)
{
	int n;

	if (!is_stream_of_unix(conn) || !ret_list || max < 1)
		return np__invalid("np_take_over: no connection of a Unix stream, or no place for "
				   "the handles");
	n = np__fd_incref(conn, "take-over");
	if (n < 0)
		return n;
	n = take_all(conn, ret_list, max);
	np__fd_decref(conn);
	return n;
}
