/* SPDX-License-Identifier: MIT */
/* core/net/credentials_freebsd.c - LOCAL_PEERCRED, which tells the pid since FreeBSD 13. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/param.h>

#include <sys/socket.h>
#include <sys/ucred.h>
#include <sys/un.h>

#ifndef SOL_LOCAL
#define SOL_LOCAL 0
#endif

#if __FreeBSD_version >= 1300030
#define PEER_PID(peer) ((peer)->cr_pid > 0 ? (peer)->cr_pid : -1)
#else
#define PEER_PID(peer) (-1)
#endif

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	struct xucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(sysfd, SOL_LOCAL, LOCAL_PEERCRED, &peer, &length) < 0)
		return -errno;
	if (peer.cr_version != XUCRED_VERSION || peer.cr_ngroups < 1)
		return -EPROTONOSUPPORT;
	credentials->pid = PEER_PID(&peer);
	credentials->uid = peer.cr_uid;
	credentials->gid = peer.cr_groups[0]; /* the effective one comes first */
	return 0;
}
