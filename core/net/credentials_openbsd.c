/* SPDX-License-Identifier: MIT */
/* core/net/credentials_openbsd.c - OpenBSD's SO_PEERCRED. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/types.h>

#include <sys/socket.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	struct sockpeercred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(sysfd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	credentials->pid = peer.pid;
	credentials->uid = peer.uid;
	credentials->gid = peer.gid;
	return 0;
}
