/* SPDX-License-Identifier: MIT */
/* core/net/credentials_none.c - for systems of which no way is known. */
#include "core/net/credentials.h"

#include <errno.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	(void)sysfd;
	(void)credentials;
	return -EOPNOTSUPP;
}
