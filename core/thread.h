/* SPDX-License-Identifier: MIT */
/* core/thread.h - threads that netpark starts. */
#ifndef NETPARK_CORE_THREAD_H
#define NETPARK_CORE_THREAD_H

#include <pthread.h>

/* A thread with the signals blocked that it does not cause itself. 0 or an error. */
int np__thread_start(pthread_t *ret_thread, void *(*run)(void *arg), void *arg);

#endif /* NETPARK_CORE_THREAD_H */
