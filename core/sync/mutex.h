/* SPDX-License-Identifier: MIT */
/* core/sync/mutex.h - what conditions ask of mutexes. */
#ifndef NETPARK_CORE_SYNC_MUTEX_H
#define NETPARK_CORE_SYNC_MUTEX_H

#include <netpark/sync.h>

#include <stdbool.h>

/* By who should have locked it. */
bool np__mutex_is_locked(const struct np_mutex *mutex);

/* Unlock it, unless somebody waits for it, who would have to be woken. */
bool np__mutex_unlock_unwanted(struct np_mutex *mutex);

#endif /* NETPARK_CORE_SYNC_MUTEX_H */
