/* SPDX-License-Identifier: MIT */
/* core/net/credentials_getpeereid.c - getpeereid(3), which knows no pid. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/types.h>

#include <unistd.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	uid_t uid;
	gid_t gid;

	if (getpeereid(sysfd, &uid, &gid) < 0)
		return -errno;
	credentials->uid = uid;
	credentials->gid = gid;
	return 0;
}
