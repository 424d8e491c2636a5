/* SPDX-License-Identifier: MIT */
/* core/net/splice_none.c - no splice(2): streams are read and written. */
#include "core/net/copy.h"

bool np__copy_can_splice(const struct np_fd *to, const struct np_fd *from)
{
	(void)to;
	(void)from;
	return false;
}

int np__copy_splice(struct copy *copy)
{
	copy->may_splice = false;
	return 0;
}
