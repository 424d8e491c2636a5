/* SPDX-License-Identifier: MIT */
/*
 * core/uncancelled.h - stretches of code in which pthread_cancel(3) has to wait.
 *
 *	NP_UNCANCELLED; // to the end of the block
 *
 * The C library's system calls are points at which a thread may end. Ours never do: who ended in
 * one would keep the locks, the lead and the memory that are his. So whatever is or calls such a
 * point is behind one of these, where that costs nothing that counts: next to a system call. What
 * every request makes goes round the C library instead (core/sys_calls.h).
 *
 * Never around what may park or yield: a parker of the program's own may run other things on the
 * thread meanwhile, and go on with the task on another one.
 */
#ifndef NETPARK_CORE_UNCANCELLED_H
#define NETPARK_CORE_UNCANCELLED_H

#include <pthread.h>

static inline int np__cancel_hold(void)
{
	int before;

	pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &before);
	return before;
}

static inline void np__cancel_release(const int *before)
{
	int ours;

	pthread_setcancelstate(*before, &ours);
}

#define NP_UNCANCELLED                                                                             \
	__attribute__((cleanup(np__cancel_release), unused)) const int np__state_before =          \
		np__cancel_hold()

#endif /* NETPARK_CORE_UNCANCELLED_H */
