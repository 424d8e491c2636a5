/* SPDX-License-Identifier: MIT */
/* tests/support/datagram.c - see datagram.h. */
#include "tests/support/datagram.h"

#include "core/fd.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

bool datagram_has_ipv6(void)
{
	struct sockaddr_in6 name = { .sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT };
	int fd = socket(AF_INET6, SOCK_DGRAM, 0);
	bool has = fd >= 0 && bind(fd, (struct sockaddr *)&name, sizeof(name)) == 0;

	if (fd >= 0)
		close(fd);
	return has;
}

void datagram_pair(struct np_fd *fds[2])
{
	for (int i = 0; i < 2; i++)
		cr_assert_eq(np_listen_packet("udp", "127.0.0.1:0", &fds[i]), 0);
}

void datagram_close(struct np_fd *fds[2])
{
	cr_assert_eq(np_close(fds[0]), 0);
	cr_assert_eq(np_close(fds[1]), 0);
}

void datagram_await(struct np_fd *fd)
{
	cr_assert_eq(np_set_read_deadline(fd, np_deadline(INT64_C(20) * 1000000000)), 0);
	cr_assert_eq(np_wait(fd, NP_READ), 0, "no message came");
	cr_assert_eq(np_set_read_deadline(fd, 0), 0);
}

int datagram_fill(struct np_fd *sender, const struct np_addr *to)
{
	struct sockaddr_storage name;
	int length = to ? np_addr_to_sockaddr(to, (struct sockaddr *)&name, sizeof(name)) : 0;
	const int size = 1 << 20; /* so that it is not the sender who has no room */
	int count = 0;

	cr_assert_geq(length, 0);
	setsockopt(sender->sysfd, SOL_SOCKET, SO_SNDBUF, &size, sizeof(size));
	while (sendto(sender->sysfd, "", 0, MSG_DONTWAIT, to ? (struct sockaddr *)&name : NULL,
		      (socklen_t)length) == 0)
		count++;
	cr_assert_eq(errno, EAGAIN);
	return count;
}

bool datagram_is_full(const char *path)
{
	struct sockaddr_un name = { .sun_family = AF_UNIX };
	struct pollfd room = { .fd = socket(AF_UNIX, SOCK_DGRAM, 0), .events = POLLOUT };
	bool is_full;

	strcpy(name.sun_path, path);
	cr_assert_eq(connect(room.fd, (struct sockaddr *)&name, sizeof(name)), 0);
	is_full = poll(&room, 1, 0) == 0;
	close(room.fd);
	return is_full;
}

ssize_t call_recv_from(struct call *call)
{
	struct from_call *from = (struct from_call *)call;

	return np_recv_from(call->fd, call->data, call->size, &from->addr);
}

ssize_t call_send_to(struct call *call)
{
	struct from_call *to = (struct from_call *)call;

	return np_send_to(call->fd, call->buf, call->size, &to->addr);
}

ssize_t call_send_message(struct call *call)
{
	const struct np_message message = { .data = call->buf, .size = call->size };

	return np_send_message(call->fd, &message);
}
