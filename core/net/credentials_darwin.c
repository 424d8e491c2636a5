/* SPDX-License-Identifier: MIT */
/* core/net/credentials_darwin.c - macOS: getpeereid(3), and LOCAL_PEERPID beside it. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	uid_t uid;
	gid_t gid;
	pid_t pid;
	socklen_t length = sizeof(pid);

	if (getpeereid(sysfd, &uid, &gid) < 0)
		return -errno;
	credentials->uid = uid;
	credentials->gid = gid;
	if (getsockopt(sysfd, SOL_LOCAL, LOCAL_PEERPID, &pid, &length) == 0)
		credentials->pid = pid;
	return 0;
}
