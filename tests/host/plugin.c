/* SPDX-License-Identifier: MIT */
/*
 * tests/host/plugin.c - a shared object with a copy of the library of its own, which nobody outside
 * sees. See loading.c.
 */
#include <netpark.h>

int plugin_use(void);

static int echo(void *arg)
{
	struct np_fd *ends[2];
	char byte = 0;
	int error = np_socketpair("unix", ends);

	(void)arg;
	if (error)
		return error;
	np_set_read_deadline(ends[1], np_deadline(1000000));
	if (np_read(ends[1], &byte, 1) != NP_EDEADLINE)
		return -1;
	np_set_read_deadline(ends[1], 0);
	if (np_write(ends[0], "x", 1) != 1 || np_read(ends[1], &byte, 1) != 1 || byte != 'x')
		return -2;
	error = np_close(ends[0]);
	return error ? error : np_close(ends[1]);
}

/* By a thread, then by a fiber. 0 if all went well. */
NP_API int plugin_use(void)
{
	int error = echo(NULL);

	return error ? error : np_run(echo, NULL, NULL);
}
