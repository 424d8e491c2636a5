/* SPDX-License-Identifier: MIT */
/* tests/fiber/cached.c - see cached.h; built with -O3, which keeps the addresses over the calls. */
#include "cached.h"

#include <errno.h>

_Thread_local int cached_own;

bool cached_stays(void (*park)(void *arg), void *arg, int times, int number,
		  struct cached_truth (*look)(void))
{
	bool stays = true;

	errno = number;
	for (int i = 0; i < times; i++) {
		struct cached_truth truth;

		park(arg);
		truth = look();
		stays &= errno == number && truth.error == &errno && truth.own == &cached_own;
	}
	return stays;
}
