/* SPDX-License-Identifier: MIT */
/* tests/support/refuse_none.c - see refuse.h: where nothing can be refused. */
#include "tests/support/refuse.h"

#include <errno.h>

const char *refuse_feature(size_t index)
{
	(void)index;
	return NULL;
}

int refuse_errno(const char *list, const char *feature)
{
	(void)list;
	(void)feature;
	return 0;
}

int refuse(const char *list)
{
	(void)list;
	return -ENOTSUP;
}
