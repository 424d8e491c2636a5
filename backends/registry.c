/* SPDX-License-Identifier: MIT */
/* backends/registry.c - which backends this build has. The build gives the list, default first. */
#include "backends/backends.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define ADDRESS_OF(name) &runtime_poll_##name,

static const struct runtime_poll *const backends[] = { NP_BACKEND_LIST(ADDRESS_OF) };

const struct runtime_poll *runtime_poll_at(size_t index)
{
	return index < sizeof(backends) / sizeof(backends[0]) ? backends[index] : NULL;
}

const struct runtime_poll *runtime_poll_default(void)
{
	return backends[0];
}

const struct runtime_poll *runtime_poll_find(const char *name)
{
	const struct runtime_poll *backend;

	if (!name)
		return NULL;
	for (size_t i = 0; (backend = runtime_poll_at(i)); i++)
		if (strcmp(backend->name, name) == 0)
			return backend;
	return NULL;
}

int np__check_pollable(int fd)
{
	struct stat status;

	if (fstat(fd, &status) < 0)
		return -errno;
	return S_ISREG(status.st_mode) || S_ISDIR(status.st_mode) ? -EPERM : 0;
}
