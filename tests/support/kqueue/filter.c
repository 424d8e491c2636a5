/* SPDX-License-Identifier: MIT */
/*
 * filter.c - poll(2)'s answer about a descriptor, translated into that of a BSD filter.
 *
 * Nothing here may change the descriptor. So fflags, where a BSD puts the error of a socket, stays
 * empty: Linux has no way to look at that error without taking it from whoever is to meet it.
 *
 * A BSD's kernel does this on its own behalf, also about a descriptor that another thread closes at
 * that moment. ThreadSanitizer would call that a race if it saw it; statx and raw calls it does not
 * see. What is asked about the wrong file comes to a spurious event at worst.
 */
#ifndef _GNU_SOURCE
#define _GNU_SOURCE /* POLLRDHUP, statx */
#endif

#include "tests/support/kqueue/filter.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

int kq_filter_identify(int fd, struct filter_file *ret_file)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return errno;
	*ret_file = (struct filter_file){
		.device = status.st_dev,
		.inode = status.st_ino,
		.type = status.st_mode & S_IFMT,
	};
	return 0;
}

bool kq_filter_is_same(const struct filter_file *one, const struct filter_file *other)
{
	return one->device == other->device && one->inode == other->inode &&
	       one->type == other->type;
}

bool kq_filter_still_is(int fd, const struct filter_file *file)
{
	struct filter_file now;

	return kq_filter_identify(fd, &now) == 0 && kq_filter_is_same(&now, file);
}

static int socket_option(int fd, int name)
{
	int value = 0;
	socklen_t size = sizeof(value);

	return getsockopt(fd, SOL_SOCKET, name, &value, &size) < 0 ? -1 : value;
}

static int look(int fd)
{
	struct pollfd entry = { .fd = fd, .events = POLLIN | POLLOUT | POLLRDHUP };

	return poll(&entry, 1, 0) > 0 ? entry.revents : 0;
}

/*
 * Linux says POLLHUP of a stream socket that never was connected, a BSD says nothing. What tells it
 * from a connection that has ended is that the latter has its receiving side shut as well.
 */
static bool is_unconnected(const struct filter_file *file, int news)
{
	return S_ISSOCK(file->type) && (news & POLLHUP) && !(news & (POLLRDHUP | POLLERR));
}

/* On a pipe POLLERR is how the writer hears that the readers have gone. */
static bool is_hung_up(const struct filter_file *file, int news)
{
	return (news & POLLHUP) || (S_ISFIFO(file->type) && (news & POLLERR));
}

static int64_t bytes_in(int fd, const struct filter_file *file)
{
	struct stat status;
	int bytes = 0;

	if (S_ISREG(file->type))
		return fstat(fd, &status) < 0 ? 0 : status.st_size - lseek(fd, 0, SEEK_CUR);
	return syscall(SYS_ioctl, fd, FIONREAD, &bytes) < 0 ? 0 : bytes;
}

bool kq_filter_readable(int fd, const struct filter_file *file, int64_t low_water,
			struct filter_state *ret_state)
{
	int news = look(fd);

	if (is_unconnected(file, news))
		return false;
	if (S_ISSOCK(file->type) && socket_option(fd, SO_ACCEPTCONN) == 1) {
		*ret_state = (struct filter_state){ .data = 1 };
		return (news & POLLIN) != 0;
	}
	*ret_state = (struct filter_state){
		.data = bytes_in(fd, file),
		.eof = (news & POLLRDHUP) || is_hung_up(file, news),
	};
	if (S_ISREG(file->type)) /* poll(2) is always content with these */
		return ret_state->data != 0;
	if (ret_state->eof || (news & POLLERR))
		return true;
	return (news & POLLIN) && ret_state->data >= low_water;
}

static bool tcp_has_sent_its_last(int state)
{
	return state == TCP_FIN_WAIT1 || state == TCP_FIN_WAIT2 || state == TCP_CLOSING ||
	       state == TCP_LAST_ACK || state == TCP_TIME_WAIT || state == TCP_CLOSE;
}

/* poll(2) does not tell our own shutdown from room. Only asked once it has said POLLOUT. */
static bool is_shut_for_writing(int fd, const struct filter_file *file)
{
	struct tcp_info info;
	socklen_t size = sizeof(info);

	if (!S_ISSOCK(file->type))
		return false;
	if (getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) == 0)
		return tcp_has_sent_its_last(info.tcpi_state);
	/* An empty send does nothing to a Unix stream; on any other kind it might be a packet. */
	if (socket_option(fd, SO_DOMAIN) != AF_UNIX || socket_option(fd, SO_TYPE) != SOCK_STREAM)
		return false;
	return send(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL) < 0 && errno == EPIPE;
}

bool kq_filter_writable(int fd, const struct filter_file *file, struct filter_state *ret_state)
{
	int news = look(fd);

	*ret_state = (struct filter_state){ .data = 1 }; /* how much room: some */
	/*
	 * Linux wakes nobody when a Unix socket gets connected, so the room that is seen before is
	 * the only report there will be.
	 */
	if (is_unconnected(file, news))
		return socket_option(fd, SO_DOMAIN) == AF_UNIX && (news & POLLOUT);
	if (is_hung_up(file, news) || ((news & POLLOUT) && is_shut_for_writing(fd, file)))
		*ret_state = (struct filter_state){ .eof = true };
	return ret_state->eof || (news & (POLLOUT | POLLERR));
}
