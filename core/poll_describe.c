/* SPDX-License-Identifier: MIT */
/*
 * core/poll_describe.c - for people: what a task waits for that is parked on a descriptor.
 *
 * Nothing of it is written down while the task works: the kernel is asked now. The number is still
 * the same file's, since who waits keeps it open.
 */
#include "core/addr.h"
#include "core/poll_desc.h"
#include "core/text.h"

#include <netinet/in.h>
#include <sys/socket.h>

struct sock {
	int fd;
	const struct np_poll_desc *desc;
	struct np_addr local, peer;
	bool is_stream, is_listener;
};

static int side_of_wait(const struct np_wait *wait)
{
	return wait == &np__poll_waits[SIDE_WRITE] || wait == &np__poll_stubborn_waits[SIDE_WRITE]
		       ? SIDE_WRITE
		       : SIDE_READ;
}

static bool ask(int fd, int option, int *ret_value)
{
	socklen_t length = sizeof(*ret_value);

	return getsockopt(fd, SOL_SOCKET, option, ret_value, &length) == 0;
}

static void find_peer(struct sock *sock)
{
	const struct sockaddr *known = sock->desc->peer;
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	if (known)
		np__addr_from_sockaddr(&sock->peer, known,
				       known->sa_family == AF_INET ? sizeof(struct sockaddr_in)
								   : sizeof(struct sockaddr_in6));
	else if (getpeername(sock->desc->fd, (struct sockaddr *)&name, &length) == 0)
		np__addr_from_sockaddr(&sock->peer, (struct sockaddr *)&name, length);
}

/* False if it is none. */
static bool inspect(const struct np_poll_desc *desc, struct sock *ret_sock)
{
	struct sock sock = { .desc = desc };
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);
	int type, listens;

	if (!ask(desc->fd, SO_TYPE, &type))
		return false;
	sock.is_stream = type == SOCK_STREAM;
	sock.is_listener = ask(desc->fd, SO_ACCEPTCONN, &listens) && listens;
	if (getsockname(desc->fd, (struct sockaddr *)&name, &length) == 0)
		np__addr_from_sockaddr(&sock.local, (struct sockaddr *)&name, length);
	if (!sock.is_listener)
		find_peer(&sock);
	*ret_sock = sock;
	return true;
}

/* Is it a connection that is still being made? Until then a socket has no peer. */
static bool is_dialled(const struct sock *sock, int side)
{
	struct sockaddr_storage name;
	socklen_t length = sizeof(name);

	return side == SIDE_WRITE && sock->is_stream &&
	       getpeername(sock->desc->fd, (struct sockaddr *)&name, &length) < 0;
}

static const char *network_of(const struct sock *sock)
{
	switch (sock->local.family) {
	case NP_ADDR_IPV4:
	case NP_ADDR_IPV6:
		return sock->is_stream ? "tcp" : "udp";
	case NP_ADDR_UNIX:
		return "unix";
	default:
		return "socket";
	}
}

/* Most ends of Unix sockets have no name. */
static bool has_name(const struct np_addr *addr)
{
	return addr->family != NP_ADDR_NONE &&
	       (addr->family != NP_ADDR_UNIX || addr->path_size > 0);
}

static void put_addr(struct text *text, const char *prefix, const struct np_addr *addr)
{
	char formatted[NP_ADDR_TEXT_MAX];

	if (!has_name(addr))
		return;
	np_addr_format(addr, formatted, sizeof(formatted));
	np__text_put(text, prefix);
	np__text_put(text, formatted);
}

/* "read tcp 127.0.0.1:80->127.0.0.1:4242", "accept unix /tmp/echo" */
static void put_socket(struct text *text, const struct sock *sock, const char *what, int side)
{
	if (sock->is_listener)
		what = "accept";
	else if (is_dialled(sock, side))
		what = "dial";
	np__text_put(text, what);
	np__text_put(text, " ");
	np__text_put(text, network_of(sock));
	put_addr(text, " ", &sock->local);
	put_addr(text, has_name(&sock->local) ? "->" : " ->", &sock->peer);
}

int np__poll_describe(const struct np_wait *wait, void *arg, char *buf, size_t size)
{
	int side = side_of_wait(wait);
	char *slots = (char *)arg - (size_t)side * sizeof(uintptr_t);
	struct np_poll_desc *desc = container_of(slots, struct np_poll_desc, slot);
	struct sock sock;
	struct text text;

	np__text_init(&text, buf, size);
	if (inspect(desc, &sock))
		put_socket(&text, &sock, wait->what, side);
	else
		np__text_put(&text, wait->what);
	np__text_put(&text, ", fd ");
	np__text_put_number(&text, (uint64_t)desc->fd);
	np__text_print_deadline(&text, atomic_load(&desc->deadline[side]));
	return (int)text.length;
}
