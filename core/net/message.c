/* SPDX-License-Identifier: MIT */
/* core/net/message.c - messages and the kernel's form of them, see batch.h and destination.h. */
#include "core/addr.h"
#include "core/fd.h"
#include "core/net/batch.h"
#include "core/net/destination.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

/* ---- where to ----------------------------------------------------------------------------- */

/* For a socket of IPv4. */
static const char *to_ipv4(const struct np_addr *to, struct np_addr *ret)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };
	const uint8_t *ip = to->family == NP_ADDR_WILDCARD ? loopback : np__addr_ipv4(to);

	if (!ip)
		return "non-IPv4 address";
	ret->family = NP_ADDR_IPV4;
	memcpy(ret->ip, ip, 4);
	return NULL;
}

/* For a socket of IPv6, which may serve IPv4, too. */
static void to_ipv6(const struct np_addr *to, struct np_addr *ret)
{
	static const uint8_t loopback[16] = { [15] = 1 };

	ret->family = NP_ADDR_IPV6;
	memset(ret->ip, 0, 16);
	if (to->family == NP_ADDR_WILDCARD) {
		memcpy(ret->ip, loopback, 16);
	} else if (to->family == NP_ADDR_IPV6) {
		memcpy(ret->ip, to->ip, 16);
		ret->zone = to->zone;
	} else if (!np_ip_is_unspecified(to)) {
		np__ip_map(to->ip, ret->ip);
	}
}

/* @to as the socket has it. NULL, or why it cannot. */
static const char *adapt(const struct np_fd *fd, const struct np_addr *to, struct np_addr *ret)
{
	ret->port = to->port;
	ret->zone = 0;
	if (fd->family == AF_INET && to->family != NP_ADDR_UNIX)
		return to_ipv4(to, ret);
	if (fd->family == AF_INET6 && to->family != NP_ADDR_UNIX) {
		to_ipv6(to, ret);
		return NULL;
	}
	if ((fd->family == AF_UNIX) != (to->family == NP_ADDR_UNIX))
		return "unexpected address type";
	*ret = *to;
	return NULL;
}

int np__destination(const struct np_fd *fd, const struct np_addr *to, struct sockaddr_storage *name,
		    socklen_t *length, const char **reason)
{
	struct np_addr addr;

	*reason = NULL;
	if (np__fd_knows_peer(fd)) {
		*reason = "an address for a socket that is connected";
		return -EISCONN;
	}
	if (!to || to->family == NP_ADDR_NONE || (to->family == NP_ADDR_UNIX && to->path_size == 0))
		*reason = "missing address";
	else
		*reason = adapt(fd, to, &addr);
	return *reason ? NP_EADDRESS : np__addr_to_sockaddr(&addr, name, length);
}

/* ---- where from --------------------------------------------------------------------------- */

void np__origin(const struct sockaddr_storage *name, socklen_t length, struct np_addr *ret)
{
	if (length > sizeof(*name))
		length = sizeof(*name);
	np__addr_from_sockaddr(ret, (const struct sockaddr *)name, length);
	np_ip_unmap(ret);
	/* Of who has no name some kernels say as much, and some nothing. */
	if (ret->family == NP_ADDR_UNIX && ret->path_size == 0)
		ret->family = NP_ADDR_NONE;
}

/* ---- whole messages ----------------------------------------------------------------------- */

/* The types of the counts are the system's own. */
static void set_buffers(const struct np_message *message, size_t size, struct envelope *envelope,
			struct msghdr *header)
{
	memset(header, 0, sizeof(*header));
	if (message->iov_count > 0) {
		header->msg_iov = (struct iovec *)(uintptr_t)message->iov;
		header->msg_iovlen = (__typeof__(header->msg_iovlen))message->iov_count;
	} else {
		envelope->buffer = (struct iovec){ message->data, size };
		header->msg_iov = &envelope->buffer;
		header->msg_iovlen = 1;
	}
}

void np__message_to_receive(const struct np_message *message, struct envelope *envelope,
			    struct msghdr *header)
{
	set_buffers(message, message->room, envelope, header);
	envelope->name.ss_family = AF_UNSPEC;
	header->msg_name = &envelope->name;
	header->msg_namelen = sizeof(envelope->name);
	header->msg_control = message->control_room > 0 ? message->control : NULL;
	header->msg_controllen =
		(__typeof__(header->msg_controllen))(message->control ? message->control_room : 0);
}

void np__message_received(struct np_message *message, const struct msghdr *header, size_t size)
{
	np__origin(header->msg_name, header->msg_namelen, &message->addr);
	message->size = size;
	message->control_size = header->msg_control ? header->msg_controllen : 0;
	message->flags = (header->msg_flags & MSG_TRUNC ? NP_MESSAGE_CUT : 0) |
			 (header->msg_flags & MSG_CTRUNC ? NP_MESSAGE_CONTROL_CUT : 0);
}

int np__message_to_send(const struct np_fd *fd, const struct np_message *message,
			struct envelope *envelope, struct msghdr *header)
{
	socklen_t length;
	const char *reason;
	int error;

	set_buffers(message, message->size, envelope, header);
	if (message->control_size > 0) {
		header->msg_control = message->control;
		header->msg_controllen = (__typeof__(header->msg_controllen))message->control_size;
	}
	if (message->addr.family == NP_ADDR_NONE && !fd->is_packet)
		return 0;
	error = np__destination(fd, &message->addr, &envelope->name, &length, &reason);
	if (error)
		return error;
	header->msg_name = &envelope->name;
	header->msg_namelen = length;
	return 0;
}
