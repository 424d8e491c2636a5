/* SPDX-License-Identifier: MIT */
/* core/net/batch_none.c - see batch.h: no system calls for batches, or none of use. */
#include "core/net/batch.h"

const char np__batch_receive_call[] = "recvmsg";
const char np__batch_send_call[] = "sendmsg";

int np__batch_receive(struct np_fd *fd, struct np_message *messages, int count)
{
	return np__batch_receive_each(fd, messages, count);
}

int np__batch_send(struct np_fd *fd, const struct np_message *messages, int count)
{
	return np__batch_send_each(fd, messages, count);
}
