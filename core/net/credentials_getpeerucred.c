/* SPDX-License-Identifier: MIT */
/* core/net/credentials_getpeerucred.c - illumos and Solaris: getpeerucred(3C). */
#include "core/net/credentials.h"

#include <errno.h>
#include <ucred.h>

int np__sys_credentials(int sysfd, struct np_credentials *credentials)
{
	ucred_t *peer = NULL;

	if (getpeerucred(sysfd, &peer) < 0)
		return -errno;
	/* Each is -1 when it is not told. */
	credentials->pid = ucred_getpid(peer);
	credentials->uid = ucred_geteuid(peer) == (uid_t)-1 ? -1 : (int64_t)ucred_geteuid(peer);
	credentials->gid = ucred_getegid(peer) == (gid_t)-1 ? -1 : (int64_t)ucred_getegid(peer);
	ucred_free(peer);
	return 0;
}
