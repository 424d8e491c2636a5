/* SPDX-License-Identifier: MIT */
/*
 * core/net/sigpipe.h - keep back the SIGPIPE of system calls that cannot be told not to raise it:
 * sendfile(2) and splice(2) to a socket whose peer has gone.
 *
 *	quiet = np__sigpipe_is_feared(fd);
 *	...
 *	np__sigpipe_hold(quiet, &hold);
 *	n = splice(...);
 *	np__sigpipe_release(&hold, n != size);
 *
 * It may have been raised by whatever did not move everything: what was moved before is the result
 * then, not the error.
 *
 * Nothing between hold and release may park: the mask is the thread's. Programs that ignore SIGPIPE
 * pay nothing for it.
 */
#ifndef NETPARK_CORE_NET_SIGPIPE_H
#define NETPARK_CORE_NET_SIGPIPE_H

#include <signal.h>
#include <stdbool.h>

struct np_fd;

struct sigpipe_hold {
	bool is_held;
	bool was_pending; /* then it is not ours to take */
	sigset_t before;
};

/* Could writing to @fd raise one that nobody wants? Pipes raise it as write(2) does. */
bool np__sigpipe_is_feared(const struct np_fd *fd);

void np__sigpipe_hold(bool is_feared, struct sigpipe_hold *hold);
void np__sigpipe_release(const struct sigpipe_hold *hold, bool may_be_raised);

#endif /* NETPARK_CORE_NET_SIGPIPE_H */
