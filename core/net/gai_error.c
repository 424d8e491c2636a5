/* SPDX-License-Identifier: MIT */
/* core/net/gai_error.c - see gai_error.h. */
#include "core/net/gai_error.h"

#include <netpark/base.h>

#include <errno.h>
#include <netdb.h>
#include <stddef.h>

/* Not in POSIX, so not everywhere, and where they are two of them may be one. */
static const struct {
	int gai;
	int error;
} others[] = {
#ifdef EAI_NODATA
	{ EAI_NODATA, NP_EHOST },
#endif
#ifdef EAI_ADDRFAMILY
	{ EAI_ADDRFAMILY, NP_EHOST },
#endif
	{ 0, 0 },
};

int np__gai_error(int error, int number)
{
	switch (error) {
	case EAI_NONAME:
	case EAI_SERVICE:
		return NP_EHOST;
	case EAI_AGAIN:
		return NP_ETRYAGAIN;
	case EAI_MEMORY:
		return -ENOMEM;
	case EAI_SYSTEM:
		return number > 0 ? -number : NP_ERESOLVE;
	default:
		break;
	}
	for (size_t i = 0; others[i].error; i++)
		if (others[i].gai == error)
			return others[i].error;
	return NP_ERESOLVE;
}
