/* SPDX-License-Identifier: MIT */
/*
 * core/net/batch.h - one attempt to receive or send some messages. batch_mmsg.c does it in one
 * system call, where there are such; batch_loop.c with one for each message, where they are refused
 * or there are none (batch_none.c).
 */
#ifndef NETPARK_CORE_NET_BATCH_H
#define NETPARK_CORE_NET_BATCH_H

#include <netpark/datagram.h>

#include <sys/socket.h>
#include <sys/uio.h>

struct np_fd;

/* What the kernel wants of a message, with the memory for it. */
struct envelope {
	struct sockaddr_storage name;
	struct iovec buffer;
};

/* Make @header one to receive @message with. */
void np__message_to_receive(const struct np_message *message, struct envelope *envelope,
			    struct msghdr *header);

/* Take from @header what arrived: @size bytes and the rest. */
void np__message_received(struct np_message *message, const struct msghdr *header, size_t size);

/* Make @header one that sends @message through @fd. 0, or why that cannot be: nothing is recorded.
 */
int np__message_to_send(const struct np_fd *fd, const struct np_message *message,
			struct envelope *envelope, struct msghdr *header);

/*
 * Receive what there is of @count messages, 1 to NP_MESSAGES_MAX: how many, or -errno, also what
 * went wrong after the first the last time. On a blocking socket it waits for the first.
 */
int np__batch_receive(struct np_fd *fd, struct np_message *messages, int count);

/* Send so many of @count messages, 1 to NP_MESSAGES_MAX. How many; or what is wrong with the first.
 */
int np__batch_send(struct np_fd *fd, const struct np_message *messages, int count);

/* These two, one message after the other. */
int np__batch_receive_each(struct np_fd *fd, struct np_message *messages, int count);
int np__batch_send_each(struct np_fd *fd, const struct np_message *messages, int count);

/* The system calls of the first two, for texts. */
extern const char np__batch_receive_call[];
extern const char np__batch_send_call[];

#endif /* NETPARK_CORE_NET_BATCH_H */
