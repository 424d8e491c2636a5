/* SPDX-License-Identifier: MIT */
/* core/thread.c - threads that netpark starts, which leave the program's signals alone. */
#include "core/thread.h"

#include <signal.h>

/*
 * What a thread causes by what it does itself it gets, too; and SIGPROF, which shall find who uses
 * the processor.
 */
static const int own_signals[] = { SIGABRT, SIGBUS,  SIGFPE, SIGILL, SIGPIPE,
				   SIGPROF, SIGSEGV, SIGSYS, SIGTRAP };

/* The mask is inherited, so that there is no moment without it. */
int np__thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg)
{
	sigset_t blocked, before;
	int error;

	sigfillset(&blocked);
	for (size_t i = 0; i < sizeof(own_signals) / sizeof(own_signals[0]); i++)
		sigdelset(&blocked, own_signals[i]);
	pthread_sigmask(SIG_BLOCK, &blocked, &before);
	error = pthread_create(ret_thread, NULL, run, arg);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return -error;
}
