/* SPDX-License-Identifier: MIT */
/* tests/support/datagram.c - see datagram.h. */
#include "tests/support/datagram.h"

#include <criterion/criterion.h>
#include <netinet/in.h>
#include <sys/socket.h>
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
