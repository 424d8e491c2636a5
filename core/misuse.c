/* SPDX-License-Identifier: MIT */
/* core/misuse.c - the one hook for mistakes that no error code could mend. */
#include "core/misuse.h"
#include "core/uncancelled.h"

#include <netpark/base.h>

#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

typedef void misuse_hook(const char *what);

static void print_and_abort(const char *what)
{
	NP_UNCANCELLED;
	fprintf(stderr, "netpark: misuse: %s\n", what);
	abort();
}

static _Atomic(misuse_hook *) current_hook = print_and_abort;

void np_set_misuse_hook(misuse_hook *hook)
{
	atomic_store(&current_hook, hook ? hook : print_and_abort);
}

int np__misuse(const char *what)
{
	atomic_load (&current_hook)(what);
	return NP_EMISUSE;
}
