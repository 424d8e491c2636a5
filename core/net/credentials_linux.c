/* SPDX-License-Identifier: MIT */
/* core/net/credentials_linux.c - SO_PEERCRED. */
#include "core/net/credentials.h"

#include <errno.h>
#include <sys/socket.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	struct ucred peer;
	socklen_t length = sizeof(peer);

	if (getsockopt(sysfd, SOL_SOCKET, SO_PEERCRED, &peer, &length) < 0)
		return -errno;
	/* A socket that nobody is connected to has nobody's ids. */
	if (peer.uid == (uid_t)-1)
		return -ENOTCONN;
	if (peer.pid != 0) /* else in a namespace that ours does not see */
		credentials->pid = peer.pid;
	credentials->uid = peer.uid;
	credentials->gid = peer.gid;
	return 0;
}
