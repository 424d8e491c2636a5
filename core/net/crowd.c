/* SPDX-License-Identifier: MIT */
/* core/net/crowd.c - see crowd.h. */
#include "core/net/crowd.h"

#include "core/fd.h"
#include "core/ticket.h"

#include <netpark/base.h>

#include <errno.h>

static const int64_t SHORTEST_NS = 250 * 1000;
static const int64_t LONGEST_NS = 8 * 1000 * 1000;

static const struct np_wait pause_wait = {
	.what = "write unixgram, to a receiver without room",
	.commit = np__ticket_commit,
	.retract = np__ticket_retract,
	.describe = np__ticket_describe,
};

/* Closed, or out of time? What a wait for the descriptor would have been ended by. 0 or an error.
 */
static int check(struct np_fd *fd)
{
	struct np_poll_desc *desc = atomic_load(&fd->desc);

	if (np__fd_mutex_is_closed(&fd->mutex))
		return NP_ECLOSED;
	return desc ? np__poll_check(desc, SIDE_WRITE) : 0;
}

/* No longer than the call may take. */
static int64_t end_of_pause(struct np_fd *fd, int64_t pause_ns)
{
	struct np_poll_desc *desc = atomic_load(&fd->desc);
	int64_t deadline = desc ? atomic_load(&desc->deadline[SIDE_WRITE]) : DEADLINE_NONE;
	int64_t end = np_deadline(pause_ns);

	return deadline > 0 && deadline < end ? deadline : end;
}

ssize_t np__crowd_judge(struct np_fd *fd, ssize_t n, int64_t *pause_ns)
{
	struct ticket ticket;
	int error;

	if ((n != -EAGAIN && n != -EWOULDBLOCK) || fd->family != AF_UNIX || fd->is_blocking)
		return n;
	*pause_ns = *pause_ns == 0 ? SHORTEST_NS : 2 * *pause_ns;
	if (*pause_ns > LONGEST_NS)
		*pause_ns = LONGEST_NS;
	error = np__ticket_draw(&ticket);
	if (!error)
		error = np__ticket_wait(&ticket, &pause_wait, end_of_pause(fd, *pause_ns));
	if (error == NP_EDEADLINE)
		error = check(fd);
	return error ? error : -EINTR;
}
