/* SPDX-License-Identifier: MIT */
/*
 * tests/refused/refuse.c - refuse LIST PROGRAM [ARGUMENT...]: run it on a kernel that has less, see
 * tests/support/refuse.h. Ends with 77, which a test that was skipped does, where that cannot be.
 */
#include "tests/support/refuse.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SKIPPED = 77, CANNOT_RUN = 127 };

int main(int argc, char **argv)
{
	int error;

	if (argc < 3) {
		fprintf(stderr, "usage: refuse LIST PROGRAM [ARGUMENT...]\n");
		return 2;
	}
	error = refuse(argv[1]);
	if (error == -ENOTSUP) {
		printf("[SKIP] nothing can be refused here: no seccomp filters\n");
		return SKIPPED;
	}
	if (error) {
		fprintf(stderr, "refuse: a word that is not known: %s\n", argv[1]);
		return 2;
	}
	setenv(REFUSE_VARIABLE, argv[1], 1);
	execvp(argv[2], argv + 2);
	fprintf(stderr, "refuse: %s: %s\n", argv[2], strerror(errno));
	return CANNOT_RUN;
}
