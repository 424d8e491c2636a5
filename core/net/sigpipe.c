/* SPDX-License-Identifier: MIT */
/* core/net/sigpipe.c - see sigpipe.h. */
#include "core/net/sigpipe.h"

#include "core/fd.h"
#include "core/uncancelled.h"

#include <pthread.h>

bool np__sigpipe_is_feared(const struct np_fd *fd)
{
	struct sigaction action;

	return fd->is_socket &&
	       (sigaction(SIGPIPE, NULL, &action) < 0 || action.sa_handler != SIG_IGN);
}

static bool is_pending(void)
{
	sigset_t pending;

	return sigpending(&pending) == 0 && sigismember(&pending, SIGPIPE);
}

void np__sigpipe_hold(bool is_feared, struct sigpipe_hold *hold)
{
	sigset_t set;

	hold->is_held = is_feared;
	if (!is_feared)
		return;
	sigemptyset(&set);
	sigaddset(&set, SIGPIPE);
	pthread_sigmask(SIG_BLOCK, &set, &hold->before);
	hold->was_pending = sigismember(&hold->before, SIGPIPE) && is_pending();
}

/* One that was raised is taken before the mask would let it through. */
void np__sigpipe_release(const struct sigpipe_hold *hold, bool may_be_raised)
{
	NP_UNCANCELLED;
	sigset_t set;
	int signo;

	if (!hold->is_held)
		return;
	if (may_be_raised && !hold->was_pending && is_pending()) {
		sigemptyset(&set);
		sigaddset(&set, SIGPIPE);
		sigwait(&set, &signo);
	}
	pthread_sigmask(SIG_SETMASK, &hold->before, NULL);
}
