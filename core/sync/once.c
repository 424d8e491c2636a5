/* SPDX-License-Identifier: MIT */
/* core/sync/once.c - a mutex that is not needed any more once the thing is done. */
#include <netpark/sync.h>

#include <errno.h>

int np_once_do(struct np_once *once, void (*fn)(void *arg), void *arg)
{
	int error;

	if (!once || !fn)
		return -EINVAL;
	if (__atomic_load_n(&once->is_done, __ATOMIC_ACQUIRE))
		return 0;
	error = np_mutex_lock(&once->mutex);
	if (error)
		return error;
	if (!__atomic_load_n(&once->is_done, __ATOMIC_RELAXED)) {
		fn(arg);
		__atomic_store_n(&once->is_done, 1, __ATOMIC_RELEASE);
	}
	return np_mutex_unlock(&once->mutex);
}
