/* SPDX-License-Identifier: MIT */
/* core/net/credentials_netbsd.c - NetBSD's LOCAL_PEEREID. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/types.h>

#include <sys/socket.h>
#include <sys/un.h>

#ifndef SOL_LOCAL
#define SOL_LOCAL 0
#endif

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	struct unpcbid peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(sysfd, SOL_LOCAL, LOCAL_PEEREID, &peer, &length) < 0)
		return -errno;
	credentials->pid = peer.unp_pid;
	credentials->uid = peer.unp_euid;
	credentials->gid = peer.unp_egid;
	return 0;
}
