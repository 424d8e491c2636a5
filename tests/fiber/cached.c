/* SPDX-License-Identifier: MIT */
/* tests/fiber/cached.c - see cached.h; built with -O3, which keeps the addresses over the calls. */
#include "cached.h"

#include <errno.h>

_Thread_local int cached_own;

bool cached_stays(void (*park)(void *arg), void *arg, int times, int number, int others,
		  struct cached_truth (*look)(void))
{
	bool stays = true;

	for (int i = 0; i < times; i++) {
		struct cached_truth truth;

		errno = number;
		park(arg);
		truth = look();
		stays &= errno == number || errno < others;
		stays &= truth.error == &errno && truth.own == &cached_own;
	}
	return stays;
}
